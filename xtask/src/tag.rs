//! `tag`: the name of this commit's release, for a pipeline.

use std::collections::BTreeMap;
use std::path::Path;

use duct::Expression;
use semver::Version;

use crate::problem::{ExitCode, Problem};
use crate::project::Project;
use crate::remote::Remote;
use crate::versions::{self, Past, TAGS, numbered};
use crate::{cargo, git, github, out, releases, say};

/// What a pre-release is called that nobody has asked for.
const PRE: &str = "rc";
/// Who makes a tag on a machine that is nobody's.
const NOBODY: [(&str, &str); 2] = [("NAME", "cargo xtask tag"), ("EMAIL", "xtask@localhost")];

/// Flags of `tag`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Pushes the tag to `origin` as well.
    #[arg(long)]
    push: bool,
}

/// Prints the name, and gives it to the jobs that follow on GitHub as `release`.
///
/// # Errors
/// A [`Problem`] with exit code 1 when the name stands for another commit already, or the tag cannot be pushed; 69 when the
/// history is not there, or the remote does not answer.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let project = Project::here()?;
    let root = &project.root;
    git::folder(root)?;
    let head = git::require_commit(root, "HEAD")?;
    let remote = args.push.then(|| Remote::require(root)).transpose()?;
    let there = remote.as_ref().map(Remote::tags).transpose()?.unwrap_or_default();
    let name = match named(root, &there, &head)? {
        Some(name) => name,
        None => next(root, &there)?,
    };
    let is_pushed = is_of(root, &name, there.get(&name), &head)?;
    if !is_pushed && !is_of(root, &name, here(root, &name).as_ref(), &head)? {
        make(root, &name, &head)?;
    }
    match &remote {
        Some(remote) if is_pushed => remote.fetch_tag(&name)?,
        Some(remote) => push(root, remote, &name, &head)?,
        None => {}
    }
    github::output("release", &name)?;
    out!("{name}");
    Ok(())
}

/// The highest of the releases that this commit is already, here or at the remote.
fn named(root: &Path, there: &BTreeMap<String, String>, head: &str) -> anyhow::Result<Option<String>> {
    let mut tags = git::tags(root, TAGS, "--points-at=HEAD")?;
    tags.extend(there.iter().filter(|(_, commit)| *commit == head).map(|(tag, _)| tag.clone()));
    Ok(versions::newest(&tags).map(|(_, tag)| tag.to_owned()))
}

fn make(root: &Path, name: &str, head: &str) -> anyhow::Result<()> {
    let make = duct::cmd!("git", "tag", "--annotate", "--message", name, name, head).dir(root);
    git::act(&format!("the tag {name}"), &by_somebody(root, make))?;
    say!("{} is {name}", git::short(head));
    Ok(())
}

/// The commit that a name stands for in this clone.
fn here(root: &Path, name: &str) -> Option<String> {
    git::commit(root, &format!("refs/tags/{name}"))
}

/// What the workspace says where that was never released; else a pre-release of what comes next, numbered by the commits, so
/// that every clone finds the same.
fn next(root: &Path, there: &BTreeMap<String, String>) -> anyhow::Result<String> {
    let past = Past::of(root, &cargo::metadata(root)?)?;
    let version = if past.is_ahead() {
        past.workspace
    } else {
        let range = past.last.as_ref().map_or("HEAD".to_owned(), |(_, tag)| format!("{tag}..HEAD"));
        first_free(&past, there, git::count(root, &range)?)?
    };
    let name = versions::tag(&version);
    releases::check_name(&name)?;
    Ok(name)
}

/// The pre-release of that number or, where a commit of another branch has come to it before, of the next one.
fn first_free(past: &Past, there: &BTreeMap<String, String>, mut number: u64) -> Result<Version, Problem> {
    let next = past.next(None);
    loop {
        let version = numbered(&next, PRE, number)?;
        if !past.released.contains(&version) && !there.contains_key(&versions::tag(&version)) {
            return Ok(version);
        }
        number += 1;
    }
}

/// Whether a name is known, as that of this commit.
///
/// # Errors
/// A [`Problem`] with exit code 1 when it is that of another one.
fn is_of(root: &Path, name: &str, known: Option<&String>, head: &str) -> Result<bool, Problem> {
    let Some(other) = known.filter(|known| *known != head) else { return Ok(known.is_some()) };
    let is_so_here = here(root, name).is_some_and(|here| here == head);
    let (other, head) = (git::short(other), git::short(head));
    let message = format!("{name} is the name of {other}, and would be that of {head} as well.");
    let next = format!("git log --oneline --graph {other} {head}");
    let problem = Problem::new(ExitCode::Failed, message).next(next);
    let anew = is_so_here.then(|| format!("git tag --delete {name}, to have {head} named anew"));
    Err(anew.into_iter().fold(problem, Problem::next))
}

/// By the person whose machine this is, if it is one's.
fn by_somebody(root: &Path, git: Expression) -> Expression {
    let is_somebody = duct::cmd!("git", "var", "GIT_COMMITTER_IDENT").dir(root).stdout_null().stderr_null();
    // Without a name of one's own, git takes the user's from the system, and refuses it where there is none either.
    let is_configured = is_somebody.unchecked().run().is_ok_and(|output| output.status.success());
    if is_configured {
        return git;
    }
    NOBODY.iter().fold(git, |git, (what, value)| git.env(format!("GIT_COMMITTER_{what}"), value))
}

/// Of two who push the name of one commit at once, both succeed.
fn push(root: &Path, remote: &Remote<'_>, name: &str, head: &str) -> anyhow::Result<()> {
    let Err(error) = remote.push(&format!("the push of {name}"), &[&format!("refs/tags/{name}")]) else {
        return Ok(());
    };
    // One that does not answer has not answered to the push either, and that is what is to be told.
    let there = remote.tags().unwrap_or_default();
    if is_of(root, name, there.get(name), head)? {
        say!("{name} was pushed meanwhile");
        return remote.fetch_tag(name);
    }
    Err(match error.downcast::<Problem>() {
        Ok(problem) => problem.next("cargo xtask tag --push").into(),
        Err(error) => error,
    })
}
