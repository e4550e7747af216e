//! The volumes of an environment in a Docker engine.

use super::stack::Stack;
use crate::docker;
use crate::host::Container;
use crate::runtime::Home;
use crate::secrets::{self, Secret};

/// Volumes that outlive every container.
pub struct ComposeHome<'a> {
    /// How they are called.
    pub stack: &'a Stack,
    /// What is in them.
    pub host: &'a Container,
    /// What is deployed with the releases.
    pub secrets: Vec<Secret<'a>>,
    /// Lets go of the images kept for it.
    pub forget_releases: Box<dyn Fn() + Send + Sync + 'a>,
}

impl Home for ComposeHome<'_> {
    fn name(&self) -> &'static str {
        "compose"
    }

    fn exists(&self) -> anyhow::Result<bool> {
        self.stack.exists()
    }

    fn create(&self) -> anyhow::Result<()> {
        // Whoever takes the lock mounts them all, and the engine makes what is not there.
        Ok(())
    }

    fn stage_secrets(&self) -> anyhow::Result<()> {
        secrets::stage(&self.secrets, self.host, &|path, value| self.host.share(path, value.as_bytes()))
    }

    fn accept_secrets(&self) -> anyhow::Result<()> {
        secrets::accept(&self.secrets, self.host, &|path, value| self.host.share(path, value.as_bytes()))
    }

    fn discard_secrets(&self) -> anyhow::Result<()> {
        secrets::discard(self.host)
    }

    fn clear(&self) -> anyhow::Result<()> {
        (self.forget_releases)();
        self.stack.down()?;
        self.host.clear()
    }

    fn vanish(&self) -> anyhow::Result<()> {
        for volume in self.stack.volumes().chain(self.stack.watching_volumes()?) {
            match docker::read(&["volume", "rm", &volume]) {
                // Whoever waited for the lock has it by now, and finds it empty.
                Err(error) if format!("{error:#}").contains("volume is in use") => {}
                Err(error) if docker::is_missing(&error) => {}
                result => result.map(drop)?,
            }
        }
        Ok(())
    }
}
