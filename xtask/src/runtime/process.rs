//! The runtime `process`: each colour is a process of this machine under a shim of ours, and so is the proxy.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;

use super::shim::{Phase, Shim, Spec, Status, StopSignal};
use crate::delivery::{Delivery, Environment, FILE};
use crate::host::{Host as _, Local};
use crate::http::{self, Probe};
use crate::problem::{ExitCode, Problem};
use crate::release::Releases;
use crate::rollout::colour::Colour;
use crate::rollout::plan::Operation;
use crate::rollout::world::{Instance, Launch, Runtime, State};
use crate::router::haproxy;
use crate::service::{self, Start};
use crate::{port, tools};

const PROXY_CONFIG: &str = "haproxy.cfg";
const PROXY_MAP: &str = "maps/split.map";
const LAUNCH: &str = "launch.json";
/// How often in a row a colour that ends by itself is started again.
const RESTARTS: u32 = 10;
/// A service that takes longer to say whether it is ready is not.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// Colours as processes of this machine.
pub struct ProcessRuntime<'a> {
    /// The environment's name.
    pub name: &'a str,
    /// What is delivered.
    pub delivery: &'a Delivery,
    /// Where to.
    pub environment: &'a Environment,
    /// The environment's folder.
    pub folder: &'a Path,
    /// The releases kept there.
    pub releases: &'a Releases,
    /// The program with the shim's hidden verbs.
    pub xtask: PathBuf,
    /// The proxy's configuration, as the project has it.
    pub proxy_config: PathBuf,
}

impl ProcessRuntime<'_> {
    /// The shim over a colour.
    pub fn shim(&self, colour: Colour) -> Shim {
        Shim::at(self.folder.join("colours").join(colour.name()))
    }

    /// The shim over the proxy.
    pub fn proxy_shim(&self) -> Shim {
        Shim::at(self.proxy_folder())
    }

    /// Looks whether nothing stands in the way of a plan, before any of it is done.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 69 for an address that is taken or a proxy that is not installed, 78 for a
    /// configuration HAProxy refuses.
    pub fn preflight(&self, operations: &[Operation]) -> anyhow::Result<()> {
        operations.iter().try_for_each(|operation| match operation {
            Operation::StartProxy { .. } if !self.proxy_shim().is_alive()? => self.prepare_proxy().map(drop),
            Operation::Start { colour, .. } if !self.shim(*colour).is_alive()? => self.require_free(*colour),
            _ => Ok(()),
        })
    }

    /// Starts HAProxy in its folder, unless it runs.
    ///
    /// # Errors
    /// Those of [`ProcessRuntime::preflight`], and when its shim cannot be started.
    pub fn start_proxy(&self) -> anyhow::Result<()> {
        let shim = self.proxy_shim();
        if shim.is_alive()? { Ok(()) } else { shim.start(&self.xtask, &self.prepare_proxy()?) }
    }

    fn prepare_proxy(&self) -> anyhow::Result<Spec> {
        let haproxy = tools::require(&tools::HAPROXY)?;
        require_free(*self.environment.listen.get_ref(), &format!("environments.{}.listen", self.name))?;
        self.own_proxy_config(&haproxy)?;
        let args = ["-W", "-S", "unix@master.sock,mode,600,level,admin", "-f", PROXY_CONFIG, "-C"].map(str::to_owned);
        Ok(Spec {
            program: haproxy,
            args: args.into_iter().chain([text(&self.proxy_folder())]).collect(),
            env: haproxy::variables(&self.delivery.service, self.environment),
            folder: self.folder.to_owned(),
            stop_signal: StopSignal::Usr1,
            restart_limit: None,
        })
    }

    /// Whether the project's configuration of the proxy is another than the one the proxy runs by.
    pub fn proxy_is_outdated(&self) -> bool {
        let own = fs::read(self.proxy_folder().join(PROXY_CONFIG));
        own.is_ok_and(|own| fs::read(&self.proxy_config).is_ok_and(|wanted| wanted != own))
    }

    /// Gives the proxy a copy of its own of the project's configuration, if HAProxy accepts it: an edit half-way done must
    /// not be what a restart finds.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 78 when it cannot be read or HAProxy refuses it; the copy it had stays.
    pub fn renew_proxy_config(&self) -> anyhow::Result<()> {
        self.own_proxy_config(&tools::require(&tools::HAPROXY)?)
    }

    fn own_proxy_config(&self, haproxy: &Path) -> anyhow::Result<()> {
        let source = &self.proxy_config;
        let config = fs::read_to_string(source).map_err(|error| {
            let message = format!("{}, which proxy.config of {FILE} names, cannot be read: {error}.", source.display());
            Problem::new(ExitCode::Configuration, message).next("git status")
        })?;
        let host = Local::new(self.proxy_folder());
        // HAProxy's own check wants the map to be there.
        if host.read(PROXY_MAP)?.is_none() {
            host.replace(PROXY_MAP, "green 0\n")?;
        }
        let candidate = format!("{PROXY_CONFIG}.candidate");
        host.replace(&candidate, &config)?;
        let variables = haproxy::variables(&self.delivery.service, self.environment);
        let checked =
            haproxy::check_config(haproxy, &self.proxy_folder(), &candidate, &self.delivery.proxy.config, &variables);
        host.remove(&candidate)?;
        checked?;
        host.replace(PROXY_CONFIG, &config)
    }

    fn proxy_folder(&self) -> PathBuf {
        self.folder.join("proxy")
    }

    fn require_free(&self, colour: Colour) -> anyhow::Result<()> {
        require_free(self.environment.address(colour), &format!("environments.{}.colours.{colour}", self.name))
    }

    /// Runs the release's own check of its configuration, with all the settings it would start with.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 78 and what the check said.
    pub fn check_config(&self, colour: Colour, launch: &Launch) -> anyhow::Result<()> {
        let Some(args) = &self.delivery.service.commands.config_check else { return Ok(()) };
        let spec = self.spec(colour, launch, args);
        service::check_config(&spec.program, &spec.args, &spec.env, &spec.folder).map_err(|said| {
            let message = format!(
                "release {} refuses its configuration for {}; nothing was started or changed.",
                launch.release, self.name
            );
            Problem::new(ExitCode::Configuration, message).detail(said).next("cargo xtask config-lint").into()
        })
    }

    fn spec(&self, colour: Colour, launch: &Launch, args: &[String]) -> Spec {
        let service = &self.delivery.service;
        let folder = self.releases.folder(&launch.release);
        let start = Start {
            environment: self.name,
            address: self.environment.address(colour),
            colour,
            launch,
            folder: &folder,
        };
        Spec {
            program: folder.join(&service.binary),
            args: start.args(args),
            env: start.env(service),
            folder: folder.clone(),
            stop_signal: StopSignal::Term,
            restart_limit: Some(RESTARTS),
        }
    }

    fn launch(&self, colour: Colour) -> anyhow::Result<Option<Launch>> {
        let path = self.folder.join("colours").join(colour.name()).join(LAUNCH);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))?)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
        }
    }

    fn ready(&self, colour: Colour, launch: &Launch) -> Result<(), String> {
        let health = &self.delivery.service.health;
        let probe = self.probe(colour, &health.ready);
        let Probe::Answered(answer) = &probe else { return Err(format!("GET {}: {probe}", health.ready)) };
        if answer.status != 200 {
            return Err(format!("GET {}: {probe}", health.ready));
        }
        let expected = [(&health.colour_header, colour.name()), (&health.release_header, launch.release.as_str())];
        for (header, value) in expected.into_iter().filter_map(|(header, value)| Some((header.as_ref()?, value))) {
            let said = answer.header(header).unwrap_or("nothing");
            if said != value {
                let address = self.environment.address(colour);
                return Err(format!(
                    "{address} answers as another service: its header {header} says `{said}`, not `{value}`"
                ));
            }
        }
        Ok(())
    }

    fn state(&self, colour: Colour, launch: &Launch, alive: bool, status: Option<&Status>) -> (State, Option<String>) {
        let Some(status) = status else {
            return (State::Failing, Some("its shim was killed before it could start it".into()));
        };
        let ended = || Some(format!("ended with {}", status.last_exit.as_deref().unwrap_or("an unknown status")));
        match status.phase {
            Phase::Stopped => (State::Stopped, None),
            Phase::GivenUp | Phase::Restarting => (State::Failing, ended()),
            _ if !alive => {
                (State::Failing, Some("it does not run: its shim was killed, or the machine was restarted".into()))
            }
            Phase::Stopping => (State::Draining, None),
            Phase::Running => match self.ready(colour, launch) {
                Ok(()) => (State::Ready, None),
                Err(cause) => {
                    let age = SystemTime::now().duration_since(status.started).unwrap_or_default();
                    let young = age < *self.environment.rollout.startup_timeout;
                    (if young { State::Starting } else { State::Failing }, Some(cause))
                }
            },
        }
    }
}

impl Runtime for ProcessRuntime<'_> {
    fn observe(&self, colour: Colour) -> anyhow::Result<Instance> {
        let Some(launch) = self.launch(colour)? else { return Ok(Instance::default()) };
        let shim = self.shim(colour);
        let alive = shim.is_alive()?;
        let status = shim.status()?;
        let (state, cause) = self.state(colour, &launch, alive, status.as_ref());
        let exits = status.map_or(0, |status| status.exits);
        Ok(Instance { launch: Some(launch), state, exits, cause })
    }

    fn start(&self, colour: Colour, launch: &Launch) -> anyhow::Result<()> {
        self.require_free(colour)?;
        let spec = self.spec(colour, launch, &self.delivery.service.args);
        let folder = self.folder.join("colours").join(colour.name());
        fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
        fs::write(folder.join(LAUNCH), serde_json::to_string(launch)?)
            .with_context(|| format!("writing {LAUNCH} of {colour}"))?;
        self.shim(colour).start(&self.xtask, &spec)
    }

    fn stop(&self, colour: Colour, grace: Duration) -> anyhow::Result<()> {
        self.shim(colour).stop(grace)
    }

    fn probe(&self, colour: Colour, path: &str) -> Probe {
        http::get(self.environment.address(colour), path, PROBE_TIMEOUT)
    }

    fn log_tail(&self, colour: Colour, lines: usize) -> Vec<String> {
        self.shim(colour).tail(lines)
    }
}

fn require_free(address: SocketAddr, key: &str) -> anyhow::Result<()> {
    let Err(error) = TcpListener::bind(address) else { return Ok(()) };
    let message = match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            let holder = port::holder(address.port()).unwrap_or_else(|| "another program".into());
            format!("{address} is taken by {holder}. End it, or give `{key}` in {FILE} an address that is free.")
        }
        std::io::ErrorKind::PermissionDenied => {
            format!("this user may not listen at {address}. Give `{key}` in {FILE} a port from 1024 on.")
        }
        _ => format!("cannot listen at {address}: {error}. `{key}` in {FILE} has to be an address of this machine."),
    };
    Err(Problem::new(ExitCode::Unavailable, message).next("cargo xtask doctor").into())
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
