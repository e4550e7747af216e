//! Where copies of the database are kept, each a repository of its own that git fills.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::database::{DAY, Source};
use super::git;
use crate::digest;

/// How long a copy that was fetched is not fetched again.
pub(super) const REFRESHED: Duration = Duration::from_secs(DAY);

/// What cargo-deny calls the folder of the one database it knows by itself.
pub(super) const CHECKOUT: &str = "advisory-db-3157b0e258782691";

/// Where the copy of one source is kept.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) folder: PathBuf,
}

impl Place {
    pub(super) fn of(source: &Source, root: &Path) -> Place {
        let name: String = digest::of(source.origin()).chars().take(8).collect();
        Place { folder: root.join("target/xtask/advisories").join(name) }
    }

    pub(super) fn checkout(&self) -> PathBuf {
        self.folder.join(CHECKOUT)
    }

    pub(super) fn stamp(&self) -> PathBuf {
        self.folder.join("fetched")
    }

    pub(super) fn git(&self, args: &[&str]) -> anyhow::Result<String> {
        git::ask(&[&["-C", &self.checkout().to_string_lossy()], args].concat())
    }

    pub(super) fn head(&self) -> anyhow::Result<String> {
        // Without a repository of its own, git would find that of the project around it.
        anyhow::ensure!(self.checkout().join(".git").is_dir(), "nothing was fetched yet");
        self.git(&["rev-parse", "--verify", "--quiet", "HEAD"])
    }

    /// A repository, and the lock of whoever works in it.
    pub(super) fn prepare(&self) -> anyhow::Result<File> {
        let checkout = self.checkout();
        fs::create_dir_all(&checkout)?;
        let lock = File::create(self.folder.join("lock"))?;
        lock.lock()?;
        git::ask(&["init", "--quiet", "--template=", &checkout.to_string_lossy()])?;
        // What a git that was killed has left stands in the way of every other.
        for left in ["index.lock", "HEAD.lock", "shallow.lock"] {
            let _ = fs::remove_file(checkout.join(".git").join(left));
        }
        Ok(lock)
    }

    pub(super) fn is_due(&self) -> bool {
        let at = fs::metadata(self.stamp()).and_then(|stamp| stamp.modified());
        let ago = at.ok().and_then(|at| at.elapsed().ok());
        self.head().is_err() || ago.is_none_or(|ago| ago > REFRESHED)
    }

    /// Takes over what a repository has for its newest state.
    pub(super) fn copy(&self, repository: &str) -> anyhow::Result<()> {
        let (name, commit) = git::newest(repository)?;
        if self.head().ok().as_ref() != Some(&commit) {
            self.git(&["fetch", "--quiet", "--no-tags", "--depth=1", "--", repository, &name])?;
            self.git(&["checkout", "--quiet", "--force", "--detach", "FETCH_HEAD"])?;
        }
        Ok(fs::write(self.stamp(), "")?)
    }

    /// Puts back what somebody may have changed in the copy, and says which commit it is.
    pub(super) fn restore(&self) -> anyhow::Result<String> {
        self.git(&["reset", "--quiet", "--hard", "HEAD"])?;
        self.head()
    }

    pub(super) fn has_advisories(&self) -> bool {
        let folders = fs::read_dir(self.checkout().join("crates")).into_iter().flatten().flatten();
        let mut files = folders.flat_map(|folder| fs::read_dir(folder.path()).into_iter().flatten().flatten());
        files.any(|file| file.file_name().to_string_lossy().ends_with(".md"))
    }
}
