//! The files that a release changes.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::plan::Step;

/// A file of the project, as it was and as it is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct File {
    /// Which step changes it.
    pub(super) step: Step,
    /// From the project's root.
    pub(super) path: String,
    /// None where there was no such file.
    pub(super) before: Option<String>,
    pub(super) after: String,
}

/// What a file is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Before,
    After,
    /// A person has changed it.
    Other,
}

impl File {
    /// # Errors
    /// When it cannot be read.
    pub(super) fn state(&self, root: &Path) -> anyhow::Result<State> {
        let now = match fs::read(root.join(&self.path)) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(|| format!("reading {}", self.path)),
        };
        Ok(match now.as_deref() {
            now if now == self.before.as_deref().map(str::as_bytes) => State::Before,
            Some(now) if now == self.after.as_bytes() => State::After,
            _ => State::Other,
        })
    }

    /// Writes it as it is to be.
    ///
    /// # Errors
    /// When it cannot be written; it is then as it was.
    pub(super) fn change(&self, root: &Path) -> anyhow::Result<()> {
        self.write(root, &self.after)
    }

    /// Writes it as it was, and removes what a death in the middle has left.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn change_back(&self, root: &Path) -> anyhow::Result<()> {
        if self.state(root)? != State::Before {
            match &self.before {
                Some(before) => self.write(root, before)?,
                None => fs::remove_file(root.join(&self.path)).with_context(|| format!("removing {}", self.path))?,
            }
        }
        match fs::remove_file(staged(&target(root, &self.path))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("removing what was staged for {}", self.path))
            }
            _ => Ok(()),
        }
    }

    /// In one piece, with the permissions that it has.
    fn write(&self, root: &Path, text: &str) -> anyhow::Result<()> {
        let target = target(root, &self.path);
        let staged = staged(&target);
        let write = || -> io::Result<()> {
            let mut file = fs::File::create(&staged)?;
            file.write_all(text.as_bytes())?;
            if let Ok(there) = fs::metadata(&target) {
                file.set_permissions(there.permissions())?;
            }
            file.sync_all()?;
            fs::rename(&staged, &target)?;
            target.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all())
        };
        write().with_context(|| format!("writing {}", target.display()))
    }
}

/// What is written where a link leads: the link stays one.
fn target(root: &Path, path: &str) -> PathBuf {
    let path = root.join(path);
    path.canonicalize().unwrap_or(path)
}

fn staged(target: &Path) -> PathBuf {
    target.with_added_extension("switchyard-release")
}
