//! The lock of an environment's hooks, of which one runs at a time. The hook holds it as well, by its standard input, so that
//! one that outlives its deployer is not joined by another.

use std::fs::{self, File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context as _;

use crate::host;
use crate::problem::{ExitCode, Problem};
use crate::time;

/// The lock in an environment's folder.
pub(super) struct Lock(PathBuf);

impl Lock {
    pub(super) fn in_folder(folder: &Path) -> Lock {
        Lock(folder.join("hook.lock"))
    }

    /// Looks whether nobody holds it.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 75 while somebody does.
    pub(super) fn require_free(&self) -> anyhow::Result<()> {
        if host::is_locked(&self.0)? { Err(self.still_runs().into()) } else { Ok(()) }
    }

    /// Takes it for the hook of a release, to be held by whoever has the file open.
    ///
    /// # Errors
    /// Those of [`Lock::require_free`].
    pub(super) fn take(&self, release: &str, args: &[String]) -> anyhow::Result<File> {
        let context = || format!("locking {}", self.0.display());
        let opened = File::options().create(true).read(true).append(true).open(&self.0);
        let mut file = opened.with_context(context)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(self.still_runs().into()),
            Err(TryLockError::Error(error)) => return Err(error).with_context(context),
        }
        // For whoever is refused; the hook's standard input begins behind it.
        let what = format!("`{}` of {release}, since {}", args.join(" "), time::format(SystemTime::now()));
        file.set_len(0).and_then(|()| file.write_all(what.as_bytes())).with_context(context)?;
        Ok(file)
    }

    fn still_runs(&self) -> Problem {
        let path = self.0.display();
        // Whoever has only just taken it has not written it yet.
        let what = fs::read_to_string(&self.0).unwrap_or_default();
        let (what, since) = what.rsplit_once(", since ").unwrap_or(("of another deployer", "a moment ago"));
        let message = format!(
            "the hook {what} still runs, since {since}: its deployer is gone. No other one is begun beside it, and it is not \
             ended: half a migration is the worst of all."
        );
        let problem = Problem::new(ExitCode::Busy, message);
        problem.next(format!("flock {path} true")).next("the same command, once it has ended")
    }
}
