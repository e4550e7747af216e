//! An environment's folder in the volumes of a Docker engine. Who changes it holds the lock, which is a container of that
//! name with the one session that can write; who only looks asks an agent in the edge's container.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::Deserialize;

use super::agent::{Agent, Answer, NotStarted};
use super::{Host, Peer, Session};
use crate::problem::{ExitCode, Problem};
use crate::{docker, docker_host};

/// Where the volumes are mounted in whatever container sees them.
pub const MOUNT: &str = "/switchyard";
/// How often a deployer says that it is still there; the agent gives up after 10 to 20 s without.
const BEAT: Duration = Duration::from_secs(2);
/// How long a container may take from being made to running, before it passes for one whose maker has died.
const MAKING: Duration = Duration::from_secs(10);

type Slot = Arc<Mutex<Option<Agent>>>;

/// What the sessions are opened with.
#[derive(Debug, Clone)]
pub struct Container {
    names: Names,
    writing: Slot,
    looking: Arc<Mutex<Option<Look>>>,
}

/// A session by which is only looked.
#[derive(Debug)]
struct Look {
    agent: Agent,
    /// Whether it is in the edge, from which proxy and colours are reached.
    in_the_edge: bool,
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

impl std::fmt::Debug for Agent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Agent")
    }
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

fn lock<T>(slot: &Mutex<T>) -> MutexGuard<'_, T> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Container {
    /// The folder in these volumes.
    pub fn new(names: Names) -> Container {
        Container { names, writing: Slot::default(), looking: Arc::default() }
    }

    /// Looks whether this process still holds the lock, if it ever did.
    ///
    /// # Errors
    /// [`super::Lost`] when it does not any more.
    pub fn require_held(&self) -> anyhow::Result<()> {
        match lock(&self.writing).as_mut() {
            Some(agent) => agent.ask("beat", "", b"", Duration::ZERO).map(drop).map_err(anyhow::Error::from),
            None => bail!("nothing is changed without the lock"),
        }
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

    fn mounts(&self, mode: &str) -> Vec<String> {
        let mounts = self.names.volumes.iter();
        mounts.flat_map(|(volume, at)| ["--volume".to_owned(), format!("{volume}:{at}{mode}")]).collect()
    }

    fn run(&self, more: &[&str], mode: &str) -> Vec<String> {
        const HARDENED: [&str; 14] = [
            "run",
            "--rm",
            "--interactive",
            "--init",
            "--pull=never",
            "--network=none",
            "--read-only",
            "--tmpfs=/tmp",
            "--cap-drop=ALL",
            "--security-opt=no-new-privileges:true",
            "--pids-limit=64",
            "--memory=128m",
            "--log-driver=none",
            "--stop-timeout=1",
        ];
        let args = HARDENED.iter().chain(more).map(|arg| (*arg).to_owned());
        args.chain(self.mounts(mode)).chain([self.names.image.clone()]).collect()
    }

    /// Opens the session by which is looked; none where there is nothing to look at.
    fn look(&self) -> anyhow::Result<Option<Look>> {
        if let Some(look) = self.look_from_the_edge()? {
            return Ok(Some(look));
        }
        let (ledger, _) = self.names.volumes.first().context("there is no volume")?;
        if docker::inspect::<serde_json::Value>("volume", ledger)?.is_none() {
            return Ok(None);
        }
        // Without an edge there is no network to look at, and still what is written down.
        let opened = Agent::open(&self.run(&[], ":ro"), false)?;
        let agent = opened.map_err(|NotStarted(said)| not_started(&said))?;
        Ok(Some(Look { agent, in_the_edge: false }))
    }

    fn look_from_the_edge(&self) -> anyhow::Result<Option<Look>> {
        let exec = ["exec", "--interactive", &self.names.edge].map(str::to_owned);
        Ok(Agent::open(&exec, false)?.ok().map(|agent| Look { agent, in_the_edge: true }))
    }

    /// Takes the lock, and looks from the edge by the time it is there, as whoever has it will.
    fn open_both(&self) -> anyhow::Result<Result<Agent, NotStarted>> {
        std::thread::scope(|scope| {
            let mut looking = lock(&self.looking);
            let look = looking.is_none().then(|| scope.spawn(|| self.look_from_the_edge()));
            let opened = Agent::open(&self.run(&["--name", &self.names.lock], ""), true);
            // Where there is no edge yet, whoever needs it says so.
            *looking = look.and_then(|look| look.join().ok()?.ok()?).or(looking.take());
            opened
        })
    }

    fn is_writing(&self) -> bool {
        lock(&self.writing).is_some()
    }

    /// Has an agent that writes, or else one that looks, do something.
    fn operate(&self, operation: &str, argument: &str, body: &[u8], extra: Duration) -> anyhow::Result<Answer> {
        if let Some(agent) = lock(&self.writing).as_mut() {
            return Ok(agent.ask(operation, argument, body, extra)?);
        }
        self.through_a_look(operation, argument, body, extra)
    }

    /// The same for what is only reached from the edge, which may have come since the last look.
    fn through_the_edge(
        &self,
        operation: &str,
        argument: &str,
        body: &[u8],
        extra: Duration,
    ) -> anyhow::Result<Answer> {
        lock(&self.looking).take_if(|look| !look.in_the_edge);
        self.through_a_look(operation, argument, body, extra)
    }

    /// A session by which is only looked may be lost and opened again: the edge may have been started anew.
    fn through_a_look(&self, operation: &str, argument: &str, body: &[u8], extra: Duration) -> anyhow::Result<Answer> {
        let mut looking = lock(&self.looking);
        if let Some(look) = looking.as_mut()
            && let Ok(answer) = look.agent.ask(operation, argument, body, extra)
        {
            return Ok(answer);
        }
        // The old one ends before there is another.
        drop(looking.take());
        let Some(look) = self.look()? else { return Ok(Answer::Missing("nothing is there".into())) };
        Ok(looking.insert(look).agent.ask(operation, argument, body, extra)?)
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

fn not_started(said: &str) -> anyhow::Error {
    let refusal = docker::Refusal { command: "docker run".into(), said: said.to_owned() };
    docker::explain(refusal)
}

/// Says that the deployer is there until the session is gone.
fn keep_alive(writing: Weak<Mutex<Option<Agent>>>) {
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(BEAT);
            let Some(writing) = writing.upgrade() else { return };
            let mut agent = lock(&writing);
            let Some(agent) = agent.as_mut() else { return };
            if agent.ask("beat", "", b"", Duration::ZERO).is_err() {
                return;
            }
        }
    });
}

/// Ends the session that writes, and with it the container that is the lock.
struct Held(Slot);

impl Drop for Held {
    fn drop(&mut self) {
        drop(lock(&self.0).take());
    }
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
            Ok(agent) => {
                *lock(&self.writing) = Some(agent);
                keep_alive(Arc::downgrade(&self.writing));
                Ok(Some(Session::new(Held(Arc::clone(&self.writing)))))
            }
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
