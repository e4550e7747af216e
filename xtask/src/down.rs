//! `down`: ends an environment and leaves nothing of it behind.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::flags::{Queue, Target};
use crate::problem::{ExitCode, Problem, command};
use crate::rollout::colour::Colour;
use crate::rollout::observed::InFlight;
use crate::rollout::world::{Router, Runtime as _};
use crate::site::Site;
use crate::{out, say};

const TICK: Duration = Duration::from_millis(50);

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
        return Err(Problem::new(ExitCode::Usage, message).next(command("down --yes", &site.name)).into());
    }
    let scene = site.enter();
    scene.ledger.lock("down", args.queue.wait.map_or(Duration::ZERO, |wait| *wait))?;
    let grace = *site.environment().rollout.drain_timeout;
    // The proxy first: it accepts nobody and finishes what it has, while the colours still answer. Idle connections are
    // not waited for.
    if scene.router.close().is_ok() {
        say!("waiting for requests in flight, {} at the most", site.environment().rollout.drain_timeout);
        let deadline = Instant::now() + grace;
        while !is_idle(&scene.router) && Instant::now() < deadline {
            std::thread::sleep(TICK);
        }
    }
    scene.proxy.shim().stop(TICK)?;
    for colour in Colour::BOTH {
        scene.runtime.stop(colour, grace)?;
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

/// A proxy that does not say is gone.
fn is_idle(router: &impl Router) -> bool {
    Colour::BOTH.into_iter().all(|colour| router.in_flight(colour).map_or(true, InFlight::is_none))
}
