//! Scanners of other people's, where the machine has one: they know the packages of distributions, and advisories that are
//! no crate's.

use std::time::Duration;

use serde::Deserialize;

use super::Subject;
use super::row::{Row, Verdict};
use crate::foreign::plain;
use crate::limited;

/// How long one may take; the first time, it fetches its database.
const LIMIT: Duration = Duration::from_secs(600);

/// A scanner.
struct Scanner {
    name: &'static str,
    /// What it is called with, before the image.
    args: &'static [&'static str],
    parse: fn(&str) -> Result<Vec<Hit>, String>,
}

const SCANNERS: [Scanner; 2] = [
    Scanner { name: "trivy", args: &["image", "--quiet", "--format", "json", "--scanners", "vuln"], parse: trivy },
    Scanner { name: "grype", args: &["--quiet", "--output", "json"], parse: grype },
];

/// A vulnerability that was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// Whether it is critical; if not, it is high.
    pub is_critical: bool,
    /// Its id.
    pub id: String,
    /// Where it is: a package and its version.
    pub package: String,
}

/// A row for each.
pub(super) fn rows(subject: &Subject<'_>) -> Vec<Row> {
    SCANNERS.iter().map(|scanner| scanner.row(subject.reference)).collect()
}

impl Scanner {
    fn row(&self, image: &str) -> Row {
        let remedy = "update what it names, or do without it; the scanner itself says more";
        let skipped =
            |why: String| Row::new(self.name, Verdict::Skipped, why, remedy).allowing("none high or critical");
        let Ok(program) = which::which(self.name) else {
            return skipped(format!("{} is not installed", self.name)).optional();
        };
        let command = duct::cmd(program, self.args.iter().copied().chain([image]));
        let output = match limited::run_apart(&command, LIMIT) {
            Ok(output) => output,
            Err(error) => return skipped(format!("{} could not be run: {error:#}", self.name)),
        };
        if !output.status.success() {
            let said = plain(&String::from_utf8_lossy(&output.stderr));
            let said = said.lines().last().unwrap_or_default();
            return skipped(format!("{} failed with {}: {said}", self.name, output.status));
        }
        match (self.parse)(&String::from_utf8_lossy(&output.stdout)) {
            Ok(hits) => counted(self.name, &hits, remedy),
            Err(error) => skipped(format!("what {} prints cannot be read: {error}", self.name)),
        }
    }
}

fn counted(name: &'static str, hits: &[Hit], remedy: &'static str) -> Row {
    let critical = hits.iter().filter(|hit| hit.is_critical).count();
    let found = format!("{critical} critical, {} high", hits.len() - critical);
    let verdict = if hits.is_empty() { Verdict::Passed } else { Verdict::Failed };
    let told = |hit: &Hit| format!("{}: {} {}", if hit.is_critical { "critical" } else { "high" }, hit.id, hit.package);
    let detail = hits.iter().map(told).collect();
    Row { detail, ..Row::new(name, verdict, found, remedy) }.allowing("none high or critical")
}

/// Reads what trivy prints.
///
/// # Errors
/// When it is not its JSON.
pub fn trivy(text: &str) -> Result<Vec<Hit>, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Report {
        results: Option<Vec<Target>>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Target {
        vulnerabilities: Option<Vec<Vulnerability>>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Vulnerability {
        #[serde(rename = "VulnerabilityID")]
        id: String,
        pkg_name: String,
        #[serde(default)]
        installed_version: String,
        severity: String,
    }
    let report: Report = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let all = report.results.into_iter().flatten().flat_map(|target| target.vulnerabilities.into_iter().flatten());
    Ok(severe(all.map(|it| (it.severity, it.id, it.pkg_name, it.installed_version))))
}

/// Reads what grype prints.
///
/// # Errors
/// When it is not its JSON.
pub fn grype(text: &str) -> Result<Vec<Hit>, String> {
    #[derive(Deserialize)]
    struct Report {
        matches: Vec<Match>,
    }
    #[derive(Deserialize)]
    struct Match {
        vulnerability: Vulnerability,
        artifact: Artifact,
    }
    #[derive(Deserialize)]
    struct Vulnerability {
        id: String,
        severity: String,
    }
    #[derive(Deserialize)]
    struct Artifact {
        name: String,
        #[serde(default)]
        version: String,
    }
    let report: Report = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let told = |it: Match| (it.vulnerability.severity, it.vulnerability.id, it.artifact.name, it.artifact.version);
    Ok(severe(report.matches.into_iter().map(told)))
}

/// Those that count, each once, the critical ones first.
fn severe(all: impl Iterator<Item = (String, String, String, String)>) -> Vec<Hit> {
    let hits = all.filter_map(|(severity, id, name, version)| {
        let is_critical = severity.eq_ignore_ascii_case("critical");
        let counts = is_critical || severity.eq_ignore_ascii_case("high");
        let line = |text: &str| plain(text).replace(['\n', '\t'], " ");
        counts.then(|| Hit { is_critical, id: line(&id), package: line(format!("{name} {version}").trim_end()) })
    });
    let mut hits: Vec<_> = hits.collect();
    hits.sort_by(|one, other| other.is_critical.cmp(&one.is_critical).then_with(|| one.cmp(other)));
    hits.dedup();
    hits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_both_what_is_high_or_critical_counts() {
        let found = trivy(
            r#"{"SchemaVersion":2,"Results":[{"Target":"a","Class":"os-pkgs"},{"Target":"b","Vulnerabilities":[
            {"VulnerabilityID":"CVE-1","PkgName":"zlib","InstalledVersion":"1.2","Severity":"HIGH"},
            {"VulnerabilityID":"CVE-2","PkgName":"zlib","Severity":"MEDIUM"},
            {"VulnerabilityID":"CVE-3","PkgName":"libc","InstalledVersion":"2","Severity":"CRITICAL"}]}]}"#,
        );
        let told =
            |hits: Vec<Hit>| hits.into_iter().map(|hit| (hit.is_critical, hit.id, hit.package)).collect::<Vec<_>>();
        let expected = [(true, "CVE-3".into(), "libc 2".into()), (false, "CVE-1".into(), "zlib 1.2".into())];
        assert_eq!(told(found.unwrap()), expected);
        let found = grype(
            r#"{"matches":[{"vulnerability":{"id":"CVE-1","severity":"High"},"artifact":{"name":"zlib","version":"1.2"}},
            {"vulnerability":{"id":"CVE-3","severity":"Critical"},"artifact":{"name":"libc","version":"2"}},
            {"vulnerability":{"id":"CVE-4","severity":"Negligible"},"artifact":{"name":"libc","version":"2"}}]}"#,
        );
        assert_eq!(told(found.unwrap()), expected);
        assert_eq!(trivy(r#"{"SchemaVersion":2,"Results":null}"#), Ok(Vec::new()));
        for text in ["", "[]", "{\"Results\":1}"] {
            assert!(trivy(text).is_err() && grype(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_scanner_that_is_not_there_is_nobodys_fault() {
        let row = Scanner { name: "no-such-scanner", args: &[], parse: trivy }.row("shop:1");
        assert_eq!((row.verdict, row.fails(true)), (Verdict::Skipped, false), "{row:?}");
        // One that is there and fails is looked after.
        let row = Scanner { name: "false", args: &[], parse: trivy }.row("shop:1");
        assert_eq!((row.verdict, row.fails(true)), (Verdict::Skipped, true), "{row:?}");
        let row = Scanner { name: "echo", args: &[], parse: grype }.row(r#"{"matches":[]}"#);
        assert_eq!((row.verdict, row.found.as_str()), (Verdict::Passed, "0 critical, 0 high"));
    }
}
