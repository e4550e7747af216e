//! `release`: raises the version, writes the changelog, commits and tags; a dry run unless it is told to act.

mod changelog;
mod edits;
mod files;
mod journal;
mod manifests;
mod plan;
mod preflight;
mod report;
mod run;
mod undo;

use std::path::Path;
use std::str::FromStr;

use semver::Version;

use crate::problem::{ExitCode, Problem};
use crate::project::Project;
use crate::remote::Remote;
use crate::versions::{Level, Past, core};
use crate::{cargo, git, out};
use journal::{Journal, Last, State};
use plan::Plan;
use preflight::Preflight;
use report::Report;
use run::Run;
use undo::Undo;

const RESUME: &str = "cargo xtask release --resume";
const UNDO: &str = "cargo xtask release --undo";

/// Flags of `release`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Which number of the version is raised: `patch`, `minor`, `major`, or `auto`, which goes by the commits since the last
    /// release. Or the version itself.
    #[arg(value_name = "LEVEL|VERSION", default_value = "auto", conflicts_with_all = ["resume", "undo"])]
    wish: Wish,
    /// Makes a pre-release of that name, such as `rc`: 0.2.0-rc.1, then -rc.2.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["resume", "undo"])]
    pre: Option<String>,
    /// Does it, instead of only saying what it would do.
    #[arg(long, conflicts_with_all = ["resume", "undo"])]
    execute: bool,
    /// Pushes the branch and the tag to `origin` as well, both or neither.
    #[arg(long, requires = "execute")]
    push: bool,
    /// Goes on with a release that was interrupted.
    #[arg(long, conflicts_with = "undo")]
    resume: bool,
    /// Takes back the last release, as long as it is not pushed.
    #[arg(long)]
    undo: bool,
    /// Prints JSON: what was looked at, what is changed, and whether it was.
    #[arg(long, conflicts_with_all = ["resume", "undo"])]
    json: bool,
}

/// Which version is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wish {
    Auto,
    Level(Level),
    Exactly(Version),
}

impl FromStr for Wish {
    type Err = String;

    fn from_str(text: &str) -> Result<Wish, String> {
        if text == "auto" {
            return Ok(Wish::Auto);
        }
        match Level::ALL.into_iter().find(|level| level.name() == text) {
            Some(level) => Ok(Wish::Level(level)),
            None => plan::version(text).map(Wish::Exactly).map_err(|why| {
                format!("it is none of auto, patch, minor and major, and no version such as 0.2.0: {why}")
            }),
        }
    }
}

impl std::fmt::Display for Wish {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Wish::Auto => f.write_str("auto"),
            Wish::Level(level) => write!(f, "{level}"),
            Wish::Exactly(version) => write!(f, "{version}"),
        }
    }
}

/// Says what a release would do, or makes it, goes on with it, or takes it back.
///
/// # Errors
/// A [`Problem`] with exit code 1 when something is in its way, 2 when there is nothing to go on with or to take back, 69 when
/// the remote does not answer, 75 while another release is at work, 130 after Ctrl-C.
pub fn run(args: &Args) -> anyhow::Result<()> {
    run_watched(args, &|_| {})
}

/// The same, told of every point at which an interruption would leave another state than before.
///
/// # Errors
/// Those of [`run`].
pub fn run_watched(args: &Args, reached: &dyn Fn(&str)) -> anyhow::Result<()> {
    let project = Project::here()?;
    let journal = Journal::of(&project.root)?;
    if args.resume {
        resume(&project, &journal, reached)
    } else if args.undo {
        undo(&project, &journal, reached)
    } else {
        release(args, &project, &journal, reached)
    }
}

fn release(args: &Args, project: &Project, journal: &Journal, reached: &dyn Fn(&str)) -> anyhow::Result<()> {
    let root = &project.root;
    if let Some(problem) = unfinished(journal.last()?) {
        // One that is at work is half-done, too.
        journal.lock()?;
        return Err(problem.into());
    }
    let base = git::require_commit(root, "HEAD")?;
    let workspace = cargo::metadata(root)?;
    let past = Past::of(root, &workspace)?;
    let version = chosen(args, &past)?;
    let remote = Remote::of(root)?;
    let branch = &project.delivery.releases.branch;
    let mut plan = Plan::of((root, &workspace), &past, &version, &base, branch.name(), remote.as_ref())?;
    plan.push = args.push;
    let preflight =
        Preflight { root, branch, past: &past, version: &version, remote: remote.as_ref(), notes: &plan.notes };
    let mut report = Report::new(args, &past, &plan, preflight.look()?);
    if !args.json {
        report.print_checks();
    }
    let is_ready = require_ready(args, root, &report);
    if is_ready.is_err() || !args.execute {
        report.print_plan(args.json, is_ready.is_ok())?;
        return is_ready;
    }
    let _lock = journal.lock()?;
    // Another may have begun one while this one looked.
    if let Some(problem) = unfinished(journal.last()?) {
        return Err(problem.into());
    }
    journal.begin(&plan)?;
    Run { root, journal, plan: &plan, reached }.carry_out()?;
    report.made = plan.made(root)?;
    report.print_made(args.json)
}

/// The version that is asked for.
fn chosen(args: &Args, past: &Past) -> anyhow::Result<Version> {
    let next = match (&args.wish, &args.pre) {
        (Wish::Exactly(version), Some(_)) if !version.pre.is_empty() => {
            let message = format!("{version} is a pre-release by itself, and --pre would make it another one.");
            let next = format!("cargo xtask release {version}");
            return Err(Problem::new(ExitCode::Usage, message).next(next).into());
        }
        (Wish::Exactly(version), _) => version.clone(),
        // What stands there was raised by hand, or is the first: nobody has released it.
        (Wish::Auto, None) if past.is_ahead() => core(&past.workspace),
        (Wish::Auto, _) => past.next(None),
        (Wish::Level(level), _) => past.next(Some(*level)),
    };
    match &args.pre {
        Some(name) => Ok(past.pre_release(&next, name)?),
        None => Ok(next),
    }
}

/// Nothing is changed by then.
fn require_ready(args: &Args, root: &Path, report: &Report) -> anyhow::Result<()> {
    preflight::require(&report.checks, &report.version)?;
    args.push.then(|| Remote::require(root)).transpose().map(drop)
}

/// What is to be done before another release, if there is something.
fn unfinished(last: Option<Last>) -> Option<Problem> {
    let Last { plan, state } = last?;
    let how = match &state {
        State::Ended => return None,
        State::Begun(None) => "it was interrupted at its beginning".to_owned(),
        State::Begun(Some(step)) => format!("it was interrupted at {step}"),
        State::Undoing(_) => "it was interrupted while it was taken back".to_owned(),
    };
    let problem = Problem::new(ExitCode::Failed, format!("{} is half-done: {how}.", plan.tag()));
    Some(if matches!(state, State::Undoing(_)) { problem } else { problem.next(RESUME) }.next(UNDO))
}

fn resume(project: &Project, journal: &Journal, reached: &dyn Fn(&str)) -> anyhow::Result<()> {
    let nothing = |why: &str| Problem::new(ExitCode::Usage, format!("there is nothing to go on with: {why}."));
    let _lock = journal.lock()?;
    let Some(Last { plan, state }) = journal.last()? else {
        journal.forget()?;
        return Err(nothing("no release was begun here").next("cargo xtask release").into());
    };
    match state {
        State::Begun(_) => {}
        State::Ended => return Err(nothing(&format!("{} is made", plan.tag())).next(UNDO).into()),
        State::Undoing(_) => return Err(nothing(&format!("{} is being taken back", plan.tag())).next(UNDO).into()),
    }
    Run { root: &project.root, journal, plan: &plan, reached }.carry_out()?;
    report::print_next(&plan);
    Ok(())
}

fn undo(project: &Project, journal: &Journal, reached: &dyn Fn(&str)) -> anyhow::Result<()> {
    let _lock = journal.lock()?;
    let Some(last) = journal.last()? else {
        journal.forget()?;
        let message = "there is no release to take back: none was made here since the last one that was.";
        return Err(Problem::new(ExitCode::Usage, message).next("git log --oneline").into());
    };
    Undo { root: &project.root, journal, last: &last, reached }.carry_out()?;
    out!("{}", undo::done(&last.plan));
    Ok(())
}
