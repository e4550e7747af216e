//! What will run an environment: containers where they can be had, processes of this machine otherwise.

use std::path::Path;

use semver::Version;

use super::compose::stack::Stack;
use crate::delivery::{Delivery, Environment, RuntimeChoice};
use crate::docker;
use crate::problem::{ExitCode, Problem, command, reason};
use crate::project::Project;
use crate::proxy_image;

/// The first version of Compose that is a plug-in of `docker`.
const OLDEST_COMPOSE: Version = Version::new(2, 0, 0);

/// What was chosen, and why in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// `process` or `compose`.
    pub runtime: RuntimeChoice,
    /// The line.
    pub why: String,
}

impl Chosen {
    /// What runs an environment already goes on running it.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 2 when another was asked for.
    pub fn standing(runtime: RuntimeChoice, wanted: RuntimeChoice, environment: &str) -> Result<Chosen, Problem> {
        if wanted != RuntimeChoice::Auto && wanted != runtime {
            let message = format!(
                "{environment} runs as {} already, and cannot be taken over by {} while it does. End it first; nothing was \
                 changed.",
                in_words(runtime),
                in_words(wanted)
            );
            return Err(Problem::new(ExitCode::Usage, message).next(command("down", environment)));
        }
        Ok(Chosen { runtime, why: format!("running as {}, as before", in_words(runtime)) })
    }
}

fn in_words(runtime: RuntimeChoice) -> &'static str {
    match runtime {
        RuntimeChoice::Compose => "containers",
        _ => "processes of this machine",
    }
}

/// Chooses what runs an environment in which nothing is yet.
///
/// # Errors
/// A [`Problem`] with exit code 69 or 78 when containers were asked for and cannot be had.
pub fn choose(
    wanted: RuntimeChoice,
    project: &Project,
    name: &str,
    environment: &Environment,
) -> anyhow::Result<Chosen> {
    let process = |why: String| Chosen {
        runtime: RuntimeChoice::Process,
        why: format!("running as processes of this machine: {why}"),
    };
    let containers = || containers(project, name, environment);
    match wanted {
        RuntimeChoice::Process => Ok(process("as was asked for".into())),
        RuntimeChoice::Compose => {
            Ok(Chosen { runtime: wanted, why: format!("running as containers: {}", containers()?) })
        }
        RuntimeChoice::Auto => Ok(containers().map_or_else(
            |error| process(format!("no containers here, as {}", reason(&error))),
            |why| Chosen { runtime: RuntimeChoice::Compose, why: format!("running as containers: {why}") },
        )),
    }
}

/// What containers run on, once all they need is there.
fn containers(project: &Project, name: &str, environment: &Environment) -> anyhow::Result<String> {
    Stack::of(&project.root, &project.delivery, name, environment)?;
    let engine = docker::engine()?;
    let compose = compose().map_err(|problem| problem.next(command("up --runtime process", name)))?;
    proxy_image::obtain(project)?;
    Ok(format!("Docker engine {} and Compose {compose} answer", engine.version))
}

/// Looks whether containers can be had on this machine at all, by the project at `root`.
///
/// # Errors
/// A [`Problem`] with exit code 69 for what is missing.
pub fn require_containers(root: &Path) -> anyhow::Result<()> {
    docker::engine()?;
    compose()?;
    let delivery = Delivery::load(root)?;
    proxy_image::obtain(&Project { root: root.to_owned(), delivery }).map(drop)
}

fn compose() -> Result<Version, Problem> {
    docker::plugin("compose").filter(|version| *version >= OLDEST_COMPOSE).ok_or_else(|| {
        let message =
            "`docker` has no Compose v2; it is a plug-in of its own, `docker-compose-plugin` or `docker-compose-v2`.";
        Problem::new(ExitCode::Unavailable, message).next("docker compose version")
    })
}
