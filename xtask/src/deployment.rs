//! What every verb that changes an environment does: take the lock, recover what a deployer that died has left behind,
//! carry out a goal, and say how it ended.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::problem::{ExitCode, Problem};
use crate::release::{Content, Release};
use crate::rollout::colour::Colour;
use crate::rollout::engine::{Engine, Failure, Outcome};
use crate::rollout::event::Event;
use crate::rollout::plan::{Goal, Operation, Plan, overdue, plan};
use crate::rollout::policy::Span;
use crate::rollout::world::{Cancel, Entry, Launch, Ledger as _, Observed, serving};
use crate::site::{Scene, Site};
use crate::{cargo, interrupt, progress, rollout};
use crate::{out, say};

/// How an environment is named on the command line.
#[derive(Debug, Clone, clap::Args)]
pub struct Target {
    /// The environment, as config/delivery.toml names it.
    #[arg(long, value_name = "NAME", default_value = "development")]
    pub env: String,
}

/// Flags of every verb that takes the lock.
#[derive(Debug, Clone, clap::Args)]
pub struct Queue {
    /// Waits this long for another deployer to end, such as `10m`, instead of giving up at once.
    #[arg(long, value_name = "SPAN", value_parser = span)]
    pub wait: Option<Span>,
}

fn span(text: &str) -> Result<Span, String> {
    Span::try_from(text.to_owned())
}

/// Where a release comes from in process mode.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Source {
    /// The name the release is kept under. Without it: version and commit, and the content's hash where no clean commit
    /// stands for the content.
    #[arg(long, value_name = "NAME")]
    pub release: Option<String>,
    /// A binary that was built elsewhere, instead of building the workspace.
    #[arg(long, value_name = "PATH")]
    pub binary: Option<PathBuf>,
}

/// How a verb that changed an environment ended.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Which environment.
    pub environment: String,
    /// What was to be reached, in words.
    pub goal: String,
    /// Whether it was.
    pub reached: bool,
    /// The colour that takes the traffic now.
    pub active: Option<Colour>,
    /// The release that does.
    pub release: Option<String>,
    /// Where the service is reached.
    pub url: String,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Why it failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The candidate's last answer to a readiness probe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe: Option<String>,
    /// The candidate's last lines.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<String>,
}

/// Builds the workspace, or takes the binary that was named.
///
/// # Errors
/// When it does not build or there is no such file.
pub fn content(site: &Site, source: &Source) -> anyhow::Result<Content> {
    let (root, service) = (&site.project.root, &site.delivery().service);
    let binary = match &source.binary {
        Some(binary) if binary.is_file() => binary.clone(),
        Some(binary) => {
            let message =
                format!("there is no file {}; --binary names a binary that was built before.", binary.display());
            return Err(Problem::new(ExitCode::Usage, message).into());
        }
        None => {
            let profile = &site.environment().profile;
            say!("building {} with the profile {profile}", service.package);
            cargo::build(root, &service.package, &service.binary, profile)?
        }
    };
    Content::of(root, service, binary, cargo::version(root, &service.package))
}

/// An environment in the hands of this process.
pub struct Deployment<'a> {
    site: &'a Site,
    scene: Scene<'a>,
    cancel: Cancel,
}

impl<'a> Deployment<'a> {
    /// Takes the lock and settles what is unsettled.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 75 while another deployer is at work.
    pub fn begin(site: &'a Site, command: &str, queue: &Queue) -> anyhow::Result<Deployment<'a>> {
        let scene = site.enter();
        let unfinished = scene.ledger.lock(command, queue.wait.map_or(Duration::ZERO, |wait| *wait))?;
        let deployment = Deployment { site, scene, cancel: interrupt::cancel_on_signal()? };
        deployment.settle(unfinished)?;
        Ok(deployment)
    }

    fn settle(&self, unfinished: bool) -> anyhow::Result<()> {
        let observed = self.observe()?;
        let Some(goal) = overdue(&observed, unfinished) else { return Ok(()) };
        let plan = plan(goal, &observed, &self.site.environment().rollout);
        if let Outcome::Stuck(failure, _) = self.execute(&plan) {
            say!("  warning  {} did not succeed: {}", plan.goal, failure.reason);
        }
        Ok(())
    }

    /// Looks at the environment.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn observe(&self) -> anyhow::Result<Observed> {
        Observed::of(&self.scene.world())
    }

    /// What has happened here, oldest first.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn history(&self) -> anyhow::Result<Vec<Entry>> {
        self.scene.ledger.history()
    }

    /// Makes room for what must still be written when the disk is full.
    ///
    /// # Errors
    /// When it is full already.
    pub fn reserve(&self) -> anyhow::Result<()> {
        self.scene.ledger.reserve()
    }

    /// Keeps a content under a name, after forgetting releases nobody needs any more.
    ///
    /// # Errors
    /// Those of [`crate::release::Releases::keep`].
    pub fn keep(&self, content: &Content, name: Option<&str>) -> anyhow::Result<Release> {
        let releases = self.site.releases();
        releases.prune(self.site.environment().keep_releases.saturating_sub(1), &self.needed()?);
        releases.keep(content, &self.site.delivery().service, name)
    }

    /// The releases that run, and the one a rollback would return to.
    fn needed(&self) -> anyhow::Result<Vec<String>> {
        let observed = self.observe()?;
        let running = Colour::BOTH.into_iter().filter_map(|colour| observed.colours.get(colour).launch.clone());
        let lineage = rollout::world::lineage(&self.history()?);
        Ok(running.chain(lineage.into_iter().rev().take(2)).map(|launch| launch.release).collect())
    }

    /// Lets the release check its own configuration with the settings it would start with.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 78.
    pub fn check_config(&self, launch: &Launch) -> anyhow::Result<()> {
        let candidate = self.observe()?.active().map_or(Colour::Blue, Colour::other);
        self.scene.runtime.check_config(candidate, launch)
    }

    /// Plans for a goal and carries the plan out.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 1, or 130 when a person asked for the end, that says how things stand now; printed as
    /// JSON first where that was asked for.
    pub fn reach(&self, goal: Goal, json: bool) -> anyhow::Result<()> {
        let plan = plan(goal, &self.observe()?, &self.site.environment().rollout);
        self.scene.runtime.preflight(&plan.operations)?;
        plan.notes.iter().for_each(|note| say!("note: {note}"));
        let began = Instant::now();
        let outcome = self.execute(&plan);
        let report = self.report(&plan, &outcome, began.elapsed())?;
        if json {
            out!("{}", serde_json::to_string_pretty(&report)?);
        } else if report.reached {
            self.print_success(&report);
        }
        match outcome {
            Outcome::Reached => Ok(()),
            Outcome::TakenBack(failure) => Err(self.taken_back(&plan, &report, &failure).into()),
            Outcome::Stuck(failure, why) => Err(stuck(&plan, &failure, &why).into()),
        }
    }

    fn execute(&self, plan: &Plan) -> Outcome {
        let health = &self.site.delivery().service.health;
        let engine = Engine {
            world: self.scene.world(),
            policy: &self.site.environment().rollout,
            ready_path: &health.ready,
            smoke_paths: &health.smoke,
            cancel: &self.cancel,
            listener: &|at, event: &Event| progress::print(at, event),
        };
        engine.run(plan)
    }

    fn report(&self, plan: &Plan, outcome: &Outcome, took: Duration) -> anyhow::Result<Report> {
        let failure = match outcome {
            Outcome::Reached => None,
            Outcome::TakenBack(failure) | Outcome::Stuck(failure, _) => Some(failure),
        };
        let serving = serving(&self.history()?);
        Ok(Report {
            environment: self.site.name.clone(),
            goal: plan.goal.to_string(),
            reached: failure.is_none(),
            active: serving.as_ref().map(|serving| serving.colour),
            release: serving.map(|serving| serving.launch.release),
            url: self.site.environment().url(),
            seconds: took.as_secs_f64(),
            reason: failure.map(|failure| failure.reason.clone()),
            probe: failure.and_then(|failure| failure.probe.clone()),
            log: failure.map(|failure| failure.log.clone()).unwrap_or_default(),
        })
    }

    fn print_success(&self, report: &Report) {
        let (release, active) =
            (report.release.as_deref().unwrap_or("nothing"), report.active.map_or("", Colour::name));
        out!("{release} serves {} as {active}, after {:.1} s", self.site.name, report.seconds);
        print_next(self.site);
    }

    fn taken_back(&self, plan: &Plan, report: &Report, failure: &Failure) -> Problem {
        let now = match (&report.release, report.active) {
            (Some(release), Some(active)) => format!("All traffic is on {active} ({release}), as before."),
            _ => "Nothing serves, as before.".into(),
        };
        let code = if failure.cancelled { ExitCode::Interrupted } else { ExitCode::Failed };
        let probe = failure.probe.iter().map(|probe| format!("last probe: {probe}"));
        let log = if failure.log.is_empty() { Vec::new() } else { vec!["its last lines:".to_owned()] };
        let lines = probe.chain(log).chain(failure.log.iter().map(|line| format!("  {line}")));
        let problem = Problem::new(code, format!("{}: {}. {now}", plan.goal, failure.reason)).detail(lines);
        match candidate(plan) {
            Some(colour) => problem.next(format!("cargo xtask logs {colour} --env {}", self.site.name)),
            None => problem.next(format!("cargo xtask status --env {}", self.site.name)),
        }
    }
}

fn candidate(plan: &Plan) -> Option<Colour> {
    plan.operations.iter().find_map(|operation| match operation {
        Operation::Start { colour, .. } => Some(*colour),
        _ => None,
    })
}

fn stuck(plan: &Plan, failure: &Failure, why: &str) -> Problem {
    let message = format!(
        "{}: {}; and what was there before could not be put back: {why}. Both colours have been left running.",
        plan.goal, failure.reason
    );
    Problem::new(ExitCode::Failed, message).next("cargo xtask up").next("cargo xtask status")
}

/// The URL, and what can be typed next.
pub fn print_next(site: &Site) {
    let env = if site.name == "development" { String::new() } else { format!(" --env {}", site.name) };
    out!("\n  {}\n", site.environment().url());
    out!("  cargo xtask status{env}              who serves what");
    out!("  cargo xtask deploy-blue-green{env}   roll out the next release");
    out!("  cargo xtask rollback{env}            go back to the one before");
    out!("  cargo xtask down{env}                end it all");
}
