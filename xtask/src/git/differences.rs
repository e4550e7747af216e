//! What differs between commits, the index and the working tree. All paths are relative to `root`.

use std::path::Path;

use super::{ask, require_commit};

/// What differs from the commit, new files among it, as `git status` lists it.
///
/// # Errors
/// When this is no checkout.
pub fn changes(root: &Path) -> anyhow::Result<Vec<String>> {
    Ok(ask(root, &["status", "--porcelain"])?.lines().map(str::to_owned).collect())
}

/// The files that fit one of the pathspecs and differ from what they were in a revision, or are new.
///
/// # Errors
/// A [`Problem`](crate::problem::Problem) with exit code 2 when there is no such revision.
pub fn changed_since(root: &Path, revision: &str, pathspecs: &[&str]) -> anyhow::Result<Vec<String>> {
    let commit = require_commit(root, revision)?;
    let changed = names(root, &[&commit], pathspecs)?;
    let new = ask(root, &[&["ls-files", "-z", "--others", "--exclude-standard", "--"], pathspecs].concat())?;
    Ok(changed.into_iter().chain(paths(&new)).collect())
}

/// What is staged for the next commit, from `root` on.
///
/// # Errors
/// When this is no checkout, or has no commit.
pub fn staged(root: &Path) -> anyhow::Result<Vec<String>> {
    names(root, &["--cached", "HEAD"], &[])
}

/// The files among some that are staged otherwise than they are in a commit, in another one where there is one, and in the
/// working tree.
///
/// # Errors
/// When this is no checkout, or does not know the commits.
pub fn staged_apart(root: &Path, from: &str, or: Option<&str>, paths: &[&str]) -> anyhow::Result<Vec<String>> {
    let mut staged = names(root, &["--cached", from], paths)?;
    let differing = names(root, &[], paths)?;
    let differing_from_other = or.map(|other| names(root, &["--cached", other], paths)).transpose()?;
    let is_apart = |path: &String| {
        differing.contains(path) && differing_from_other.as_ref().is_none_or(|others| others.contains(path))
    };
    staged.retain(is_apart);
    Ok(staged)
}

/// The files among some that are, in the index or in the working tree, not as they were in a commit.
///
/// # Errors
/// When this is no checkout, or does not know the commit.
pub fn differing(root: &Path, from: &str, paths: &[&str]) -> anyhow::Result<Vec<String>> {
    let mut differing = names(root, &["--cached", from], paths)?;
    differing.extend(names(root, &[from], paths)?);
    differing.sort();
    differing.dedup();
    Ok(differing)
}

/// The files that differ between two commits, from `root` on.
///
/// # Errors
/// When this is no checkout, or does not know the commits.
pub fn changed_between(root: &Path, from: &str, to: &str) -> anyhow::Result<Vec<String>> {
    names(root, &[from, to], &[])
}

fn names(root: &Path, between: &[&str], pathspecs: &[&str]) -> anyhow::Result<Vec<String>> {
    let differing = ask(
        root,
        &[&["diff", "-z", "--name-only", "--relative", "--no-renames"], between, &["--"], pathspecs].concat(),
    )?;
    Ok(paths(&differing).collect())
}

fn paths(listed: &str) -> impl Iterator<Item = String> {
    listed.split('\0').filter(|path| !path.is_empty()).map(str::to_owned)
}
