//! What `promote`, `abort`, `pause` and `resume` share: a word to the deployer at work.

use crate::flags::Target;
use crate::ledger::{Owner, Posted};
use crate::out;
use crate::problem::{ExitCode, Problem, command};
use crate::rollout::request::Wish;
use crate::site::Site;

/// Flags of each of them.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) queue: crate::flags::Queue,
    /// Prints JSON: what the deployer at work was told; or, where this does it itself, what happens as it happens, one
    /// object a line, and how it ended as the last line.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Tells the deployer at work what is wanted; whether there was one.
///
/// # Errors
/// When the mailbox cannot be reached.
pub fn tell(site: &Site, wish: Wish, json: bool) -> anyhow::Result<bool> {
    let posted = site.enter().ledger.post(wish)?;
    let (taken, owner) = match posted {
        Posted::NobodyThere => return Ok(false),
        Posted::Taken(owner) => (true, owner),
        Posted::Left(owner) => (false, owner),
    };
    if json {
        let by = owner.as_ref().map(|owner| &owner.by);
        out!("{}", serde_json::json!({ "asked": wish, "taken": taken, "deployer": by }));
        return Ok(true);
    }
    let who = owner.map_or("the deployer at work".into(), |Owner { by, command, .. }| format!("{by} (`{command}`)"));
    if taken {
        out!("{who} was told to {wish}");
    } else {
        out!("{who} is in the midst of something it does not interrupt, and will find that it is to {wish}");
    }
    out!("  next: {}", command("status", &site.name));
    Ok(true)
}

/// Tells the deployer at work what is wanted, which only one can do.
///
/// # Errors
/// A [`Problem`] with exit code 2 where none is.
pub fn tell_only(args: &Args, wish: Wish) -> anyhow::Result<()> {
    let site = Site::open(&args.target.env)?;
    site.require_deployed()?;
    if tell(&site, wish, args.json)? {
        return Ok(());
    }
    Err(nothing_under_way(&site, wish).into())
}

/// The answer where no rollout is under way and none was left as it stood.
pub fn nothing_under_way(site: &Site, wish: Wish) -> Problem {
    let message = format!("there is nothing to {wish}: no rollout is under way in {}.", site.name);
    Problem::new(ExitCode::Usage, message).next(command("status", &site.name))
}
