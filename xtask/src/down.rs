//! `down`: ends an environment and leaves nothing of it behind.

use std::fs;
use std::time::Duration;

use anyhow::Context as _;

use crate::deployment::{Queue, Target};
use crate::out;
use crate::problem::{ExitCode, Problem};
use crate::rollout::colour::Colour;
use crate::rollout::world::Runtime as _;
use crate::site::Site;

/// How long the proxy and the colours may take to finish what is in flight.
const GRACE: Duration = Duration::from_secs(15);

/// Flags of `down`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    /// Ends a protected environment too.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    queue: Queue,
}

/// Ends proxy and colours, in this order, and removes what was kept: releases, logs and history.
///
/// # Errors
/// A [`Problem`] with exit code 2 for a protected environment without `--yes`, 75 while a deployer is at work.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let site = Site::open(&args.target.env)?;
    if !site.folder.exists() {
        out!("nothing runs in {}", site.name);
        return Ok(());
    }
    if site.environment().protected && !args.yes {
        let message =
            format!("{} is protected: `down` ends its service and forgets its releases and history.", site.name);
        return Err(Problem::new(ExitCode::Usage, message)
            .next(format!("cargo xtask down --env {} --yes", site.name))
            .into());
    }
    let scene = site.enter();
    scene.ledger.lock("down", args.queue.wait.map_or(Duration::ZERO, |wait| *wait))?;
    // The proxy first: it stops accepting and finishes what it has, while the colours still answer.
    scene.proxy.shim().stop(GRACE)?;
    for colour in Colour::BOTH {
        scene.runtime.stop(colour, GRACE)?;
    }
    // Out of the way first: whoever waits for the lock must find a new folder, and not one that is being removed.
    let removed = site.parent().join(format!(".{}-{}", site.name, std::process::id()));
    let remove = || fs::rename(&site.folder, &removed).and_then(|()| fs::remove_dir_all(&removed));
    remove().with_context(|| format!("removing {}", site.folder.display()))?;
    // Only the last environment leaves an empty folder.
    let _ = fs::remove_dir(site.parent());
    out!("{} is down; nothing of it is left", site.name);
    Ok(())
}
