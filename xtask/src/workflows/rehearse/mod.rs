//! `workflows --rehearse`: what GitHub would run, run here: the same command lines, job by job in the order of `needs`, in a
//! clean clone, with GitHub's variables, files, conditions and matrix.

mod action;
pub mod command_file;
mod event;
mod ground;
mod images;
mod job;
mod machine;
mod matrix;
mod pattern;
mod report;
mod run;
mod secrets;
mod step;
#[cfg(test)]
mod tests;

use std::path::Path;

use super::Mistake;
use super::check::load;
use super::expression::object;
use super::model::Workflow;
use super::yaml::Text;
use crate::delivery::{Delivery, FILE};
use crate::interrupt::UnderWay;
use crate::problem::{ExitCode, Problem};
use crate::{flags, git, out, say};
use event::{Event, Kind};
use ground::Ground;
use report::{Report, Verdict};
use run::Stage;
use secrets::Secrets;

/// Flags of a rehearsal.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Flags {
    /// Runs what GitHub would run of this workflow, in a clean clone of the last commit: `ci-cd` or `deploy`.
    #[arg(long, value_name = "WORKFLOW", group = "what")]
    pub(super) rehearse: Option<String>,
    /// What has happened. Without it: the first event the workflow waits for.
    #[arg(long, requires = "rehearse")]
    event: Option<Kind>,
    /// Where: refs/heads/main, refs/tags/v1.0.0. Without it: the branch main, or a pull request to it.
    #[arg(long = "ref", value_name = "REF", requires = "rehearse")]
    reference: Option<String>,
    /// What is said when the workflow is started by hand; can be repeated.
    #[arg(long = "input", value_name = "NAME=VALUE", value_parser = flags::setting, requires = "rehearse")]
    inputs: Vec<(String, String)>,
    /// A variable of the repository, as `vars` sees it; can be repeated. Secrets are this shell's variables of their names.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = flags::setting, requires = "rehearse")]
    vars: Vec<(String, String)>,
    /// Approves of what is deployed to a protected environment; can be repeated.
    #[arg(long, value_name = "ENVIRONMENT", requires = "rehearse")]
    approve: Vec<String>,
    /// Runs this job and what it needs, and no other; can be repeated.
    #[arg(long = "job", value_name = "JOB", requires = "rehearse")]
    jobs: Vec<String>,
    /// Takes every step of the pipeline for passed: its jobs run `ci`, which finds each step fresh.
    #[arg(long, requires = "rehearse")]
    verified: bool,
    /// Leaves the clone where it is, as after a failure.
    #[arg(long, requires = "rehearse")]
    keep: bool,
}

/// Rehearses a workflow and prints what came of each job and step.
///
/// # Errors
/// A [`Problem`] with exit code 1 that repeats what has failed; with 2 for a workflow, an event, a job or an environment that
/// does not exist; with 75 while another rehearsal is at work; with 78 where a workflow is wrong; with 130 after Ctrl-C.
pub(super) fn run(root: &Path, workflow: &str, args: &Flags, json: bool) -> anyhow::Result<()> {
    let under_way = UnderWay::begin()?;
    let report = rehearse(root, workflow, args, &under_way, super::require_right)?;
    if json {
        out!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        report.print();
    }
    Ok(report.conclude()?)
}

/// The same, with what is to be looked at before anything runs, and without a word of how it went.
fn rehearse(
    root: &Path,
    workflow: &str,
    args: &Flags,
    under_way: &UnderWay,
    check: fn(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<Report> {
    let ground = Ground::new(root, &committed(root)?)?;
    let clone = ground.export(root)?;
    check(&clone)?;
    let delivery = Delivery::load(&clone)?;
    // What is wrong with one, the check has told.
    let workflows: Vec<_> = load(&clone)?.into_iter().filter_map(Result::ok).collect();
    let workflow = chosen(&workflows, workflow)?;
    require_known(args, workflow, &delivery)?;
    let event = Event::of(workflow, args.event, args.reference.as_deref(), &args.inputs)?;
    ground.receive(&event)?;
    let sources: Vec<_> = workflows.iter().map(|workflow| workflow.source.as_str()).collect();
    let secrets = Secrets::named_in(&sources, |name| std::env::var(name).ok());
    let name = workflow.name.as_deref().unwrap_or(workflow.stem());
    let stage = Stage {
        args,
        workflows: &workflows,
        ground: &ground,
        event: &event,
        delivery: &delivery,
        secrets: &secrets,
        under_way,
        github: event.context(&ground.commit, &repository(root), name, &clone),
        vars: object(args.vars.iter().map(|(name, value)| (name.as_str(), value.as_str()))),
    };
    let report = stage.report(workflow)?;
    if args.keep || report.verdict == Verdict::Failed {
        say!("the clone stays in {}", clone.display());
        ground.keep();
    }
    Ok(report)
}

/// The commit that is rehearsed.
fn committed(root: &Path) -> Result<String, Problem> {
    let Some(head) = git::head(root) else {
        let message = format!("{} is no checkout with a commit, and a commit is what is rehearsed.", root.display());
        return Err(Problem::new(ExitCode::Usage, message).next("git commit"));
    };
    if !head.clean {
        say!("note: what is not committed is not in it");
    }
    Ok(head.commit)
}

/// Nobody's: what is pushed by this name to a registry on the internet is refused there.
fn repository(root: &Path) -> String {
    let folder = root.file_name().unwrap_or_default().to_string_lossy();
    format!("rehearsal/{}", folder.to_lowercase())
}

fn chosen<'a>(workflows: &'a [Workflow], name: &str) -> Result<&'a Workflow, Problem> {
    workflows.iter().find(|workflow| workflow.stem() == name).ok_or_else(|| {
        let known: Vec<_> = workflows.iter().map(Workflow::stem).collect();
        let message = format!("there is no workflow `{name}`; there are {}.", known.join(", "));
        Problem::new(ExitCode::Usage, message)
    })
}

fn require_known(args: &Flags, workflow: &Workflow, delivery: &Delivery) -> Result<(), Problem> {
    if let Some(job) = args.jobs.iter().find(|job| workflow.job(job).is_none()) {
        let known: Vec<_> = workflow.jobs.iter().map(|job| &*job.id).collect();
        let message = format!("{} has no job `{job}`; it has {}.", workflow.path, known.join(", "));
        return Err(Problem::new(ExitCode::Usage, message));
    }
    if let Some(name) = args.approve.iter().find(|name| !delivery.environments.contains_key(*name)) {
        let known: Vec<_> = delivery.environments.keys().map(String::as_str).collect();
        let message = format!("{FILE} has no environment `{name}`; it has {}.", known.join(", "));
        return Err(Problem::new(ExitCode::Usage, message));
    }
    Ok(())
}

/// What is wrong with a workflow that nobody has noticed until it ran.
fn mistake(workflow: &Workflow, text: &Text, message: &str) -> Problem {
    let mistake = Mistake::new(&workflow.path, text.place, message);
    Problem::new(ExitCode::Configuration, mistake.to_string()).next("cargo xtask workflows --check")
}

fn interrupted() -> Problem {
    let message = "the rehearsal was ended; every command it had started has ended.";
    Problem::new(ExitCode::Interrupted, message)
}
