//! `reap`: stops a warm colour whose time has passed. For cron, where nobody types a verb for long.

use crate::deployment::Deployment;
use crate::flags::{Queue, Target};
use crate::ledger::REAP;
use crate::out;
use crate::rollout::plan::{Goal, overdue};
use crate::site::Site;

/// Flags of `reap`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    queue: Queue,
    /// Prints how it ended as JSON.
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
        out!("nothing runs in {}", site.name);
        return Ok(());
    }
    let deployment = Deployment::lock(&site, REAP, &args.queue)?;
    if overdue(&deployment.observe()?, false) != Some(Goal::Reap) {
        out!("nothing is kept warm past its time in {}", site.name);
        return Ok(());
    }
    deployment.reach(Goal::Reap, args.json)
}
