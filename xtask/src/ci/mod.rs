//! `ci`: every check and every test, the same here and on GitHub.

mod command;
mod facts;
mod figures;
mod fresh;
mod obstacle;
mod report;
mod runner;
mod schedule;
mod select;
mod step;
mod steps;
mod tests;

use std::path::Path;
use std::time::{Instant, SystemTime};

use crate::delivery::{Delivery, Pins};
use crate::interrupt::UnderWay;
use crate::packages::{Consent, is_ci};
use crate::problem::{ExitCode, Problem};
use crate::tools::Toolbox;
use crate::{foreign, out, project, say};
use fresh::{Fingerprints, Freshness};
use report::{Report, Reports, Run, Status, Verdict};
use runner::{Options, Runner};
use select::Selection;
pub(crate) use step::Group;
use step::Step;
use steps::STEPS;

/// The variable that says what `--cache` does, where nobody can add a flag: in the command lines of a workflow that is
/// rehearsed.
pub(crate) const CACHE: &str = "SWITCHYARD_CI_CACHE";

/// Flags of `ci`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    selection: Selection,
    /// Installs what is missing without asking; what CI systems get in any case.
    #[arg(long)]
    yes: bool,
    /// Goes on after a step has failed, and reports all of them.
    #[arg(long)]
    keep_going: bool,
    /// Lets the steps that can mend what they find do so, before any runs.
    #[arg(long)]
    fix: bool,
    /// Runs every step anew, whatever has passed before; as on CI systems.
    #[arg(long, conflicts_with = "cache")]
    no_cache: bool,
    /// Takes what has passed before for passed, on a CI system too.
    #[arg(long)]
    cache: bool,
    /// Prints the steps and what each verifies, and does nothing.
    #[arg(long, group = "view")]
    list: bool,
    /// Prints the commands, to be pasted into a shell, and does nothing.
    #[arg(long, group = "view")]
    dry_run: bool,
    /// Says for each step whether it has to run and why, and does nothing.
    #[arg(long, group = "view")]
    why: bool,
    /// Prints the report as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the steps and reports on each.
///
/// # Errors
/// A [`Problem`] with exit code 1 that repeats each failing command with its remedy, and with 130 after Ctrl-C.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let root = project::root()?;
    let steps = args.selection.steps(&root)?;
    let pins = pins(&root);
    let tools = Toolbox::new(&root, &pins);
    let prints = Fingerprints::of(&root, tools);
    if args.list {
        return list(&steps, args.json);
    }
    if args.dry_run {
        return dry_run(&steps, tools, args.fix);
    }
    if args.why {
        why(&steps, &prints);
        return Ok(());
    }
    if args.fix {
        fix(&steps, &root, tools, Consent::from_flag(args.yes))?;
    }
    let consent = Consent::from_flag(args.yes);
    let is_told = std::env::var_os(CACHE).is_some_and(|value| value == "true");
    let reuse = args.cache || !args.no_cache && (is_told || !is_ci());
    let options = Options { consent, keep_going: args.keep_going, reuse };
    let under_way = UnderWay::begin()?;
    let (started, began) = (SystemTime::now(), Instant::now());
    report::clear(&root);
    let mut steps = Runner::new(&root, options, tools, &prints, &steps).run(&under_way)?;
    let took = began.elapsed();
    for report in &mut steps {
        report.changed = args.selection.changed(report.inputs, &root).or(report.changed.take());
    }
    let run = Run::of(&root, (started, took), prints.compiler(), &steps, under_way.is_cancelled());
    let status = Status::of(STEPS, &run, &steps, &prints, &root);
    let reports = Reports::new(run, steps, status);
    reports.write(&root)?;
    reports.print(args.json)?;
    if under_way.is_cancelled() {
        let message = "the run was interrupted; every command it had started has ended.";
        return Err(Problem::new(ExitCode::Interrupted, message).next("cargo xtask ci").into());
    }
    conclude(&reports.steps)
}

/// Every step, with the group it belongs to.
pub(crate) fn steps() -> impl Iterator<Item = (Group, &'static str)> {
    STEPS.iter().map(|step| (step.group, step.id))
}

/// Takes every step for passed with all that is there now, and says how many there are: for who measures, in a folder of
/// its own, a run in which nothing has changed.
///
/// # Errors
/// When nothing says which files belong to the project, or that cannot be kept.
pub(crate) fn take_for_passed(root: &Path) -> anyhow::Result<usize> {
    let pins = pins(root);
    let prints = Fingerprints::of(root, Toolbox::new(root, &pins));
    for step in STEPS {
        prints.keep(step, prints.take(step)?, None)?;
    }
    Ok(STEPS.len())
}

/// The groups that have a step, in the order of the table.
pub(crate) fn groups() -> Vec<&'static str> {
    let mut groups = Vec::new();
    for name in STEPS.iter().map(|step| step.group.name()) {
        if !groups.contains(&name) {
            groups.push(name);
        }
    }
    groups
}

/// Where delivery.toml is wrong, `config` will say how; the other steps make do with what is on PATH.
fn pins(root: &Path) -> Pins {
    Delivery::load(root).map(|delivery| delivery.tools).unwrap_or_default()
}

fn list(steps: &[&Step], json: bool) -> anyhow::Result<()> {
    if json {
        let reports: Vec<_> = steps.iter().map(|step| Report::of(step, Verdict::Skipped)).collect();
        out!("{}", serde_json::to_string_pretty(&reports)?);
        return Ok(());
    }
    let width = steps.iter().map(|step| step.id.len()).max().unwrap_or_default();
    for step in steps {
        let criteria =
            if step.criteria.is_empty() { String::new() } else { format!(" ({})", step.criteria.join(", ")) };
        out!("{:<width$}  {}{criteria}", step.id, step.verifies);
        out!("{:<width$}  {}", "", command::line(step.command, step));
    }
    Ok(())
}

fn dry_run(steps: &[&Step], tools: Toolbox<'_>, fix: bool) -> anyhow::Result<()> {
    let needs: Vec<_> = steps.iter().flat_map(|step| step.needs).copied().collect();
    tools.environment(&needs)?.iter().for_each(|(name, value)| out!("{}", command::export(name, value)));
    for step in steps {
        let fix = step.fix.filter(|_| fix);
        fix.into_iter().chain([step.command]).for_each(|words| out!("{}", command::line(words, step)));
    }
    Ok(())
}

fn why(steps: &[&Step], prints: &Fingerprints) {
    let width = steps.iter().map(|step| step.id.len()).max().unwrap_or_default();
    for step in steps {
        let freshness = prints.freshness(step);
        let word = if matches!(freshness, Freshness::Fresh(..)) { "fresh" } else { "runs" };
        out!("{:<width$}  {word:<5}  {}", step.id, freshness.reason());
    }
}

/// Lets each step mend what it can. What it cannot, the step itself will say.
fn fix(steps: &[&Step], root: &Path, tools: Toolbox<'_>, consent: Consent) -> anyhow::Result<()> {
    for step in steps {
        let Some(words) = step.fix else { continue };
        if let Some(error) = step.needs.iter().find_map(|tool| tools.ensure(tool, consent).err()) {
            say!("{} mends nothing: {error:#}", step.id);
            continue;
        }
        say!("== mending: {}", command::line(words, step));
        let status = command::of(words, step, root, tools)?.status()?;
        if !status.success() {
            say!("{} could not mend everything ({status})", step.id);
        }
    }
    Ok(())
}

fn conclude(reports: &[Report]) -> anyhow::Result<()> {
    let failed: Vec<_> = reports.iter().filter(|report| report.verdict == Verdict::Failed).collect();
    if failed.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = failed.iter().map(|report| report.id).collect();
    let lines = failed.iter().flat_map(|report| {
        // A step's own output is far above by now, or was left out of what a CI system shows.
        let last = foreign::last(&report.tail, 6, 1_000).lines().map(|line| format!("  {line}"));
        [format!("{}: {}", report.id, report.command), format!("  {}", report.reason.as_deref().unwrap_or_default())]
            .into_iter()
            .chain(last)
    });
    let message = format!("{} of {} steps failed: {}.", failed.len(), reports.len(), ids.join(", "));
    let problem = Problem::new(ExitCode::Failed, message).detail(lines);
    Err(failed.iter().fold(problem, |problem, report| problem.next(report.remedy)).into())
}
