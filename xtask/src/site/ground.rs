//! What runs an environment: processes of this machine, or containers of a Docker engine.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use super::FOLDER;
use crate::delivery::{Environment, RuntimeChoice};
use crate::host::{Container, Host, Local};
use crate::problem::Problem;
use crate::project::Project;
use crate::releases::FileReleases;
use crate::router::config;
use crate::runtime::compose::stack::Stack;
use crate::{docker, docker_host};

/// What runs an environment.
pub(super) enum Ground {
    Process { folder: PathBuf, host: Local, releases: FileReleases },
    Compose { stack: Box<Stack>, host: Container },
}

/// Has every `docker` command go to the engine that an environment names.
pub(super) fn choose_engine(name: &str, environment: &Environment) -> anyhow::Result<()> {
    match &environment.docker_host {
        Some(host) => docker_host::choose(&host.get_ref().value(name)?),
        None => Ok(()),
    }
}

impl Ground {
    pub(super) fn process(project: &Project, name: &str) -> Ground {
        let folder = project.root.join(FOLDER).join(name);
        Ground::Process { host: Local::new(&folder), releases: FileReleases::at(folder.join("releases")), folder }
    }

    pub(super) fn compose(project: &Project, name: &str, environment: &Environment) -> Result<Ground, Problem> {
        let stack = Stack::of(&project.root, &project.delivery, name, environment)?;
        Ok(Ground::Compose { host: Container::new(stack.names()), stack: Box::new(stack) })
    }

    /// What the environment runs on already, or must run on; none where that is open.
    pub(super) fn standing(
        project: &Project,
        name: &str,
        environment: &Environment,
        choice: RuntimeChoice,
    ) -> anyhow::Result<Option<Ground>> {
        let process = Ground::process(project, name);
        let is_there = |ground: &Ground| match ground {
            Ground::Process { folder, .. } => Ok(folder.exists()),
            Ground::Compose { stack, .. } => stack.exists(),
        };
        Ok(match choice {
            RuntimeChoice::Process => Some(process),
            RuntimeChoice::Compose => Some(Ground::compose(project, name, environment)?),
            RuntimeChoice::Auto if is_there(&process)? => Some(process),
            RuntimeChoice::Auto => {
                match Ground::compose(project, name, environment).ok().filter(|_| docker::engine().is_ok()) {
                    Some(compose) => is_there(&compose)?.then_some(compose),
                    None => None,
                }
            }
        })
    }

    pub(super) fn host(&self) -> &dyn Host {
        match self {
            Ground::Process { host, .. } => host,
            Ground::Compose { host, .. } => host,
        }
    }

    pub(super) fn runtime(&self) -> RuntimeChoice {
        match self {
            Ground::Process { .. } => RuntimeChoice::Process,
            Ground::Compose { .. } => RuntimeChoice::Compose,
        }
    }
}

/// Whether the edge has a proxy at its port: by the port it was started with, which may not be the one that is configured
/// by now.
pub(super) fn edge_listens(host: &Container) -> bool {
    let local = |address: SocketAddr| SocketAddr::from((Ipv4Addr::LOCALHOST, address.port()));
    config::published(host).is_none_or(|address| host.reaches(local(address)))
}
