//! `workflows`: what GitHub runs, held against what there is to run, and run here.

pub mod check;
pub mod expression;
mod mistake;
pub mod model;
mod read;
pub mod rehearse;
pub mod yaml;

use std::path::Path;

pub use mistake::Mistake;

use crate::github::{self, Annotation};
use crate::problem::{ExitCode, Problem};
use crate::{out, project, say};

/// Flags of `workflows`.
#[derive(Debug, Clone, clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub struct Args {
    /// Holds every file in .github/workflows against the verbs and flags there are, the groups of the pipeline's steps, and
    /// the rules in docs/pipeline.md.
    #[arg(long, group = "what")]
    check: bool,
    #[command(flatten)]
    rehearsal: rehearse::Flags,
    /// Prints the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Checks the workflows, or rehearses one.
///
/// # Errors
/// A [`Problem`] with exit code 1 that lists everything that is wrong, and with 78 where `delivery.toml` is; those of the
/// rehearsal.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let root = project::root()?;
    match &args.rehearsal.rehearse {
        Some(workflow) => rehearse::run(&root, workflow, &args.rehearsal, args.json),
        None => check(&root, args.json),
    }
}

fn check(root: &Path, json: bool) -> anyhow::Result<()> {
    let is_there = root.join(check::FOLDER).is_dir();
    let mistakes = if is_there { check::mistakes(root)? } else { Vec::new() };
    if json {
        out!("{}", serde_json::json!({ "ok": mistakes.is_empty(), "mistakes": mistakes }));
    } else if !is_there {
        out!("there is no {}: nothing is to be checked", check::FOLDER);
    } else if mistakes.is_empty() {
        out!("every workflow in {} calls what there is, by the rules", check::FOLDER);
    }
    conclude(&mistakes, &github::below(root))
}

/// Looks whether a rehearsal has anything to go by.
///
/// # Errors
/// A [`Problem`] with exit code 1 that lists everything that is wrong with the workflows of a project, and with 78 where its
/// `delivery.toml` is.
fn require_right(root: &Path) -> anyhow::Result<()> {
    conclude(&check::mistakes(root)?, &github::below(root))
}

/// Tells people of all mistakes, and GitHub.
fn conclude(mistakes: &[Mistake], below: &Path) -> anyhow::Result<()> {
    if mistakes.is_empty() {
        return Ok(());
    }
    if github::is_here() {
        mistakes.iter().for_each(|mistake| say!("{}", annotation(mistake, below)));
    }
    let message = match mistakes.len() {
        1 => "a workflow is not right.".to_owned(),
        count => format!("the workflows are not right; there are {count} mistakes."),
    };
    let problem = Problem::new(ExitCode::Failed, message).detail(mistakes.iter().map(ToString::to_string));
    Err(problem.next("cargo xtask workflows --check").into())
}

fn annotation(mistake: &Mistake, below: &Path) -> String {
    let file = below.join(&mistake.file);
    let number = |number: usize| u64::try_from(number).ok();
    let annotation = Annotation {
        file: Some(&file),
        line: number(mistake.line),
        column: number(mistake.column),
        title: Some("cargo xtask workflows"),
        ..Annotation::new(&mistake.message)
    };
    annotation.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_told_with_its_place_and_github_shows_it_there() {
        let mistake = Mistake::new(".github/workflows/w.yml", yaml::Place { line: 3, column: 5 }, "no such verb");
        let error = conclude(std::slice::from_ref(&mistake), Path::new("")).unwrap_err().to_string();
        let told = "a workflow is not right.\n  | .github/workflows/w.yml:3:5: no such verb\n  next: cargo xtask workflows --check";
        assert_eq!(error, told);
        let shown = "::error file=sub/.github/workflows/w.yml,line=3,col=5,title=cargo xtask workflows::no such verb";
        assert_eq!(annotation(&mistake, Path::new("sub")), shown);
    }
}
