//! `workflows`: what GitHub runs, held against what there is to run.

pub mod expression;
mod mistake;
pub mod model;
mod read;
pub mod rehearse;
pub mod yaml;

use std::fs;
use std::path::Path;

use anyhow::Context as _;

use crate::project;
use model::Workflow;

pub use mistake::Mistake;

/// Flags of `workflows`.
#[derive(Debug, Clone, clap::Args)]
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

/// Every workflow of the project, in the order of their names.
fn load(root: &Path) -> anyhow::Result<Vec<Workflow>> {
    const FOLDER: &str = ".github/workflows";
    let entries = fs::read_dir(root.join(FOLDER)).with_context(|| format!("reading {FOLDER}"))?;
    let mut names = entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<anyhow::Result<Vec<_>>>()?;
    names.sort();
    let mut workflows = Vec::new();
    for path in names.iter().map(|name| format!("{FOLDER}/{name}")) {
        let text = fs::read_to_string(root.join(&path)).with_context(|| format!("reading {path}"))?;
        workflows.push(Workflow::parse(&path, &text).map_err(|_| anyhow::anyhow!("{path} is wrong"))?);
    }
    Ok(workflows)
}

/// Until the check is here.
fn require_right(_root: &Path) -> anyhow::Result<()> {
    Ok(())
}
