//! `abort`: everything back to the active colour.

use crate::deployment::Deployment;
use crate::progress::Reader;
use crate::rollout::plan::{Goal, overdue};
use crate::rollout::request::Wish;
use crate::site::Site;
use crate::steer::{self, Args};

/// Tells the deployer at work; or takes back a rollout that was left as it stood or whose deployer has died.
///
/// # Errors
/// A [`crate::problem::Problem`] with exit code 2 where there is neither, 1 when it does not succeed.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let site = Site::open(&args.target.env)?;
    site.require_deployed()?;
    if steer::tell(&site, Wish::Abort, args.json)? {
        return Ok(());
    }
    let deployment = Deployment::lock(&site, "abort", &args.queue, Reader::from_flag(args.json))?;
    let observed = deployment.observe()?;
    if observed.frozen.is_some() {
        return deployment.reach(Goal::Abort);
    }
    match overdue(&observed, deployment.is_unfinished()) {
        Some(Goal::Recover) => deployment.reach(Goal::Recover),
        _ => Err(steer::nothing_under_way(&site, Wish::Abort).into()),
    }
}
