//! Taking a release back, as long as nobody else has it: branch, tag and files are as they were before, and nothing that a
//! person has done since is lost.

use std::collections::BTreeSet;
use std::path::Path;

use super::files::State;
use super::journal::{self, Journal, Last};
use super::plan::Plan;
use super::run::wait_for_git;
use crate::problem::{ExitCode, Problem};
use crate::remote::Remote;
use crate::{git, remote};

/// A release that is taken back.
pub(super) struct Undo<'a> {
    pub(super) root: &'a Path,
    pub(super) journal: &'a Journal,
    pub(super) last: &'a Last,
    /// Told of every point at which an interruption would leave another state.
    pub(super) reached: &'a dyn Fn(&str),
}

impl Undo<'_> {
    /// Does it, or what is left of it after an interruption.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 1 when others have the release already, or something that a person has done since is in
    /// the way; with 69 when the remote does not answer. Nothing is changed then.
    pub(super) fn carry_out(&self) -> anyhow::Result<()> {
        wait_for_git(self.root)?;
        let Last { plan, state } = self.last;
        let made = plan.made(self.root).map_err(|error| self.in_the_way(error))?;
        let there = made.clone().or(plan.tagged(self.root)?);
        if let Some(there) = &there {
            self.refuse_published(there).map_err(|error| self.in_the_way(error))?;
        }
        let begun = match state {
            journal::State::Undoing(commit) => commit.clone(),
            _ => None,
        };
        let commit = there.clone().or(begun).filter(|commit| *commit != plan.base);
        let others = self.others(commit.as_deref())?;
        self.refuse_changed(commit.as_deref(), &others)?;
        self.journal.undoing(commit)?;
        (self.reached)("undoing");
        if let Some(there) = &there {
            self.take_back_references(there, made.is_some())?;
        }
        (self.reached)("references: back");
        self.restore(&others)?;
        self.journal.forget()
    }

    /// The tag, and the branch where it is at that commit: a person, or a death in the middle, may have moved it already.
    fn take_back_references(&self, commit: &str, is_checked_out: bool) -> anyhow::Result<()> {
        let (plan, tag) = (&self.last.plan, format!("refs/tags/{}", self.last.plan.tag()));
        let mut changes = String::new();
        if is_checked_out && commit != plan.base {
            changes.push_str(&format!("update refs/heads/{} {} {commit}\n", plan.branch, plan.base));
        }
        if git::commit(self.root, &tag).as_deref() == Some(commit) {
            let object = git::object(self.root, &tag)?;
            changes.push_str(&format!("delete {tag} {object}\n"));
        }
        let reason = format!("take back {}", plan.tag());
        let update = duct::cmd!("git", "update-ref", "-m", reason, "--stdin").stdin_bytes(changes);
        git::act("taking back branch and tag", &update.dir(self.root)).map(drop)
    }

    /// The index first: so what a person stages meanwhile differs from the file, and is seen.
    fn restore(&self, others: &[String]) -> anyhow::Result<()> {
        let plan = &self.last.plan;
        // What is restored already may be no file any more, and git knows none of that name.
        let others: Vec<_> = others.iter().map(String::as_str).collect();
        let others = if others.is_empty() { Vec::new() } else { git::differing(self.root, &plan.base, &others)? };
        if !others.is_empty() {
            let args = ["restore", "--quiet", "--staged", "--worktree", "--source", &plan.base, "--"];
            let args = args.into_iter().chain(others.iter().map(String::as_str));
            git::act("restoring what hooks have changed", &duct::cmd("git", args).dir(self.root))?;
            (self.reached)("others: back");
        }
        let paths = plan.paths();
        if !paths.is_empty() {
            let args = ["reset", "--quiet", &plan.base, "--"].into_iter().chain(paths.iter().copied());
            git::act("restoring the index", &duct::cmd("git", args).dir(self.root))?;
            (self.reached)("index: back");
        }
        for file in &plan.files {
            file.change_back(self.root)?;
            (self.reached)(&format!("{}: back", file.path));
        }
        // So that no file looks changed for the time it was written at.
        git::changes(self.root).map(drop)
    }

    /// What the commit changes besides what was planned: hooks may do that.
    fn others(&self, commit: Option<&str>) -> anyhow::Result<Vec<String>> {
        let Some(commit) = commit else { return Ok(Vec::new()) };
        let planned = self.last.plan.paths();
        let changed = git::changed_between(self.root, &self.last.plan.base, commit)?;
        Ok(changed.into_iter().filter(|path| !planned.contains(&path.as_str())).collect())
    }

    fn refuse_changed(&self, commit: Option<&str>, others: &[String]) -> anyhow::Result<()> {
        let plan = &self.last.plan;
        let paths: Vec<_> = plan.paths().into_iter().chain(others.iter().map(String::as_str)).collect();
        if paths.is_empty() {
            return Ok(());
        }
        let differs = |from: &str| git::changed_since(self.root, from, &paths).map(BTreeSet::from_iter);
        let mut blocked: BTreeSet<String> = differs(&plan.base)?;
        if let Some(commit) = commit {
            let differs: BTreeSet<String> = differs(commit)?;
            blocked.retain(|path| differs.contains(path));
        }
        for file in &plan.files {
            if file.state(self.root)? != State::Other {
                blocked.remove(&file.path);
            }
        }
        blocked.extend(git::staged_apart(self.root, &plan.base, commit, &paths)?);
        if blocked.is_empty() {
            return Ok(());
        }
        let message = format!("what was changed since {} was begun would be lost.", plan.tag());
        let problem = Problem::new(ExitCode::Failed, message).detail(blocked.iter().cloned());
        let paths = Vec::from_iter(blocked).join(" ");
        Err(self.in_the_way(problem.next(format!("git stash push -- {paths}")).into()))
    }

    /// A tag that others may have fetched is theirs as well.
    fn refuse_published(&self, commit: &str) -> anyhow::Result<()> {
        let Plan { base, branch, .. } = &self.last.plan;
        let Some(remote) = Remote::of(self.root)? else { return Ok(()) };
        let tag = self.last.plan.tag();
        let is_tagged = remote.tags()?.get(&tag).is_some_and(|there| there == commit);
        remote.fetch()?;
        let there = format!("refs/remotes/{}/{branch}", remote::NAME);
        let is_there = commit != base && git::is_ancestor(self.root, commit, &there)?;
        if !is_tagged && !is_there {
            return Ok(());
        }
        let message = format!("{tag} is pushed: others may have it, and it can only be followed by another release.");
        let problem = Problem::new(ExitCode::Failed, message).next(format!("git revert {}", git::short(commit)));
        Err(problem.next("cargo xtask release patch --execute").into())
    }

    /// The last resort is to let go of the release, whatever there is of it.
    fn in_the_way(&self, error: anyhow::Error) -> anyhow::Error {
        let forget = format!("rm -r {}, to leave everything as it stands", self.journal.folder().display());
        match error.downcast::<Problem>() {
            Ok(problem) => problem.next(forget).into(),
            Err(error) => error,
        }
    }
}

/// How an undo is told to a person.
pub(super) fn done(plan: &Plan) -> String {
    let (tag, branch, base) = (plan.tag(), &plan.branch, git::short(&plan.base));
    format!("{tag} is taken back: {branch} is at {base}, and the files are as they were")
}
