//! What git says about the working tree. A folder that is no checkout, or a machine without git, is fine unless it is said
//! to be none.

use std::path::Path;

use xshell::{Cmd, Shell, cmd};

use crate::problem::{ExitCode, Problem};

/// What is checked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Its commit, in full.
    pub commit: String,
    /// Whether the working tree is that commit and nothing else.
    pub clean: bool,
}

/// What is checked out; none outside a checkout.
pub fn head(root: &Path) -> Option<Head> {
    let sh = Shell::new().ok()?;
    sh.change_dir(root);
    let changes = cmd!(sh, "git status --porcelain").quiet().ignore_stderr().read().ok()?;
    let commit = cmd!(sh, "git rev-parse HEAD").quiet().ignore_stderr().read().ok()?;
    Some(Head { commit, clean: changes.is_empty() })
}

/// The commit that stands for the working tree: none outside a checkout, or where something differs from the commit.
pub fn clean_commit(root: &Path) -> Option<String> {
    head(root).filter(|head| head.clean).map(|head| head.commit)
}

/// The files of the project that fit one of the pathspecs: what git tracks, and what it would if it were added.
///
/// # Errors
/// When this is no checkout.
pub fn files(root: &Path, pathspecs: &[&str]) -> anyhow::Result<Vec<String>> {
    let sh = Shell::new()?;
    sh.change_dir(root);
    let listed = ask(cmd!(sh, "git ls-files -z --cached --others --exclude-standard -- {pathspecs...}"))?;
    let mut files: Vec<_> = paths(&listed).collect();
    files.sort();
    files.dedup();
    Ok(files)
}

/// The files that fit one of the pathspecs and differ from what they were in a revision, or are new.
///
/// # Errors
/// A [`Problem`] with exit code 2 when there is no such revision.
pub fn changed_since(root: &Path, revision: &str, pathspecs: &[&str]) -> anyhow::Result<Vec<String>> {
    let sh = Shell::new()?;
    sh.change_dir(root);
    let commit = format!("{revision}^{{commit}}");
    let known = cmd!(sh, "git rev-parse --verify --quiet --end-of-options {commit}");
    let commit = known.quiet().ignore_stderr().read().map_err(|_| {
        let message = format!("git knows no revision `{revision}` in {}.", root.display());
        Problem::new(ExitCode::Usage, message).next("git log --oneline")
    })?;
    let changed = ask(cmd!(sh, "git diff -z --name-only --relative {commit} -- {pathspecs...}"))?;
    let new = ask(cmd!(sh, "git ls-files -z --others --exclude-standard -- {pathspecs...}"))?;
    Ok(paths(&changed).chain(paths(&new)).collect())
}

fn paths(listed: &str) -> impl Iterator<Item = String> {
    listed.split('\0').filter(|path| !path.is_empty()).map(str::to_owned)
}

/// What a file, named relative to `root`, was in a commit: nothing where it did not exist.
///
/// # Errors
/// When this is no checkout, or it has no such commit.
pub fn file_in(root: &Path, commit: &str, path: &str) -> anyhow::Result<Option<String>> {
    let sh = Shell::new()?;
    sh.change_dir(root);
    let listed = ask(cmd!(sh, "git ls-tree --name-only {commit} -- {path}"))?;
    if listed.is_empty() {
        return Ok(None);
    }
    let file = format!("{commit}:./{path}");
    Ok(Some(ask(cmd!(sh, "git show {file}"))?))
}

/// The last commit that HEAD and another have in common.
///
/// # Errors
/// When this is no checkout, or what it has does not reach back that far.
pub fn merge_base(root: &Path, other: &str) -> anyhow::Result<String> {
    let sh = Shell::new()?;
    sh.change_dir(root);
    ask(cmd!(sh, "git merge-base HEAD {other}"))
}

fn ask(command: Cmd<'_>) -> anyhow::Result<String> {
    Ok(command.quiet().ignore_stderr().read()?)
}
