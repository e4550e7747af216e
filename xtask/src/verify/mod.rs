//! `verify`: the mission's acceptance criteria and deliverables one by one, each measured afresh, with its evidence.

mod compose;
mod configuration;
mod dockerfile;
mod documents;
mod image;
mod measured;
mod pipeline;
mod refusals;
mod rehearsal;
mod report;
mod rollout;
mod status;
mod table;
mod template;
mod verdict;

use std::time::{Instant, SystemTime};

use crate::interrupt::UnderWay;
use crate::packages::Consent;
use crate::problem::{ExitCode, Problem};
use crate::project::{self, Project};
use crate::{out, say};
use measured::Measured;
use report::{Finding, Report};
use table::{CRITERIA, Criterion};

const AGAIN: &str = "cargo xtask verify";

/// Flags of `verify`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Measures this one alone; can be given more than once.
    #[arg(long, value_name = "ID")]
    only: Vec<String>,
    /// Prints all of them with how each is measured, and measures nothing.
    #[arg(long, conflicts_with_all = ["check", "write"])]
    list: bool,
    /// Looks whether docs/status.md is what the table of criteria gives, and measures nothing.
    #[arg(long, conflicts_with_all = ["only", "write", "json"])]
    check: bool,
    /// Writes what was found of each into docs/status.md.
    #[arg(long)]
    write: bool,
    /// Installs what is missing, HAProxy above all, without asking.
    #[arg(long)]
    yes: bool,
    /// Prints the report as JSON.
    #[arg(long)]
    json: bool,
}

/// Measures them, and reports on each.
///
/// # Errors
/// A [`Problem`] with exit code 1 that names each that falls short, 2 for one that does not exist, 130 after Ctrl-C.
pub fn run(args: &Args) -> anyhow::Result<()> {
    if args.check {
        return status::check(&project::root()?);
    }
    let chosen = choose(&args.only)?;
    if args.list {
        return list(&chosen, args.json);
    }
    let project = Project::here()?;
    let (under_way, began) = (UnderWay::begin()?, SystemTime::now());
    let measured = Measured::new(&project, Consent::from_flag(args.yes));
    let mut findings = Vec::new();
    for criterion in chosen {
        let began = Instant::now();
        let finding = Finding::of(criterion, (criterion.measure)(&measured), began.elapsed().as_secs_f64());
        if under_way.is_cancelled() {
            let message = "the run was interrupted, and all that it had started has ended.";
            return Err(Problem::new(ExitCode::Interrupted, message).next(AGAIN).into());
        }
        say!("{}", finding.line());
        findings.push(finding);
    }
    let report = Report::new(&project.root, began, findings);
    report.write(&project.root)?;
    report.print(args.json)?;
    if args.write {
        status::write(&project.root, report.findings())?;
    }
    conclude(&report)
}

fn choose(only: &[String]) -> Result<Vec<&'static Criterion>, Problem> {
    if let Some(unknown) = only.iter().find(|id| !CRITERIA.iter().any(|criterion| criterion.id == *id)) {
        let known: Vec<_> = CRITERIA.iter().map(|criterion| criterion.id).collect();
        let message = format!("there is no criterion `{unknown}`; there are {}.", known.join(", "));
        return Err(Problem::new(ExitCode::Usage, message).next("cargo xtask verify --list"));
    }
    let is_chosen = |criterion: &&Criterion| only.is_empty() || only.iter().any(|id| id == criterion.id);
    Ok(CRITERIA.iter().filter(is_chosen).collect())
}

fn list(criteria: &[&Criterion], json: bool) -> anyhow::Result<()> {
    if json {
        let all = criteria.iter().map(|Criterion { id, asks, how, stands, .. }| {
            serde_json::json!({ "id": id, "asks": asks, "how": how, "stands": stands })
        });
        out!("{}", serde_json::to_string_pretty(&all.collect::<Vec<_>>())?);
        return Ok(());
    }
    for criterion in criteria {
        out!("{:<5} {}", criterion.id, criterion.asks);
        out!("{:<5} {}", "", criterion.how);
    }
    Ok(())
}

fn conclude(report: &Report) -> anyhow::Result<()> {
    if report.met {
        return Ok(());
    }
    let lines = report
        .short()
        .map(|finding| format!("{} is {}: {}", finding.id, finding.verdict.word(), finding.evidence.join("; ")));
    let ids: Vec<_> = report.short().map(|finding| finding.id).collect();
    let message = format!("{}; not met: {}.", report.counts(), ids.join(", "));
    let problem = Problem::new(ExitCode::Failed, message).detail(lines);
    let again: String = ids.iter().map(|id| format!(" --only {id}")).collect();
    Err(problem.next(format!("{AGAIN}{again}")).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_are_measured_that_were_named_and_all_without_a_name() {
        let ids = |only: &[&str]| {
            let only: Vec<_> = only.iter().map(ToString::to_string).collect();
            choose(&only).map(|chosen| chosen.iter().map(|criterion| criterion.id).collect::<Vec<_>>())
        };
        assert_eq!(ids(&[]).unwrap().len(), CRITERIA.len());
        assert_eq!(ids(&["D2.1", "A4.1"]).unwrap(), ["A4.1", "D2.1"]);
        assert_eq!(ids(&["A9.9"]).unwrap_err().code(), ExitCode::Usage);
    }
}
