//! `status`: who serves what.

use std::net::SocketAddr;
use std::time::SystemTime;

use serde::Serialize;

use crate::flags::Target;
use crate::ledger::{self, FileLedger, Line, Owner};
use crate::out;
use crate::problem::command;
use crate::rollout::colour::{Colour, PerColour, Split};
use crate::rollout::event::Event;
use crate::rollout::observed::{Observed, State};
use crate::rollout::operation::Operation;
use crate::rollout::plan::{Goal, overdue};
use crate::rollout::request::Wish;
use crate::router::certificate;
use crate::site::{Scene, Site};
use crate::time;

/// Flags of `status`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    /// Prints it as JSON.
    #[arg(long)]
    json: bool,
}

/// An environment, as far as can be seen.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// Its name.
    pub environment: String,
    /// What runs its colours.
    pub runtime: &'static str,
    /// The Docker engine, where that is not on this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<&'static str>,
    /// Where the service is reached.
    pub url: String,
    /// The colour that takes production traffic.
    pub active: Option<Colour>,
    /// The split the proxy routes by; none when it does not answer.
    pub split: Option<Split>,
    /// Both colours.
    pub colours: PerColour<ColourStatus>,
    /// The rollout under way.
    pub rollout: Option<Underway>,
    /// Until when the other colour is kept warm.
    #[serde(with = "time::rfc3339::option")]
    pub warm_until: Option<SystemTime>,
    /// What a person should know.
    pub remarks: Vec<String>,
}

/// One colour.
#[derive(Debug, Clone, Serialize)]
pub struct ColourStatus {
    /// What was started there last.
    pub release: Option<String>,
    /// How it is doing.
    pub state: State,
    /// What part it plays.
    pub role: Role,
    /// How many of it run.
    pub replicas: u32,
    /// Where it listens.
    pub address: SocketAddr,
    /// Why it is not ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// What part a colour plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It takes production traffic.
    Active,
    /// It is being rolled out.
    Candidate,
    /// It served before and is kept running.
    Warm,
    /// It plays none.
    Idle,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Role::Active => "active",
            Role::Candidate => "candidate",
            Role::Warm => "warm",
            Role::Idle => "idle",
        }
    }
}

/// A rollout under way.
#[derive(Debug, Clone, Serialize)]
pub struct Underway {
    /// Who is at it.
    #[serde(flatten)]
    pub owner: Owner,
    /// What is to be reached, in words.
    pub goal: Option<String>,
    /// What is being done, in words.
    pub operation: Option<String>,
    /// Whether somebody has asked for no step further.
    pub held: bool,
}

/// Prints the status.
///
/// # Errors
/// When the environment does not exist or cannot be read.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let site = Site::open(&args.target.env)?;
    let status = of(&site)?;
    if args.json {
        out!("{}", serde_json::to_string_pretty(&status)?);
    } else {
        print(&status);
    }
    Ok(())
}

/// Looks at an environment.
///
/// # Errors
/// When it cannot be read.
pub fn of(site: &Site) -> anyhow::Result<Status> {
    let scene = site.enter();
    let observed = scene.world().observe()?;
    let journal = scene.ledger.last_journal()?;
    let underway = underway(&scene.ledger, &journal)?;
    let cut_off = underway.is_none() && ledger::is_unfinished(&journal);
    let candidate = underway.as_ref().and_then(|underway| candidate(&journal, underway.owner.since));
    let candidate = candidate.or(observed.frozen.as_ref().map(|(colour, _)| *colour));
    let active = observed.active();
    let warm = observed.warm();
    let role = |colour: Colour| match active {
        Some(active) if active == colour => Role::Active,
        _ if candidate == Some(colour) => Role::Candidate,
        _ if warm.is_some_and(|(warm, _)| warm == colour) => Role::Warm,
        _ => Role::Idle,
    };
    let colours = observed.colours.map(|colour, instance| ColourStatus {
        release: instance.launch.as_ref().map(|launch| launch.release.clone()),
        state: instance.state,
        role: role(colour),
        replicas: u32::from(instance.state.occupies()),
        address: scene.colours.address(colour),
        cause: instance.cause.clone(),
    });
    Ok(Status {
        environment: site.name.clone(),
        runtime: scene.home.name(),
        host: site.elsewhere().map(|(_, host)| host),
        url: site.environment().url(),
        active,
        split: observed.routing.running,
        colours,
        rollout: underway,
        warm_until: warm.map(|(_, warm)| warm.until),
        remarks: remarks(&observed, cut_off, &site.name).into_iter().chain(certificate_remark(site, &scene)?).collect(),
    })
}

/// What a person should know of the certificate in use, before it is too late.
fn certificate_remark(site: &Site, scene: &Scene<'_>) -> anyhow::Result<Option<String>> {
    let Some(placed) = site.environment().tls.as_ref().map(|_| certificate::placed(scene.host)).transpose()?.flatten()
    else {
        return Ok(None);
    };
    let now = SystemTime::now();
    let remark = placed.out_of_date(now).map(|why| format!("the certificate of the proxy: {why}"));
    let renew = command("certificate", &site.name);
    Ok(remark.or_else(|| placed.notice(now)).map(|remark| format!("{remark}; `{renew}` has a renewed one taken over")))
}

fn underway(ledger: &FileLedger<'_>, journal: &[Line]) -> anyhow::Result<Option<Underway>> {
    let Some(owner) = ledger.holder()? else { return Ok(None) };
    // What was written before this owner came is another rollout's.
    let journal: Vec<_> = journal.iter().filter(|line| line.at >= owner.since).collect();
    let goal = journal.iter().rev().find_map(|line| match &line.event {
        Event::Planned { goal, .. } => Some(goal.clone()),
        _ => None,
    });
    let operation = journal.iter().rev().find_map(|line| match &line.event {
        Event::Started { operation } => Some(operation.to_string()),
        _ => None,
    });
    let asked = journal.iter().rev().find_map(|line| match &line.event {
        Event::Requested { request } => Some(request.wish),
        _ => None,
    });
    Ok(Some(Underway { owner, goal, operation, held: asked == Some(Wish::Pause) }))
}

fn candidate(journal: &[Line], since: SystemTime) -> Option<Colour> {
    journal.iter().rev().filter(|line| line.at >= since).find_map(|line| match &line.event {
        Event::Started { operation: Operation::Start { colour, .. } } => Some(*colour),
        _ => None,
    })
}

fn remarks(observed: &Observed, cut_off: bool, environment: &str) -> Vec<String> {
    let mut remarks = Vec::new();
    let recover = command("recover", environment);
    if let Some((_, launch)) = &observed.frozen {
        let (promote, abort) = (command("promote", environment), command("abort", environment));
        let release = &launch.release;
        remarks.push(format!(
            "the rollout of {release} has failed and was left as it stands; `{promote}` gives it everything, `{abort}` takes it back"
        ));
    }
    let Some(active) = observed.active() else { return remarks };
    let up = |colour: Colour| *observed.routing.up.get(colour);
    if cut_off {
        remarks.push(format!("a deployer died before it had finished; `{recover}` puts all traffic on one release"));
    }
    match observed.routing.running {
        None => remarks.push(format!("the proxy does not answer; `{recover}` starts it again")),
        Some(_) if !up(active) && up(active.other()) => {
            let other = active.other();
            remarks
                .push(format!("{active} is down: the proxy falls back to {other}; `{recover}` makes {other} active"));
        }
        Some(_) if !up(active) => remarks.push(format!("{active} is down, and there is nothing to fall back to")),
        Some(_) => {}
    }
    if observed.routing.running.is_some() && observed.routing.running != observed.routing.persisted {
        remarks.push(format!("the split on disk is not the one that acts; `{recover}` mends that"));
    }
    if overdue(observed, false) == Some(Goal::Reap) {
        remarks.push(format!("{} is kept warm past its time; `{recover}` stops it", active.other()));
    }
    remarks
}

/// Prints it for people.
pub fn print(status: &Status) {
    let host = status.host.map_or(String::new(), |host| format!(" on {host}"));
    out!("{}  {}  ({}{host})", status.environment, status.url, status.runtime);
    for colour in Colour::BOTH {
        let it = status.colours.get(colour);
        let share = status.split.map_or("  ?".into(), |split| format!("{:>3}", split.share(colour)));
        let release = it.release.as_deref().unwrap_or("-");
        out!("  {colour:<6} {:<9} {:<9} {share} %  {}  {release}", it.state, it.role.name(), it.address);
        it.cause.iter().for_each(|cause| out!("         {cause}"));
    }
    if let Some(until) = status.warm_until {
        out!("  warm until {}", time::format(until));
    }
    if let Some(rollout) = &status.rollout {
        let doing = rollout.operation.as_deref().unwrap_or("beginning");
        let held = if rollout.held { ", held until `resume`" } else { "" };
        out!("  {} by {}: {doing}{held}", rollout.goal.as_deref().unwrap_or(&rollout.owner.command), rollout.owner.by);
    }
    if status.active.is_none() && status.rollout.is_none() {
        out!("  nothing runs here\n  next: {}", command("up", &status.environment));
    }
    status.remarks.iter().for_each(|remark| out!("  {remark}"));
}
