//! The proxy as a process of this machine.

use std::path::PathBuf;
use std::time::Duration;

use crate::delivery::Environment;
use crate::router::config::{Addresses, NAME};
use crate::router::haproxy::{self, HaProxy};
use crate::runtime::shim::{Shim, Spec, StopSignal};
use crate::runtime::{Log, ProxyHome};
use crate::{port, tools};

/// How long it may take to end once nothing is in flight.
const GRACE: Duration = Duration::from_millis(50);

/// HAProxy under a shim of ours.
pub struct ProxyProcess<'a> {
    /// The environment's name.
    pub name: &'a str,
    /// Where to.
    pub environment: &'a Environment,
    /// The folder it runs in.
    pub folder: PathBuf,
}

impl ProxyProcess<'_> {
    fn shim(&self) -> Shim {
        Shim::at(&self.folder)
    }
}

impl ProxyHome for ProxyProcess<'_> {
    fn addresses(&self) -> Addresses {
        Addresses::of_processes(self.environment)
    }

    fn checker(&self) -> anyhow::Result<String> {
        Ok(tools::require(&tools::HAPROXY)?.to_string_lossy().into_owned())
    }

    fn is_alive(&self) -> anyhow::Result<bool> {
        self.shim().is_alive()
    }

    fn preflight(&self) -> anyhow::Result<()> {
        tools::require(&tools::HAPROXY)?;
        let own = self.environment.addresses().filter(|(key, _)| !key.starts_with("colours"));
        for (key, address) in own {
            port::require_free(*address.get_ref(), &format!("environments.{}.{key}", self.name))?;
        }
        Ok(())
    }

    fn start(&self) -> anyhow::Result<()> {
        let shim = self.shim();
        if shim.is_alive()? {
            return Ok(());
        }
        self.preflight()?;
        shim.start(&Spec {
            program: tools::require(&tools::HAPROXY)?,
            args: haproxy::MASTER_ARGS.iter().chain(&["-f", NAME]).map(|arg| (*arg).to_owned()).collect(),
            env: [].into(),
            folder: self.folder.clone(),
            stop_signal: StopSignal::Usr1,
        })
    }

    fn follow_image(&self, _: &HaProxy<'_>) -> anyhow::Result<Option<String>> {
        Ok(None)
    }

    fn stop(&self) -> anyhow::Result<()> {
        self.shim().stop(GRACE)
    }

    fn log(&self) -> Option<Box<dyn Log + '_>> {
        self.shim().log()
    }
}
