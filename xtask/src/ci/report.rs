//! What a run of `ci` leaves behind.

use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;

use super::steps::Step;
use crate::out;

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Passed,
    Failed,
    Skipped,
}

/// One step's completion report.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Report {
    pub(super) id: &'static str,
    pub(super) verifies: &'static str,
    pub(super) command: String,
    pub(super) verdict: Verdict,
    pub(super) seconds: f64,
    /// How many tests it has run, where it runs any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tests: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    pub(super) remedy: &'static str,
}

impl Report {
    fn new(step: &Step, verdict: Verdict, reason: Option<&str>, seconds: f64) -> Report {
        Report {
            id: step.id,
            verifies: step.verifies,
            command: step.command.join(" "),
            verdict,
            seconds,
            tests: None,
            reason: reason.map(str::to_owned),
            remedy: step.remedy,
        }
    }

    pub(super) fn passed(step: &Step, seconds: f64) -> Report {
        Report::new(step, Verdict::Passed, None, seconds)
    }

    pub(super) fn failed(step: &Step, reason: &str, seconds: f64) -> Report {
        Report::new(step, Verdict::Failed, Some(reason), seconds)
    }

    pub(super) fn skipped(step: &Step, reason: &str) -> Report {
        Report::new(step, Verdict::Skipped, Some(reason), 0.0)
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

/// The table a person sees at the end.
pub(super) fn print(reports: &[Report]) {
    out!("");
    for report in reports {
        let verdict = match report.verdict {
            Verdict::Passed => "passed",
            Verdict::Failed => "FAILED",
            Verdict::Skipped => "skipped",
        };
        let tests = report.tests.map_or(String::new(), |tests| format!(" ({tests} tests)"));
        out!("{verdict:<8} {:<10} {:>7.1} s  {}{tests}", report.id, report.seconds, report.verifies);
        if report.verdict != Verdict::Passed {
            report.reason.iter().for_each(|reason| out!("{:20}{reason}", ""));
        }
    }
    let count = |verdict| reports.iter().filter(|report| report.verdict == verdict).count();
    let (passed, failed, skipped) = (count(Verdict::Passed), count(Verdict::Failed), count(Verdict::Skipped));
    out!("\nsteps: {passed} passed, {failed} failed, {skipped} skipped");
}
