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
    let rows = found
        .into_iter()
        .flat_map(|Found { lock, findings }| findings.into_iter().map(move |finding| (lock.clone(), finding)));
    let rows: Vec<_> = rows.map(|(lock, finding)| Row { lock, verdict: verdict(&finding), finding }).collect();
    let idle = valid.iter().filter(|ignore| !rows.iter().any(|row| row.finding.id == ignore.id));
    let ids = |ignore: &&crate::delivery::Ignore| ignore.id.clone();
    Judged { locks, idle: idle.map(ids).collect(), expired: over.iter().map(ids).collect(), rows }
}

#[cfg(test)]
mod tests {
    use super::super::severity::Severity;
    use super::*;
    use crate::delivery::Delivery;
    use crate::testing::DELIVERY;

    fn judged(table: &str, found: &[(&str, Severity)]) -> Judged {
        let settings = Delivery::parse(&format!("[advisories]\n{table}\n{DELIVERY}")).unwrap().advisories;
        let finding = |&(id, severity): &(&str, Severity)| Finding {
            id: id.into(),
            title: String::new(),
            severity,
            basis: String::new(),
            name: "time".into(),
            version: "0.1.43".into(),
            path: Vec::new(),
            fixed: None,
            remedy: String::new(),
            url: None,
        };
        let found = Found { lock: "Cargo.lock".into(), findings: found.iter().map(finding).collect() };
        judge(vec![found], &settings, &Day::try_from("2026-11-25".to_owned()).unwrap())
    }

    const ALL: [Severity; 5] = [Severity::Note, Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

    #[test]
    fn what_is_as_severe_as_configured_fails_and_the_rest_is_told() {
        for (fail_on, failing) in [("high", 2), ("medium", 3), ("low", 4), ("note", 5)] {
            let judged = judged(&format!("fail_on = \"{fail_on}\""), &ALL.map(|severity| ("RUSTSEC-1", severity)));
            let fails = judged.rows.iter().filter(|row| row.verdict == Verdict::Fails);
            assert!(fails.clone().all(|row| row.finding.severity >= ALL[5 - failing]), "{fail_on}");
            assert_eq!((fails.count(), judged.is_ok()), (failing, false), "{fail_on}");
        }
        assert!(judged("", &[("RUSTSEC-1", Severity::Medium)]).is_ok());
    }

    fn ignore(until: &str) -> String {
        format!("ignore = [{{ id = \"RUSTSEC-1\", reason = \"not called\", until = \"{until}\" }}]")
    }

    #[test]
    fn what_is_let_pass_is_so_by_its_id_until_the_end_of_its_last_day() {
        let passes = judged(&ignore("2026-11-25"), &[("RUSTSEC-1", Severity::Critical)]);
        assert!(passes.is_ok() && passes.idle.is_empty());
        assert!(matches!(&passes.rows[0].verdict, Verdict::Ignored { reason, .. } if reason == "not called"));
        assert!(!judged(&ignore("2026-11-25"), &[("RUSTSEC-2", Severity::High)]).is_ok());
        let over = judged(&ignore("2026-11-24"), &[("RUSTSEC-1", Severity::Low)]);
        assert_eq!(
            (over.is_ok(), over.expired, &over.rows[0].verdict),
            (false, vec!["RUSTSEC-1".into()], &Verdict::Noted)
        );
    }

    #[test]
    fn what_has_run_out_fails_even_where_nothing_is_found() {
        assert!(!judged(&ignore("2026-11-24"), &[]).is_ok());
        let idle = judged(&ignore("2026-11-25"), &[]);
        assert_eq!((idle.is_ok(), idle.idle), (true, vec!["RUSTSEC-1".into()]));
    }
}
