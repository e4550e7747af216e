//! What a rehearsal has shown: a tree of jobs and steps, each with its verdict.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::foreign;
use crate::out;
use crate::problem::{ExitCode, Problem};

/// How something has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Verdict {
    Passed,
    Failed,
    /// One of a matrix, since another has failed.
    Cancelled,
    Skipped,
    /// Nobody has approved it, or what it needs.
    Waiting,
    /// An action of somebody else's: only GitHub can run it.
    NotRehearsed,
}

impl Verdict {
    /// As expressions see it; what waits has not ended on GitHub either, and is seen by none.
    pub(super) fn result(self) -> &'static str {
        match self {
            Verdict::Passed | Verdict::NotRehearsed => "success",
            Verdict::Failed => "failure",
            Verdict::Cancelled => "cancelled",
            Verdict::Skipped | Verdict::Waiting => "skipped",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Verdict::Passed => "passed",
            Verdict::Failed => "FAILED",
            Verdict::Cancelled => "cancelled",
            Verdict::Skipped => "skipped",
            Verdict::Waiting => "waiting",
            Verdict::NotRehearsed => "not rehearsed",
        }
    }
}

/// A step.
#[derive(Debug, Clone, Serialize)]
pub(super) struct StepReport {
    pub(super) name: String,
    pub(super) verdict: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    /// In seconds.
    pub(super) seconds: f64,
    /// `file:line:column`.
    pub(super) place: String,
    /// What it has run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) run: Option<String>,
    /// All that this has said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) log: Option<PathBuf>,
    /// The end of that, where it has failed.
    #[serde(skip)]
    pub(super) tail: String,
}

/// A job.
#[derive(Debug, Clone, Serialize)]
pub(super) struct JobReport {
    /// As GitHub shows it: behind the job that calls its workflow, with what is its own of a matrix.
    pub(super) name: String,
    pub(super) verdict: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    /// Where it deploys to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) environment: Option<String>,
    /// Where to look at what it has deployed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) url: Option<String>,
    /// In seconds.
    pub(super) seconds: f64,
    pub(super) steps: Vec<StepReport>,
}

impl JobReport {
    /// One that has not run.
    pub(super) fn not_run(name: String, verdict: Verdict, reason: String) -> JobReport {
        JobReport { name, verdict, reason: Some(reason), environment: None, url: None, seconds: 0.0, steps: Vec::new() }
    }
}

/// All of it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Report {
    pub(super) workflow: String,
    pub(super) event: &'static str,
    #[serde(rename = "ref")]
    pub(super) reference: String,
    pub(super) commit: String,
    pub(super) verdict: Verdict,
    pub(super) jobs: Vec<JobReport>,
    /// What the jobs have written for people, where any has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) summary: Option<PathBuf>,
}

impl Report {
    /// Failed where a job has, waiting where one does, else passed.
    pub(super) fn verdict_of(jobs: &[JobReport]) -> Verdict {
        let any = |wanted: &[Verdict]| jobs.iter().any(|job| wanted.contains(&job.verdict));
        if any(&[Verdict::Failed, Verdict::Cancelled]) {
            Verdict::Failed
        } else if any(&[Verdict::Waiting]) {
            Verdict::Waiting
        } else {
            Verdict::Passed
        }
    }

    /// The tree, for people.
    pub(super) fn print(&self) {
        let commit = foreign::first(&self.commit, 7);
        out!("{} on {} to {}, commit {commit}", self.workflow, self.event, self.reference);
        for job in &self.jobs {
            let reason = job.reason.iter().chain(&job.url).map(|more| format!("  {more}")).collect::<String>();
            out!("{:<13} {:>7}  {}{reason}", job.verdict.word(), shown(job.seconds), job.name);
            for step in &job.steps {
                let reason = step.reason.as_ref().map(|reason| format!("  {reason}")).unwrap_or_default();
                out!("  {:<13} {:>7}  {}{reason}", step.verdict.word(), shown(step.seconds), step.name);
            }
        }
        if let Some(summary) = &self.summary {
            out!("\nsummaries of the jobs: {}", summary.display());
        }
        match self.verdict {
            Verdict::Waiting => {
                let waiting = self.jobs.iter().filter(|job| job.verdict == Verdict::Waiting);
                let environments: Vec<_> = waiting.filter_map(|job| job.environment.as_deref()).collect();
                let flags: Vec<_> = environments.iter().map(|it| format!("--approve {it}")).collect();
                out!("\n{} waits for approval: add {}", environments.join(", "), flags.join(" "));
            }
            Verdict::Passed => out!("\nall of it passed"),
            _ => {}
        }
    }

    /// # Errors
    /// A [`Problem`] with exit code 1 that repeats each command that has failed, with the end of what it said.
    pub(super) fn conclude(&self) -> Result<(), Problem> {
        if self.verdict != Verdict::Failed {
            return Ok(());
        }
        let failed: Vec<_> = self.jobs.iter().filter(|job| job.verdict == Verdict::Failed).collect();
        let names: Vec<_> = failed.iter().map(|job| job.name.as_str()).collect();
        let message = format!("{} failed: {}.", self.workflow, names.join(", "));
        let lines = failed.iter().flat_map(|job| {
            let reason = job.reason.iter().map(|reason| format!("{}: {reason}", job.name));
            let steps = job.steps.iter().filter(|step| step.verdict == Verdict::Failed).flat_map(|step| {
                let what = format!("{}, {}: {}", job.name, step.place, step.run.as_deref().unwrap_or(&step.name));
                let reason = step.reason.iter().map(|reason| format!("  {reason}"));
                let log = step.log.iter().map(|log| format!("  all of it: {}", log.display()));
                let tail = foreign::last(&step.tail, 12, 2_000).lines().map(|line| format!("    {line}"));
                [what].into_iter().chain(reason).chain(tail).chain(log).collect::<Vec<_>>()
            });
            reason.chain(steps).collect::<Vec<_>>()
        });
        Err(Problem::new(ExitCode::Failed, message).detail(lines))
    }
}

fn shown(seconds: f64) -> String {
    if seconds == 0.0 {
        String::new()
    } else {
        format!("{:.1} s", Duration::from_secs_f64(seconds.max(0.0)).as_secs_f64())
    }
}
