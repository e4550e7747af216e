//! A run as a whole: when, where, of what, and what its time went into.

use std::path::Path;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::critical::CriticalPath;
use super::{Report, Verdict};
use crate::packages::is_ci;
use crate::{git, time};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::ci) enum Outcome {
    /// No step has failed.
    Passed,
    /// One has.
    Failed,
    /// It was ended before it was over.
    Interrupted,
}

/// A run.
#[derive(Debug, Clone, Serialize)]
pub(in crate::ci) struct Run {
    #[serde(with = "time::rfc3339")]
    pub(super) started: SystemTime,
    /// From its beginning to its end.
    pub(super) seconds: f64,
    /// Of all steps together; more than the whole where some ran side by side.
    pub(super) seconds_of_steps: f64,
    pub(super) verdict: Outcome,
    /// What is checked out; none outside a checkout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) commit: Option<String>,
    /// Whether the working tree is that commit and nothing else.
    pub(super) clean: bool,
    pub(super) host: Host,
    /// Why it did not end earlier; none where no step ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) critical_path: Option<CriticalPath>,
}

/// The machine.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Host {
    /// System, its release and the processor.
    pub(super) os: String,
    /// Processors that this program may use.
    pub(super) cores: usize,
    pub(super) rustc: String,
    /// Whether it is a CI system.
    pub(super) ci: bool,
}

impl Run {
    /// Of these reports.
    pub(in crate::ci) fn of(
        root: &Path,
        (started, took): (SystemTime, Duration),
        rustc: &str,
        reports: &[Report],
        is_cancelled: bool,
    ) -> Run {
        let failed = reports.iter().any(|report| report.verdict == Verdict::Failed);
        let verdict = match (is_cancelled, failed) {
            (true, _) => Outcome::Interrupted,
            (_, true) => Outcome::Failed,
            _ => Outcome::Passed,
        };
        let head = git::head(root);
        Run {
            started,
            seconds: took.as_secs_f64(),
            seconds_of_steps: reports.iter().map(|report| report.seconds).sum(),
            verdict,
            clean: head.as_ref().is_some_and(|head| head.clean),
            commit: head.map(|head| head.commit),
            host: Host::here(rustc),
            critical_path: CriticalPath::of(reports, took.as_secs_f64()),
        }
    }
}

impl Host {
    fn here(rustc: &str) -> Host {
        let uname = rustix::system::uname();
        let words = [uname.sysname(), uname.release(), uname.machine()].map(|word| word.to_string_lossy());
        Host {
            os: words.join(" "),
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            // The first of what it says about itself.
            rustc: rustc.split(", ").next().unwrap_or_default().to_owned(),
            ci: is_ci(),
        }
    }
}
