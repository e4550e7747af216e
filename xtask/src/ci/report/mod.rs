//! What a run of `ci` leaves behind: a completion report of each step, and the status of the project by all of them.

mod console;
mod critical;
mod diagnostics;
mod github;
mod issue;
mod json;
mod junit;
mod lines;
mod live;
mod markdown;
mod run;
mod status;
mod suites;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::command;
use super::step::{Group, Lane, Step};
use crate::out;
use issue::Issue;

pub(super) use console::tell;
pub(super) use live::Live;
pub(super) use run::Run;
pub(super) use status::Status;

/// Where a run's files are, in the project's folder; all but the one for programs, which lies beside it.
const FOLDER: &str = "target/xtask/ci";

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    /// It ran and has nothing to object to.
    Passed,
    /// It has passed before, with all that decides it as it is now.
    Fresh,
    /// It ran and objects, or could not run where it has to.
    Failed,
    /// It did not run.
    Skipped,
}

impl Verdict {
    /// Whether what it verifies holds.
    pub(super) fn is_good(self) -> bool {
        matches!(self, Verdict::Passed | Verdict::Fresh)
    }

    fn word(self) -> &'static str {
        match self {
            Verdict::Passed => "passed",
            Verdict::Fresh => "fresh",
            Verdict::Failed => "failed",
            Verdict::Skipped => "skipped",
        }
    }
}

/// One step's completion report.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Report {
    pub(super) id: &'static str,
    pub(super) group: Group,
    pub(super) verifies: &'static str,
    pub(super) criteria: &'static [&'static str],
    /// The steps it builds on.
    pub(super) after: &'static [&'static str],
    pub(super) lane: Lane,
    /// As it can be typed.
    pub(super) command: String,
    pub(super) verdict: Verdict,
    /// Why it has this verdict, where it is not simply that the command said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    /// Seconds from the beginning of the run to its start.
    pub(super) began: f64,
    /// How long it ran, in seconds.
    pub(super) seconds: f64,
    /// The files that decide what it says, as git's pathspecs.
    pub(super) inputs: &'static [&'static str],
    /// How many those are, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) files: Option<usize>,
    /// Which of them have changed, where there is something to compare with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) changed: Option<Changed>,
    /// What the verdict rests on besides the reason, each in a few words.
    pub(super) evidence: Vec<String>,
    /// What its command has measured, in Markdown, where it leaves that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) figures: Option<String>,
    /// How many tests have passed, where it runs any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tests: Option<u64>,
    /// The tests that have failed.
    pub(super) failed_tests: Vec<String>,
    /// The first of what it has met.
    pub(super) issues: Vec<Issue>,
    /// How much more there was.
    pub(super) more_issues: usize,
    /// What its command has written, from the project's folder on. What has none did not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) log: Option<PathBuf>,
    /// The end of that where it failed, as plain text.
    #[serde(skip)]
    pub(super) tail: String,
    pub(super) remedy: &'static str,
    /// What mends it without a person, where anything does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fix: Option<String>,
}

/// Files that are not as they were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Changed {
    /// When they were so, in words.
    pub(super) since: String,
    pub(super) files: Vec<String>,
}

impl Report {
    pub(super) fn of(step: &Step, verdict: Verdict) -> Report {
        Report {
            id: step.id,
            group: step.group,
            verifies: step.verifies,
            criteria: step.criteria,
            after: step.after,
            lane: step.lane,
            command: command::line(step.command, step),
            verdict,
            reason: None,
            began: 0.0,
            seconds: 0.0,
            inputs: step.inputs,
            files: None,
            changed: None,
            evidence: Vec::new(),
            figures: None,
            tests: None,
            failed_tests: Vec::new(),
            issues: Vec::new(),
            more_issues: 0,
            log: None,
            tail: String::new(),
            remedy: step.remedy,
            fix: step.fix.map(|words| command::line(words, step)),
        }
    }

    pub(super) fn because(self, reason: impl Into<String>) -> Report {
        Report { reason: Some(reason.into()), ..self }
    }

    fn with_evidence(mut self) -> Report {
        let ended = match (self.log.is_some(), self.verdict) {
            (true, Verdict::Passed) => Some(format!("the command ended well after {:.1} s", self.seconds)),
            (true, _) => Some(format!("the command ran for {:.1} s", self.seconds)),
            (false, _) => None,
        };
        let tests = self.tests.map(|passed| match self.failed_tests.len() {
            0 => format!("{passed} tests passed"),
            failed => format!("{passed} tests passed, {failed} failed"),
        });
        let files = self.files.map(|files| format!("{files} files decide it"));
        self.evidence = ended.into_iter().chain(tests).chain(files).collect();
        self
    }
}

/// All that a run leaves behind.
#[derive(Debug, Serialize)]
pub(super) struct Reports {
    pub(super) run: Run,
    pub(super) steps: Vec<Report>,
    pub(super) status: Status,
}

/// Removes what an earlier run has left, so that it does not pass for this one's. What single steps have left stays: it is
/// what is known of them.
pub(super) fn clear(root: &Path) {
    // What is not there needs no removing, and what cannot be removed cannot be written either, which is told then.
    for file in [json::of_run(root), root.join(FOLDER).join("report.md"), root.join(FOLDER).join("junit.xml")] {
        let _ = fs::remove_file(file);
    }
}

impl Reports {
    pub(super) fn new(run: Run, steps: Vec<Report>, status: Status) -> Reports {
        Reports { run, steps: steps.into_iter().map(Report::with_evidence).collect(), status }
    }

    /// Leaves them in `target/xtask`, and where GitHub looks for them.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(super) fn write(&self, root: &Path) -> anyhow::Result<()> {
        let folder = root.join(FOLDER);
        write(&json::of_run(root), &json::pretty(self)?)?;
        write(&folder.join("report.md"), &markdown::document(self, markdown::Depth::Everything))?;
        write(&folder.join("junit.xml"), &junit::document(self, root))?;
        for report in &self.steps {
            let place = json::of_step(report.id, root);
            // What an earlier run has found out says more than that this one did not look.
            let says_less = !matches!(report.verdict, Verdict::Passed | Verdict::Failed);
            if !(says_less && place.exists()) {
                write(&place, &json::pretty(&json::Completion { run: &self.run, step: report })?)?;
                write(&place.with_extension("md"), &markdown::completion(&self.run, report))?;
            }
        }
        github::write(self, root)
    }

    /// Prints what a person sees at the end, or a program.
    ///
    /// # Errors
    /// Those of the serializer.
    pub(super) fn print(&self, json: bool) -> anyhow::Result<()> {
        out!("{}", if json { json::pretty(self)? } else { console::table(self) });
        Ok(())
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.steps.iter().filter(|report| report.verdict == verdict).count()
    }

    /// How many steps ended how, in words.
    fn counts(&self) -> String {
        let verdicts = [Verdict::Passed, Verdict::Fresh, Verdict::Failed, Verdict::Skipped];
        verdicts.map(|verdict| format!("{} {}", self.count(verdict), verdict.word())).join(", ")
    }
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let write = || -> std::io::Result<()> {
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(path, text)
    };
    write().with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod testing;
