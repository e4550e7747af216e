//! `workflows`: what GitHub runs, held against what there is to run, and run here.

pub mod expression;
mod mistake;
pub mod model;
mod read;
pub mod rehearse;
pub mod yaml;

use std::fs;
use std::path::Path;

use anyhow::Context as _;

use crate::problem::{ExitCode, Problem};
use crate::project;
use model::Workflow;

pub use mistake::Mistake;

/// Where the workflows are, from the project's folder.
const FOLDER: &str = ".github/workflows";

/// Flags of `workflows`.
#[derive(Debug, Clone, clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub struct Args {
    #[command(flatten)]
    rehearsal: rehearse::Args,
    /// Prints the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Rehearses a workflow.
///
/// # Errors
/// Those of the rehearsal.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let root = project::root()?;
    match &args.rehearsal.rehearse {
        Some(workflow) => rehearse::run(&root, workflow, &args.rehearsal, args.json),
        None => Ok(()),
    }
}

/// Every workflow of the project, in the order of their names, with what is wrong with those that are none.
///
/// # Errors
/// When a file cannot be read.
fn load(root: &Path) -> anyhow::Result<Vec<Result<Workflow, Vec<Mistake>>>> {
    let entries = fs::read_dir(root.join(FOLDER)).with_context(|| format!("reading {FOLDER}"))?;
    let mut names = Vec::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        names.extend((name.ends_with(".yml") || name.ends_with(".yaml")).then_some(name));
    }
    names.sort();
    let read = |name: &String| {
        let path = format!("{FOLDER}/{name}");
        let text = fs::read_to_string(root.join(&path)).with_context(|| format!("reading {path}"))?;
        Ok(Workflow::parse(&path, &text))
    };
    names.iter().map(read).collect()
}

/// Looks whether a rehearsal has anything to go by.
///
/// # Errors
/// A [`Problem`] with exit code 1 that lists everything that is wrong with the workflows of a project.
fn require_right(root: &Path) -> anyhow::Result<()> {
    let mistakes: Vec<_> = load(root)?.into_iter().filter_map(Result::err).flatten().collect();
    if mistakes.is_empty() {
        return Ok(());
    }
    let problem = Problem::new(ExitCode::Failed, "the workflows are not right.");
    Err(problem.detail(mistakes.iter().map(ToString::to_string)).into())
}
