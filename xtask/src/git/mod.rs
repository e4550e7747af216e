//! What git says about the working tree. A folder that is no checkout, or a machine without git, is fine unless it is said
//! to be none. What a person has set for their own eyes, such as `log.showSignature`, makes no difference.

mod differences;
mod history;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use duct::Expression;

pub use differences::{changed_between, changed_since, changes, differing, staged, staged_apart};
pub use history::{Commit, count, is_ancestor, log, parents_and_time, short, tags, tags_before};

use crate::problem::{ExitCode, Problem};
use crate::{foreign, limited};

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
    let changes = ask(root, &["status", "--porcelain"]).ok()?;
    let commit = ask(root, &["rev-parse", "HEAD"]).ok()?;
    Some(Head { commit, clean: changes.is_empty() })
}

/// The commit that stands for the working tree: none outside a checkout, or where something differs from the commit.
pub fn clean_commit(root: &Path) -> Option<String> {
    head(root).filter(|head| head.clean).map(|head| head.commit)
}

/// When a commit was made, in seconds since 1970; none where git knows no such commit.
pub fn time_of(root: &Path, commit: &str) -> Option<u64> {
    let show = ["show", "--no-show-signature", "--no-patch", "--format=%ct", "--end-of-options", commit];
    ask(root, &show).ok()?.parse().ok()
}

/// The files of the project that fit one of the pathspecs: what git tracks, and what it would if it were added.
///
/// # Errors
/// When this is no checkout, or the name of such a file is no UTF-8.
pub fn files(root: &Path, pathspecs: &[&str]) -> anyhow::Result<Vec<String>> {
    let name = |path: PathBuf| {
        path.into_os_string().into_string().map_err(|name| anyhow!("the name of {} is no UTF-8", name.display()))
    };
    paths_of(root, pathspecs)?.into_iter().map(name).collect()
}

/// The same whatever their names are; all files where there is no pathspec.
///
/// # Errors
/// When this is no checkout.
pub fn paths_of(root: &Path, pathspecs: &[&str]) -> anyhow::Result<Vec<PathBuf>> {
    let list = [&["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--"], pathspecs].concat();
    let listed = git(root, &list).stdout_capture().run()?.stdout;
    let names = listed.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let mut files: Vec<_> = names.map(|name| PathBuf::from(OsStr::from_bytes(name))).collect();
    files.sort();
    files.dedup();
    Ok(files)
}

/// What a file, named relative to `root`, was in a commit: nothing where it did not exist.
///
/// # Errors
/// When this is no checkout, or it has no such commit.
pub fn file_in(root: &Path, commit: &str, path: &str) -> anyhow::Result<Option<String>> {
    let listed = ask(root, &["ls-tree", "--name-only", commit, "--", path])?;
    if listed.is_empty() {
        return Ok(None);
    }
    Ok(Some(ask(root, &["show", &format!("{commit}:./{path}")])?))
}

/// The last commit that HEAD and another have in common.
///
/// # Errors
/// When this is no checkout, or what it has does not reach back that far.
pub fn merge_base(root: &Path, other: &str) -> anyhow::Result<String> {
    ask(root, &["merge-base", "HEAD", other])
}

/// The commit that a revision names; none where git knows no such revision.
pub fn commit(root: &Path, revision: &str) -> Option<String> {
    let commit = format!("{revision}^{{commit}}");
    ask(root, &["rev-parse", "--verify", "--quiet", "--end-of-options", &commit]).ok()
}

/// The commit that a revision names, which a person has named.
///
/// # Errors
/// A [`Problem`] with exit code 2 when there is no such revision.
pub fn require_commit(root: &Path, revision: &str) -> Result<String, Problem> {
    commit(root, revision).ok_or_else(|| {
        let message = format!("git knows no revision `{revision}` in {}.", root.display());
        Problem::new(ExitCode::Usage, message).next("git log --oneline")
    })
}

/// What a reference names, be it a commit or an annotated tag.
///
/// # Errors
/// When there is no such reference.
pub fn object(root: &Path, reference: &str) -> anyhow::Result<String> {
    ask(root, &["rev-parse", "--verify", "--quiet", reference])
}

/// The branch that is checked out; none where a commit is.
pub fn branch(root: &Path) -> Option<String> {
    ask(root, &["symbolic-ref", "--quiet", "--short", "HEAD"]).ok()
}

/// The folder in which git keeps what belongs to this checkout alone.
///
/// # Errors
/// A [`Problem`] with exit code 2 when this is no checkout.
pub fn folder(root: &Path) -> anyhow::Result<PathBuf> {
    let folder = ask(root, &["rev-parse", "--absolute-git-dir"]).map_err(|_| {
        let message = format!("{} is no checkout of a git repository, or this machine has no git.", root.display());
        Problem::new(ExitCode::Usage, message).next("git status")
    })?;
    Ok(folder.into())
}

/// The newest commit in which a file that fits the pathspec was changed; none where none is.
///
/// # Errors
/// When this is no checkout, or has no commit.
pub fn last_change(root: &Path, pathspec: &str) -> anyhow::Result<Option<String>> {
    let commit = ask(root, &["log", "-1", "--no-show-signature", "--format=%H", "--", pathspec])?;
    Ok(Some(commit).filter(|commit| !commit.is_empty()))
}

/// Whether this clone has only the end of the history.
///
/// # Errors
/// When this is no checkout.
pub fn is_shallow(root: &Path) -> anyhow::Result<bool> {
    Ok(ask(root, &["rev-parse", "--is-shallow-repository"])? == "true")
}

/// Makes a folder a repository, without a commit.
///
/// # Errors
/// When it cannot be one.
pub fn init(folder: &Path) -> anyhow::Result<()> {
    ask(folder, &["init", "--quiet"]).map(drop)
}

/// Writes the project's files into an empty folder, as they are in a commit.
///
/// # Errors
/// When they cannot be read or written.
pub fn export(root: &Path, commit: &str, folder: &Path) -> anyhow::Result<()> {
    let repository = ask(root, &["rev-parse", "--absolute-git-dir"])?;
    // Where the project is a folder of the repository, that folder alone.
    let tree = ask(root, &["rev-parse", "--verify", &format!("{commit}:./")])?;
    // An index and a working tree of its own: this one's stay as they are.
    let index = folder.with_extension("index");
    let apart = |args: &[&str]| {
        let git = git(folder, args).env("GIT_DIR", &repository).env("GIT_INDEX_FILE", &index);
        git.env("GIT_WORK_TREE", folder).stdout_null().run()
    };
    let written = apart(&["read-tree", &tree]).and_then(|_| apart(&["checkout-index", "--all"])).map(drop);
    // Where nothing was read, there is none.
    let _ = fs::remove_file(&index);
    written.with_context(|| format!("writing {commit} to {}", folder.display()))
}

/// Has git do something that a hook, a setting or another repository may refuse: `what`, in the words of a person.
///
/// # Errors
/// A [`Problem`] with exit code 1 and what was said.
pub fn act(what: &str, git: &Expression) -> anyhow::Result<String> {
    let git = git.stdin_null().stderr_to_stdout().stdout_capture().unchecked();
    heard(what, &git.run().with_context(|| what.to_owned())?)
}

/// The same of what another machine has a part in, which may never answer.
///
/// # Errors
/// A [`Problem`] with exit code 1 and what was said; with 69 when it has not ended after `limit`, and may be done all the same.
pub fn act_within(limit: Duration, what: &str, git: &Expression) -> anyhow::Result<String> {
    let output = limited::run(git, limit).map_err(|error| {
        let message = format!("{what} got no answer: {error:#}. It may be done all the same.");
        Problem::new(ExitCode::Unavailable, message)
    })?;
    heard(what, &output)
}

fn heard(what: &str, output: &Output) -> anyhow::Result<String> {
    let said = foreign::plain(&String::from_utf8_lossy(&output.stdout));
    if output.status.success() {
        return Ok(said.trim().to_owned());
    }
    let said = foreign::last(&said, 40, 8000).lines().map(str::to_owned);
    Err(Problem::new(ExitCode::Failed, format!("{what} was refused.")).detail(said).into())
}

/// What git prints, which has to succeed.
fn ask(root: &Path, args: &[&str]) -> anyhow::Result<String> {
    Ok(git(root, args).read()?)
}

fn git(root: &Path, args: &[&str]) -> Expression {
    duct::cmd("git", args).dir(root).stdin_null().stderr_null()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Repository, TempDir};

    #[test]
    fn a_commit_is_exported_as_it_was_and_the_checkout_stays_as_it_is() {
        let repository = Repository::with(&[("a", "then"), ("inner/b", "then")]);
        repository.write("a", "now");
        let folder = TempDir::new();
        export(repository.root(), "HEAD", folder.path()).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("a")).unwrap(), "then");
        assert_eq!(fs::read_to_string(repository.root().join("a")).unwrap(), "now");
        assert_eq!(changed_since(repository.root(), "HEAD", &["a"]).unwrap(), ["a"]);
        assert_eq!(changed_since(repository.root(), "HEAD", &["inner"]).unwrap(), Vec::<String>::new());
        // A project that is a folder of its repository is that folder alone.
        let inner = TempDir::new();
        export(&repository.root().join("inner"), "HEAD", inner.path()).unwrap();
        assert!(inner.path().join("b").is_file() && !inner.path().join("inner").exists());
    }

    #[test]
    fn what_a_person_has_set_for_their_own_eyes_makes_no_difference() {
        let repository = Repository::with(&[("a", "a")]);
        let root = repository.root();
        let first = commit(root, "HEAD").unwrap();
        // In the git directory, so that it is no file of the project.
        let key = folder(root).unwrap().join("key");
        duct::cmd!("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", &key).run().unwrap();
        for (name, value) in [
            ("gpg.format", "ssh"),
            ("user.signingKey", key.to_str().unwrap()),
            ("commit.gpgSign", "true"),
            ("log.showSignature", "true"),
            ("column.ui", "always"),
        ] {
            repository.git(&["config", name, value]);
        }
        repository.write("a", "b");
        repository.commit("feat!: b");
        let raw = duct::cmd!("git", "cat-file", "commit", "HEAD").dir(root).read().unwrap();
        assert!(raw.contains("gpgsig "), "{raw}");

        let second = commit(root, "HEAD").unwrap();
        let logged = log(root, Some(&first)).unwrap();
        assert_eq!(logged, [Commit { id: second.clone(), message: "feat!: b".into() }]);
        let (parents, time) = parents_and_time(root, &second).unwrap();
        assert_eq!((parents, Some(time)), (vec![first], time_of(root, &second)));
        assert_eq!(last_change(root, "a").unwrap(), Some(second));
        ["v0.1.0", "v0.2.0"].iter().for_each(|tag| repository.git(&["tag", tag]));
        assert_eq!(tags(root, "v*", "--list").unwrap(), ["v0.1.0", "v0.2.0"]);
        repository.write("a", "c");
        repository.commit("c");
        assert_eq!(tags_before(root, "v*").unwrap(), ["v0.1.0", "v0.2.0"]);
    }
}
