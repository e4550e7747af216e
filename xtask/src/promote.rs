//! `promote`: everything to the candidate, without the steps that are left.

use crate::deployment::Deployment;
use crate::progress::Reader;
use crate::rollout::plan::Goal;
use crate::rollout::request::Wish;
use crate::site::Site;
use crate::steer::{self, Args};

/// Tells the deployer at work, or finishes a rollout that was left as it stood.
///
/// # Errors
/// A [`crate::problem::Problem`] with exit code 2 where there is neither, 1 when the candidate is not fit to serve.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let site = Site::open(&args.target.env)?;
    site.require_deployed()?;
    if steer::tell(&site, Wish::Promote, args.json)? {
        return Ok(());
    }
    let deployment = Deployment::lock(&site, "promote", &args.queue, Reader::from_flag(args.json))?;
    if deployment.observe()?.frozen.is_none() {
        return Err(steer::nothing_under_way(&site, Wish::Promote).into());
    }
    deployment.reach(Goal::Promote)
}
