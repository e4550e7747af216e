//! One environment's containers, networks and volumes: how they are called, and how Compose is told about them.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::Value;

pub(super) use super::inspected::Inspected;
use super::log::ContainerLog;
use super::networks;
use super::resolved::Resolved;
use crate::delivery::{Containers, Delivery, Environment, FILE, Monitoring, Watched};
use crate::docker::{self, Refusal};
use crate::docker_host::typed;
use crate::host::{MOUNT, Names};
use crate::limited;
use crate::problem::{ExitCode, Problem, command};
use crate::rollout::colour::{Colour, PerColour};
use crate::runtime::Log;

/// The volumes, and where they are mounted.
const VOLUMES: [(&str, &str); 3] = [("ledger", ""), ("proxy", "/proxy"), ("secrets", "/secrets")];

/// Those of what watches it, which no deployer mounts.
const WATCHING: [&str; 4] = ["prometheus-config", "prometheus-data", "grafana-config", "grafana-data"];

/// How long an engine may take to make, start or remove containers whose images it has, beyond the time that it gives them to
/// end: it is not waited for without end in the midst of a rollout.
pub(super) const MAKING: Duration = Duration::from_secs(60);

/// The services of the Compose file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Edge,
    ProxyA,
    ProxyB,
    Colour(Colour),
    Prometheus,
    Grafana,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Service::Edge => f.write_str("edge"),
            Service::ProxyA => f.write_str("proxy-a"),
            Service::ProxyB => f.write_str("proxy-b"),
            Service::Colour(colour) => write!(f, "app-{colour}"),
            Service::Prometheus => f.write_str("prometheus"),
            Service::Grafana => f.write_str("grafana"),
        }
    }
}

/// What Compose is told of an environment.
#[derive(Debug, Clone)]
pub struct Stack {
    name: String,
    root: PathBuf,
    file: PathBuf,
    /// What is added to it, and from which version of the engine on.
    newer: Option<(u64, PathBuf)>,
    proxy_image: String,
    colours: PerColour<SocketAddr>,
    /// How long a container may take to end.
    grace: Duration,
    variables: BTreeMap<&'static str, String>,
}

impl Stack {
    /// The stack of an environment.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 78 when `delivery.toml` does not say how it runs in containers.
    pub fn of(root: &Path, delivery: &Delivery, name: &str, environment: &Environment) -> Result<Stack, Problem> {
        let (Some(compose), Some(containers)) = (&delivery.compose, &environment.containers) else {
            let message = format!(
                "{FILE} does not say how {name} runs in containers: that takes a [compose] and an \
                 [environments.{name}.containers]."
            );
            return Err(Problem::new(ExitCode::Configuration, message).next(command("up --runtime process", name)));
        };
        let project = format!("{}-{name}", compose.project);
        let colour = |colour| SocketAddr::from((containers.colour(colour), environment.address(colour).port()));
        Ok(Stack {
            root: root.to_owned(),
            file: root.join(&compose.file),
            newer: compose.newer.as_ref().map(|newer| (newer.engine, root.join(&newer.file))),
            proxy_image: delivery.proxy.image.clone(),
            colours: PerColour::from_fn(colour),
            grace: *environment.rollout.drain_timeout,
            variables: variables(&project, delivery, environment, containers),
            name: project,
        })
    }

    /// Whether there is anything of it.
    ///
    /// # Errors
    /// When the engine does not say.
    pub fn exists(&self) -> anyhow::Result<bool> {
        Ok(docker::inspect::<Value>("volume", &self.volume("ledger"))?.is_some())
    }

    /// Where a colour listens in the network of its own.
    pub(super) fn address(&self, colour: Colour) -> SocketAddr {
        *self.colours.get(colour)
    }

    /// What everything in the engine is called after.
    pub fn project(&self) -> &str {
        &self.name
    }

    /// How what the ledger lives by is called.
    pub fn names(&self) -> Names {
        Names {
            lock: format!("{}-lock", self.name),
            edge: self.container(Service::Edge),
            volumes: VOLUMES.map(|(volume, at)| (self.volume(volume), format!("{MOUNT}{at}"))).into(),
            image: self.proxy_image.clone(),
        }
    }

    pub(super) fn volume(&self, volume: &str) -> String {
        format!("{}-{volume}", self.name)
    }

    /// All of them, but those of what watches the environment.
    pub(super) fn volumes(&self) -> impl Iterator<Item = String> {
        VOLUMES.iter().map(|(volume, _)| self.volume(volume))
    }

    /// Makes those of what watches the environment.
    pub(super) fn make_watching_volumes(&self) -> anyhow::Result<()> {
        WATCHING.iter().try_for_each(|volume| docker::read(&["volume", "create", &self.volume(volume)]).map(drop))
    }

    /// Those of what watches the environment that there are.
    pub(super) fn watching_volumes(&self) -> anyhow::Result<Vec<String>> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Named {
            name: String,
        }
        let names = WATCHING.map(|volume| self.volume(volume));
        let found: Vec<Named> = docker::inspect_all("volume", &names.each_ref().map(String::as_str))?;
        Ok(found.into_iter().map(|volume| volume.name).collect())
    }

    pub(super) fn container(&self, service: Service) -> String {
        format!("{}-{service}-1", self.name)
    }

    pub(super) fn inspect(&self, service: Service) -> anyhow::Result<Option<Inspected>> {
        let [found] = self.inspect_all([service])?;
        Ok(found)
    }

    /// Looks at several at once.
    pub(super) fn inspect_all<const COUNT: usize>(
        &self,
        services: [Service; COUNT],
    ) -> anyhow::Result<[Option<Inspected>; COUNT]> {
        let names = services.map(|service| self.container(service));
        let mut found: Vec<Inspected> = docker::inspect_all("container", &names.each_ref().map(String::as_str))?;
        Ok(names.map(|name| {
            let place = found.iter().position(|it| it.name.trim_start_matches('/') == name)?;
            Some(found.swap_remove(place))
        }))
    }

    /// The files that an engine of that version understands.
    fn files(&self, engine: &str) -> Vec<&Path> {
        let major = engine.split('.').next().and_then(|major| major.parse::<u64>().ok());
        let newer = self.newer.iter().filter(|(from, _)| major.is_some_and(|major| major >= *from));
        std::iter::once(self.file.as_path()).chain(newer.map(|(_, file)| file.as_path())).collect()
    }

    pub(super) fn compose(
        &self,
        limit: Duration,
        files: &[&Path],
        args: &[&str],
        change: Option<&Value>,
    ) -> anyhow::Result<String> {
        let files: Vec<_> = files.iter().map(|file| file.to_string_lossy()).collect();
        let root = self.root.to_string_lossy();
        let mut all = vec!["compose", "--project-directory", &root];
        all.extend(files.iter().flat_map(|file| ["--file", file]));
        if change.is_some() {
            all.extend(["--file", "-"]);
        }
        all.extend(args);
        let mut compose = docker::expression(&all)?.stdin_bytes(change.map(Value::to_string).unwrap_or_default());
        for (name, value) in &self.variables {
            compose = compose.env(name, value);
        }
        // What else is set here must not find its way into the file.
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("COMPOSE_")) {
            compose = compose.env_remove(name);
        }
        docker::finish_within(limit, &compose, &all)
    }

    /// Makes the service's container as the file and `change` say, and starts it. Nothing else is touched.
    pub(super) fn up(&self, service: Service, change: Option<&Value>, how: &str) -> anyhow::Result<()> {
        let service = service.to_string();
        let args = ["up", "--detach", "--no-deps", "--no-build", how, &service];
        self.compose(self.grace + MAKING, &self.files(&docker::engine()?.version), &args, change).map(drop)
    }

    /// Lets Compose read the file, with and without what is for newer engines; no engine is asked.
    ///
    /// # Errors
    /// What Compose has to say against it.
    pub fn resolve(&self) -> anyhow::Result<Resolved> {
        if let Some((_, newer)) = &self.newer {
            self.compose(limited::CHECK, &[&self.file, newer], &["config", "--quiet"], None)?;
        }
        Resolved::parse(&self.resolved()?)
    }

    /// The file as Compose reads it, every profile of it, in JSON.
    ///
    /// # Errors
    /// What Compose has to say against it.
    pub fn resolved(&self) -> anyhow::Result<String> {
        self.compose(limited::CHECK, &[&self.file], &["--profile", "*", "config", "--format", "json"], None)
    }

    /// Removes every container and network of it.
    ///
    /// # Errors
    /// Those of Compose, and a [`Problem`] with exit code 69 when somebody else uses one of its networks.
    pub(super) fn down(&self) -> anyhow::Result<()> {
        let args = ["--profile", "*", "down", "--remove-orphans", "--timeout", "5"];
        self.compose(self.grace + MAKING, &[&self.file], &args, None)?;
        networks::remove(&self.name)
    }

    pub(super) fn log(&self, service: Service) -> Option<Box<dyn Log>> {
        let container = self.container(service);
        // A colour that cannot be looked at has nothing to show.
        self.inspect(service).ok().flatten().map(|_| Box::new(ContainerLog { container }) as Box<dyn Log>)
    }
}

fn variables(
    project: &str,
    delivery: &Delivery,
    environment: &Environment,
    containers: &Containers,
) -> BTreeMap<&'static str, String> {
    // Compose reads all of its file, whatever of it is started.
    let image =
        |of: fn(&Monitoring) -> &String| delivery.monitoring.as_ref().map_or("none".into(), |it| of(it).clone());
    let listen = |of: fn(&Watched) -> SocketAddr| {
        environment.monitoring.as_ref().map_or("127.0.0.1:0".into(), |watched| of(watched).to_string())
    };
    BTreeMap::from([
        ("SWITCHYARD_PROJECT", project.to_owned()),
        ("SWITCHYARD_LISTEN", environment.listen.get_ref().to_string()),
        ("SWITCHYARD_PORT", environment.listen.get_ref().port().to_string()),
        ("SWITCHYARD_SUBNET", containers.subnet.get_ref().to_string()),
        ("SWITCHYARD_DYNAMIC", containers.dynamic().to_string()),
        ("SWITCHYARD_EDGE_ADDRESS", containers.edge().to_string()),
        ("SWITCHYARD_BLUE_ADDRESS", containers.colour(Colour::Blue).to_string()),
        ("SWITCHYARD_GREEN_ADDRESS", containers.colour(Colour::Green).to_string()),
        ("SWITCHYARD_PROXY_IMAGE", delivery.proxy.image.clone()),
        ("SWITCHYARD_PROMETHEUS_IMAGE", image(|monitoring| &monitoring.prometheus_image)),
        ("SWITCHYARD_PROMETHEUS_LISTEN", listen(|watched| *watched.prometheus.get_ref())),
        ("SWITCHYARD_GRAFANA_IMAGE", image(|monitoring| &monitoring.grafana_image)),
        ("SWITCHYARD_GRAFANA_LISTEN", listen(|watched| *watched.grafana.get_ref())),
        ("SWITCHYARD_MEMORY", containers.memory.clone()),
        ("SWITCHYARD_CPUS", containers.cpus.to_string()),
        ("SWITCHYARD_PIDS", containers.pids.to_string()),
        ("SWITCHYARD_RESERVED_MEMORY", containers.reserved_memory.clone()),
        ("SWITCHYARD_RESERVED_CPUS", containers.reserved_cpus.to_string()),
        ("SWITCHYARD_PROXY_CPUS", containers.proxy_cpus.to_string()),
        ("SWITCHYARD_PROXY_THREADS", containers.proxy_cpus.ceil().to_string()),
        // The engine counts whole seconds.
        ("SWITCHYARD_STOP_GRACE", format!("{}s", environment.rollout.drain_timeout.as_secs_f64().ceil())),
    ])
}

/// What a person has to know of a start that the engine refused.
pub(super) fn explain(error: anyhow::Error, environment: &str) -> anyhow::Error {
    let Some(Refusal { said, .. }) = error.downcast_ref::<Refusal>() else { return error };
    let taken = ["port is already allocated", "address already in use", "Address already in use"];
    let overlapping = ["Pool overlaps", "invalid pool request", "overlapping IPv4"];
    let (key, what) = if overlapping.iter().any(|words| said.contains(words)) {
        ("containers.subnet", "the network is in use by something else")
    } else if taken.iter().any(|words| said.contains(words)) {
        ("listen", "the address is taken by something else")
    } else {
        return error;
    };
    let message = format!(
        "{what} on the Docker engine's machine. End that, or give `environments.{environment}.{key}` in {FILE} another; \
         nothing was started."
    );
    let last = said.lines().last().unwrap_or_default().to_owned();
    Problem::new(ExitCode::Unavailable, message).detail([last]).next(typed("ps")).next(typed("network ls")).into()
}

/// Parses what the engine says of a point in time.
pub(super) fn time(text: &str) -> anyhow::Result<std::time::SystemTime> {
    humantime::parse_rfc3339(text).with_context(|| format!("the engine says `{text}`, which is no time"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::DELIVERY;

    #[test]
    fn a_newer_engine_is_given_what_an_older_one_refuses() {
        let compose = "[compose]\nproject = \"shop\"\nfile = \"a.yml\"\nnewer = { engine = 25, file = \"b.yml\" }\n";
        let containers = "containers = { subnet = \"10.1.2.0/27\", memory = \"9m\", cpus = 1.0, pids = 9 }\n";
        let text = DELIVERY.replace("profile = \"dev\"", &format!("profile = \"dev\"\n{containers}"));
        let delivery = Delivery::parse(&format!("{text}\n{compose}")).unwrap();
        let stack =
            Stack::of(Path::new("/shop"), &delivery, "development", &delivery.environments["development"]).unwrap();
        let (old, new) = (Path::new("/shop/a.yml"), Path::new("/shop/b.yml"));
        for version in ["20.10.24+dfsg1", "24.0.9", "dev", ""] {
            assert_eq!(stack.files(version), [old], "{version}");
        }
        for version in ["25.0.0", "28.2.2", "100.1", "25.0.0-rc.1"] {
            assert_eq!(stack.files(version), [old, new], "{version}");
        }
    }

    #[test]
    fn an_environment_without_containers_is_told_how_that_one_is_started_without_them() {
        let delivery = Delivery::parse(DELIVERY).unwrap();
        let production = &delivery.environments["production"];
        let refusal = Stack::of(Path::new("/shop"), &delivery, "production", production).unwrap_err().to_string();
        assert!(refusal.ends_with("next: cargo xtask up --runtime process --env production"), "{refusal}");
    }
}
