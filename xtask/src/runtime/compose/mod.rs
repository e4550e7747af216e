//! The runtime `compose`: each colour is a container of a Docker engine, and so is the proxy.

mod ended;
pub mod home;
mod hook;
mod inspected;
mod log;
pub mod monitoring;
mod networks;
pub mod proxy;
pub mod resolved;
pub mod stack;
pub mod trial;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, anyhow, bail};
use serde_json::{Value, json};

use self::ended::last_exit;
use self::hook::Hook;
use self::inspected::Inspected;
use self::stack::Stack;
use super::readiness::{self, PROBE_TIMEOUT};
use super::{Colours, Log};
use crate::delivery::{Delivery, Environment, Service};
use crate::docker::{self, Refusal};
use crate::host::{Container, Host as _, Peer};
use crate::http::{self, Probe};
use crate::problem::Problem;
use crate::releases::{ImageReleases, Release};
use crate::rollout::colour::{Colour, PerColour};
use crate::rollout::observed::{Instance, State};
use crate::rollout::policy::Span;
use crate::rollout::record::Launch;
use crate::rollout::world::Runtime;
use crate::secrets;
use crate::service::{self, Start};

/// The label in which a container says what was started in it.
const LAUNCH: &str = "switchyard.launch";
/// Where an image has its release's files, and finds its secrets.
const RELEASE_DIR: &str = "/release";
const SECRETS_DIR: &str = "/run/secrets";

/// Colours as containers of a Docker engine.
pub struct ComposeRuntime<'a> {
    /// The environment's name.
    pub name: &'a str,
    /// What is delivered.
    pub delivery: &'a Delivery,
    /// Where to.
    pub environment: &'a Environment,
    /// Its containers and networks.
    pub stack: &'a Stack,
    /// Its files and sockets.
    pub host: &'a Container,
    /// The releases kept there.
    pub releases: ImageReleases<'a>,
}

impl ComposeRuntime<'_> {
    /// How a release is started and asked: as `delivery.toml` said when it was kept.
    fn service(&self, launch: &Launch) -> Service {
        let kept = self.releases.on_record(&launch.release);
        kept.map_or_else(|| self.delivery.service.clone(), |release| release.service)
    }

    fn release(&self, launch: &Launch) -> anyhow::Result<(Release, String)> {
        let release = self.releases.on_record(&launch.release);
        let release = release.with_context(|| format!("release {} is not on record", launch.release))?;
        let image = release.image.clone().with_context(|| format!("release {} has no image", launch.release))?;
        Ok((release, image))
    }

    fn start_of<'a>(&'a self, colour: Colour, launch: &'a Launch, secrets_dir: &'a str) -> Start<'a> {
        Start {
            environment: self.name,
            address: self.address(colour),
            colour,
            launch,
            release_dir: RELEASE_DIR,
            secrets_dir,
        }
    }

    /// A `docker run` of a release that ends by itself, started with these of its arguments as `start` says.
    fn once(&self, start: &Start<'_>, service: &Service, args: &[String], more: &[&str], image: &str) -> Once {
        let secrets = format!("{}:{SECRETS_DIR}:ro", self.stack.volume("secrets"));
        let hardened =
            ["run", "--rm", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges:true", "--pull=never"];
        let mut command: Vec<String> = hardened.iter().chain(more).map(|arg| (*arg).to_owned()).collect();
        command.extend(["--volume".into(), secrets]);
        let env = start.env(service);
        // By name alone: the values are not for the list of processes.
        command.extend(env.keys().flat_map(|name| ["--env".to_owned(), name.clone()]));
        command.push(image.to_owned());
        command.extend(start.args(args));
        Once { args: command, env }
    }

    fn instance(&self, colour: Colour, found: anyhow::Result<Option<Inspected>>) -> Instance {
        // A colour that cannot be looked at must not be in the way of looking at the other.
        found.and_then(|found| self.look_at(colour, found)).unwrap_or_else(|error| Instance {
            launch: None,
            state: State::Failing,
            runs: true,
            exits: 0,
            last_exit: None,
            cause: Some(format!("{error:#}")),
        })
    }

    fn look_at(&self, colour: Colour, found: Option<Inspected>) -> anyhow::Result<Instance> {
        let Some(found) = found else { return Ok(Instance::default()) };
        let launch: Option<Launch> = found.label(LAUNCH).and_then(|label| serde_json::from_str(label).ok());
        let Some(launch) = launch else { bail!("the container of {colour} was not started by this tool") };
        let (state, cause) = self.state(colour, &launch, &found)?;
        let restarting = found.state.status == "restarting";
        let ended = found.restart_count > 0 || restarting;
        Ok(Instance {
            launch: Some(launch),
            state,
            runs: matches!(found.state.status.as_str(), "running" | "paused"),
            exits: found.restart_count.max(u32::from(restarting)),
            last_exit: (ended || state == State::Stopped).then(|| last_exit(&found)),
            cause,
        })
    }

    fn state(&self, colour: Colour, launch: &Launch, found: &Inspected) -> anyhow::Result<(State, Option<String>)> {
        Ok(match found.state.status.as_str() {
            "running" => match self.ready(colour, launch) {
                Ok(()) => (State::Ready, None),
                Err(cause) => {
                    let started = stack::time(&found.state.started_at)?;
                    let age = SystemTime::now().duration_since(started).unwrap_or_default();
                    let young = age < *self.environment.rollout.startup_timeout && found.restart_count == 0;
                    (if young { State::Starting } else { State::Failing }, Some(cause))
                }
            },
            "paused" => (State::Failing, Some("its container is paused".into())),
            "restarting" => (State::Failing, Some(format!("ended with {}", last_exit(found)))),
            "created" if !found.state.error.is_empty() => (State::Stopped, Some(found.state.error.clone())),
            _ => (State::Stopped, None),
        })
    }

    fn ready(&self, colour: Colour, launch: &Launch) -> Result<(), String> {
        let health = self.service(launch).health;
        let probe = self.probe(colour, &health.ready);
        readiness::judge(&probe, &health, colour, launch, self.address(colour))
    }
}

/// What the Compose file leaves open of a colour's service: what is started in it, and how.
fn filled(start: &Start<'_>, service: &Service, image: &str) -> anyhow::Result<serde_json::Map<String, Value>> {
    // To Compose, a dollar sign begins a variable.
    let literal = |text: String| text.replace('$', "$$");
    let environment: serde_json::Map<_, Value> =
        start.env(service).into_iter().map(|(name, value)| (name, literal(value).into())).collect();
    let command: Vec<_> = start.args(&service.args).into_iter().map(literal).collect();
    let launch = literal(serde_json::to_string(start.launch)?);
    Ok(serde_json::Map::from_iter([
        ("image".to_owned(), image.into()),
        ("command".to_owned(), command.into()),
        ("environment".to_owned(), environment.into()),
        ("labels".to_owned(), json!({ LAUNCH: launch })),
    ]))
}

/// A `docker` command and the variables it passes on.
struct Once {
    args: Vec<String>,
    env: BTreeMap<String, String>,
}

impl Runtime for ComposeRuntime<'_> {
    fn observe(&self, colour: Colour) -> anyhow::Result<Instance> {
        Ok(self.instance(colour, self.stack.inspect(stack::Service::Colour(colour))))
    }

    fn observe_both(&self) -> anyhow::Result<PerColour<Instance>> {
        let [blue, green] = match self.stack.inspect_all(Colour::BOTH.map(stack::Service::Colour)) {
            Ok(found) => found.map(Ok),
            // An engine that does not answer is not asked once more for each.
            Err(error) if error.is::<Problem>() => [Err(anyhow!("{error:#}")), Err(error)],
            // Where one of them is in the way of the other, each is asked for by itself.
            Err(_) => return PerColour::try_from_fn(|colour| self.observe(colour)),
        };
        Ok(PerColour { blue: self.instance(Colour::Blue, blue), green: self.instance(Colour::Green, green) })
    }

    fn start(&self, colour: Colour, launch: &Launch) -> anyhow::Result<()> {
        self.host.require_held()?;
        let (release, image) = self.release(launch)?;
        let start = self.start_of(colour, launch, SECRETS_DIR);
        let service = stack::Service::Colour(colour);
        let change = json!({ "services": { service.to_string(): filled(&start, &release.service, &image)? } });
        let started = self.stack.up(service, Some(&change), "--force-recreate");
        started.map_err(|error| stack::explain(error, self.name))
    }

    fn stop(&self, colour: Colour, grace: Duration) -> anyhow::Result<()> {
        let service = stack::Service::Colour(colour);
        if self.stack.inspect(service)?.is_none() {
            return Ok(());
        }
        self.host.require_held()?;
        let seconds = grace.as_secs_f64().ceil().to_string();
        let args = ["stop", "--time", &seconds, &self.stack.container(service)];
        docker::read_within(grace + stack::MAKING, &args).map(drop)
    }

    fn keep_until(&self, _: Colour, _: SystemTime) -> anyhow::Result<()> {
        // The engine watches over it, and has no such idea.
        Ok(())
    }

    fn run_once(&self, colour: Colour, launch: &Launch, args: &[String], timeout: Span) -> anyhow::Result<Vec<String>> {
        self.host.require_held()?;
        let (release, image) = self.release(launch)?;
        let hook = Hook::of(self.stack);
        hook.require_alone()?;
        let network = format!("--network={}_colours", self.stack.project());
        let [name, of, by] = &hook.args(&launch.release);
        let start = self.start_of(colour, launch, SECRETS_DIR);
        let once = self.once(&start, &release.service, args, &[name, of, by, &network], &image);
        let program = docker::expression(&once.args)?;
        let program = once.env.iter().fold(program, |program, (name, value)| program.env(name, value));
        let ran = service::run_once(&program, *timeout);
        if ran.is_err() && self.host.require_held().is_ok() {
            hook.end();
        }
        ran
    }

    fn probe(&self, colour: Colour, path: &str) -> Probe {
        let address = self.address(colour);
        http::get_through(address, path, |request| self.host.ask(Peer::Address(address), request, PROBE_TIMEOUT))
    }

    fn log_tail(&self, colour: Colour, lines: usize) -> Vec<String> {
        super::tail(self.log(colour), lines)
    }
}

impl Colours for ComposeRuntime<'_> {
    fn address(&self, colour: Colour) -> SocketAddr {
        self.stack.address(colour)
    }

    fn started(&self, colour: Colour) -> Option<SystemTime> {
        let found = self.stack.inspect(stack::Service::Colour(colour)).ok()??;
        (found.state.status == "running").then(|| stack::time(&found.state.started_at).ok())?
    }

    fn preflight(&self, _: Colour) -> anyhow::Result<()> {
        // In its network nobody else can have its address.
        Ok(())
    }

    fn preflight_hook(&self) -> anyhow::Result<()> {
        Hook::of(self.stack).require_alone()
    }

    fn check_config(&self, colour: Colour, launch: &Launch) -> anyhow::Result<()> {
        let (release, image) = self.release(launch)?;
        let Some(args) = &release.service.commands.config_check else { return Ok(()) };
        let secrets_dir = format!("{SECRETS_DIR}/{}", secrets::STAGED);
        let start = self.start_of(colour, launch, &secrets_dir);
        let once = self.once(&start, &release.service, args, &["--network=none"], &image);
        let mut command = docker::command(&once.args)?;
        command.envs(&once.env);
        let told = ["run", "…", &launch.release];
        let checked = docker::finish(command, &told);
        checked.map(drop).map_err(|error| match error.downcast_ref::<Refusal>() {
            Some(refusal) => {
                let said = refusal.said.lines().map(str::to_owned).collect();
                service::refused_its_configuration((self.name, self.environment), launch, said).into()
            }
            None => error,
        })
    }

    fn log(&self, colour: Colour) -> Option<Box<dyn Log + '_>> {
        self.stack.log(stack::Service::Colour(colour))
    }
}
