//! What a run has found: for people, for programs, and for GitHub's summary of the job.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use anyhow::Context as _;
use serde::Serialize;

use super::table::Criterion;
use super::verdict::{Short, Shown, Verdict};
use crate::foreign::first;
use crate::markdown::{cell, code};
use crate::time;
use crate::{git, github, out};

/// Where the reports are, from the project's root.
const FOLDER: &str = "target/xtask/verify";

/// All that a run has found.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    #[serde(with = "time::rfc3339")]
    began: SystemTime,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<String>,
    /// Whether all of it was met.
    pub(super) met: bool,
    criteria: Vec<Finding>,
}

/// What it has found of one criterion.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    pub(super) id: &'static str,
    asks: &'static str,
    how: &'static str,
    stands: &'static [&'static str],
    pub(super) verdict: Verdict,
    /// What was measured, or how it falls short, each in a few words.
    pub(super) evidence: Vec<String>,
    /// How long it took, in seconds; what several are measured by is counted to the first.
    seconds: f64,
}

impl Finding {
    pub(super) fn of(criterion: &Criterion, shown: Shown, seconds: f64) -> Finding {
        let (verdict, evidence) = match shown {
            Ok(evidence) => (Verdict::Met, evidence),
            Err(Short::Missed(found)) => (Verdict::Missed, found),
            Err(Short::Unknown(why)) => (Verdict::Unknown, vec![why]),
        };
        let Criterion { id, asks, how, stands, .. } = *criterion;
        Finding { id, asks, how, stands, verdict, evidence, seconds }
    }

    /// As it is told when it ends.
    pub(super) fn line(&self) -> String {
        let evidence = self.evidence.join("; ");
        format!("{:<7}  {}  {}: {evidence} ({:.1} s)", self.verdict.word(), self.id, self.asks, self.seconds)
    }
}

impl Report {
    pub(super) fn new(root: &Path, began: SystemTime, criteria: Vec<Finding>) -> Report {
        let commit = git::head(root).map(|head| head.commit + if head.clean { "" } else { ", with changes" });
        let met = criteria.iter().all(|finding| finding.verdict == Verdict::Met);
        Report { began, commit, met, criteria }
    }

    /// Those that were measured.
    pub(super) fn findings(&self) -> &[Finding] {
        &self.criteria
    }

    /// Those that fall short.
    pub(super) fn short(&self) -> impl Iterator<Item = &Finding> {
        self.criteria.iter().filter(|finding| finding.verdict != Verdict::Met)
    }

    /// How many there are, and how many came to what.
    pub(super) fn counts(&self) -> String {
        let count = |verdict| self.criteria.iter().filter(|finding| finding.verdict == verdict).count();
        let counts = Verdict::ALL.map(|verdict| format!("{} {}", count(verdict), verdict.word()));
        format!("{} criteria: {}", self.criteria.len(), counts.join(", "))
    }

    /// Leaves it in `target/xtask/verify`, and where GitHub looks for it.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(super) fn write(&self, root: &Path) -> anyhow::Result<()> {
        let folder = root.join(FOLDER);
        let write = || -> anyhow::Result<()> {
            fs::create_dir_all(&folder)?;
            fs::write(folder.join("report.json"), serde_json::to_string_pretty(self)?)?;
            Ok(fs::write(folder.join("report.md"), self.markdown())?)
        };
        write().with_context(|| format!("writing {}", folder.display()))?;
        github::summarise(|room| first(&self.markdown(), room).to_owned())
    }

    /// Prints it.
    ///
    /// # Errors
    /// Those of the serializer.
    pub(super) fn print(&self, json: bool) -> anyhow::Result<()> {
        out!("{}", if json { serde_json::to_string_pretty(self)? } else { self.table() });
        Ok(())
    }

    fn table(&self) -> String {
        let row = |finding: &Finding| {
            let more = finding.evidence.iter().map(|line| format!("\n{:<15}{line}", ""));
            let verdict = if finding.verdict == Verdict::Met { "met" } else { &finding.verdict.word().to_uppercase() };
            format!("{verdict:<8} {:<5} {}{}\n", finding.id, finding.asks, more.collect::<String>())
        };
        let rows: String = self.criteria.iter().map(row).collect();
        format!("\n{rows}\n{}\nreport: {FOLDER}/report.md", self.counts())
    }

    fn markdown(&self) -> String {
        let of = self.commit.as_ref().map_or("no commit".to_owned(), |commit| code(commit));
        let head = format!("# Criteria: {}\n\n- Run of {}, of {of}\n\n", self.counts(), time::format(self.began));
        let row = |finding: &Finding| {
            let evidence: Vec<_> = finding.evidence.iter().map(|line| cell(&code(line))).collect();
            let asks = cell(finding.asks);
            let verdict =
                if finding.verdict == Verdict::Met { "met" } else { &format!("**{}**", finding.verdict.word()) };
            format!("| {} | {asks} | {verdict} | {} |\n", finding.id, evidence.join("<br>"))
        };
        let rows: String = self.criteria.iter().map(row).collect();
        format!("{head}| | Asks | Verdict | Evidence |\n| --- | --- | --- | --- |\n{rows}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::CRITERIA;
    use super::*;

    fn report(shown: Vec<Shown>) -> Report {
        let criteria =
            CRITERIA.iter().zip(shown).map(|(criterion, shown)| Finding::of(criterion, shown, 1.25)).collect();
        Report { commit: Some("abc".into()), ..Report::new(Path::new("/nowhere"), SystemTime::UNIX_EPOCH, criteria) }
    }

    #[test]
    fn what_is_unknown_falls_short_as_what_is_missed_does() {
        let met = || Ok(vec!["a|b".to_owned()]);
        assert!(report(vec![met(), met()]).met);
        assert!(!report(vec![met(), Err(Short::unknown("no engine"))]).met);
        let report = report(vec![met(), Err(Short::missed("no")), Err(Short::unknown("no engine"))]);
        let short: Vec<_> = report.short().map(|finding| finding.id).collect();
        assert_eq!((short, report.met), (vec!["A1.2", "A1.3"], false));
        assert_eq!(report.counts(), "3 criteria: 1 met, 1 missed, 1 unknown");
    }

    #[test]
    fn people_see_each_with_its_evidence() {
        let report = report(vec![Ok(vec!["a|b".into(), "c".into()]), Err(Short::unknown("no engine"))]);
        let expected = "
met      A1.1  The pipeline triggers on a push to main
               a|b
               c
UNKNOWN  A1.2  Tests run and must pass before a deployment
               no engine

2 criteria: 1 met, 0 missed, 1 unknown
report: target/xtask/verify/report.md";
        assert_eq!(report.table(), expected);
        let markdown = report.markdown();
        for line in [
            "# Criteria: 2 criteria: 1 met, 0 missed, 1 unknown\n",
            "- Run of 1970-01-01T00:00:00.000Z, of `abc`\n",
            "| A1.1 | The pipeline triggers on a push to main | met | `a\\|b`<br>`c` |\n",
            "| A1.2 | Tests run and must pass before a deployment | **unknown** | `no engine` |\n",
        ] {
            assert!(markdown.contains(line), "{line} in {markdown}");
        }
        let line = "met      A1.1  The pipeline triggers on a push to main: a|b; c (1.2 s)";
        assert_eq!(report.criteria[0].line(), line);
    }
}
