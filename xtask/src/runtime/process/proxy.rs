//! The proxy as a process of this machine.

use std::fs;
use std::path::PathBuf;

use crate::delivery::{Delivery, Environment, FILE};
use crate::host::{Host as _, Local};
use crate::problem::{ExitCode, Problem, command};
use crate::router::haproxy;
use crate::runtime::shim::{Shim, Spec, StopSignal};
use crate::{port, tools};

/// The configuration it runs by, in its folder.
const CONFIG: &str = "haproxy.cfg";
/// The split it begins with, in its folder.
const MAP: &str = "maps/split.map";

/// HAProxy under a shim of ours.
pub struct ProxyProcess<'a> {
    /// The environment's name.
    pub name: &'a str,
    /// What is delivered.
    pub delivery: &'a Delivery,
    /// Where to.
    pub environment: &'a Environment,
    /// The folder it runs in.
    pub folder: PathBuf,
    /// Its configuration, as the project has it.
    pub config: PathBuf,
}

impl ProxyProcess<'_> {
    /// The shim over it.
    pub fn shim(&self) -> Shim {
        Shim::at(&self.folder)
    }

    /// Looks whether it could be started.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 69 when its address is taken or HAProxy is not installed, 78 when HAProxy refuses its
    /// configuration.
    pub fn preflight(&self) -> anyhow::Result<()> {
        if self.shim().is_alive()? { Ok(()) } else { self.prepare().map(drop) }
    }

    /// Starts HAProxy in its folder, unless it runs.
    ///
    /// # Errors
    /// Those of [`ProxyProcess::preflight`], and when its shim cannot be started.
    pub fn start(&self) -> anyhow::Result<()> {
        let shim = self.shim();
        if shim.is_alive()? { Ok(()) } else { shim.start(&self.prepare()?) }
    }

    fn prepare(&self) -> anyhow::Result<Spec> {
        let program = tools::require(&tools::HAPROXY)?;
        port::require_free(*self.environment.listen.get_ref(), &format!("environments.{}.listen", self.name))?;
        self.renew_config()?;
        Ok(Spec {
            program,
            args: ["-W", "-S", "unix@master.sock,mode,600,level,admin", "-f", CONFIG].map(str::to_owned).into(),
            env: haproxy::variables(&self.delivery.service, self.environment),
            folder: self.folder.clone(),
            stop_signal: StopSignal::Usr1,
        })
    }

    /// Whether the project's configuration of the proxy is another than the one the proxy runs by.
    pub fn is_outdated(&self) -> bool {
        let own = fs::read(self.folder.join(CONFIG));
        own.is_ok_and(|own| fs::read(&self.config).is_ok_and(|wanted| wanted != own))
    }

    /// Looks whether the proxy that runs stands where `delivery.toml` says.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 78 when an address was changed under it: a process keeps what it was started with.
    pub fn check_addresses(&self) -> anyhow::Result<()> {
        let Some(started) = self.shim().spec().filter(|_| self.shim().is_alive().unwrap_or(false)) else {
            return Ok(());
        };
        let now = haproxy::variables(&self.delivery.service, self.environment);
        let changed = haproxy::ADDRESSES.iter().filter_map(|(variable, key)| {
            let (was, is) = (started.env.get(*variable)?, now.get(*variable)?);
            (was != is).then(|| format!("environments.{}.{key}: {was} became {is}", self.name))
        });
        let changed: Vec<_> = changed.collect();
        if changed.is_empty() {
            return Ok(());
        }
        let message = format!(
            "an address in {FILE} was changed while {} runs, and a proxy that runs keeps the ones it has. Put it back, or end \
             the environment and start it anew; nothing was changed.",
            self.name
        );
        Err(Problem::new(ExitCode::Configuration, message).detail(changed).next(command("down", self.name)).into())
    }

    /// Gives the proxy a copy of its own of the project's configuration, if HAProxy accepts it: an edit half-way done must
    /// not be what a restart finds.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 78 when it cannot be read or HAProxy refuses it; the copy it had stays.
    pub fn renew_config(&self) -> anyhow::Result<()> {
        let haproxy = tools::require(&tools::HAPROXY)?;
        let source = &self.config;
        let config = fs::read_to_string(source).map_err(|error| {
            let message = format!("{}, which proxy.config of {FILE} names, cannot be read: {error}.", source.display());
            Problem::new(ExitCode::Configuration, message).next("git status")
        })?;
        let host = Local::new(&self.folder);
        // HAProxy's own check wants the map to be there.
        if host.read(MAP)?.is_none() {
            host.replace(MAP, "green 0\n")?;
        }
        let candidate = format!("{CONFIG}.candidate");
        host.replace(&candidate, &config)?;
        let variables = haproxy::variables(&self.delivery.service, self.environment);
        let checked =
            haproxy::check_config(&haproxy, &self.folder, &candidate, &self.delivery.proxy.config, &variables);
        host.remove(&candidate)?;
        checked.map_err(|alerts| {
            Problem::new(ExitCode::Configuration, "HAProxy refuses its configuration; nothing was changed.")
                .detail(alerts)
                .next("cargo xtask config-lint")
        })?;
        host.replace(CONFIG, &config)
    }
}
