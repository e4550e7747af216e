//! What is written down of a release, before each of its steps: in the git directory, where no `cargo clean` reaches it and
//! no commit takes it along.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::plan::{Plan, Step};
use crate::git;
use crate::host::{Host as _, Local, Session};
use crate::problem::{ExitCode, Problem};

const FOLDER: &str = "switchyard-release";
const FILE: &str = "journal.jsonl";
const LOCK: &str = "lock";

/// A line of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    /// The first, which is there whole or not at all.
    Planned(Plan),
    Began(Step),
    Ended,
    /// The commit that is taken back, where there is one.
    Undoing(Option<String>),
}

/// How far a release is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// It was interrupted, in this step where there is one.
    Begun(Option<Step>),
    Ended,
    /// It was to be taken back, with this commit where there is one.
    Undoing(Option<String>),
}

/// The last release of this checkout.
#[derive(Debug, Clone)]
pub(super) struct Last {
    pub(super) plan: Plan,
    pub(super) state: State,
}

/// The journal of a checkout.
#[derive(Debug)]
pub(super) struct Journal {
    folder: PathBuf,
    host: Local,
}

impl Journal {
    /// That of the checkout at `root`.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 2 when this is no checkout.
    pub(super) fn of(root: &Path) -> anyhow::Result<Journal> {
        let folder = git::folder(root)?.join(FOLDER);
        Ok(Journal { host: Local::new(&folder), folder })
    }

    /// Where it is.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Keeps everybody else out for as long as what it returns lives.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 75 when somebody else is at it.
    pub(super) fn lock(&self) -> anyhow::Result<Session> {
        self.host.try_lock(LOCK)?.ok_or_else(|| {
            let message = "another `cargo xtask release` is at work in this checkout.";
            Problem::new(ExitCode::Busy, message).next("the same command, once it has ended").into()
        })
    }

    /// The last release; none where there was none, or it was taken back.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn last(&self) -> anyhow::Result<Option<Last>> {
        let text = self.host.read(FILE)?.unwrap_or_default();
        // A torn line spoils none but itself: each is written after a newline.
        let mut lines = text.lines().filter_map(|line| serde_json::from_str(line).ok());
        let Some(Line::Planned(plan)) = lines.next() else { return Ok(None) };
        let state = lines.fold(State::Begun(None), |state, line| match line {
            Line::Planned(_) => state,
            Line::Began(step) => State::Begun(Some(step)),
            Line::Ended => State::Ended,
            Line::Undoing(commit) => State::Undoing(commit),
        });
        Ok(Some(Last { plan, state }))
    }

    /// Begins anew with a plan.
    ///
    /// # Errors
    /// When it is not on disk.
    pub(super) fn begin(&self, plan: &Plan) -> anyhow::Result<()> {
        self.host.replace(FILE, &serde_json::to_string(&Line::Planned(plan.clone()))?)
    }

    /// # Errors
    /// When it is not on disk.
    pub(super) fn began(&self, step: Step) -> anyhow::Result<()> {
        self.append(&Line::Began(step))
    }

    /// # Errors
    /// When it is not on disk.
    pub(super) fn ended(&self) -> anyhow::Result<()> {
        self.append(&Line::Ended)
    }

    /// # Errors
    /// When it is not on disk.
    pub(super) fn undoing(&self, commit: Option<String>) -> anyhow::Result<()> {
        self.append(&Line::Undoing(commit))
    }

    /// Leaves nothing of it.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub(super) fn forget(&self) -> anyhow::Result<()> {
        self.host.remove(FILE)?;
        self.host.remove(LOCK)?;
        // An empty folder that stays is only untidy.
        let _ = std::fs::remove_dir(&self.folder);
        Ok(())
    }

    fn append(&self, line: &Line) -> anyhow::Result<()> {
        self.host.append(FILE, &format!("\n{}", serde_json::to_string(line)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Repository;

    #[test]
    fn what_was_written_last_counts_and_a_torn_line_does_not() {
        let repository = Repository::with(&[("a", "a")]);
        let journal = Journal::of(repository.root()).unwrap();
        assert!(journal.last().unwrap().is_none());
        let plan = Plan {
            version: semver::Version::new(0, 2, 0),
            branch: "main".into(),
            base: "b".repeat(40),
            at: 1,
            files: Vec::new(),
            notes: "- ä".into(),
            push: true,
        };
        journal.begin(&plan).unwrap();
        let state = || journal.last().unwrap().unwrap().state;
        assert_eq!(state(), State::Begun(None));
        journal.began(Step::Tag).unwrap();
        journal.host.append(FILE, "\n{\"began\":\"pu").unwrap();
        assert_eq!(state(), State::Begun(Some(Step::Tag)));
        journal.ended().unwrap();
        assert_eq!((state(), journal.last().unwrap().unwrap().plan), (State::Ended, plan));
        journal.undoing(Some("c".into())).unwrap();
        assert_eq!(state(), State::Undoing(Some("c".into())));
        journal.forget().unwrap();
        assert!(journal.last().unwrap().is_none() && !journal.folder().exists());
    }
}
