//! What a run of `ci` leaves behind.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;

use super::command;
use super::step::{Group, Step};
use crate::{out, say};

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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
}

/// One step's completion report.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Report {
    pub(super) id: &'static str,
    pub(super) group: Group,
    pub(super) verifies: &'static str,
    pub(super) criteria: &'static [&'static str],
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
    /// How many files decide what it says, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) files: Option<usize>,
    /// How many tests it has run, where it runs any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tests: Option<u64>,
    /// What its command has written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) log: Option<PathBuf>,
    pub(super) remedy: &'static str,
}

impl Report {
    pub(super) fn of(step: &Step, verdict: Verdict) -> Report {
        Report {
            id: step.id,
            group: step.group,
            verifies: step.verifies,
            criteria: step.criteria,
            command: command::line(step.command, step),
            verdict,
            reason: None,
            began: 0.0,
            seconds: 0.0,
            files: None,
            tests: None,
            log: None,
            remedy: step.remedy,
        }
    }

    pub(super) fn because(self, reason: impl Into<String>) -> Report {
        Report { reason: Some(reason.into()), ..self }
    }
}

/// Leaves the reports in `target/xtask/ci.json`.
pub(super) fn write(root: &Path, reports: &[Report]) -> anyhow::Result<()> {
    let path = root.join("target/xtask/ci.json");
    let write = || -> anyhow::Result<()> {
        std::fs::create_dir_all(root.join("target/xtask"))?;
        Ok(std::fs::write(&path, serde_json::to_string_pretty(reports)?)?)
    };
    write().with_context(|| format!("writing {}", path.display()))
}

/// All that a step's command has written.
pub(super) fn show_log(report: &Report, log: &[u8]) {
    say!("-- {} wrote:\n{}-- end of {}", report.id, String::from_utf8_lossy(log), report.id);
}

/// A step's verdict, time and tests in one line, and why.
pub(super) fn print_one(report: &Report) {
    let verdict = match report.verdict {
        Verdict::Passed => "passed",
        Verdict::Fresh => "fresh",
        Verdict::Failed => "FAILED",
        Verdict::Skipped => "skipped",
    };
    let tests = report.tests.map_or(String::new(), |tests| format!(" ({tests} tests)"));
    out!("{verdict:<8} {:<12} {:>7.1} s  {}{tests}", report.id, report.seconds, report.verifies);
    report.reason.iter().for_each(|reason| out!("{:22}{reason}", ""));
}

/// The table a person sees at the end.
pub(super) fn print(reports: &[Report]) {
    out!("");
    reports.iter().for_each(print_one);
    let count = |verdict| reports.iter().filter(|report| report.verdict == verdict).count();
    let [passed, fresh, failed, skipped] =
        [Verdict::Passed, Verdict::Fresh, Verdict::Failed, Verdict::Skipped].map(count);
    out!("\nsteps: {passed} passed, {fresh} fresh, {failed} failed, {skipped} skipped");
}
