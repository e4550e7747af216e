//! `history`: which release served when, and who changed it; and who was told.

use crate::flags::Target;
use crate::out;
use crate::problem::command;
use crate::rollout::record::Change;
use crate::rollout::world::Ledger as _;
use crate::site::Site;
use crate::time;

/// Flags of `history`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    /// Shows who was told of what instead.
    #[arg(long)]
    notifications: bool,
    /// Prints it as JSON, oldest first.
    #[arg(long)]
    json: bool,
}

/// Prints the history, newest first.
///
/// # Errors
/// When it cannot be read.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let site = Site::open(&args.target.env)?;
    if args.notifications {
        return print_notifications(&site, args.json);
    }
    let history = site.enter().ledger.history()?;
    if args.json {
        out!("{}", serde_json::to_string_pretty(&history)?);
        return Ok(());
    }
    if history.is_empty() {
        out!("nothing has been deployed to {} yet\n  next: {}", site.name, command("up", &site.name));
    }
    for entry in history.iter().rev() {
        let change = match entry.change {
            Change::Deployed => "deployed",
            Change::RolledBack => "rolled back to",
            Change::Recovered => "recovered",
            Change::Aborted => "aborted",
            Change::Frozen => "frozen",
        };
        let kept = if site.releases().find(&entry.launch.release).is_some() { "" } else { "  (not kept any more)" };
        out!(
            "{}  {change:<14} {} as {} by {}{kept}",
            time::format(entry.at),
            entry.launch.release,
            entry.colour,
            entry.by
        );
        entry.launch.settings.iter().for_each(|(key, value)| out!("{:26}with {key}={value}", ""));
        entry.reason.iter().for_each(|reason| out!("{:26}{reason}", ""));
    }
    Ok(())
}

fn print_notifications(site: &Site, json: bool) -> anyhow::Result<()> {
    let told = site.enter().ledger.notifications()?;
    if json {
        out!("{}", serde_json::to_string_pretty(&told)?);
        return Ok(());
    }
    if told.is_empty() {
        out!("nobody was told of anything in {} yet", site.name);
    }
    for told in told.iter().rev() {
        let test = if told.test { "test" } else { told.event.name() };
        let release = told.release.as_deref().unwrap_or("-");
        out!("{}  {test:<8} {release}  {} ({})  {}", time::format(told.at), told.channel, told.host, told.outcome());
    }
    Ok(())
}
