//! Git, on repositories that are not the project.

use std::time::Duration;

use anyhow::Context as _;

use crate::limited;

/// How long the network may take.
const LIMIT: Duration = Duration::from_secs(120);

/// What a hook of the project's own repository hands down, and would make git work on that one.
pub(super) const OF_A_HOOK: [&str; 7] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
];

/// What git answers.
///
/// # Errors
/// When it fails or takes too long, with what it has said.
pub(super) fn ask(args: &[&str]) -> anyhow::Result<String> {
    ask_with(args, &[])
}

/// The same, with variables.
///
/// # Errors
/// Those of [`ask`].
pub(super) fn ask_with(args: &[&str], variables: &[(&str, &str)]) -> anyhow::Result<String> {
    let settings = ["-c", "core.hooksPath=/dev/null", "-c", "core.autocrlf=false", "-c", "advice.detachedHead=false"];
    let mut git = duct::cmd("git", settings.iter().chain(args)).env("GIT_TERMINAL_PROMPT", "0");
    git = OF_A_HOOK.iter().fold(git, |git, name| git.env_remove(name));
    git = variables.iter().fold(git, |git, (name, value)| git.env(name, value));
    let verb = args.iter().find(|arg| !arg.starts_with('-')).copied().unwrap_or_default();
    let output = limited::run(&git, LIMIT).with_context(|| format!("git {verb}"))?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    anyhow::ensure!(output.status.success(), "{said}");
    Ok(said)
}

/// What a repository or a bundle calls its newest state, and the commit that this is: `HEAD`, or the only branch there is.
///
/// # Errors
/// When there is neither one nor the other, or nothing that git can read.
pub(super) fn newest(repository: &str) -> anyhow::Result<(String, String)> {
    let listed = ask(&["ls-remote", "--", repository])?;
    let references: Vec<_> = listed.lines().filter_map(|line| line.split_once('\t')).collect();
    let mut branches = references.iter().filter(|(_, name)| name.starts_with("refs/heads/"));
    let head = references.iter().find(|(_, name)| *name == "HEAD");
    let only = || branches.next().filter(|_| branches.next().is_none());
    let (commit, name) = head.or_else(only).context("it has no HEAD, and not exactly one branch either")?;
    Ok(((*name).to_owned(), (*commit).to_owned()))
}
