//! Holds the workflows against what there is to call, and against the rules they follow. Each rule is a function from the
//! model of a workflow to what is wrong with it.

mod deployment;
mod duties;
mod expressions;
mod gate;
pub(crate) mod groups;
mod limits;
pub(crate) mod line;
mod pins;
mod runs;
mod secrets;

use std::fs;
use std::path::Path;

use anyhow::Context as _;

pub(crate) use deployment::publishes;

use super::mistake::Mistake;
use super::model::Workflow;
use crate::delivery::Delivery;
use crate::{builder_image, ci, cli};

/// Where the workflows are, from the project's folder.
pub const FOLDER: &str = ".github/workflows";
/// The workflows that say whether a commit is good: each ends with a gate.
const GATED: [&str; 2] = ["ci-cd", "deploy"];

/// Reads all workflows of a project, in the order of their names.
///
/// # Errors
/// When a file cannot be read. What is wrong with one is its result.
pub fn load(root: &Path) -> anyhow::Result<Vec<Result<Workflow, Vec<Mistake>>>> {
    let folder = root.join(FOLDER);
    let entries = fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        names.extend((name.ends_with(".yml") || name.ends_with(".yaml")).then_some(name));
    }
    names.sort();
    let read = |name: &String| {
        let text = fs::read_to_string(folder.join(name)).with_context(|| format!("reading {FOLDER}/{name}"))?;
        Ok(Workflow::parse(&format!("{FOLDER}/{name}"), &text))
    };
    names.iter().map(read).collect()
}

/// Everything that is wrong with the workflows of a project, by file and line.
///
/// # Errors
/// When a file cannot be read; those of [`Delivery::load`].
pub fn mistakes(root: &Path) -> anyhow::Result<Vec<Mistake>> {
    let delivery = Delivery::load(root)?;
    let mut mistakes = Vec::new();
    let mut workflows = Vec::new();
    for read in load(root)? {
        match read {
            Ok(workflow) => workflows.push(workflow),
            Err(wrong) => mistakes.extend(wrong),
        }
    }
    // What could not be read is not missing.
    let is_read = mistakes.is_empty();
    mistakes.extend(of_lines(&workflows));
    mistakes.extend(of_each(&workflows, builder_image::toolchain(root).as_deref(), &delivery));
    mistakes.extend(is_read.then(|| duties::mistakes(&workflows, FOLDER)).into_iter().flatten());
    mistakes.sort();
    mistakes.dedup();
    Ok(mistakes)
}

/// What is wrong with the command lines.
fn of_lines(workflows: &[Workflow]) -> Vec<Mistake> {
    let mut command = cli::command();
    command.build();
    workflows.iter().flat_map(|workflow| runs::mistakes(workflow, &command)).collect()
}

/// What else is wrong with each workflow by itself.
fn of_each(workflows: &[Workflow], toolchain: Option<&str>, delivery: &Delivery) -> Vec<Mistake> {
    let groups = ci::groups();
    let of_one = |workflow: &Workflow| {
        let gate = if GATED.contains(&workflow.stem()) { gate::mistakes(workflow) } else { Vec::new() };
        [
            expressions::mistakes(workflow),
            groups::mistakes(workflow, &groups),
            deployment::mistakes(workflow),
            secrets::mistakes(workflow, delivery),
            pins::mistakes(workflow, toolchain),
            limits::mistakes(workflow),
            gate,
        ]
        .concat()
    };
    workflows.iter().flat_map(of_one).collect()
}

#[cfg(test)]
mod tests;
