//! The folder of an environment on this machine.

use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::Context as _;

use crate::host::{Host as _, Local};
use crate::runtime::Home;
use crate::secrets::{self, Secret};

/// A folder that this user alone can enter.
pub struct ProcessHome<'a> {
    /// Where it is.
    pub folder: &'a Path,
    /// The same, as files and sockets.
    pub host: &'a Local,
    /// What is deployed with the releases.
    pub secrets: Vec<Secret<'a>>,
}

impl Home for ProcessHome<'_> {
    fn name(&self) -> &'static str {
        "process"
    }

    fn exists(&self) -> anyhow::Result<bool> {
        Ok(self.folder.exists())
    }

    fn create(&self) -> anyhow::Result<()> {
        const PRIVATE: u32 = 0o700;
        let made = DirBuilder::new().recursive(true).mode(PRIVATE).create(self.folder);
        // One that was there already, a copy or an unpacked archive, is as open as it came.
        made.and_then(|()| fs::set_permissions(self.folder, Permissions::from_mode(PRIVATE)))
            .with_context(|| format!("making {}", self.folder.display()))
    }

    fn stage_secrets(&self) -> anyhow::Result<()> {
        secrets::stage(&self.secrets, self.host, &|path, value| self.host.replace(path, value))
    }

    fn accept_secrets(&self) -> anyhow::Result<()> {
        secrets::accept(&self.secrets, self.host, &|path, value| self.host.replace(path, value))
    }

    fn discard_secrets(&self) -> anyhow::Result<()> {
        secrets::discard(self.host)
    }

    fn clear(&self) -> anyhow::Result<()> {
        // Out of the way first: whoever waits for the lock must find a new folder, and not one that is being removed.
        let (Some(parent), Some(name)) = (self.folder.parent(), self.folder.file_name()) else { return Ok(()) };
        let removed = parent.join(format!(".{}-{}", name.to_string_lossy(), std::process::id()));
        let remove = || fs::rename(self.folder, &removed).and_then(|()| fs::remove_dir_all(&removed));
        remove().with_context(|| format!("removing {}", self.folder.display()))?;
        // Only the last environment leaves an empty folder.
        let _ = fs::remove_dir(parent);
        Ok(())
    }

    fn vanish(&self) -> anyhow::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    #[test]
    fn nobody_else_can_enter_the_folder_that_secrets_lie_in() {
        let dir = TempDir::new();
        let folder = dir.path().join(".switchyard/staging");
        let host = Local::new(&folder);
        let home = ProcessHome { folder: &folder, host: &host, secrets: Vec::new() };
        let mode = || fs::metadata(&folder).unwrap().permissions().mode() & 0o777;
        home.create().unwrap();
        assert_eq!(mode(), 0o700);
        fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        home.create().unwrap();
        assert_eq!(mode(), 0o700);
    }
}
