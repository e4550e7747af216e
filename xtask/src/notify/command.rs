//! The verb: tells of something by hand, or of something that has failed outside of any rollout.

use std::time::SystemTime;

use anyhow::ensure;

use super::channel::{Closed, Open, is_open};
use super::crew::Crew;
use super::message::{Action, Message};
use super::summary;
use crate::delivery::{Channel, Occasion};
use crate::flags::{Queue, Target};
use crate::github;
use crate::http::Answer;
use crate::interrupt::UnderWay;
use crate::ledger::{self, NOTIFY, Notification};
use crate::problem::{self, ExitCode, Problem, command};
use crate::project::Project;
use crate::site::Site;
use crate::{out, say};

/// Flags of `notify`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// What is told.
    #[arg(required_unless_present = "test")]
    event: Option<Occasion>,
    #[command(flatten)]
    target: Target,
    /// The release it is about.
    #[arg(long, value_name = "NAME")]
    release: Option<String>,
    /// Why, in words.
    #[arg(long, value_name = "TEXT")]
    message: Option<String>,
    /// Tells this channel, whatever it is told of otherwise; can be given more than once.
    #[arg(long = "channel", value_name = "NAME")]
    channels: Vec<String>,
    /// Says that nothing has happened and this is a test, to every channel of the environment.
    #[arg(long)]
    test: bool,
    /// Prints what would be sent, without its secrets, and sends nothing.
    #[arg(long)]
    dry_run: bool,
    /// Prints what became of it as JSON.
    #[arg(long, conflicts_with = "dry_run")]
    json: bool,
}

/// Tells, and prints what each channel has answered.
///
/// # Errors
/// A [`Problem`] with exit code 1 when one was not told, 2 for an environment or a channel that does not exist, 78 when a
/// channel that was named cannot be told from here or what it needs is missing, 130 when Ctrl-C came first.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let project = Project::here()?;
    let message = message(args, &project)?;
    let channels = chosen(args, &project, message.event)?;
    if args.dry_run {
        channels.iter().for_each(|channel| show(channel, &project, &message));
        return Ok(());
    }
    if !args.test {
        summary::add(&message);
    }
    let under_way = UnderWay::begin()?;
    let (mut crew, mut left_out) = Crew::open(channels.iter().copied(), &project.root);
    if !args.channels.is_empty() {
        left_out.extend(elsewhere(&channels, &project));
    }
    left_out.iter().for_each(|line| say!("note: {line}"));
    crew.tell(&message, |_| true);
    let mut told = crew.wait(|| under_way.is_cancelled());
    told.sort_by_key(|told| channels.iter().position(|channel| channel.name() == told.channel));
    print(args, &told, &message)?;
    let names: Vec<_> = told.iter().filter(|told| !told.delivered).map(|told| told.channel.clone()).collect();
    if !told.is_empty()
        && let Err(error) = record(project, &told, &message.environment)
    {
        say!("note: the ledger does not have it: {}", problem::reason(&error));
    }
    conclude(args, &names, &left_out, under_way.is_cancelled())
}

/// What is told, as far as it is known outside of a rollout.
fn message(args: &Args, project: &Project) -> Result<Message, Problem> {
    let environment = project.delivery.environment(&args.target.env)?;
    Ok(Message {
        at: SystemTime::now(),
        event: args.event.unwrap_or(Occasion::Success),
        action: Action::Notify,
        test: args.test,
        environment: args.target.env.clone(),
        release: args.release.clone(),
        before: None,
        colour: None,
        by: ledger::author(),
        seconds: None,
        reason: args.message.clone(),
        url: environment.url(),
        link: github::run(),
    })
}

/// The channels that are meant.
fn chosen<'a>(args: &Args, project: &'a Project, event: Occasion) -> Result<Vec<&'a Channel>, Problem> {
    let name = &args.target.env;
    let all: Vec<_> = project.delivery.notifications.iter().filter(|channel| channel.is_about(name)).collect();
    if let Some(wrong) = args.channels.iter().find(|wanted| all.iter().all(|channel| channel.name() != *wanted)) {
        let known: Vec<_> = all.iter().map(|channel| channel.name()).collect();
        let known = if known.is_empty() { "there is none".into() } else { format!("there are {}", known.join(", ")) };
        let message = format!("no channel of {name} is called `{wrong}`; {known}.");
        return Err(Problem::new(ExitCode::Usage, message));
    }
    let is_meant = |channel: &Channel| match args.channels.as_slice() {
        [] => args.test || channel.hears(event),
        named => named.iter().any(|name| name == channel.name()),
    };
    Ok(all.into_iter().filter(|channel| is_meant(channel)).collect())
}

/// Which channels are for another place than this. It is no fault where they are meant with all others.
fn elsewhere(channels: &[&Channel], project: &Project) -> Vec<String> {
    let is_elsewhere = |channel: &&&Channel| is_open(channel, &project.root).is_none();
    let told = |channel: &&Channel| format!("{} is told by a job on GitHub alone", channel.name());
    channels.iter().filter(is_elsewhere).map(told).collect()
}

/// Prints what a channel would be sent, as if it answered what it does when all goes well.
fn show(channel: &Channel, project: &Project, message: &Message) {
    let name = channel.name();
    let mut open = match Open::new(channel, &project.root) {
        Ok(open) => open,
        Err(Closed::Missing(why)) => return out!("{name} would not be told: {why}\n"),
        Err(Closed::NotHere) => return out!("{name} would not be told: this is no job on GitHub\n"),
    };
    // What was sent before decides nothing but what a deployment or an annotation is called.
    let _ = open.attempt(message, "an id of its own", &|request| {
        out!("# {name}\n{}\n", request.masked());
        Ok(Answer { status: 200, headers: Vec::new(), body: r#"[{ "id": 0 }]"#.into() })
    });
}

fn print(args: &Args, told: &[Notification], message: &Message) -> anyhow::Result<()> {
    if args.json {
        out!("{}", serde_json::to_string_pretty(told)?);
        return Ok(());
    }
    if told.is_empty() {
        out!("nobody is told of a {} in {}", message.event.name(), message.environment);
    }
    let width = told.iter().map(|told| told.channel.len()).max().unwrap_or_default();
    told.iter().for_each(|told| out!("{:<width$}  {}", told.channel, told.outcome()));
    Ok(())
}

/// Writes down who was told. Somebody else at work is not waited for.
fn record(project: Project, told: &[Notification], environment: &str) -> anyhow::Result<()> {
    let site = Site::of(project, environment)?;
    ensure!(site.enter().home.exists()?, "nothing has been deployed to {environment} yet");
    let (scene, _) = site.lock(NOTIFY, &Queue { wait: None })?;
    told.iter().try_for_each(|told| scene.ledger.record_notification(told))
}

fn conclude(args: &Args, untold: &[String], left_out: &[String], is_cancelled: bool) -> anyhow::Result<()> {
    let problem = match (untold, left_out) {
        ([], []) => return Ok(()),
        ([], _) if args.channels.is_empty() => return Ok(()),
        ([], left_out) => Problem::new(ExitCode::Configuration, format!("{}.", left_out.join("; ")))
            .next(command("notify --test", &args.target.env)),
        (untold, _) => {
            let code = if is_cancelled { ExitCode::Interrupted } else { ExitCode::Failed };
            let message = format!("not everybody was told: {}.", untold.join(", "));
            Problem::new(code, message).next(command("notify --test", &args.target.env))
        }
    };
    Err(problem.into())
}
