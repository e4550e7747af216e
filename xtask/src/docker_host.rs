//! Which Docker engine `docker` commands go to, and by which way: the one that an environment names, else the one that
//! `docker` finds by itself.

use std::ffi::OsString;
use std::sync::OnceLock;

use crate::problem::{ExitCode, Problem};
use crate::ssh::{self, Pinned, Trust};
use crate::variable;

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
    CHOSEN.get().cloned().or_else(|| variable::text(VARIABLE))
}

/// Where the engine is, when that is not this machine: its ports are not this machine's then.
pub fn elsewhere() -> Option<&'static str> {
    static ELSEWHERE: OnceLock<Option<String>> = OnceLock::new();
    let find = || {
        let format = "{{.Endpoints.docker.Host}}";
        let in_context = || crate::docker::read(&["context", "inspect", "--format", format]).ok();
        let host = named().or_else(in_context)?.trim().to_owned();
        (!is_here(Some(&host))).then_some(host)
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
    let key = variable::text(ssh::KEY).filter(|_| host.starts_with(ssh::SCHEME));
    let pinned = key.map(|key| Pinned::open(&host, &key, variable::text(ssh::KNOWN_HOSTS).as_deref())).transpose()?;
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
        let trust = if variable::text(ssh::KEY).is_some() { Trust::Pinned } else { Trust::Own };
        return ssh::explain(host, said, trust);
    }
    unanswered(host.as_deref(), CHOSEN.get().map(String::as_str), said)
}

fn unanswered(host: Option<&str>, chosen: Option<&str>, said: &str) -> Problem {
    let first = said.lines().next().unwrap_or_default();
    let by = if chosen.is_some() { "docker_host" } else { VARIABLE };
    let at = host.map_or(String::new(), |host| format!(" at {host} ({by})"));
    let message = format!("no Docker engine answers{at}: {first}");
    let problem = Problem::new(ExitCode::Unavailable, message).next(typed_to(chosen, "info"));
    // That of another machine is not for this one to start.
    if is_here(host) { problem.next("sudo systemctl start docker") } else { problem }
}

/// A `docker` command as a person types it to reach that engine: the one that an environment names, `docker` does not find by
/// itself.
pub(crate) fn typed(command: &str) -> String {
    typed_to(CHOSEN.get().map(String::as_str), command)
}

fn typed_to(chosen: Option<&str>, command: &str) -> String {
    chosen.map_or_else(|| format!("docker {command}"), |host| format!("docker --host {host} {command}"))
}

/// Whether an engine is this machine's, as far as its name tells.
fn is_here(host: Option<&str>) -> bool {
    host.is_none_or(|host| host.starts_with("unix:"))
}

/// What a person has to know of an engine whose disk is full.
pub(crate) fn full(said: &str) -> Problem {
    let message = "the disk of the Docker engine is full; nothing more was started or changed.";
    let problem = Problem::new(ExitCode::Unavailable, message).detail(said.lines()).next(typed("system df"));
    if is_here(named().as_deref()) { problem.next("df -h") } else { problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_type_next_is_about_the_engine_that_did_not_answer() {
        const START: &str = "systemctl start docker";
        let (here, there) = ("unix:///run/other.sock", "tcp://shop.example:2376");
        let told = |host, chosen| unanswered(host, chosen, "no route to host\nmore").to_string();
        let own = told(None, None);
        assert!(own.contains("answers: no route to host\n  next: docker info\n") && own.contains(START), "{own}");
        let set = told(Some(there), None);
        assert!(set.contains("(DOCKER_HOST)") && set.contains("next: docker info") && !set.contains(START), "{set}");
        let chosen = told(Some(there), Some(there));
        assert!(chosen.contains("at tcp://shop.example:2376 (docker_host): no route"), "{chosen}");
        assert!(chosen.ends_with("\n  next: docker --host tcp://shop.example:2376 info"), "{chosen}");
        let beside = told(Some(here), Some(here));
        assert!(beside.contains("next: docker --host unix:///run/other.sock info\n"), "{beside}");
        assert!(beside.contains(START), "{beside}");
    }
}
