//! Where a rehearsal takes place: a folder below `target/xtask`, with a clone of the commit and a repository of its own that
//! the clone takes for the one on GitHub, so that nothing that is pushed goes anywhere.

use std::cell::Cell;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use super::event::{BASE, Event};
use crate::host::{Host as _, Local, Session};
use crate::problem::{ExitCode, Problem};

const FOLDER: &str = "target/xtask/rehearsal";
const LOCK: &str = "lock";
/// No repository of a rehearsal has the hooks that a person has git put into each.
const NO_TEMPLATE: &str = "--template=";

/// The folder. What a rehearsal has made in it is gone when it goes out of scope, but for logs and what cargo has built.
pub(super) struct Ground {
    root: PathBuf,
    folder: PathBuf,
    /// What is rehearsed.
    pub(super) commit: String,
    is_kept: Cell<bool>,
    _lock: Session,
}

impl Ground {
    /// Makes it, without anything of the one before.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 75 while another rehearsal is there, and with 2 outside of a checkout or where the tag
    /// that was pushed is of another commit.
    pub(super) fn new(root: &Path, commit: &str) -> anyhow::Result<Ground> {
        let folder = root.join(FOLDER);
        let Some(lock) = Local::new(&folder).try_lock(LOCK)? else {
            let message = "another rehearsal of this project is at work.";
            return Err(Problem::new(ExitCode::Busy, message).next("the same command, once it has ended").into());
        };
        let ground =
            Ground { root: root.to_owned(), folder, commit: commit.to_owned(), is_kept: Cell::new(false), _lock: lock };
        ground.prepare().with_context(|| format!("making {}", ground.folder.display()))?;
        git(root, &["clone", "--quiet", NO_TEMPLATE, "--bare", &text(root), &text(&ground.origin())])?;
        git(&ground.origin(), &["remote", "remove", "origin"])?;
        Ok(ground)
    }

    fn prepare(&self) -> io::Result<()> {
        let written = [self.origin(), self.workspace(), self.parked(), self.temp(), self.logs(), self.summary()];
        written.iter().try_for_each(|path| remove(path))?;
        [self.logs(), self.temp(), self.target()].iter().try_for_each(fs::create_dir_all)
    }

    /// The commit's files, without a history: what is to be run is read from them.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(super) fn export(&self, root: &Path) -> anyhow::Result<PathBuf> {
        let clone = self.workspace();
        fs::create_dir_all(&clone).with_context(|| format!("making {}", clone.display()))?;
        crate::git::export(root, &self.commit, &clone)?;
        Ok(clone)
    }

    /// Has the repository look as it does once the event has happened.
    ///
    /// # Errors
    /// Those of [`Ground::new`].
    pub(super) fn receive(&self, event: &Event) -> anyhow::Result<()> {
        let origin = self.origin();
        let known = git(&origin, &["rev-parse", "--verify", "--quiet", &format!("{}^{{commit}}", event.reference)]);
        if event.reference.starts_with("refs/tags/") && known.is_ok_and(|known| known != self.commit) {
            let message = format!("the tag {} is of another commit than HEAD, which is rehearsed.", event.ref_name());
            return Err(Problem::new(ExitCode::Usage, message)
                .next(format!("git checkout {}", event.ref_name()))
                .into());
        }
        let base = format!("refs/heads/{BASE}");
        if git(&origin, &["rev-parse", "--verify", "--quiet", &base]).is_err() {
            git(&origin, &["update-ref", &base, &self.commit])?;
        }
        // A tag that is there already may be an annotated one, which stays.
        if git(&origin, &["rev-parse", &format!("{}^{{commit}}", event.reference)]).ok().as_ref() != Some(&self.commit)
        {
            git(&origin, &["update-ref", &event.reference, &self.commit])?;
        }
        Ok(())
    }

    /// A machine on which nothing is checked out yet.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub(super) fn clear_workspace(&self) -> anyhow::Result<()> {
        let make = || -> io::Result<()> {
            if self.workspace().is_dir() && !self.parked().is_dir() {
                fs::rename(self.workspace(), self.parked())?;
            }
            remove(&self.workspace())?;
            remove(&self.temp())?;
            fs::create_dir_all(self.workspace())?;
            fs::create_dir_all(self.temp())
        };
        make().with_context(|| format!("clearing {}", self.workspace().display()))
    }

    /// Checks the commit out as `actions/checkout` does. Files that are there from before keep their times where they have
    /// not changed, so that cargo need not build again what it has built.
    ///
    /// # Errors
    /// When git refuses.
    pub(super) fn check_out(&self, event: &Event, depth: u32) -> anyhow::Result<()> {
        let workspace = self.workspace();
        if self.parked().is_dir() {
            remove(&workspace)?;
            fs::rename(self.parked(), &workspace)?;
        }
        fs::create_dir_all(&workspace)?;
        remove(&workspace.join(".git"))?;
        let git = |args: &[&str]| git(&workspace, args);
        git(&["init", "--quiet", NO_TEMPLATE])?;
        git(&["remote", "add", "origin", &format!("file://{}", self.origin().display())])?;
        // The link to what cargo builds: a pattern for a folder need not fit it.
        write(&workspace.join(".git/info/exclude"), "/target\n")?;
        let branch = event.reference.strip_prefix("refs/heads/");
        let tracked = match branch {
            Some(branch) => format!("refs/remotes/origin/{branch}"),
            None => event.reference.replace("refs/pull/", "refs/remotes/pull/"),
        };
        let only = format!("+{}:{tracked}", event.reference);
        match depth {
            0 => git(&["fetch", "--quiet", "--tags", "origin", "+refs/heads/*:refs/remotes/origin/*", &only])?,
            depth => git(&["fetch", "--quiet", "--no-tags", &format!("--depth={depth}"), "origin", &only])?,
        };
        match branch {
            Some(branch) => git(&["symbolic-ref", "HEAD", &format!("refs/heads/{branch}")])?,
            None => git(&["update-ref", "--no-deref", "HEAD", &self.commit])?,
        };
        git(&["reset", "--quiet", &self.commit])?;
        // Ends badly where something differs, which is put right next.
        let _ = git(&["update-index", "-q", "--refresh"]);
        git(&["reset", "--quiet", "--hard"])?;
        git(&["clean", "-ffdx", "--quiet"])?;
        self.link_target().context("linking target")
    }

    /// What cargo builds stays from job to job and from rehearsal to rehearsal; what else lies there is of this job alone,
    /// but for the tools of the project, which are its pinned ones in any case.
    fn link_target(&self) -> io::Result<()> {
        let (target, tools) = (self.target(), self.root.join("target/tools"));
        remove(&target.join("xtask"))?;
        fs::create_dir_all(&tools)?;
        if !target.join("tools").exists() {
            remove(&target.join("tools"))?;
            symlink(tools, target.join("tools"))?;
        }
        symlink(target, self.workspace().join("target"))
    }

    /// Leaves everything where it is.
    pub(super) fn keep(&self) {
        self.is_kept.set(true);
    }

    /// All of it.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What is checked out.
    pub(super) fn workspace(&self) -> PathBuf {
        self.folder.join("work")
    }

    /// What steps write beside it.
    pub(super) fn temp(&self) -> PathBuf {
        self.folder.join("temp")
    }

    /// What they have said.
    pub(super) fn logs(&self) -> PathBuf {
        self.folder.join("logs")
    }

    /// What the jobs have written for people.
    pub(super) fn summary(&self) -> PathBuf {
        self.folder.join("summary.md")
    }

    fn origin(&self) -> PathBuf {
        self.folder.join("origin.git")
    }

    fn parked(&self) -> PathBuf {
        self.folder.join("parked")
    }

    fn target(&self) -> PathBuf {
        self.folder.join("target")
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        if self.is_kept.get() {
            return;
        }
        for path in [self.origin(), self.workspace(), self.parked(), self.temp()] {
            // What cannot be removed now is removed by the next one, or said to be in its way.
            let _ = remove(&path);
        }
    }
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
    folder.and_then(|()| fs::write(path, text)).with_context(|| format!("writing {}", path.display()))
}

/// Removes what is there, a link itself and not what it leads to.
fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn git(folder: &Path, args: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("git").args(args).current_dir(folder).output().context("running git")?;
    if !output.status.success() {
        bail!("git {} failed: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
