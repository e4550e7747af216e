//! An environment's folder in the volumes of a Docker engine. Who changes it holds the lock, which is a container of that
//! name with the one session that can write; who only looks asks an agent in the edge's container.

mod sessions;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;
use sessions::{Look, Slot, not_started};

use super::agent::{Agent, Answer, NotStarted};
use super::{Host, Peer, Session};
use crate::problem::{ExitCode, Problem};
use crate::{docker, docker_host};

/// Where the volumes are mounted in whatever container sees them.
pub const MOUNT: &str = "/switchyard";
/// How long a container may take from being made to running, before it passes for one whose maker has died.
const MAKING: Duration = Duration::from_secs(10);

/// What the sessions are opened with.
#[derive(Debug, Clone)]
pub struct Container {
    names: Names,
    writing: Slot,
    looking: Arc<Mutex<Option<Look>>>,
}

/// How the things in the engine are called.
#[derive(Debug, Clone)]
pub struct Names {
    /// The lock, a container.
    pub lock: String,
    /// The container that looks.
    pub edge: String,
    /// The volumes, each with the path it is mounted at.
    pub volumes: Vec<(String, String)>,
    /// The image both run.
    pub image: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    id: String,
    created: String,
    state: Running,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Running {
    running: bool,
}

impl Container {
    /// The folder in these volumes.
    pub fn new(names: Names) -> Container {
        Container { names, writing: Slot::default(), looking: Arc::default() }
    }

    /// Writes a file that any user in a container may read.
    ///
    /// # Errors
    /// When it is not on disk.
    pub fn share(&self, path: &str, contents: &[u8]) -> anyhow::Result<()> {
        self.write("share", path, contents)
    }

    /// Removes every file there is, for whoever takes the lock next to find nothing.
    ///
    /// # Errors
    /// When something stays.
    pub fn clear(&self) -> anyhow::Result<()> {
        self.write("clear", ".", b"")
    }

    /// Whether somebody listens at an address, seen from the edge.
    pub fn reaches(&self, address: SocketAddr) -> bool {
        let target = format!("TCP:{address},connect-timeout=1");
        let reached = self.through_the_edge("reach", &target, b"", Duration::ZERO);
        reached.is_ok_and(|answer| matches!(answer, Answer::Done(_)))
    }

    /// Asks over TLS whoever listens at an address, seen from the edge. Who that is has to be known: it is not proven.
    ///
    /// # Errors
    /// Those of [`Host::ask`].
    pub fn ask_over_tls(&self, address: SocketAddr, request: &str, timeout: Duration) -> io::Result<String> {
        self.ask_over("OPENSSL", &format!("{address},verify=0"), request, timeout)
    }

    /// The lock's own container is in no network.
    fn ask_over(&self, protocol: &str, address: &str, request: &str, timeout: Duration) -> io::Result<String> {
        let target = format!("{protocol}:{address},connect-timeout={},shut-none", timeout.as_secs_f32());
        told(self.through_the_edge(&ask_for(timeout), &target, request.as_bytes(), timeout))
    }

    fn text(&self, operation: &str, argument: &str) -> anyhow::Result<Option<String>> {
        match self.operate(operation, argument, b"", Duration::ZERO)? {
            Answer::Done(text) => Ok(Some(text)),
            Answer::Missing(_) => Ok(None),
            Answer::Failed(said) => Err(failed(operation, argument, &said)),
        }
    }

    fn write(&self, operation: &str, argument: &str, body: &[u8]) -> anyhow::Result<()> {
        anyhow::ensure!(self.is_writing(), "{argument} is written without the lock");
        match self.operate(operation, argument, body, Duration::ZERO)? {
            Answer::Done(_) => Ok(()),
            Answer::Missing(said) | Answer::Failed(said) => Err(failed(operation, argument, &said)),
        }
    }

    /// Removes a container of the lock's name that holds nothing: made by a deployer that died before it could start it.
    fn remove_unstarted(&self) -> anyhow::Result<()> {
        let Some(found) = docker::inspect::<Inspected>("container", &self.names.lock)? else { return Ok(()) };
        let created = humantime::parse_rfc3339(&found.created).unwrap_or(std::time::UNIX_EPOCH);
        let age = std::time::SystemTime::now().duration_since(created).unwrap_or_default();
        if !found.state.running && age > MAKING {
            docker::remove_ended(&found.id)?;
        }
        Ok(())
    }
}

fn failed(operation: &str, path: &str, said: &str) -> anyhow::Error {
    if said.contains("No space left on device") {
        let message =
            format!("the volume of the ledger is full: {path} cannot be written. Nothing more was started or changed.");
        return Problem::new(ExitCode::Unavailable, message).next(docker_host::typed("system df -v")).into();
    }
    anyhow::anyhow!("could not {operation} {path}: {}", said.trim())
}

impl Host for Container {
    fn read(&self, path: &str) -> anyhow::Result<Option<String>> {
        self.text("read", path)
    }

    fn replace(&self, path: &str, contents: &str) -> anyhow::Result<()> {
        self.write("replace", path, contents.as_bytes())
    }

    fn append(&self, path: &str, text: &str) -> anyhow::Result<()> {
        self.write("append", path, text.as_bytes())
    }

    fn reserve(&self, path: &str, bytes: u64) -> anyhow::Result<()> {
        self.write("reserve", path, bytes.to_string().as_bytes())
    }

    fn list(&self, folder: &str) -> anyhow::Result<Vec<String>> {
        let text = self.text("list", folder)?.unwrap_or_default();
        let mut names: Vec<_> = text.lines().map(str::to_owned).collect();
        names.sort();
        Ok(names)
    }

    fn remove(&self, path: &str) -> anyhow::Result<()> {
        self.write("remove", path, b"")
    }

    fn run(&self, folder: &str, program: &[&str]) -> anyhow::Result<(bool, String)> {
        let body: Vec<u8> = program.iter().flat_map(|arg| arg.bytes().chain([0])).collect();
        Ok(match self.operate("run", folder, &body, crate::limited::CHECK)? {
            Answer::Done(said) => (true, said),
            Answer::Missing(said) | Answer::Failed(said) => (false, said),
        })
    }

    fn ask(&self, peer: Peer<'_>, request: &str, timeout: Duration) -> io::Result<String> {
        match peer {
            Peer::Socket(path) => {
                let target = format!("UNIX-CONNECT:{path}");
                told(self.operate(&ask_for(timeout), &target, request.as_bytes(), timeout))
            }
            Peer::Address(address) => self.ask_over("TCP", &address.to_string(), request, timeout),
        }
    }

    fn post(&self, path: &str, contents: &str) -> anyhow::Result<bool> {
        // Through the lock's own container: where that is, and nowhere else, is somebody who reads it.
        let exec = ["exec", "--interactive", &self.names.lock].map(str::to_owned);
        let Ok(mut agent) = Agent::open(&exec, false)? else { return Ok(false) };
        match agent.ask("replace", path, contents.as_bytes(), Duration::ZERO)? {
            Answer::Done(_) => Ok(true),
            Answer::Missing(said) | Answer::Failed(said) => Err(failed("replace", path, &said)),
        }
    }

    fn try_lock(&self, _: &str) -> anyhow::Result<Option<Session>> {
        match self.open_both()? {
            Ok(agent) => Ok(Some(Session::new(self.hold(agent)))),
            Err(NotStarted(said)) if said.contains("is already in use by container") => {
                self.remove_unstarted().map(|()| None)
            }
            Err(NotStarted(said)) => Err(not_started(&said)).context("taking the lock"),
        }
    }

    fn is_locked(&self, _: &str) -> anyhow::Result<bool> {
        Ok(docker::inspect::<Inspected>("container", &self.names.lock)?.is_some_and(|found| found.state.running))
    }
}

/// The operation that waits so long for an answer.
fn ask_for(timeout: Duration) -> String {
    format!("ask-{}", timeout.as_secs_f32().ceil())
}

/// What came back to whoever has asked.
fn told(answer: anyhow::Result<Answer>) -> io::Result<String> {
    match answer.map_err(|error| io::Error::other(format!("{error:#}")))? {
        Answer::Done(text) => Ok(text),
        Answer::Missing(said) => Err(io::Error::new(io::ErrorKind::NotFound, last_line(&said))),
        Answer::Failed(said) => Err(io::Error::other(last_line(&said))),
    }
}

fn last_line(said: &str) -> String {
    let line = said.lines().last().unwrap_or("no answer");
    line.rsplit("] E ").next().unwrap_or(line).to_owned()
}
