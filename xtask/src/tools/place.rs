//! The folder a tool is installed in. It is there whole or not at all.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::delivery::FILE;
use crate::problem::{ExitCode, Problem};
use crate::say;

/// Where one version of a tool is, or will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    folder: PathBuf,
    program: PathBuf,
    partial: PathBuf,
    lock: PathBuf,
}

impl Place {
    /// The place of the tool `name` among those in `tools`; `version` differs for whatever differs in any way.
    pub(super) fn new(tools: &Path, name: &str, version: &str) -> Place {
        let folder = tools.join(format!("{name}-{version}"));
        let program = folder.join("bin").join(name);
        let hidden = |what: &str| tools.join(format!(".{name}-{version}.{what}"));
        Place { folder, program, partial: hidden("partial"), lock: hidden("lock") }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The tool itself, there or not.
    pub(super) fn program(&self) -> &Path {
        &self.program
    }

    pub(super) fn is_installed(&self) -> bool {
        self.program.is_file()
    }

    /// Lets `fill` install the tool into a folder that becomes this one when all is well. Of two processes that want
    /// the same, one waits for the other.
    pub(super) fn make(&self, fill: impl FnOnce(&Path) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let _lock = self.lock().with_context(|| format!("locking {}", self.lock.display()))?;
        if self.is_installed() {
            return Ok(());
        }
        let partial = &self.partial;
        // Of an earlier process that was ended, or of a person's doing.
        for folder in [partial, &self.folder] {
            remove(folder).with_context(|| format!("removing {}", folder.display()))?;
        }
        let made = fs::create_dir(partial).map_err(Into::into).and_then(|()| fill(partial)).and_then(|()| {
            self.check(partial)?;
            Ok(fs::rename(partial, &self.folder)?)
        });
        if made.is_err() {
            // The next attempt begins with this, too.
            let _ = remove(partial);
        }
        made
    }

    /// Whether the tool is in what was installed into `partial`.
    fn check(&self, partial: &Path) -> anyhow::Result<()> {
        let program = self.program.strip_prefix(&self.folder)?;
        if partial.join(program).is_file() {
            return Ok(());
        }
        let message = format!(
            "what {FILE} pins for {} was fetched, and has no {} in it: it names another package than the tool's.",
            self.program.file_name().unwrap_or_default().display(),
            program.display()
        );
        Err(Problem::new(ExitCode::Configuration, message).into())
    }

    fn lock(&self) -> anyhow::Result<File> {
        fs::create_dir_all(self.lock.parent().unwrap_or(Path::new("")))?;
        let file = File::options().create(true).append(true).open(&self.lock)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                say!("waiting for another process that installs the same");
                file.lock()?;
            }
            otherwise => otherwise?,
        }
        Ok(file)
    }
}

fn remove(folder: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    fn place(tools: &TempDir) -> Place {
        Place::new(tools.path(), "hammer", "1.0")
    }

    fn fill(folder: &Path) -> anyhow::Result<()> {
        fs::create_dir(folder.join("bin"))?;
        Ok(fs::write(folder.join("bin/hammer"), "")?)
    }

    #[test]
    fn what_fails_half_way_leaves_nothing_and_is_made_by_the_next() {
        let tools = TempDir::new();
        let failed = place(&tools).make(|folder| fill(folder).and_then(|()| anyhow::bail!("the disk is on fire")));
        assert!(failed.is_err() && !place(&tools).is_installed());
        let left: Vec<_> = fs::read_dir(tools.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, [".hammer-1.0.lock"]);
        place(&tools).make(fill).unwrap();
        assert!(place(&tools).is_installed());
    }

    #[test]
    fn what_an_ended_process_has_left_is_no_obstacle() {
        let tools = TempDir::new();
        for folder in [".hammer-1.0.partial/bin", "hammer-1.0/bin"] {
            fs::create_dir_all(tools.path().join(folder)).unwrap();
        }
        assert!(!place(&tools).is_installed());
        place(&tools).make(fill).unwrap();
        assert!(place(&tools).is_installed());
    }

    #[test]
    fn of_many_who_want_it_one_makes_it() {
        let tools = TempDir::new();
        let made = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let count = |folder: &Path| {
                        made.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        fill(folder)
                    };
                    place(&tools).make(count).unwrap();
                });
            }
        });
        assert_eq!(made.into_inner(), 1);
    }

    #[test]
    fn what_has_no_program_in_it_is_no_tool() {
        let tools = TempDir::new();
        let error = place(&tools).make(|_| Ok(())).unwrap_err();
        assert!(error.to_string().contains("bin/hammer"), "{error}");
    }
}
