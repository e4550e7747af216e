//! Colours apart from any environment, to look at how an image behaves: what the Compose file says of a colour holds for
//! them, but they have a project of their own, and no network but the one they share with the container they are asked from.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use super::ended::last_exit;
use super::log::ContainerLog;
use super::resolved::Resolved;
use super::stack::{self, Service, Stack};
use super::{RELEASE_DIR, SECRETS_DIR, filled};
use crate::delivery::Environment;
use crate::docker;
use crate::host::{Container, Host as _, Peer, Session};
use crate::http::{self, Probe};
use crate::interrupt::UnderWay;
use crate::problem::{ExitCode, Problem};
use crate::project::Project;
use crate::rollout::colour::Colour;
use crate::rollout::record::Launch;
use crate::runtime::{self, readiness};
use crate::secrets::{self, Secret};
use crate::service::Start;

/// Blue and green of one image, and the edge beside them. All of it is gone once this goes out of scope.
pub struct Trial<'a> {
    project: &'a Project,
    image: &'a str,
    stack: Stack,
    host: Container,
    file: Value,
    session: Option<Session>,
    under_way: UnderWay,
}

/// How a colour is to be started.
#[derive(Debug, Clone, Default)]
pub struct Launched {
    /// As which environment the service sees itself.
    pub environment: String,
    /// What is set beside that.
    pub settings: BTreeMap<String, String>,
}

/// What the engine says of a colour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It runs, since then by the engine's clock.
    Running(SystemTime),
    /// It has ended.
    Ended {
        /// In words.
        how: String,
        /// Whether the kernel has ended it for want of memory.
        out_of_memory: bool,
    },
}

impl<'a> Trial<'a> {
    /// Makes room for it in the engine, with the limits that an environment has and these secrets.
    ///
    /// # Errors
    /// When the environment does not run in containers, Compose cannot read its file or the engine is out of order.
    pub fn begin(
        project: &'a Project,
        (name, environment): (&str, &Environment),
        secrets: &[Secret<'_>],
        image: &'a str,
    ) -> anyhow::Result<Trial<'a>> {
        let mut delivery = project.delivery.clone();
        if let Some(compose) = &mut delivery.compose {
            // Several may be under way.
            compose.project = format!("{}-check-{}", compose.project, std::process::id());
        }
        let stack = Stack::of(&project.root, &delivery, name, environment)?;
        let file = serde_json::from_str(&stack.resolved()?).context("reading what Compose makes of its file")?;
        let host = Container::new(stack.names());
        // From here on there is something to be removed.
        let under_way = UnderWay::begin()?;
        let mut trial = Trial { project, image, stack, host, file, session: None, under_way };
        // The volumes come into being with it, for the user that everything runs as.
        trial.session = trial.host.try_lock("")?;
        secrets::place(secrets, &trial.host, &|path, value| trial.host.share(path, value.as_bytes()))?;
        Ok(trial)
    }

    /// Looks whether anybody still wants to know.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 130 after Ctrl-C and its like.
    pub fn require_wanted(&self) -> anyhow::Result<()> {
        if self.under_way.is_cancelled() {
            let message = "the check was interrupted; everything that it had started was removed.";
            return Err(Problem::new(ExitCode::Interrupted, message).into());
        }
        Ok(())
    }

    /// What the Compose file says.
    ///
    /// # Errors
    /// When that cannot be read.
    pub fn resolved(&self) -> anyhow::Result<Resolved> {
        Resolved::parse(&self.file.to_string())
    }

    /// Makes the containers of these colours anew, and that of the edge, which alone is started.
    ///
    /// # Errors
    /// When the engine refuses one of them.
    pub fn make(&self, colours: &[(Colour, Launched)]) -> anyhow::Result<()> {
        let mut services = Map::from_iter([(Service::Edge.to_string(), self.apart(Service::Edge, "none"))]);
        for (colour, launched) in colours {
            let service = Service::Colour(*colour);
            let mut apart = self.apart(service, &format!("service:{}", Service::Edge));
            self.fill(&mut apart, *colour, launched)?;
            services.insert(service.to_string(), apart);
        }
        let file = json!({ "name": self.stack.project(), "services": services, "volumes": self.file["volumes"] });
        let args = ["up", "--no-start", "--no-build", "--pull=never"];
        self.stack.compose(stack::MAKING, &[], &args, Some(&file))?;
        docker::read(&["start", &self.stack.container(Service::Edge)]).map(drop)
    }

    /// A service of the Compose file without what ties it to its environment.
    fn apart(&self, service: Service, network: &str) -> Value {
        let mut service = self.file["services"][service.to_string()].clone();
        if let Some(service) = service.as_object_mut() {
            for key in ["networks", "ports", "depends_on"] {
                service.remove(key);
            }
            service.insert("network_mode".into(), network.into());
            // How it ends is what is looked at.
            service.insert("restart".into(), "no".into());
        }
        service
    }

    fn fill(&self, service: &mut Value, colour: Colour, launched: &Launched) -> anyhow::Result<()> {
        let launch = Launch { release: "check".into(), settings: launched.settings.clone() };
        let start = Start {
            environment: &launched.environment,
            address: address(colour),
            colour,
            launch: &launch,
            release_dir: RELEASE_DIR,
            secrets_dir: SECRETS_DIR,
        };
        let filled = filled(&start, &self.project.delivery.service, self.image)?;
        service.as_object_mut().context("the Compose file has no such service")?.extend(filled);
        Ok(())
    }

    fn container(&self, colour: Colour) -> String {
        self.stack.container(Service::Colour(colour))
    }

    /// Starts a colour that was made, or has ended.
    ///
    /// # Errors
    /// When the engine does not start it.
    pub fn start(&self, colour: Colour) -> anyhow::Result<()> {
        docker::read(&["start", &self.container(colour)]).map(drop)
    }

    /// The same beside whatever else is done.
    pub fn start_meanwhile(&self, colour: Colour) -> JoinHandle<anyhow::Result<()>> {
        let container = self.container(colour);
        thread::spawn(move || docker::read(&["start", &container]).map(drop))
    }

    /// Ends a colour, at once.
    ///
    /// # Errors
    /// When the engine does not.
    pub fn end(&self, colour: Colour) -> anyhow::Result<()> {
        docker::read(&["stop", "--time=0", &self.container(colour)]).map(drop)
    }

    /// How a colour stands.
    ///
    /// # Errors
    /// When the engine does not say.
    pub fn state(&self, colour: Colour) -> anyhow::Result<State> {
        let found = self.stack.inspect(Service::Colour(colour))?.context("its container is gone")?;
        Ok(match found.state.status.as_str() {
            "running" => State::Running(stack::time(&found.state.started_at)?),
            _ => State::Ended { how: last_exit(&found), out_of_memory: found.state.oom_killed },
        })
    }

    /// Asks a colour for its readiness.
    pub fn probe(&self, colour: Colour) -> Probe {
        let (address, path) = (address(colour), &self.project.delivery.service.health.ready);
        let ask = |request: &str| self.host.ask(Peer::Address(address), request, readiness::PROBE_TIMEOUT);
        http::get_through(address, path, ask)
    }

    /// The last lines a colour has written.
    pub fn log_tail(&self, colour: Colour, lines: usize) -> Vec<String> {
        runtime::tail(Some(Box::new(ContainerLog { container: self.container(colour) })), lines)
    }

    /// What time the engine's machine has.
    ///
    /// # Errors
    /// When it does not say.
    pub fn now(&self) -> anyhow::Result<SystemTime> {
        let (_, said) = self.host.run(".", &["date", "+%s%N"])?;
        let nanoseconds = said.trim().parse().with_context(|| format!("`{said}` is no time"))?;
        Ok(SystemTime::UNIX_EPOCH + Duration::from_nanos(nanoseconds))
    }

    /// Runs a shell that sees the processes of a colour, and the control groups of the engine's machine in /groups.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn beside(&self, colour: Colour, script: &str) -> anyhow::Result<String> {
        let pid = format!("--pid=container:{}", self.container(colour));
        let hardened = ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges:true", "--network=none"];
        let seen = ["--cgroupns=host", "--volume=/sys/fs/cgroup:/groups:ro", &pid];
        let image = self.stack.names().image;
        docker::read(&[&["run", "--rm", "--pull=never"], &hardened[..], &seen, &[&image, "sh", "-c", script]].concat())
    }
}

/// Where a colour listens, in the network that all of them share.
fn address(colour: Colour) -> SocketAddr {
    let port = match colour {
        Colour::Blue => 8081,
        Colour::Green => 8082,
    };
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        // What stays is named after this process, and in nobody's way.
        let _ = self.stack.down();
        drop(self.session.take());
        for volume in self.stack.volumes() {
            let _ = docker::read(&["volume", "rm", &volume]);
        }
    }
}
