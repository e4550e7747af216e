//! How a verb that changed an environment tells how it ended: to people, to programs, and as an error.

use std::time::Duration;

use serde::Serialize;

use crate::out;
use crate::problem::{ExitCode, Problem, command};
use crate::progress::{self, Reader};
use crate::rollout::colour::{Colour, Split};
use crate::rollout::engine::{Failure, Outcome};
use crate::rollout::observed::Observed;
use crate::rollout::operation::Operation;
use crate::rollout::plan::Plan;
use crate::site::Site;

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
    /// What followed from it that a person would have wanted to know first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Report {
    /// The report on a plan that was carried out; `observed` is how things stand since.
    pub fn new(site: &Site, plan: &Plan, outcome: &Outcome, observed: &Observed, took: Duration) -> Report {
        let failure = match outcome {
            Outcome::Reached => None,
            Outcome::TakenBack(failure) | Outcome::Frozen(failure) | Outcome::Stuck(failure, _) => Some(failure),
        };
        Report {
            reached: failure.is_none(),
            seconds: took.as_secs_f64(),
            reason: failure.map(|failure| failure.reason.clone()),
            probe: failure.and_then(|failure| failure.probe.clone()),
            log: failure.map(|failure| failure.log.clone()).unwrap_or_default(),
            notes: plan.notes.clone(),
            ..Report::of_nothing(site, &plan.goal.to_string(), observed)
        }
    }

    /// The report where there was nothing to do.
    pub fn of_nothing(site: &Site, goal: &str, observed: &Observed) -> Report {
        // By what the proxy does: a full disk can keep a rollback out of the history, and not from serving.
        let active = observed.routing.running.and_then(Split::sole).or_else(|| observed.active());
        let active = active.filter(|active| observed.is_fit(*active));
        let launch = active.and_then(|active| observed.colours.get(active).launch.as_ref());
        Report {
            environment: site.name.clone(),
            goal: goal.to_owned(),
            reached: true,
            active,
            release: launch.map(|launch| launch.release.clone()),
            url: site.environment().url(),
            seconds: 0.0,
            reason: None,
            probe: None,
            log: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Prints it for a program, or what a person wants to know when all went well.
    ///
    /// # Errors
    /// When it cannot be put into JSON.
    pub fn print(&self, site: &Site, reader: Reader) -> anyhow::Result<()> {
        if reader == Reader::Program {
            progress::report(self)?;
        } else if self.reached {
            let (release, active) =
                (self.release.as_deref().unwrap_or("nothing"), self.active.map_or("", Colour::name));
            out!("{release} serves {} as {active}, after {:.1} s", self.environment, self.seconds);
            print_next(site);
        }
        Ok(())
    }

    /// The error of a plan that failed and was taken back.
    pub fn taken_back(&self, plan: &Plan, failure: &Failure) -> Problem {
        let now = match (&self.release, self.active) {
            (Some(release), Some(active)) => format!("All traffic is on {active} ({release}), as before."),
            _ => "Nothing serves, as before.".into(),
        };
        let problem = failed(plan, failure, &now);
        match candidate(plan) {
            Some(colour) => problem.next(command(&format!("logs {colour}"), &self.environment)),
            None => problem.next(command("status", &self.environment)),
        }
    }

    /// The error of a plan that failed and was left as it stood.
    pub fn frozen(&self, plan: &Plan, failure: &Failure, split: Option<Split>) -> Problem {
        let split =
            split.map_or_else(|| "the proxy does not answer".into(), |split| format!("the split stays {split}"));
        let now = format!("Everything is left as it stands, as `on_failure = \"freeze\"` says: {split}.");
        let problem = failed(plan, failure, &now);
        let problem = problem.next(command("promote", &self.environment));
        problem.next(command("abort", &self.environment))
    }

    /// The error of a plan that failed and could not be taken back.
    pub fn stuck(&self, plan: &Plan, failure: &Failure, why: &str) -> Problem {
        let message = format!(
            "{}: {}; and what was there before could not be put back: {why}. Both colours have been left as they are.",
            plan.goal, failure.reason
        );
        let problem = Problem::new(ExitCode::Failed, message);
        problem.next(command("recover", &self.environment)).next(command("status", &self.environment))
    }
}

/// What failed, how things stand now, and what the candidate has said.
fn failed(plan: &Plan, failure: &Failure, now: &str) -> Problem {
    let code = if failure.cancelled { ExitCode::Interrupted } else { ExitCode::Failed };
    let probe = failure.probe.iter().map(|probe| format!("last probe: {probe}"));
    let log = (!failure.log.is_empty()).then(|| "its last lines:".to_owned());
    let lines = probe.chain(log).chain(failure.log.iter().map(|line| format!("  {line}")));
    Problem::new(code, format!("{}: {}. {now}", plan.goal, failure.reason)).detail(lines)
}

/// The error of a recovery that did not succeed.
pub fn unrecovered(plan: &Plan, failure: &Failure, environment: &str) -> Problem {
    let lines = failure.probe.iter().cloned().chain(failure.log.iter().cloned());
    let problem = Problem::new(ExitCode::Failed, format!("{}: {}.", plan.goal, failure.reason)).detail(lines);
    problem.next(command("status", environment)).next(command("rollback --to RELEASE", environment))
}

fn candidate(plan: &Plan) -> Option<Colour> {
    plan.operations.iter().find_map(|operation| match operation {
        Operation::Start { colour, .. } => Some(*colour),
        _ => None,
    })
}

/// The error of a plan that was carried out on an environment that cannot be looked at any more.
pub fn unseen(error: &anyhow::Error, outcome: &Outcome, environment: &str) -> Problem {
    let how = match outcome {
        Outcome::Reached => "it was done".to_owned(),
        Outcome::TakenBack(failure) | Outcome::Frozen(failure) | Outcome::Stuck(failure, _) => failure.reason.clone(),
    };
    let message = format!(
        "how {environment} stands cannot be seen any more: {error:#}. The last that is known: {how}. Another deployer may \
         be at work by now; nothing more was changed."
    );
    Problem::new(ExitCode::Failed, message).next(command("status", environment)).next(command("recover", environment))
}

/// The URL, and what can be typed next.
pub fn print_next(site: &Site) {
    let verbs = [
        ("status", "who serves what"),
        ("deploy-blue-green", "roll out the next release"),
        ("rollback", "go back to the one before"),
        ("down", "end it all"),
    ];
    out!("\n  {}\n", site.whereabouts());
    let width = command("deploy-blue-green", &site.name).len() + 2;
    for (verb, what) in verbs {
        out!("  {:<width$} {what}", command(verb, &site.name));
    }
}
