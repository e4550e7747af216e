//! How the project stands by all steps of the table: those of this run, and the others by what is known of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::{Report, Run, Verdict, json};
use crate::ci::fresh::{Fingerprints, Freshness};
use crate::ci::step::Step;
use crate::time;

/// How the project stands.
#[derive(Debug, Clone, Serialize)]
pub(in crate::ci) struct Status {
    /// The worst of its steps.
    pub(super) stands: Stands,
    pub(super) criteria: Vec<Criterion>,
    pub(super) steps: Vec<Standing>,
}

/// Whether what a step verifies holds; the later the worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Stands {
    /// It has passed, with all that decides it as it is now.
    Holds,
    /// It has passed, and something has changed since.
    Outdated,
    /// It has never run here.
    Unknown,
    /// It has failed when it last ran.
    Failed,
}

impl Stands {
    pub(super) fn word(self) -> &'static str {
        match self {
            Stands::Holds => "holds",
            Stands::Outdated => "outdated",
            Stands::Unknown => "unknown",
            Stands::Failed => "failed",
        }
    }
}

/// An acceptance criterion, by the steps that serve it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Criterion {
    pub(super) id: &'static str,
    /// The worst of its steps.
    pub(super) stands: Stands,
    pub(super) steps: Vec<&'static str>,
}

/// How a step stands.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Standing {
    pub(super) id: &'static str,
    pub(super) verifies: &'static str,
    pub(super) stands: Stands,
    /// Why, where there is more to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    /// When the run began that says so.
    #[serde(with = "time::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<SystemTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tests: Option<u64>,
}

/// What an earlier run has left of a step.
#[derive(Debug, Deserialize)]
struct Known {
    run: KnownRun,
    step: KnownStep,
}

#[derive(Debug, Deserialize)]
struct KnownRun {
    #[serde(with = "time::rfc3339")]
    started: SystemTime,
}

#[derive(Debug, Deserialize)]
struct KnownStep {
    verdict: Verdict,
    reason: Option<String>,
    seconds: f64,
    tests: Option<u64>,
}

impl Status {
    /// By all steps there are, after a run of some of them.
    pub(in crate::ci) fn of(all: &[Step], run: &Run, reports: &[Report], prints: &Fingerprints, root: &Path) -> Status {
        let standing = |step: &Step| {
            let report = reports.iter().find(|report| report.id == step.id);
            match report.filter(|report| report.verdict != Verdict::Skipped) {
                Some(report) => Standing::of(report, run),
                None => {
                    let known = Standing::known(step, prints, root);
                    let skipped = report.and_then(|report| report.reason.clone());
                    Standing { reason: known.reason.or(skipped), ..known }
                }
            }
        };
        Status::by(all, all.iter().map(standing).collect())
    }

    pub(super) fn by(all: &[Step], steps: Vec<Standing>) -> Status {
        let mut criteria: BTreeMap<_, (Stands, Vec<_>)> = BTreeMap::new();
        for (step, standing) in all.iter().zip(&steps) {
            for id in step.criteria {
                let (stands, ids) = criteria.entry(*id).or_insert((Stands::Holds, Vec::new()));
                *stands = (*stands).max(standing.stands);
                ids.push(step.id);
            }
        }
        let criteria = criteria.into_iter().map(|(id, (stands, steps))| Criterion { id, stands, steps }).collect();
        let stands = steps.iter().map(|standing| standing.stands).max().unwrap_or(Stands::Unknown);
        Status { stands, criteria, steps }
    }

    /// In a few words.
    pub(super) fn headline(&self) -> String {
        let count = |stands| self.steps.iter().filter(|standing| standing.stands == stands).count();
        let all = self.steps.len();
        match self.stands {
            Stands::Holds => format!("all {all} steps hold"),
            Stands::Failed => format!("{} of {all} steps failed, {} hold", count(Stands::Failed), count(Stands::Holds)),
            Stands::Outdated | Stands::Unknown => {
                let (outdated, unknown) = (count(Stands::Outdated), count(Stands::Unknown));
                format!(
                    "{} of {all} steps hold, {outdated} are outdated, {unknown} never ran here",
                    count(Stands::Holds)
                )
            }
        }
    }
}

impl Standing {
    fn of(report: &Report, run: &Run) -> Standing {
        Standing {
            id: report.id,
            verifies: report.verifies,
            stands: if report.verdict.is_good() { Stands::Holds } else { Stands::Failed },
            reason: report.reason.clone(),
            at: Some(run.started),
            seconds: Some(report.seconds),
            tests: report.tests,
        }
    }

    /// Of a step that did not run.
    fn known(step: &Step, prints: &Fingerprints, root: &Path) -> Standing {
        // What cannot be read tells nothing.
        let known = fs::read(json::of_step(step.id, root)).ok();
        let known = known.and_then(|json| serde_json::from_slice::<Known>(&json).ok());
        let known = known.filter(|known| known.step.verdict != Verdict::Skipped);
        let (stands, reason) = match (&known, prints.freshness(step)) {
            (_, Freshness::Fresh(_, reason)) => (Stands::Holds, Some(reason)),
            (None, _) => (Stands::Unknown, None),
            (Some(known), _) if known.step.verdict == Verdict::Failed => (Stands::Failed, known.step.reason.clone()),
            (Some(_), Freshness::Stale(reason)) => (Stands::Outdated, Some(reason)),
        };
        Standing {
            id: step.id,
            verifies: step.verifies,
            stands,
            reason,
            at: known.as_ref().map(|known| known.run.started),
            seconds: known.as_ref().map(|known| known.step.seconds),
            tests: known.and_then(|known| known.step.tests),
        }
    }
}
