//! The volumes of an environment in a Docker engine.

use super::stack::Stack;
use crate::docker;
use crate::host::{Container, Host};
use crate::runtime::Home;
use crate::secrets::Secret;

const SECRETS: &str = "secrets";

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
        self.stack.volumes().try_for_each(|volume| docker::read(&["volume", "create", &volume]).map(drop))
    }

    fn host(&self) -> &dyn Host {
        self.host
    }

    fn place_secrets(&self) -> anyhow::Result<()> {
        let secrets: Vec<_> =
            self.secrets.iter().map(|secret| Ok((secret.name, secret.value()?))).collect::<anyhow::Result<_>>()?;
        let stale = self.host.list(SECRETS)?.into_iter().filter(|name| !secrets.iter().any(|(kept, _)| kept == name));
        let stale: Vec<_> = stale.collect();
        stale.iter().try_for_each(|name| self.host.remove(&format!("{SECRETS}/{name}")))?;
        secrets.iter().try_for_each(|(name, value)| self.host.share(&format!("{SECRETS}/{name}"), value.as_bytes()))
    }

    fn clear(&self) -> anyhow::Result<()> {
        (self.forget_releases)();
        self.stack.down()?;
        self.host.clear()
    }

    fn vanish(&self) -> anyhow::Result<()> {
        for volume in self.stack.volumes() {
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
