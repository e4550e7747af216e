//! The runtime `process`: each colour is a process of this machine under a shim of ours, and so is the proxy.

pub mod home;
mod hook;
pub mod proxy;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;

use self::hook::Lock;
use super::readiness::{self, PROBE_TIMEOUT};
use super::shim::{Phase, Shim, Spec, Status, StopSignal};
use super::{Colours, Log};
use crate::delivery::{Delivery, Environment, Service};
use crate::host::{Host as _, Local};
use crate::http::{self, Probe};
use crate::port;
use crate::releases::{FileReleases, Releases as _};
use crate::rollout::colour::Colour;
use crate::rollout::observed::{Instance, State};
use crate::rollout::policy::Span;
use crate::rollout::record::Launch;
use crate::rollout::world::Runtime;
use crate::secrets;
use crate::service::{self, Start};

const LAUNCH: &str = "launch.json";

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
    pub releases: &'a FileReleases,
}

impl ProcessRuntime<'_> {
    /// The shim over a colour.
    pub fn shim(&self, colour: Colour) -> Shim {
        Shim::at(self.folder.join("colours").join(colour.name()))
    }

    fn require_free(&self, colour: Colour) -> anyhow::Result<()> {
        port::require_free(self.environment.address(colour), &format!("environments.{}.colours.{colour}", self.name))
    }

    /// How a release is started and asked: as `delivery.toml` said when it was kept.
    fn service(&self, launch: &Launch) -> Service {
        self.releases.find(&launch.release).map_or_else(|| self.delivery.service.clone(), |release| release.service)
    }

    /// How a release is started, with its secrets in a folder of the environment's.
    fn spec(&self, service: &Service, colour: Colour, launch: &Launch, args: &[String], secrets: &str) -> Spec {
        let folder = self.releases.folder(&launch.release);
        let secrets_dir = self.folder.join(secrets);
        let start = Start {
            environment: self.name,
            address: self.environment.address(colour),
            colour,
            launch,
            release_dir: &folder.to_string_lossy(),
            secrets_dir: &secrets_dir.to_string_lossy(),
        };
        Spec {
            program: folder.join(&service.binary),
            args: start.args(args),
            env: start.env_with_inherited(service),
            folder: folder.clone(),
            stop_signal: StopSignal::Term,
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

    fn look_at(&self, colour: Colour) -> anyhow::Result<Instance> {
        let Some(launch) = self.launch(colour)? else { return Ok(Instance::default()) };
        let shim = self.shim(colour);
        let (alive, status) = (shim.is_alive()?, shim.status()?);
        let (state, cause) = self.state(colour, &launch, alive, status.as_ref());
        let runs = alive && status.as_ref().is_some_and(|status| status.phase != Phase::Restarting);
        let (exits, last_exit) = status.map_or((0, None), |status| (status.exits, status.last_exit));
        Ok(Instance { launch: Some(launch), state, runs, exits, last_exit, cause })
    }

    fn ready(&self, colour: Colour, launch: &Launch) -> Result<(), String> {
        let health = self.service(launch).health;
        let probe = self.probe(colour, &health.ready);
        readiness::judge(&probe, &health, colour, launch, self.environment.address(colour))
    }

    fn state(&self, colour: Colour, launch: &Launch, alive: bool, status: Option<&Status>) -> (State, Option<String>) {
        let Some(status) = status else {
            return (State::Failing, Some("its shim was killed before it could start it".into()));
        };
        let ended = || Some(format!("ended with {}", status.last_exit.as_deref().unwrap_or("an unknown status")));
        match status.phase {
            Phase::Stopped => (State::Stopped, None),
            Phase::Restarting => (State::Failing, ended()),
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
        // A colour that cannot be looked at must not be in the way of looking at the other.
        Ok(self.look_at(colour).unwrap_or_else(|error| Instance {
            launch: self.launch(colour).ok().flatten(),
            state: State::Failing,
            runs: true,
            exits: 0,
            last_exit: None,
            cause: Some(format!("{error:#}")),
        }))
    }

    fn start(&self, colour: Colour, launch: &Launch) -> anyhow::Result<()> {
        self.require_free(colour)?;
        let service = self.service(launch);
        let spec = self.spec(&service, colour, launch, &service.args, secrets::FOLDER);
        let folder = self.folder.join("colours").join(colour.name());
        Local::new(folder).replace(LAUNCH, &serde_json::to_string(launch)?)?;
        self.shim(colour).start(&spec)
    }

    fn stop(&self, colour: Colour, grace: Duration) -> anyhow::Result<()> {
        self.shim(colour).stop(grace)
    }

    fn keep_until(&self, colour: Colour, until: SystemTime) -> anyhow::Result<()> {
        self.shim(colour).keep_until(until, self.name, self.folder)
    }

    fn run_once(&self, colour: Colour, launch: &Launch, args: &[String], timeout: Span) -> anyhow::Result<Vec<String>> {
        let spec = self.spec(&self.service(launch), colour, launch, args, secrets::FOLDER);
        let lock = Lock::in_folder(self.folder).take(&launch.release, &spec.args)?;
        let program = duct::cmd(&spec.program, &spec.args).full_env(&spec.env).dir(&spec.folder).stdin_file(lock);
        service::run_once(&program, *timeout)
    }

    fn probe(&self, colour: Colour, path: &str) -> Probe {
        http::get(self.environment.address(colour), path, PROBE_TIMEOUT)
    }

    fn log_tail(&self, colour: Colour, lines: usize) -> Vec<String> {
        self.shim(colour).tail(lines)
    }
}

impl Colours for ProcessRuntime<'_> {
    fn address(&self, colour: Colour) -> SocketAddr {
        self.environment.address(colour)
    }

    fn started(&self, colour: Colour) -> Option<SystemTime> {
        let status = self.shim(colour).status().ok()??;
        (status.phase == Phase::Running).then_some(status.started)
    }

    fn preflight(&self, colour: Colour) -> anyhow::Result<()> {
        if self.shim(colour).is_alive()? { Ok(()) } else { self.require_free(colour) }
    }

    fn preflight_hook(&self) -> anyhow::Result<()> {
        Lock::in_folder(self.folder).require_free()
    }

    fn check_config(&self, colour: Colour, launch: &Launch) -> anyhow::Result<()> {
        let service = self.service(launch);
        let Some(args) = &service.commands.config_check else { return Ok(()) };
        let spec = self.spec(&service, colour, launch, args, &secrets::staged());
        service::check_config(&spec.program, &spec.args, &spec.env, &spec.folder)
            .map_err(|said| service::refused_its_configuration((self.name, self.environment), launch, said).into())
    }

    fn log(&self, colour: Colour) -> Option<Box<dyn Log + '_>> {
        self.shim(colour).log()
    }
}
