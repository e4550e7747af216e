//! `reap`: stops a warm colour whose time has passed. For cron, where nobody types a verb for long.

use crate::deployment::Deployment;
use crate::flags::{Queue, Target};
use crate::ledger::REAP;
use crate::out;
use crate::progress::Reader;
use crate::report::Report;
use crate::rollout::observed::Observed;
use crate::rollout::plan::{Goal, overdue};
use crate::site::Site;

/// Flags of `reap`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    queue: Queue,
    /// Prints JSON: what happens as it happens, one object a line, and how it ended as the last line.
    #[arg(long)]
    json: bool,
}

/// Stops it, unless it is all there is to serve. Where no time has passed it does nothing.
///
/// # Errors
/// A [`crate::problem::Problem`] with exit code 75 while a deployer is at work, 1 when it cannot be stopped.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let site = Site::open(&args.target.env)?;
    if !site.enter().home.exists()? {
        return nothing_to_do(args, &site, "nothing runs", &site.enter().world().observe()?);
    }
    let deployment = Deployment::lock(&site, REAP, &args.queue, Reader::from_flag(args.json))?;
    let observed = deployment.observe()?;
    if overdue(&observed, false) != Some(Goal::Reap) {
        return nothing_to_do(args, &site, "nothing is kept warm past its time", &observed);
    }
    deployment.reach(Goal::Reap)
}

fn nothing_to_do(args: &Args, site: &Site, why: &str, observed: &Observed) -> anyhow::Result<()> {
    if args.json {
        return Report::of_nothing(site, &Goal::Reap.to_string(), observed).print(site, Reader::Program);
    }
    out!("{why} in {}", site.name);
    Ok(())
}
