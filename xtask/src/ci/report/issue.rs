//! What a step has met: errors, warnings, tests that have failed, each with its place where its tool names one.

use std::path::Path;

use serde::Serialize;

use super::{Report, Verdict, diagnostics, suites};
use crate::ci::step::{Step, Tests};
use crate::ci::tests;
use crate::foreign;

/// How many of a step's are reported; the others are counted.
const MOST: usize = 50;
/// How much of a log is read, in bytes: what a tool has to say last is what it failed with.
const OF_A_LOG: u64 = 1 << 20;

/// How bad it is, as its tool says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::ci) enum Level {
    Error,
    Warning,
}

/// Where it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
pub(in crate::ci) struct Place {
    /// From the project's folder on, where it lies in there.
    pub(super) file: String,
    /// Counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) line: Option<u64>,
    /// Counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) column: Option<u64>,
}

/// One thing a step has met.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub(in crate::ci) struct Issue {
    pub(super) level: Level,
    /// What its tool calls this kind of thing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<String>,
    /// The test that has failed, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) test: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) place: Option<Place>,
    pub(super) message: String,
}

impl Issue {
    /// `src/main.rs:3:5`.
    pub(super) fn at(&self) -> Option<String> {
        let place = self.place.as_ref()?;
        let numbers = [place.line, place.column].into_iter().flatten().map(|number| format!(":{number}"));
        Some(place.file.clone() + &numbers.collect::<String>())
    }
}

impl Report {
    /// The report with what its step has met: what made it fail, or what it has passed in spite of.
    #[must_use]
    pub(in crate::ci) fn with_issues(mut self, step: &Step, root: &Path) -> Report {
        let log = self.log.as_ref().and_then(|log| foreign::tail(&root.join(log), OF_A_LOG).ok()).unwrap_or_default();
        let mut issues = match self.verdict {
            Verdict::Failed => of_a_failure(step, root, &log),
            // Tests that have passed may have printed anything.
            Verdict::Passed if step.tests == Tests::None => diagnostics::warnings(&log, root),
            _ => Vec::new(),
        };
        self.failed_tests = issues.iter().filter_map(|issue| issue.test.clone()).collect();
        self.more_issues = issues.len().saturating_sub(MOST);
        issues.truncate(MOST);
        if self.verdict == Verdict::Failed {
            self.tail = log;
        }
        Report { issues, ..self }
    }
}

fn of_a_failure(step: &Step, root: &Path, log: &str) -> Vec<Issue> {
    let report = std::fs::read_to_string(tests::report(step.id, root)).ok();
    match (step.tests, report) {
        // What else tests have printed, panics that they expected among it, has not made them fail.
        (Tests::Nextest, Some(report)) => suites::failures(&report, root),
        (Tests::Harness, _) => [diagnostics::failed_tests(log, root), diagnostics::all(log, root)].concat(),
        _ => diagnostics::all(log, root),
    }
}
