//! What the documentation has to say, and the scripts and what watches have to do.

use std::fs;
use std::time::Duration;

use super::measured::{Measured, Told};
use super::verdict::{Short, Shown, none_of, require};
use crate::cargo;
use crate::delivery::FILE;
use crate::mirror;

/// A script may have to wait for a build of this program.
const HELP: Duration = Duration::from_secs(300);
/// Where the verbs are that are scripts as well, for people and cron.
const SCRIPTS: &str = "scripts";

pub(super) fn deploy_script(measured: &Measured<'_>) -> Shown {
    script(measured, "deploy-blue-green")
}

pub(super) fn health_script(measured: &Measured<'_>) -> Shown {
    script(measured, "health-check")
}

pub(super) fn rollback_script(measured: &Measured<'_>) -> Shown {
    script(measured, "rollback")
}

/// Runs a script from a folder that is not the project's, and looks whether it is the verb of its name.
fn script(measured: &Measured<'_>, verb: &str) -> Shown {
    let path = measured.project.root.join(SCRIPTS).join(format!("{verb}.sh"));
    require(path.is_file(), || format!("there is no {SCRIPTS}/{verb}.sh"))?;
    let help = duct::cmd!(&path, "--help").dir(std::env::temp_dir());
    // Its cargo is another than the one that runs this, and would build everything anew.
    let help = cargo::foreign_variables().iter().fold(help, |help, name| help.env_remove(name));
    let told = Told::of(&help, HELP)?;
    let is_verb = told.code == Some(0) && told.stdout.contains(&format!("Usage: cargo xtask {verb}"));
    require(is_verb, || format!("{SCRIPTS}/{verb}.sh --help ends with {:?}, and not with the verb's help", told.code))?;
    Ok(vec![format!("{SCRIPTS}/{verb}.sh runs `cargo xtask {verb}` from any folder")])
}

/// The text of a file of the project.
pub(super) fn read(measured: &Measured<'_>, path: &str) -> Result<String, Short> {
    let text = fs::read_to_string(measured.project.root.join(path));
    text.map_err(|error| Short::missed(format!("{path} cannot be read: {error}")))
}

/// The parts that a document lacks, as it should say them.
pub(super) fn lacking<'a>(text: &str, path: &str, parts: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    parts.into_iter().filter(|part| !text.contains(part)).map(|part| format!("{path} does not have `{part}`")).collect()
}

/// What a person types when something is wrong is written down, rollback first.
pub(super) fn runbook(measured: &Measured<'_>) -> Shown {
    const PATH: &str = "docs/runbook.md";
    let text = read(measured, PATH)?;
    let verbs = [
        "cargo xtask rollback",
        "cargo xtask rollback --to",
        "cargo xtask abort",
        "cargo xtask recover",
        "scripts/rollback.sh",
    ];
    none_of(lacking(&text, PATH, verbs))?;
    let incidents = text.lines().filter(|line| line.starts_with("## ")).count();
    Ok(vec![format!("{PATH}: {incidents} incidents, with rollback, abort and recovery")])
}

/// Every way of a setting and a secret was looked at for threats.
pub(super) fn security_review(measured: &Measured<'_>) -> Shown {
    const PATH: &str = "docs/security-review.md";
    let text = read(measured, PATH)?;
    let threats: Vec<_> = text.split("\n### ").skip(1).collect();
    let parts = ["**Threat:**", "**Protects:**", "**Shown by:**", "**Remains:**"];
    let open = threats.iter().filter(|threat| parts.iter().any(|part| !threat.contains(part)));
    let open = open.map(|threat| format!("{PATH}: not all is said of `{}`", threat.lines().next().unwrap_or_default()));
    none_of(open.collect())?;
    require(!threats.is_empty(), || format!("{PATH} has no threat"))?;
    Ok(vec![format!("{PATH}: {} threats, each with what protects, what shows it and what remains", threats.len())])
}

/// Prometheus accepts what it is told in every environment, and the tests of its rules pass.
pub(super) fn monitoring(measured: &Measured<'_>) -> Shown {
    let delivery = &measured.project.delivery;
    let lacking = || Short::unknown(format!("{FILE} has no [monitoring]"));
    let monitoring = delivery.monitoring.as_ref().ok_or_else(lacking)?;
    let told = measured.xtask(&["monitoring", "--check"])?;
    if told.code != Some(0) {
        return Err(told.failure("monitoring --check"));
    }
    let watched = delivery.environments.values().filter(|environment| environment.monitoring.is_some()).count();
    require(watched > 0, || "no environment is watched".into())?;
    let count = |folder: &str| fs::read_dir(measured.project.root.join(folder)).map_or(0, Iterator::count);
    let rules = count(&format!("{}/rules", monitoring.prometheus));
    let dashboards = count(&format!("{}/dashboards", monitoring.grafana));
    require(rules > 0 && dashboards > 0, || format!("{rules} files of rules and {dashboards} dashboards"))?;
    Ok(vec![format!("{watched} environments are watched, by {rules} files of rules and {dashboards} dashboards")])
}

/// An environment for rehearsals is the protected one but for names, addresses, sizes and patience.
pub(super) fn mirrors(measured: &Measured<'_>) -> Shown {
    let delivery = &measured.project.delivery;
    none_of(mirror::findings(delivery)?)?;
    let pairs = mirror::pairs(delivery)?;
    require(!pairs.is_empty(), || format!("no environment of {FILE} mirrors another"))?;
    let told = pairs.iter().map(|(name, mirrored, differences)| {
        format!("{name} mirrors {mirrored}: {} keys differ, each of those that may", differences.len())
    });
    Ok(told.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_document_does_not_say_is_named() {
        assert_eq!(lacking("a b", "docs/x.md", ["a", "c"]), ["docs/x.md does not have `c`"]);
    }
}
