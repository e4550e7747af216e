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
    let advisory = Advisory::deserialize(&fields["advisory"]).context("an advisory is not as cargo-deny prints them")?;
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
        next = parents.and_then(|parents| parents.iter().find(|parent| parent["parents"].is_array()).or(parents.first()));
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
    format!("no version that {from} takes is mended; raise what asks for it: cargo tree{place} --invert {name}@{version}")
}

/// The lowest version that is mended and fits where this one does.
fn nearest(version: &Version, fixed: &str) -> Option<Version> {
    let compatible = VersionReq::parse(&format!("^{version}")).ok()?;
    let requirements = fixed.split(" OR ").filter_map(|text| VersionReq::parse(text).ok());
    let lowest = requirements.flat_map(|requirement| requirement.comparators).filter_map(|comparator| {
        let pre = comparator.pre;
        let lowest = Version { pre, ..Version::new(comparator.major, comparator.minor?, comparator.patch.unwrap_or(0)) };
        matches!(comparator.op, Op::GreaterEq | Op::Caret | Op::Tilde | Op::Exact).then_some(lowest)
    });
    lowest.filter(|lowest| compatible.matches(lowest) && lowest > version).min()
}
