//! Carrying a release out, from its beginning or from wherever it was interrupted: what is done already is seen by what is
//! there, and the journal only says what was meant.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use duct::Expression;

use super::files::State;
use super::journal::Journal;
use super::plan::{Plan, Step};
use super::{RESUME, UNDO};
use crate::interrupt::UnderWay;
use crate::problem::{ExitCode, Problem};
use crate::remote::{self, Remote};
use crate::{git, say};

/// How long another git may take to be done with what it does.
const PATIENCE: Duration = Duration::from_secs(5);

/// A release that is being made.
pub(super) struct Run<'a> {
    pub(super) root: &'a Path,
    pub(super) journal: &'a Journal,
    pub(super) plan: &'a Plan,
    /// Told of every point at which an interruption would leave another state.
    pub(super) reached: &'a dyn Fn(&str),
}

impl Run<'_> {
    /// Does what is left to do. The journal has the plan by now.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 130 after Ctrl-C or a signal, 1 when a step fails. What was done by then is left as it is.
    pub(super) fn carry_out(&self) -> anyhow::Result<()> {
        let under_way = UnderWay::begin()?;
        wait_for_git(self.root)?;
        self.reach("planned");
        for step in self.plan.steps() {
            if under_way.is_cancelled() {
                return Err(self.stopped(step, None));
            }
            self.journal.began(step)?;
            self.reach(&format!("{step}: begun"));
            if let Err(error) = self.take(step) {
                return Err(self.stopped(step, Some(error).filter(|_| !under_way.is_cancelled())));
            }
            self.reach(&format!("{step}: done"));
        }
        self.journal.ended()?;
        self.reach("ended");
        Ok(())
    }

    fn take(&self, step: Step) -> anyhow::Result<()> {
        match step {
            Step::Manifests | Step::Locks | Step::Changelog => self.change_files(step),
            Step::Commit => self.commit(),
            Step::Tag => self.tag(),
            Step::Push => self.push(),
        }
    }

    fn change_files(&self, step: Step) -> anyhow::Result<()> {
        if self.plan.made(self.root)?.is_some() {
            return Ok(());
        }
        for file in self.plan.files.iter().filter(|file| file.step == step) {
            match file.state(self.root)? {
                State::Before => file.change(self.root)?,
                State::After => {}
                State::Other => {
                    let message = format!("{} is neither as it was nor as the release has it.", file.path);
                    return Err(Problem::new(ExitCode::Failed, message)
                        .next(format!("git diff -- {}", file.path))
                        .into());
                }
            }
            self.reach(&format!("{}: written", file.path));
        }
        Ok(())
    }

    fn commit(&self) -> anyhow::Result<()> {
        if self.plan.made(self.root)?.is_some() {
            return Ok(());
        }
        let paths = self.plan.paths();
        let staged = git::staged(self.root)?.into_iter().filter(|path| !paths.contains(&path.as_str()));
        let staged: Vec<_> = staged.collect();
        if !staged.is_empty() {
            let message = "what is staged would go into the commit of the release, and is none of it.";
            let problem = Problem::new(ExitCode::Failed, message).detail(staged);
            return Err(problem.next("git restore --staged .").into());
        }
        let add = ["add", "--"].into_iter().chain(paths);
        git::act("staging the release", &duct::cmd("git", add).dir(self.root))?;
        self.reach("staged");
        let subject = self.plan.subject();
        say!("committing {subject}, as this repository's hooks and settings have it");
        let commit = duct::cmd!("git", "commit", "--quiet", "--message", &subject);
        git::act(&format!("the commit `{subject}`"), &self.at_its_time(&commit))?;
        Ok(())
    }

    fn tag(&self) -> anyhow::Result<()> {
        let (tag, commit) = (self.plan.tag(), self.require_made()?);
        match git::commit(self.root, &format!("refs/tags/{tag}")) {
            Some(tagged) if tagged == commit => return Ok(()),
            Some(other) => {
                let message = format!("there is a tag {tag} by now, at {}.", git::short(&other));
                return Err(Problem::new(ExitCode::Failed, message).next(format!("git show {tag}")).into());
            }
            None => {}
        }
        // Lines that begin with `#` are headings here.
        let make = duct::cmd!("git", "tag", "--annotate", "--cleanup=whitespace", "--file=-", &tag, &commit);
        let make = self.at_its_time(&make.stdin_bytes(self.plan.message()));
        git::act(&format!("the tag {tag}"), &make).map(drop)
    }

    fn push(&self) -> anyhow::Result<()> {
        let remote = Remote::require(self.root)?;
        self.require_made()?;
        let (branch, tag) = (&self.plan.branch, self.plan.tag());
        say!("pushing {branch} and {tag} to {}", remote::NAME);
        let references = [format!("refs/heads/{branch}"), format!("refs/tags/{tag}")];
        remote.push(&format!("the push of {branch} and {tag}"), &references.each_ref().map(String::as_str))
    }

    /// The commit of the release.
    fn require_made(&self) -> anyhow::Result<String> {
        self.plan.made(self.root)?.with_context(|| format!("the commit of {} is gone", self.plan.tag()))
    }

    fn at_its_time(&self, git: &Expression) -> Expression {
        let time = self.plan.time();
        git.dir(self.root).env("GIT_AUTHOR_DATE", &time).env("GIT_COMMITTER_DATE", &time)
    }

    fn stopped(&self, at: Step, error: Option<anyhow::Error>) -> anyhow::Error {
        let tag = self.plan.tag();
        let problem = match error.map(anyhow::Error::downcast::<Problem>) {
            None => Problem::new(ExitCode::Interrupted, format!("{tag} is half-done: it was interrupted at {at}.")),
            Some(Ok(problem)) => problem,
            Some(Err(error)) => Problem::new(ExitCode::Failed, format!("{tag} is half-done: {at} failed: {error:#}.")),
        };
        problem.next(RESUME).next(UNDO).into()
    }

    fn reach(&self, point: &str) {
        (self.reached)(point);
    }
}

/// What was started by one that was killed may still be at work, and git itself keeps two from writing at once.
///
/// # Errors
/// A [`Problem`] with exit code 75 when it is not done in time.
pub(super) fn wait_for_git(root: &Path) -> anyhow::Result<()> {
    let lock: PathBuf = git::folder(root)?.join("index.lock");
    let deadline = Instant::now() + PATIENCE;
    while lock.exists() {
        if Instant::now() > deadline {
            let message =
                format!("another git is at work in this checkout, or one that died has left {}.", lock.display());
            let problem = Problem::new(ExitCode::Busy, message);
            return Err(problem.next(format!("rm {}, if no git is at work here", lock.display())).into());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
