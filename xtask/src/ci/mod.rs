//! `ci`: every check and every test, the same here and on GitHub.

mod report;
mod steps;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Instant;

use crate::packages::{Consent, is_ci};
use crate::problem::{ExitCode, Problem};
use crate::runtime::choice;
use crate::{cargo, docker, project, tools};
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
        steps.iter().for_each(|step| out!("{:<10} {}\n{:<10} {}", step.id, step.verifies, "", step.command.join(" ")));
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
            compare(step, execute(step, &root, consent), &reports)
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
    match obstacle(step, root, consent) {
        None => run_command(step, root),
        Some(Obstacle { reason, is_excuse }) if is_excuse || !is_ci() => Report::skipped(step, &reason),
        // Where nobody looks, a check that did not run must not pass for one that did.
        Some(Obstacle { reason, .. }) => Report::failed(step, &reason, 0.0),
    }
}

/// What keeps a step from running here.
struct Obstacle {
    reason: String,
    /// Whether a machine may well be like that, a CI system's too.
    is_excuse: bool,
}

fn obstacle(step: &Step, root: &Path, consent: Consent) -> Option<Obstacle> {
    let because = |error: anyhow::Error, is_excuse| Obstacle { reason: format!("{error:#}"), is_excuse };
    if step.in_containers
        && let Err(error) = docker::engine()
    {
        return Some(because(error, true));
    }
    if let Some(error) = step.needs.iter().find_map(|tool| tools::ensure(tool, consent).err()) {
        return Some(because(error, false));
    }
    // With an engine there, all else can be had.
    let missing = step.in_containers.then(|| choice::require_containers(root).err()).flatten();
    missing.map(|error| because(error, false))
}

fn run_command(step: &'static Step, root: &Path) -> Report {
    let began = Instant::now();
    let ran = command(step, root).and_then(watch);
    let seconds = began.elapsed().as_secs_f64();
    match ran {
        Ok((status, tests)) if status.success() => Report { tests, ..Report::passed(step, seconds) },
        Ok((status, tests)) => Report { tests, ..Report::failed(step, &status.to_string(), seconds) },
        Err(error) => Report::failed(step, &format!("{error:#}"), seconds),
    }
}

/// Runs a command, shows what it prints, and counts the tests it says have passed.
fn watch(mut command: Command) -> anyhow::Result<(ExitStatus, Option<u64>)> {
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let mut tests = None;
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            out!("{line}");
            tests = passed(&line).map_or(tests, |count| Some(tests.unwrap_or(0) + count));
        }
    }
    Ok((child.wait()?, tests))
}

/// The count in a line such as `test result: ok. 12 passed; 0 failed`.
fn passed(line: &str) -> Option<u64> {
    line.strip_prefix("test result: ")?.split(". ").nth(1)?.split(' ').next()?.parse().ok()
}

/// A step that has to have run as many tests as another fails when it has not, or when there were none.
fn compare(step: &'static Step, report: Report, earlier: &[Report]) -> Report {
    let Some(other) = step.as_many_as.filter(|_| report.verdict == Verdict::Passed) else { return report };
    let Some(wanted) = earlier.iter().find(|earlier| earlier.id == other).map(|earlier| earlier.tests) else {
        return report;
    };
    let tests = |count: Option<u64>| count.unwrap_or(0);
    if tests(report.tests) == tests(wanted) && tests(wanted) > 0 {
        return report;
    }
    let reason = format!("it ran {} tests, and `{other}` ran {}", tests(report.tests), tests(wanted));
    Report { tests: report.tests, ..Report::failed(step, &reason, report.seconds) }
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
    let mut scripts = vec![root.join(".ci/run"), root.join(".ci/provision"), root.join("xtask/src/host/agent.sh")];
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_counted_by_what_their_runner_says() {
        assert_eq!(passed("test result: ok. 12 passed; 0 failed; 0 ignored"), Some(12));
        assert_eq!(passed("test result: FAILED. 3 passed; 1 failed"), Some(3));
        assert_eq!(passed("running 12 tests"), None);
    }

    #[test]
    fn a_step_that_ran_fewer_tests_than_its_like_or_none_has_failed() {
        let step = |id: &str| STEPS.iter().find(|step| step.id == id).unwrap();
        let ran = |id, tests| Report { tests, ..Report::passed(step(id), 1.0) };
        let verdict =
            |first, second| compare(step("compose"), ran("compose", second), &[ran("process", first)]).verdict;
        assert_eq!(verdict(Some(42), Some(42)), Verdict::Passed);
        for (first, second) in [(Some(42), Some(41)), (Some(0), Some(0)), (None, None)] {
            assert_eq!(verdict(first, second), Verdict::Failed);
        }
    }
}
