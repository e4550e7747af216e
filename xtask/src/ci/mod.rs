//! `ci`: every check and every test, the same here and on GitHub.

mod report;
mod steps;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::packages::{Consent, is_ci};
use crate::problem::{ExitCode, Problem};
use crate::{cargo, project, tools};
use crate::{out, say};
use report::{Report, Verdict};
use steps::{STEPS, Step};

/// Flags of `ci`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Installs what is missing without asking; what CI systems get in any case.
    #[arg(long)]
    yes: bool,
    /// Runs this step alone; can be given more than once.
    #[arg(long, value_name = "STEP")]
    only: Vec<String>,
    /// Goes on after a step has failed, and reports all of them.
    #[arg(long)]
    keep_going: bool,
    /// Prints the steps, what each verifies and the command it runs, and does nothing.
    #[arg(long)]
    list: bool,
    /// Prints the report as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the steps in their order and reports on each.
///
/// # Errors
/// A [`Problem`] with exit code 1 that repeats each failing command with its remedy.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let steps = chosen(&args.only)?;
    if args.list {
        steps.iter().for_each(|step| out!("{:<8} {}\n{:<8} {}", step.id, step.verifies, "", step.command.join(" ")));
        return Ok(());
    }
    let root = project::root()?;
    let consent = Consent::from_flag(args.yes);
    let mut reports: Vec<Report> = Vec::new();
    for step in steps {
        let failed = reports.iter().any(|report| report.verdict == Verdict::Failed);
        let report = if failed && !args.keep_going {
            Report::skipped(step, "a step before it failed; --keep-going runs it all the same")
        } else {
            say!("== {}: {}", step.id, step.verifies);
            execute(step, &root, consent)
        };
        reports.push(report);
    }
    report::write(&root, &reports)?;
    if args.json {
        out!("{}", serde_json::to_string_pretty(&reports)?);
    } else {
        report::print(&reports);
    }
    conclude(&reports)
}

fn chosen(only: &[String]) -> Result<Vec<&'static Step>, Problem> {
    if let Some(unknown) = only.iter().find(|id| !STEPS.iter().any(|step| step.id == *id)) {
        let known: Vec<_> = STEPS.iter().map(|step| step.id).collect();
        let message = format!("there is no step `{unknown}`; there are {}.", known.join(", "));
        return Err(Problem::new(ExitCode::Usage, message).next("cargo xtask ci --list"));
    }
    Ok(STEPS.iter().filter(|step| only.is_empty() || only.iter().any(|id| id == step.id)).collect())
}

fn execute(step: &'static Step, root: &Path, consent: Consent) -> Report {
    if let Some(tool) = step.needs
        && let Err(error) = tools::ensure(tool, consent)
    {
        // Where nobody looks, a check that did not run must not pass for one that did.
        return if is_ci() {
            Report::failed(step, &format!("{error:#}"), 0.0)
        } else {
            Report::skipped(step, &format!("{error:#}"))
        };
    }
    let began = Instant::now();
    let status = command(step, root).and_then(|mut command| Ok(command.status()?));
    let seconds = began.elapsed().as_secs_f64();
    match status {
        Ok(status) if status.success() => Report::passed(step, seconds),
        Ok(status) => Report::failed(step, &status.to_string(), seconds),
        Err(error) => Report::failed(step, &format!("{error:#}"), seconds),
    }
}

fn command(step: &Step, root: &Path) -> anyhow::Result<Command> {
    let program = match step.command.first().copied() {
        Some("cargo") | None => cargo::program(),
        Some(program) => PathBuf::from(program),
    };
    let mut command = Command::new(program);
    for arg in step.command.iter().skip(1) {
        match *arg {
            "*.sh" => command.args(scripts(root)?),
            arg => command.arg(arg),
        };
    }
    command.current_dir(root).env("RUSTDOCFLAGS", "-D warnings");
    cargo::foreign_variables().iter().for_each(|name| {
        command.env_remove(name);
    });
    Ok(command)
}

fn scripts(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut scripts = vec![root.join(".ci/run")];
    for entry in std::fs::read_dir(root.join("scripts"))? {
        scripts.push(entry?.path());
    }
    scripts.retain(|path| path.is_file());
    scripts.sort();
    Ok(scripts)
}

fn conclude(reports: &[Report]) -> anyhow::Result<()> {
    let failed: Vec<_> = reports.iter().filter(|report| report.verdict == Verdict::Failed).collect();
    if failed.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = failed.iter().map(|report| report.id).collect();
    let lines = failed.iter().flat_map(|report| {
        [format!("{}: {}", report.id, report.command), format!("  {}", report.reason.as_deref().unwrap_or_default())]
    });
    let problem = Problem::new(
        ExitCode::Failed,
        format!("{} of {} steps failed: {}.", failed.len(), reports.len(), ids.join(", ")),
    );
    Err(failed.iter().fold(problem.detail(lines), |problem, report| problem.next(report.remedy)).into())
}
