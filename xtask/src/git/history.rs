//! Commits and the tags that name them.

use std::path::Path;

use anyhow::Context as _;

use super::{ask, git};

/// A commit, as far as its message goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// In full.
    pub id: String,
    /// Its subject, and what else stands in it.
    pub message: String,
}

impl Commit {
    /// The first letters of its id.
    pub fn short(&self) -> &str {
        short(&self.id)
    }

    /// The first line of its message.
    pub fn subject(&self) -> &str {
        self.message.lines().next().unwrap_or_default()
    }
}

/// The first letters of a commit's id, by which people know it.
pub fn short(id: &str) -> &str {
    id.get(..7).unwrap_or(id)
}

/// The commits before this one and itself, newest first, without merges; of those, the ones that a revision does not have.
///
/// # Errors
/// When this is no checkout, has no commit, or does not know the revision.
pub fn log(root: &Path, since: Option<&str>) -> anyhow::Result<Vec<Commit>> {
    let range = since.map_or("HEAD".to_owned(), |since| format!("{since}..HEAD"));
    let log = ["log", "-z", "--no-show-signature", "--no-merges", "--format=%H%n%B", &range, "--"];
    // A message may be in any encoding.
    let logged = git(root, &log).stdout_capture().run()?.stdout;
    let logged = String::from_utf8_lossy(&logged);
    let commits = logged.split('\0').filter_map(|commit| commit.split_once('\n'));
    Ok(commits.map(|(id, message)| Commit { id: id.to_owned(), message: message.trim().to_owned() }).collect())
}

/// How many commits a range has, merges among them.
///
/// # Errors
/// When git knows no such range.
pub fn count(root: &Path, range: &str) -> anyhow::Result<u64> {
    Ok(ask(root, &["rev-list", "--count", range, "--"])?.parse()?)
}

/// The tags that fit a pattern: all (`--list`), those before or at this commit (`--merged=HEAD`), or at it (`--points-at=HEAD`).
///
/// # Errors
/// When this is no checkout, or has no commit.
pub fn tags(root: &Path, pattern: &str, which: &str) -> anyhow::Result<Vec<String>> {
    Ok(ask(root, &["tag", "--no-column", which, "--list", pattern])?.lines().map(str::to_owned).collect())
}

/// The tags that fit a pattern and name an ancestor of this commit, but not itself.
///
/// # Errors
/// When this is no checkout, or has no commit.
pub fn tags_before(root: &Path, pattern: &str) -> anyhow::Result<Vec<String>> {
    let listed = ask(root, &["tag", "--no-column", "--list", pattern, "--merged", "HEAD", "--no-contains", "HEAD"])?;
    Ok(listed.lines().map(str::to_owned).collect())
}

/// The parents of a commit, and when it was made, in seconds since 1970.
///
/// # Errors
/// When git knows no such commit.
pub fn parents_and_time(root: &Path, commit: &str) -> anyhow::Result<(Vec<String>, u64)> {
    let show = ["show", "--no-show-signature", "--no-patch", "--format=%ct%x20%P", "--end-of-options", commit];
    let told = ask(root, &show)?;
    let mut words = told.split_whitespace().map(str::to_owned);
    let time = words.next().with_context(|| format!("git does not say when {commit} was made"))?.parse()?;
    Ok((words.collect(), time))
}

/// Whether a commit is another one or comes before it; where there is no such other, it does not.
///
/// # Errors
/// When git cannot be run.
pub fn is_ancestor(root: &Path, commit: &str, of: &str) -> anyhow::Result<bool> {
    let looked = git(root, &["merge-base", "--is-ancestor", commit, of]).stdout_null().unchecked().run()?;
    Ok(looked.status.success())
}
