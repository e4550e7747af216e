//! The sessions by which a folder in volumes is reached: one that holds the lock and writes, and one that only looks.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::Container;
use crate::docker;
use crate::host::agent::{Agent, Answer, NotStarted};

/// How often a deployer says that it is still there; the agent gives up after 10 to 20 s without.
const BEAT: Duration = Duration::from_secs(2);

/// The session that writes, where there is one.
pub(super) type Slot = Arc<Mutex<Option<Agent>>>;

/// A session by which is only looked.
#[derive(Debug)]
pub(super) struct Look {
    agent: Agent,
    /// Whether it is in the edge, from which proxy and colours are reached.
    in_the_edge: bool,
}

impl std::fmt::Debug for Agent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Agent")
    }
}

fn lock<T>(slot: &Mutex<T>) -> MutexGuard<'_, T> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Container {
    /// Looks whether this process still holds the lock, if it ever did.
    ///
    /// # Errors
    /// [`crate::host::Lost`] when it does not any more.
    pub fn require_held(&self) -> anyhow::Result<()> {
        match lock(&self.writing).as_mut() {
            Some(agent) => agent.ask("beat", "", b"", Duration::ZERO).map(drop).map_err(anyhow::Error::from),
            None => bail!("nothing is changed without the lock"),
        }
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
    pub(super) fn open_both(&self) -> anyhow::Result<Result<Agent, NotStarted>> {
        std::thread::scope(|scope| {
            let mut looking = lock(&self.looking);
            let look = looking.is_none().then(|| scope.spawn(|| self.look_from_the_edge()));
            let opened = Agent::open(&self.run(&["--name", &self.names.lock], ""), true);
            // Where there is no edge yet, whoever needs it says so.
            *looking = look.and_then(|look| look.join().ok()?.ok()?).or(looking.take());
            opened
        })
    }

    /// Keeps the session that writes for as long as what is returned.
    pub(super) fn hold(&self, agent: Agent) -> Held {
        *lock(&self.writing) = Some(agent);
        keep_alive(Arc::downgrade(&self.writing));
        Held(Arc::clone(&self.writing))
    }

    pub(super) fn is_writing(&self) -> bool {
        lock(&self.writing).is_some()
    }

    /// Has an agent that writes, or else one that looks, do something.
    pub(super) fn operate(
        &self,
        operation: &str,
        argument: &str,
        body: &[u8],
        extra: Duration,
    ) -> anyhow::Result<Answer> {
        if let Some(agent) = lock(&self.writing).as_mut() {
            return Ok(agent.ask(operation, argument, body, extra)?);
        }
        self.through_a_look(operation, argument, body, extra)
    }

    /// The same for what is only reached from the edge, which may have come since the last look.
    pub(super) fn through_the_edge(
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
}

pub(super) fn not_started(said: &str) -> anyhow::Error {
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
pub(super) struct Held(Slot);

impl Drop for Held {
    fn drop(&mut self) {
        drop(lock(&self.0).take());
    }
}
