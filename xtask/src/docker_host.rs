//! Which Docker engine `docker` commands go to, and by which way: the one that an environment names, else the one that
//! `docker` finds by itself.

use std::ffi::OsString;
use std::sync::OnceLock;

use crate::problem::{ExitCode, Problem};
use crate::ssh::{self, Pinned, Trust};

/// The variable by which `docker` is told of an engine.
pub const VARIABLE: &str = "DOCKER_HOST";

static CHOSEN: OnceLock<String> = OnceLock::new();
static WAY: OnceLock<Result<Way, Problem>> = OnceLock::new();

/// The way to the engine.
#[derive(Debug)]
pub(crate) struct Way {
    host: Option<String>,
    /// What a `docker` command is given to go there.
    pub(crate) variables: Vec<(&'static str, OsString)>,
    /// Held for its connection.
    _pinned: Option<Pinned>,
}

/// From here on, every `docker` command of this process goes to that engine, whatever else is set.
///
/// # Errors
/// When another was chosen or asked before: what belongs to the one must not be done to the other.
pub fn choose(host: &str) -> anyhow::Result<()> {
    let chosen = CHOSEN.get_or_init(|| host.to_owned());
    anyhow::ensure!(*chosen == host, "one command cannot act on the Docker engines of both {chosen} and {host}");
    let asked = WAY.get().and_then(|way| way.as_ref().ok()).map(|way| way.host.as_ref());
    anyhow::ensure!(
        asked.is_none_or(|asked| asked == Some(chosen)),
        "another Docker engine than {chosen} was asked already"
    );
    Ok(())
}

/// The engine that was named, if one was: by an environment, or else by `DOCKER_HOST`.
pub fn named() -> Option<String> {
    CHOSEN.get().cloned().or_else(|| set(VARIABLE))
}

/// Where the engine is, when that is not this machine: its ports are not this machine's then.
pub fn elsewhere() -> Option<&'static str> {
    static ELSEWHERE: OnceLock<Option<String>> = OnceLock::new();
    let find = || {
        let format = "{{.Endpoints.docker.Host}}";
        let in_context = || crate::docker::read(&["context", "inspect", "--format", format]).ok();
        let host = named().or_else(in_context)?.trim().to_owned();
        (!host.starts_with("unix:")).then_some(host)
    };
    ELSEWHERE.get_or_init(find).as_deref()
}

/// The way to the engine. The first that asks connects.
///
/// # Errors
/// Those of [`Pinned::open`], each time.
pub(crate) fn way() -> anyhow::Result<&'static Way> {
    let find = || {
        find().map_err(|error| {
            error.downcast().unwrap_or_else(|error| Problem::new(ExitCode::Unavailable, format!("{error:#}")))
        })
    };
    WAY.get_or_init(find).as_ref().map_err(|problem| problem.clone().into())
}

fn find() -> anyhow::Result<Way> {
    let Some(host) = named() else { return Ok(Way { host: None, variables: Vec::new(), _pinned: None }) };
    let mut variables = vec![(VARIABLE, OsString::from(&host))];
    let key = set(ssh::KEY).filter(|_| host.starts_with(ssh::SCHEME));
    let pinned = key.map(|key| Pinned::open(&host, &key, set(ssh::KNOWN_HOSTS).as_deref())).transpose()?;
    if let Some(pinned) = &pinned {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(pinned.folder().to_owned()).chain(std::env::split_paths(&path));
        variables.push(("PATH", std::env::join_paths(folders)?));
    }
    Ok(Way { host: Some(host), variables, _pinned: pinned })
}

/// What a person has to know of an engine that is not reached.
pub(crate) fn unreachable(said: &str) -> Problem {
    let host = named();
    if let Some(host) = host.as_ref().filter(|host| host.starts_with(ssh::SCHEME)) {
        let trust = if set(ssh::KEY).is_some() { Trust::Pinned } else { Trust::Own };
        return ssh::explain(host, said, trust);
    }
    let first = said.lines().next().unwrap_or_default();
    let by = if CHOSEN.get().is_some() { "docker_host" } else { VARIABLE };
    let at = host.map_or(String::new(), |host| format!(" at {host} ({by})"));
    Problem::new(ExitCode::Unavailable, format!("no Docker engine answers{at}: {first}"))
        .next("docker info")
        .next("sudo systemctl start docker")
}

/// A variable that is set, and not to nothing.
fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}
