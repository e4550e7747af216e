//! What cargo-deny has found, out of the JSON it prints: an object a line.

use anyhow::Context as _;
use semver::{Op, Version, VersionReq};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::severity::{Rating, Severity};

/// An advisory about a crate that is depended on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Finding {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) severity: Severity,
    /// What that was judged by.
    pub(super) basis: String,
    #[serde(rename = "crate")]
    pub(super) name: String,
    pub(super) version: String,
    /// How it comes to be depended on, from a member of the workspace to the crate itself.
    pub(super) path: Vec<String>,
    /// The versions in which it is mended, if any.
    pub(super) fixed: Option<String>,
    /// What to do.
    pub(super) remedy: String,
    pub(super) url: Option<String>,
}

#[derive(Deserialize)]
struct Advisory {
    id: String,
    title: String,
    url: Option<String>,
    #[serde(flatten)]
    rating: Rating,
}

/// Reads it. `manifest` is the workspace's, for the remedies.
///
/// # Errors
/// When it is not what cargo-deny prints after a check that came to its end, with what it has said instead.
pub(super) fn parse(printed: &str, manifest: Option<&str>) -> anyhow::Result<Vec<Finding>> {
    let (mut findings, mut said, mut is_whole) = (Vec::new(), Vec::new(), false);
    for line in printed.lines().filter(|line| !line.trim().is_empty()) {
        let Ok(object) = serde_json::from_str::<Value>(line) else {
            said.push(line.to_owned());
            continue;
        };
        let fields = &object["fields"];
        match object["type"].as_str() {
            Some("summary") => is_whole = true,
            Some("diagnostic") if fields["advisory"].is_object() => findings.push(finding(fields, manifest)?),
            // About its own configuration or an advisory that it cannot read.
            Some("diagnostic" | "log") if ["error", "ERROR"].iter().any(|level| is_of(fields, level)) => {
                said.push(fields["message"].as_str().unwrap_or(line).to_owned());
            }
            _ => {}
        }
    }
    anyhow::ensure!(is_whole && said.is_empty(), "cargo-deny could not check: {}", said.join("; "));
    findings.sort_by(|one, other| other.severity.cmp(&one.severity).then_with(|| one.id.cmp(&other.id)));
    Ok(findings)
}

fn is_of(fields: &Value, level: &str) -> bool {
    [&fields["severity"], &fields["level"]].iter().any(|value| *value == level)
}

fn finding(fields: &Value, manifest: Option<&str>) -> anyhow::Result<Finding> {
    let advisory =
        Advisory::deserialize(&fields["advisory"]).context("an advisory is not as cargo-deny prints them")?;
    let node = &fields["graphs"][0];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let (name, version) = text(&node["Krate"]["name"])
        .zip(text(&node["Krate"]["version"]))
        .with_context(|| format!("cargo-deny does not say which crate {} is about", advisory.id))?;
    let notes = fields["notes"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let fixed = notes.filter_map(|note| note.strip_prefix("Solution: Upgrade to ")).find_map(|note| {
        let (versions, _) = note.split_once(" (try").unwrap_or((note, ""));
        (!versions.is_empty()).then(|| versions.trim().to_owned())
    });
    let path = path(node);
    let remedy = remedy(&name, &version, fixed.as_deref(), &path, manifest);
    let Advisory { id, title, url, rating } = advisory;
    let (severity, basis) = (rating.severity(), rating.basis());
    Ok(Finding { id, title, severity, basis, name, version, path, fixed, remedy, url })
}

/// The first way up to a member of the workspace, turned round.
fn path(node: &Value) -> Vec<String> {
    let mut path = Vec::new();
    let mut next = Some(node);
    while let Some(node) = next {
        if let (Some(name), Some(version)) = (node["Krate"]["name"].as_str(), node["Krate"]["version"].as_str()) {
            path.push(format!("{name} {version}"));
        }
        // A crate that was shown before is not followed again, so another parent may lead further.
        let parents = node["parents"].as_array();
        next =
            parents.and_then(|parents| parents.iter().find(|parent| parent["parents"].is_array()).or(parents.first()));
    }
    path.reverse();
    path
}

fn remedy(name: &str, version: &str, fixed: Option<&str>, path: &[String], manifest: Option<&str>) -> String {
    let place = manifest.map(|manifest| format!(" --manifest-path {manifest}")).unwrap_or_default();
    let Some(fixed) = fixed else {
        return format!("no version is mended; do without it: cargo tree{place} --invert {name}@{version}");
    };
    if let Some(precise) = Version::parse(version).ok().and_then(|version| nearest(&version, fixed)) {
        return format!("cargo update{place} --package {name}@{version} --precise {precise}");
    }
    let from = path.iter().rev().nth(1).map_or("the manifest", String::as_str);
    format!(
        "no version that {from} takes is mended; raise what asks for it: cargo tree{place} --invert {name}@{version}"
    )
}

/// The lowest version that is mended and fits where this one does.
fn nearest(version: &Version, fixed: &str) -> Option<Version> {
    let compatible = VersionReq::parse(&format!("^{version}")).ok()?;
    let requirements = fixed.split(" OR ").filter_map(|text| VersionReq::parse(text).ok());
    let lowest = requirements.flat_map(|requirement| requirement.comparators).filter_map(|comparator| {
        let pre = comparator.pre;
        let lowest =
            Version { pre, ..Version::new(comparator.major, comparator.minor?, comparator.patch.unwrap_or(0)) };
        matches!(comparator.op, Op::GreaterEq | Op::Caret | Op::Tilde | Op::Exact).then_some(lowest)
    });
    lowest.filter(|lowest| compatible.matches(lowest) && lowest > version).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VULNERABLE: &str = r#"{"fields":{"advisory":{"aliases":["CVE-2021-25900","GHSA-43w2-9j62-hq99"],"categories":["memory-corruption"],"collection":"crates","cvss":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H","date":"2021-01-08","description":"A bug.","expect-deleted":false,"id":"RUSTSEC-2021-0003","informational":null,"keywords":["unsound"],"license":"CC0-1.0","package":"smallvec","references":[],"related":[],"source":null,"title":"Buffer overflow in SmallVec::insert_many","url":"https://github.com/servo/rust-smallvec/issues/252","withdrawn":null},"code":"vulnerability","graphs":[{"Krate":{"name":"smallvec","version":"1.6.0"},"parents":[{"Krate":{"name":"seen","version":"1.0.0"}},{"Krate":{"name":"parking_lot_core","version":"0.9.12"},"parents":[{"Krate":{"name":"shop","version":"0.1.0"}}]}]}],"labels":[{"column":1,"line":5,"message":"security vulnerability detected","span":"smallvec 1.6.0 registry+https://github.com/rust-lang/crates.io-index"}],"message":"Buffer overflow in SmallVec::insert_many","notes":["ID: RUSTSEC-2021-0003","Advisory: https://rustsec.org/advisories/RUSTSEC-2021-0003","A bug.","Announcement: https://github.com/servo/rust-smallvec/issues/252","Solution: Upgrade to >=0.6.14, <1.0.0 OR >=1.6.1 (try `cargo update -p smallvec`)"],"severity":"error"},"type":"diagnostic"}"#;
    const UNMAINTAINED: &str = r#"{"fields":{"advisory":{"aliases":[],"categories":[],"collection":"crates","cvss":null,"date":"2024-09-25","description":"No more.","expect-deleted":false,"id":"RUSTSEC-2024-0375","informational":"unmaintained","keywords":[],"license":"CC0-1.0","package":"atty","references":[],"related":[],"source":null,"title":"`atty` is unmaintained","url":null,"withdrawn":null},"code":"unmaintained","graphs":[{"Krate":{"name":"atty","version":"0.2.14"},"parents":[{"Krate":{"name":"shop","version":"0.1.0"}}]}],"labels":[],"message":"`atty` is unmaintained","notes":["ID: RUSTSEC-2024-0375","Solution: No safe upgrade is available!"],"severity":"error"},"type":"diagnostic"}"#;
    const SUMMARY: &str = r#"{"fields":{"advisories":{"errors":2,"helps":0,"notes":0,"warnings":0}},"type":"summary"}"#;
    const LOG: &str = r#"{"fields":{"level":"ERROR","message":"failed to load advisory database","timestamp":"2026-11-25T07:00:33.487345439Z"},"type":"log"}"#;

    #[test]
    fn what_was_found_is_read_with_the_most_severe_first() {
        let printed = [UNMAINTAINED, VULNERABLE, SUMMARY].join("\n");
        let [one, other] = parse(&printed, None).unwrap().try_into().unwrap();
        assert_eq!(
            (one.id.as_str(), one.severity, one.basis.as_str()),
            ("RUSTSEC-2021-0003", Severity::Critical, "CVSS 9.8")
        );
        assert_eq!((one.name.as_str(), one.version.as_str()), ("smallvec", "1.6.0"));
        assert_eq!(one.path, ["shop 0.1.0", "parking_lot_core 0.9.12", "smallvec 1.6.0"]);
        assert_eq!(one.fixed.as_deref(), Some(">=0.6.14, <1.0.0 OR >=1.6.1"));
        assert_eq!(one.remedy, "cargo update --package smallvec@1.6.0 --precise 1.6.1");
        assert_eq!(
            (other.severity, other.fixed, other.basis.as_str()),
            (Severity::Note, None, "no score, unmaintained")
        );
        assert!(other.remedy.ends_with("cargo tree --invert atty@0.2.14"), "{}", other.remedy);

        let [one] = parse(&[VULNERABLE, SUMMARY].join("\n"), Some("fuzz/Cargo.toml")).unwrap().try_into().unwrap();
        assert!(one.remedy.starts_with("cargo update --manifest-path fuzz/Cargo.toml --package"), "{}", one.remedy);
        assert_eq!(parse(SUMMARY, None).unwrap(), []);
    }

    #[test]
    fn a_check_that_did_not_come_to_its_end_has_found_nothing_and_passes_for_nothing() {
        let no_crate = VULNERABLE.replace("graphs", "trees");
        for (printed, expected) in [
            ("", "could not check"),
            (LOG, "failed to load advisory database"),
            (VULNERABLE, "could not check"),
            (&[LOG, SUMMARY].join("\n"), "failed to load advisory database"),
            (&["error: unexpected argument", SUMMARY].join("\n"), "unexpected argument"),
            (&[&no_crate, SUMMARY].join("\n"), "which crate RUSTSEC-2021-0003 is about"),
            (&[&VULNERABLE.replace("\"title\"", "\"name\""), SUMMARY].join("\n"), "missing field `title`"),
        ] {
            let error = format!("{:#}", parse(printed, None).unwrap_err());
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn the_nearest_version_is_the_lowest_mended_one_that_fits() {
        for (version, fixed, expected) in [
            ("1.6.0", ">=0.6.14, <1.0.0 OR >=1.6.1", Some("1.6.1")),
            ("0.6.1", ">=0.6.14, <1.0.0 OR >=1.6.1", Some("0.6.14")),
            ("0.1.43", ">=0.2.23", None),
            ("0.12.1", "^0.11.10 OR ^0.12.3 OR >=1.0.0", Some("0.12.3")),
            ("1.0.0", ">=1.2", Some("1.2.0")),
            ("1.0.0", "=1.0.5", Some("1.0.5")),
            ("1.0.0", ">=1.1.0-rc.1", None),
            ("1.0.0", ">1.0.0", None),
            ("1.0.0", "no version", None),
        ] {
            let nearest = nearest(&version.parse().unwrap(), fixed).map(|version| version.to_string());
            assert_eq!(nearest.as_deref(), expected, "{version}, {fixed}");
        }
    }

    #[test]
    fn where_nothing_fits_the_one_who_asks_for_it_is_named() {
        let path = ["shop 0.1.0", "chrono 0.4.19", "time 0.1.43"].map(str::to_owned);
        let remedy = remedy("time", "0.1.43", Some(">=0.2.23"), &path, None);
        assert_eq!(
            remedy,
            "no version that chrono 0.4.19 takes is mended; raise what asks for it: cargo tree --invert time@0.1.43"
        );
    }
}
