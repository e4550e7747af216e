//! The networks of a stack, and that they are gone: where something is still attached to one, Compose only warns
//! ("Resource is still in use"), leaves it behind and calls that success.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::problem::{ExitCode, Problem};
use crate::{docker, docker_host};

/// For what the engine is still about to remove, such as a container that was started with `--rm` and has ended.
const PATIENCE: Duration = Duration::from_secs(10);
const TICK: Duration = Duration::from_millis(100);

/// Removes those that Compose has left.
///
/// # Errors
/// A [`Problem`] with exit code 69 when something of somebody else's is attached to one.
pub(super) fn remove(project: &str) -> anyhow::Result<()> {
    let filter = format!("label=com.docker.compose.project={project}");
    let began = Instant::now();
    loop {
        let listed = docker::read_at_once(&["network", "ls", "--quiet", "--filter", &filter])?;
        let Some(network) = listed.lines().next() else { return Ok(()) };
        match docker::read_at_once(&["network", "rm", network]) {
            Ok(_) => {}
            Err(error) if docker::is_missing(&error) => {}
            Err(error) if began.elapsed() < PATIENCE && is_in_use(&error) => std::thread::sleep(TICK),
            Err(error) => return Err(refused(network, error)),
        }
    }
}

fn is_in_use(error: &anyhow::Error) -> bool {
    error.downcast_ref::<docker::Refusal>().is_some_and(|refusal| refusal.said.contains("active endpoints"))
}

/// What `docker network inspect` says that is needed here.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Network {
    name: String,
    containers: BTreeMap<String, Attached>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attached {
    name: String,
}

fn refused(network: &str, error: anyhow::Error) -> anyhow::Error {
    let found = docker::inspect::<Network>("network", network).ok().flatten().filter(|_| is_in_use(&error));
    let Some(Network { name, containers }) = found else { return error };
    let attached: Vec<_> = containers.into_values().map(|it| it.name).collect();
    let who = if attached.is_empty() { "something".to_owned() } else { attached.join(", ") };
    let message = format!("the network {name} cannot be removed while {who} uses it. Take that off it, and go on.");
    let problem = Problem::new(ExitCode::Unavailable, message);
    let disconnect = |who| docker_host::typed(&format!("network disconnect --force {name} {who}"));
    attached.iter().map(disconnect).fold(problem, Problem::next).into()
}
