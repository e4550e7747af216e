//! `recover`: puts an environment right that a deployer, a colour or the machine has left half-way.

use crate::deployment::Deployment;
use crate::flags::{Queue, Target};
use crate::progress::Reader;
use crate::report;
use crate::site::Site;
use crate::{out, status};

/// Flags of `recover`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    queue: Queue,
    /// Prints the status it has led to as JSON.
    #[arg(long)]
    json: bool,
}

/// Puts all traffic on one release that is up, starting proxy and release again where they are down, and stops what serves
/// nobody. Where all is well it does nothing.
///
/// # Errors
/// A [`crate::problem::Problem`] with exit code 1 when no release can be brought up, 2 when nothing was ever deployed, 75
/// while a deployer is at work.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let site = Site::open(&args.target.env)?;
    site.require_deployed()?;
    let deployment = Deployment::lock(&site, "recover", &args.queue, Reader::Person)?;
    deployment.recover()?;
    // Or it would show itself at work.
    drop(deployment);
    if args.json {
        out!("{}", serde_json::to_string_pretty(&status::of(&site)?)?);
    } else {
        status::print(&status::of(&site)?);
        report::print_next(&site);
    }
    Ok(())
}
