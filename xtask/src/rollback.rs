//! `rollback`: back to an earlier release, without a build and without looking up a digest.

use std::collections::BTreeSet;

use crate::deployment::Deployment;
use crate::flags::{Queue, Target};
use crate::problem::{ExitCode, Problem, command};
use crate::progress::Reader;
use crate::rollout::plan::Goal;
use crate::rollout::record::{Entry, Launch, lineage};
use crate::site::Site;

/// Flags of `rollback`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    /// The release to go back to; without it, the one before the one that serves.
    #[arg(long, value_name = "RELEASE")]
    to: Option<String>,
    #[command(flatten)]
    queue: Queue,
    /// Prints JSON: what happens as it happens, one object a line, and how it ended as the last line.
    #[arg(long)]
    json: bool,
}

/// Rolls back.
///
/// # Errors
/// A [`Problem`] with exit code 2 when there is nothing to go back to, 1 when the earlier release does not become ready,
/// 75 while another deployer is at work.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let site = Site::open(&args.target.env)?;
    site.require_deployed()?;
    let deployment = Deployment::lock(&site, "rollback", &args.queue, Reader::from_flag(args.json))?;
    deployment.require_decided()?;
    // Under the lock, as whoever was waited for may have changed what there is to go back to; and before anything is
    // recovered, which may be the very way back.
    let launch = choose(&deployment.history()?, args.to.as_deref(), &site)?;
    deployment.settle_split()?;
    deployment.reach(Goal::Rollback(launch))
}

fn choose(history: &[Entry], wanted: Option<&str>, site: &Site) -> anyhow::Result<Launch> {
    let line = lineage(history);
    let Some(active) = line.last() else { return Err(site.nothing_deployed().into()) };
    let launch = match wanted {
        Some(name) if name == active.release => {
            let message = format!("{name} is what serves {} already.", site.name);
            return Err(Problem::new(ExitCode::Usage, message).next(command("history", &site.name)).into());
        }
        Some(name) => named(history, name),
        None => line.iter().rev().nth(1).cloned(),
    };
    let kept = launch.filter(|launch| site.releases().find(&launch.release).is_some());
    kept.ok_or_else(|| no_such_release(history, wanted, site).into())
}

fn no_such_release(history: &[Entry], wanted: Option<&str>, site: &Site) -> Problem {
    let active = lineage(history).pop().map(|launch| launch.release);
    let served = history.iter().filter(|entry| entry.change.promotes()).map(|entry| entry.launch.release.as_str());
    let served: BTreeSet<_> = served.filter(|name| site.releases().find(name).is_some()).collect();
    let others: Vec<_> = served.into_iter().filter(|name| Some(*name) != active.as_deref()).collect();
    let what = match wanted {
        None => "there is no release before the one that serves".to_owned(),
        Some(name) if named(history, name).is_some() => format!("release `{name}` is not kept any more"),
        Some(name) => format!("release `{name}` never served {}", site.name),
    };
    let others =
        if others.is_empty() { "no other is kept".to_owned() } else { format!("--to can name {}", others.join(", ")) };
    let problem = Problem::new(ExitCode::Usage, format!("{what}; {others}."));
    problem.next(command("history", &site.name))
}

/// The release as it was last started, with the settings it had.
fn named(history: &[Entry], name: &str) -> Option<Launch> {
    let mut served = history.iter().rev().filter(|entry| entry.change.promotes());
    served.find(|entry| entry.launch.release == name).map(|entry| entry.launch.clone())
}
