//! What a finding means for this project.

use serde::Serialize;

use super::finding::Finding;
use super::scan::Found;
use crate::delivery::Advisories;
use crate::time::Day;

/// All findings, judged.
#[derive(Debug)]
pub(super) struct Judged {
    /// The lock files that were looked at.
    pub(super) locks: Vec<String>,
    /// The most severe first, for each lock file.
    pub(super) rows: Vec<Row>,
    /// The advisories that were let pass until a day that is over.
    pub(super) expired: Vec<String>,
    /// The advisories that need not be let pass any more.
    pub(super) idle: Vec<String>,
}

/// A finding, where it was found and what it means.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Row {
    pub(super) lock: String,
    #[serde(flatten)]
    pub(super) finding: Finding,
    #[serde(flatten)]
    pub(super) verdict: Verdict,
}

/// What a finding means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "lowercase")]
pub(super) enum Verdict {
    /// It has to be mended.
    Fails,
    /// It is told, no more.
    Noted,
    /// Somebody has looked into it.
    Ignored { reason: String, until: Day },
}

impl Judged {
    /// Whether nothing stands against the dependencies.
    pub(super) fn is_ok(&self) -> bool {
        self.expired.is_empty() && !self.rows.iter().any(|row| row.verdict == Verdict::Fails)
    }
}

/// Judges what was found, on a day.
pub(super) fn judge(found: Vec<Found>, settings: &Advisories, today: &Day) -> Judged {
    let (over, valid): (Vec<_>, Vec<_>) = settings.ignore.iter().partition(|ignore| ignore.until < *today);
    let locks = found.iter().map(|found| found.lock.clone()).collect();
    let verdict = |finding: &Finding| match valid.iter().find(|ignore| ignore.id == finding.id) {
        Some(ignore) => Verdict::Ignored { reason: ignore.reason.get_ref().clone(), until: ignore.until.clone() },
        None if finding.severity >= *settings.fail_on.get_ref() => Verdict::Fails,
        None => Verdict::Noted,
    };
    let rows = found.into_iter().flat_map(|Found { lock, findings }| {
        findings.into_iter().map(move |finding| (lock.clone(), finding))
    });
    let rows: Vec<_> = rows.map(|(lock, finding)| Row { lock, verdict: verdict(&finding), finding }).collect();
    let idle = valid.iter().filter(|ignore| !rows.iter().any(|row| row.finding.id == ignore.id));
    let ids = |ignore: &&crate::delivery::Ignore| ignore.id.clone();
    Judged { locks, idle: idle.map(ids).collect(), expired: over.iter().map(ids).collect(), rows }
}
