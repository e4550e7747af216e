//! `down`: ends an environment and leaves nothing of it behind.

use std::time::{Duration, Instant};

use crate::flags::{Queue, Target};
use crate::problem::{ExitCode, Problem, command};
use crate::rollout::colour::Colour;
use crate::rollout::observed::InFlight;
use crate::rollout::world::Router;
use crate::site::{Scene, Site};
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
    if !site.enter().home.exists()? {
        out!("nothing runs in {}", site.name);
        return Ok(());
    }
    if site.environment().protected && !args.yes {
        let message =
            format!("{} is protected: `down` ends its service and forgets its releases and history.", site.name);
        return Err(Problem::new(ExitCode::Usage, message).next(command("down --yes", &site.name)).into());
    }
    let (scene, _) = site.lock("down", &args.queue)?;
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
    scene.proxy.stop()?;
    for colour in Colour::BOTH {
        scene.colours.stop(colour, grace)?;
    }
    scene.home.clear()?;
    let Scene { home, ledger, .. } = scene;
    drop(ledger);
    home.vanish()?;
    out!("{} is down; nothing of it is left", site.name);
    Ok(())
}

/// A proxy that does not say is gone.
fn is_idle(router: &impl Router) -> bool {
    Colour::BOTH.into_iter().all(|colour| router.in_flight(colour).map_or(true, InFlight::is_none))
}
