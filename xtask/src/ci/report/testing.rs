//! Reports for the tests of their formats.

use std::time::{Duration, SystemTime};

use super::critical::CriticalPath;
use super::issue::{Issue, Level, Place};
use super::run::{Host, Outcome};
use super::status::{Standing, Stands};
use super::{Changed, Report, Reports, Run, Status, Verdict};
use crate::ci::step::{Lane, Step, USUAL};

const STEPS: [Step; 5] = [
    Step {
        id: "format",
        verifies: "the code is formatted by rustfmt",
        lane: Lane::Beside,
        command: &["cargo", "fmt", "--check"],
        remedy: "cargo fmt",
        fix: Some(&["cargo", "fmt"]),
        inputs: &["*.rs"],
        ..USUAL
    },
    Step { id: "build", verifies: "everything builds", criteria: &["A1.3"], ..USUAL },
    Step { id: "test", verifies: "every unit", criteria: &["A1.2"], after: &["build"], ..USUAL },
    Step { id: "docs", verifies: "the documentation builds", ..USUAL },
    Step { id: "images", verifies: "the image", criteria: &["A1.3"], ..USUAL },
];

/// A step that ran and passed.
pub(super) fn ran(step: &Step, began: f64, seconds: f64) -> Report {
    let log = format!("target/xtask/ci/logs/{}.log", step.id);
    Report { began, seconds, log: Some(log.into()), ..Report::of(step, Verdict::Passed) }
}

/// One step of each verdict.
pub(super) fn reports() -> Reports {
    let [format, build, test, docs, images] = &STEPS;
    let issue = Issue {
        level: Level::Error,
        code: Some("rustfmt".into()),
        test: None,
        place: Some(Place { file: "src/a|b.rs".into(), line: Some(3), column: Some(5) }),
        message: "not formatted, 100 %:\nsee `it`".into(),
    };
    let failed = Report {
        verdict: Verdict::Failed,
        files: Some(3),
        changed: Some(Changed { since: "it last passed".into(), files: vec!["src/a|b.rs".into()] }),
        issues: vec![issue],
        tail: "Diff in src/a|b.rs:3:\n```\n<b>&\n".into(),
        ..ran(format, 0.0, 0.5).because("exit status: 1")
    };
    let steps = vec![
        failed,
        ran(build, 0.0, 20.0),
        Report { tests: Some(412), figures: Some("| a |\n| --- |\n".into()), ..ran(test, 20.0, 100.0) },
        Report::of(docs, Verdict::Fresh).because("it passed 5s ago with the same 3 files and 2 facts"),
        Report::of(images, Verdict::Skipped).because("there is no engine\n  next: apt-get install docker"),
    ];
    let started = SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000);
    let standing = |(report, stands): (&Report, _)| Standing {
        id: report.id,
        verifies: report.verifies,
        stands,
        reason: report.reason.clone(),
        at: Some(started).filter(|_| stands != Stands::Unknown),
        seconds: Some(report.seconds),
        tests: report.tests,
    };
    let stand = [Stands::Failed, Stands::Holds, Stands::Holds, Stands::Holds, Stands::Unknown];
    let standings = steps.iter().zip(stand).map(standing).collect();
    let host = Host { os: "Linux 6.1 x86_64".into(), cores: 2, rustc: "rustc 1.95.0".into(), ci: true };
    let run = Run {
        started,
        seconds: 125.0,
        seconds_of_steps: 120.5,
        verdict: Outcome::Failed,
        commit: Some("191ca56730d19f3c7e6086e7aa3d7e6bfe996338".into()),
        clean: false,
        host,
        critical_path: CriticalPath::of(&steps, 125.0),
    };
    Reports::new(run, steps, Status::by(&STEPS, standings))
}
