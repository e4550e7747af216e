//! `config-lint`: whether everything that is configured fits together, for every environment, before anything runs.

mod closest;
pub mod committed;
mod compose;
mod diagnostics;
mod environments;
pub mod finding;
mod generated;
mod lines;
mod proxy;
mod references;
mod secrets;
pub(crate) mod service;
pub(crate) mod settings;
mod sources;
mod stopping;
mod variables;

use std::fs;
use std::path::Path;

use crate::coverage;
use crate::delivery::{Delivery, FILE};
use crate::github::{self, Annotation};
use crate::mirror;
use crate::out;
use crate::problem::{ExitCode, Problem};
use crate::project::{self, Project};
use crate::say;
use finding::Finding;
use lines::Lines;
use service::Binary;

/// Flags of `config-lint`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Writes the files that are generated from the service anew, where they are not as it prints them.
    #[arg(long)]
    fix: bool,
    /// Prints the findings as JSON.
    #[arg(long)]
    json: bool,
}

/// Checks `delivery.toml`, the proxy's configuration, and the service's own for every environment.
///
/// # Errors
/// A [`Problem`] with exit code 78 that lists everything that is wrong.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let root = project::root()?;
    // It says why it cannot be read.
    let Ok(text) = fs::read_to_string(root.join(FILE)) else { return Delivery::load(&root).map(drop) };
    let delivery = match Delivery::parse(&text) {
        Ok(delivery) => delivery,
        // Without it there is nothing to hold anything against.
        Err(mistakes) => {
            let findings: Vec<_> = mistakes.iter().map(|mistake| diagnostics::of_toml(mistake, &root)).collect();
            return conclude(args, &root, &findings);
        }
    };
    let project = Project { root, delivery };
    let findings = check(&project, &Lines::of(&text), args.fix)?;
    conclude(args, &project.root, &findings)?;
    if !args.json {
        let names: Vec<_> = project.delivery.environments.keys().map(String::as_str).collect();
        out!("configuration is right for {}", names.join(", "));
        show_mirrors(&project.delivery)?;
    }
    Ok(())
}

/// Everything that is wrong with what a project has configured.
///
/// # Errors
/// When it cannot be read, or the service does not build.
pub(crate) fn look(project: &Project) -> anyhow::Result<Vec<Finding>> {
    let text = fs::read_to_string(project.root.join(FILE))?;
    check(project, &Lines::of(&text), false)
}

/// Everything that is wrong: first what needs nothing to be built.
fn check(project: &Project, lines: &Lines<'_>, fix: bool) -> anyhow::Result<Vec<Finding>> {
    let of_line = |line: &String| diagnostics::of_line(line, &project.root);
    let mut findings = references::findings(project, lines);
    findings.extend(coverage::findings(project)?.iter().map(of_line));
    findings.extend(mirror::findings(&project.delivery)?.iter().map(of_line));
    findings.extend(committed::findings(project)?);
    findings.extend(compose::findings(project));
    findings.extend(proxy::findings(project));
    if let Some(binary) = Binary::build(project)? {
        findings.extend(service::findings(&binary));
        findings.extend(stopping::findings(&binary, lines));
        findings.extend(generated::findings(&binary, lines, fix)?);
        findings.extend(of_the_schema(&binary, lines)?);
    }
    Ok(findings)
}

/// What is wrong by what the service says about its settings.
fn of_the_schema(binary: &Binary<'_>, lines: &Lines<'_>) -> anyhow::Result<Vec<Finding>> {
    let project = binary.project;
    let Some(settings) = settings::ask(binary, lines) else { return Ok(Vec::new()) };
    match settings {
        Err(findings) => Ok(findings),
        Ok(settings) => {
            let sources = sources::all(project)?;
            let mut findings = variables::findings(project, lines, &settings, &sources);
            findings.extend(secrets::findings(project, lines, &settings, &sources));
            Ok(findings)
        }
    }
}

/// Tells of all that is wrong: people, programs, and GitHub.
fn conclude(args: &Args, root: &Path, findings: &[Finding]) -> anyhow::Result<()> {
    if args.json {
        out!("{}", serde_json::json!({ "ok": findings.is_empty(), "findings": findings }));
    }
    if github::is_here() {
        annotations(findings, &github::below(root)).iter().for_each(|line| say!("{line}"));
    }
    if findings.is_empty() {
        return Ok(());
    }
    let message = "the configuration is not right; nothing was started or changed.";
    Err(Problem::new(ExitCode::Configuration, message).detail(findings.iter().flat_map(evidence)).into())
}

/// A line for each finding; what more it says stands further in.
fn evidence(finding: &Finding) -> Vec<String> {
    let text = finding.to_string();
    let mut lines = text.lines();
    let first = lines.next().map(str::to_owned);
    first.into_iter().chain(lines.map(|line| format!("  {line}"))).collect()
}

/// What is shown at a line or a file; GitHub has no other place to show anything at.
fn annotations(findings: &[Finding], below: &Path) -> Vec<String> {
    let of_finding = |finding: &Finding| {
        let place = finding.place.as_ref()?;
        let file = below.join(&place.file);
        let line = place.line.and_then(|line| u64::try_from(line).ok());
        let annotation = Annotation {
            file: Some(&file),
            line,
            title: Some("cargo xtask config-lint"),
            ..Annotation::new(&finding.message)
        };
        Some(annotation.to_string())
    };
    findings.iter().filter_map(of_finding).collect()
}

/// Says what an environment has differently from the one it mirrors.
fn show_mirrors(delivery: &Delivery) -> anyhow::Result<()> {
    for (name, mirrored, differences) in mirror::pairs(delivery)? {
        out!("\n{:<36} {name:<32} {mirrored}", "what differs");
        differences.iter().for_each(|difference| out!("{difference}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_more_there_is_to_say_stands_below_its_finding() {
        let finding = Finding::at("a/b.toml", 3, "no such setting\ndid you mean: x");
        assert_eq!(evidence(&finding), ["a/b.toml:3: no such setting", "  did you mean: x"]);
        assert_eq!(evidence(&Finding::new("no place")), ["no place"]);
    }

    #[test]
    fn github_is_told_of_what_has_a_place() {
        let findings = [Finding::new("none"), Finding::of("a.yml", "whole"), Finding::at("a.yml", 3, "100 %\nmore")];
        let title = "title=cargo xtask config-lint";
        let expected = [
            format!("::error file=sub/a.yml,{title}::whole"),
            format!("::error file=sub/a.yml,line=3,{title}::100 %25%0Amore"),
        ];
        assert_eq!(annotations(&findings, Path::new("sub")), expected);
    }
}
