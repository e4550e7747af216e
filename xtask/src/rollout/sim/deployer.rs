//! One of several deployers in the simulated world. It takes the lock by the real ledger's code, and acts on the world as
//! the real runtimes and hosts do: what they ask the lock before, it asks as well, and nothing else.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use anyhow::{bail, ensure};

use super::lock::{Flaw, Held, Kind, Lock, release};
use super::turns::{Turns, Who};
use super::world::Sim;
use crate::host::{Host, Peer, Session};
use crate::http::Probe;
use crate::ledger;
use crate::rollout::analysis::Element;
use crate::rollout::colour::{Colour, PerColour, Split};
use crate::rollout::observed::{Counters, InFlight, Instance, Routing};
use crate::rollout::policy::Span;
use crate::rollout::record::Launch;
use crate::rollout::world::{Clock, Ledger as _, Metrics, Persistence, Router, Runtime};

const HISTORY: &str = "history.jsonl";
const MAILBOX: &str = "mailbox";
/// A change of what people and the next deployer read, and of nothing that serves.
pub(super) const FILE: &str = "write a file";

/// What befalls a deployer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// The other one comes, or goes on.
    Met,
    /// It is stopped, or cut off, for longer than a session lasts without a word; meanwhile the other one acts.
    CutOff,
    /// It is killed.
    Killed,
}

/// What the deployers share.
pub(super) struct Ground {
    pub(super) sim: Sim,
    pub(super) kind: Kind,
    pub(super) flaw: Option<Flaw>,
    pub(super) turns: Turns,
    lock: Arc<Mutex<Lock>>,
    files: Mutex<BTreeMap<String, String>>,
}

impl Ground {
    pub(super) fn new(sim: Sim, kind: Kind, flaw: Option<Flaw>) -> Ground {
        Ground { sim, kind, flaw, turns: Turns::new(), lock: Arc::default(), files: Mutex::default() }
    }
}

/// A deployer: one process, from its start to its end.
pub(super) struct Deployer<'a> {
    ground: &'a Ground,
    /// In the order of their coming. The two that take turns are the first.
    number: usize,
    /// What befalls it, at which of its calls.
    fate: Option<(usize, Fate)>,
    /// For how long it waits for the lock.
    pub(super) wait: Duration,
    /// What it has slept without the lock. The world's time is that of whoever acts.
    slept: Mutex<Duration>,
    calls: AtomicUsize,
    dead: AtomicBool,
    has_locked: AtomicBool,
    changes: Mutex<Vec<(usize, &'static str)>>,
}

impl<'a> Deployer<'a> {
    pub(super) fn new(ground: &'a Ground, number: usize, fate: Option<(usize, Fate)>) -> Deployer<'a> {
        Deployer {
            ground,
            number,
            fate,
            wait: Duration::ZERO,
            slept: Mutex::default(),
            calls: AtomicUsize::new(0),
            dead: AtomicBool::new(false),
            has_locked: AtomicBool::new(false),
            changes: Mutex::default(),
        }
    }

    /// How many calls it has made.
    pub(super) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// The calls by which it has changed something, or tried to.
    pub(super) fn changes(&self) -> Vec<(usize, &'static str)> {
        self.changes.lock().unwrap().clone()
    }

    /// Whether it goes without the lock.
    pub(super) fn goes_without(&self) -> bool {
        self.ground.flaw == Some(Flaw::NotTaken) && self.number > 0
    }

    fn sim(&self) -> &'a Sim {
        &self.ground.sim
    }

    fn lock(&self) -> MutexGuard<'_, Lock> {
        self.ground.lock.lock().unwrap()
    }

    fn files(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.ground.files.lock().unwrap()
    }

    fn who(&self) -> Who {
        if self.number == 0 { Who::First } else { Who::Second }
    }

    fn holds(&self) -> bool {
        self.lock().holder == Some(self.number)
    }

    /// Whatever it does begins here.
    fn call(&self) -> anyhow::Result<()> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some((_, fate)) = self.fate.filter(|(at, _)| *at == call) {
            self.suffer(fate);
        }
        ensure!(!self.dead.load(Ordering::Relaxed), "the deployer is dead");
        Ok(())
    }

    fn suffer(&self, fate: Fate) {
        if fate == Fate::Killed || (fate == Fate::CutOff && self.ground.kind == Kind::Session) {
            release(&self.ground.lock, self.number);
        }
        match fate {
            Fate::Killed => self.dead.store(true, Ordering::Relaxed),
            Fate::Met | Fate::CutOff => self.ground.turns.pass(self.who()),
        }
    }

    /// Whoever had a session and has lost it reaches nothing by another.
    fn through_the_session(&self) -> anyhow::Result<()> {
        let is_lost = self.has_locked.load(Ordering::Relaxed) && !self.holds();
        if self.ground.kind == Kind::Session && is_lost && self.ground.flaw != Some(Flaw::NotFenced) {
            bail!("the session is lost");
        }
        Ok(())
    }

    /// What is asked before the engine is told to change something.
    fn require_held(&self) -> anyhow::Result<()> {
        if self.ground.kind == Kind::Session && !self.has_locked.load(Ordering::Relaxed) {
            bail!("nothing is changed without the lock");
        }
        self.through_the_session()
    }

    fn reads(&self) -> anyhow::Result<()> {
        self.call()?;
        self.through_the_session()
    }

    fn commands(&self, doing: &'static str) -> anyhow::Result<()> {
        self.call()?;
        self.require_held()?;
        self.note(doing);
        Ok(())
    }

    /// I5: what is changed is changed by whoever has taken the lock last.
    fn note(&self, doing: &'static str) {
        self.changes.lock().unwrap().push((self.calls(), doing));
        let last = self.lock().last;
        if last != Some(self.number) {
            let mut state = self.sim().state();
            state
                .broken
                .push(format!("I5: {doing} by deployer {}, and the last to take the lock is {last:?}", self.number));
        }
    }
}

impl Runtime for Deployer<'_> {
    fn observe(&self, colour: Colour) -> anyhow::Result<Instance> {
        // Whoever looks needs no lock.
        self.call()?;
        Runtime::observe(self.sim(), colour)
    }

    fn start(&self, colour: Colour, launch: &Launch) -> anyhow::Result<()> {
        self.commands("start")?;
        self.sim().start(colour, launch)
    }

    fn stop(&self, colour: Colour, grace: Duration) -> anyhow::Result<()> {
        self.commands("stop")?;
        self.sim().stop(colour, grace)
    }

    fn keep_until(&self, colour: Colour, until: SystemTime) -> anyhow::Result<()> {
        self.commands("keep warm")?;
        self.sim().keep_until(colour, until)
    }

    fn run_once(&self, colour: Colour, launch: &Launch, args: &[String], timeout: Span) -> anyhow::Result<Vec<String>> {
        self.commands("run a hook")?;
        self.sim().run_once(colour, launch, args, timeout)
    }

    fn probe(&self, colour: Colour, path: &str) -> Probe {
        self.sim().probe(colour, path)
    }

    fn log_tail(&self, colour: Colour, lines: usize) -> Vec<String> {
        self.sim().log_tail(colour, lines)
    }
}

impl Router for Deployer<'_> {
    fn ensure_running(&self, split: Split) -> anyhow::Result<()> {
        self.commands("start the proxy")?;
        self.sim().ensure_running(split)
    }

    fn observe(&self) -> anyhow::Result<Routing> {
        self.reads()?;
        Router::observe(self.sim())
    }

    fn set_split(&self, split: Split) -> anyhow::Result<Persistence> {
        // The proxy's socket is reached by looking, too: what keeps others from it is the session they have had.
        self.reads()?;
        self.note("set the split");
        self.sim().set_split(split)
    }

    fn in_flight(&self, colour: Colour) -> anyhow::Result<InFlight> {
        self.reads()?;
        self.sim().in_flight(colour)
    }

    fn counters(&self) -> anyhow::Result<PerColour<Counters>> {
        self.reads()?;
        self.sim().counters()
    }
}

/// The files are in memory, and two of them are what the simulated world has anyway: the history, and the mailbox into
/// which somebody puts a wish.
impl Host for Deployer<'_> {
    fn read(&self, path: &str) -> anyhow::Result<Option<String>> {
        self.reads()?;
        if path == HISTORY {
            let lines = self.sim().history()?.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
            return Ok(Some(lines.join("\n")));
        }
        Ok(self.files().get(path).cloned())
    }

    fn replace(&self, path: &str, contents: &str) -> anyhow::Result<()> {
        self.commands(FILE)?;
        self.files().insert(path.to_owned(), contents.to_owned());
        Ok(())
    }

    fn append(&self, path: &str, text: &str) -> anyhow::Result<()> {
        if path == HISTORY {
            self.commands("write the history")?;
            return ledger::history(text).iter().try_for_each(|entry| self.sim().record(entry));
        }
        self.commands(FILE)?;
        self.files().entry(path.to_owned()).or_default().push_str(text);
        Ok(())
    }

    fn reserve(&self, _: &str, _: u64) -> anyhow::Result<()> {
        self.commands(FILE)
    }

    fn list(&self, folder: &str) -> anyhow::Result<Vec<String>> {
        self.reads()?;
        if folder == MAILBOX
            && let Some(request) = self.sim().take_request()?
        {
            self.files().insert(format!("{MAILBOX}/1.json"), serde_json::to_string(&request)?);
        }
        let files = self.files();
        let names = files.keys().filter_map(|path| path.strip_prefix(folder)?.strip_prefix('/'));
        Ok(names.map(str::to_owned).collect())
    }

    fn remove(&self, path: &str) -> anyhow::Result<()> {
        self.commands(FILE)?;
        self.files().remove(path);
        Ok(())
    }

    fn run(&self, _: &str, program: &[&str]) -> anyhow::Result<(bool, String)> {
        bail!("there is no {program:?} here")
    }

    fn ask(&self, peer: Peer<'_>, _: &str, _: Duration) -> io::Result<String> {
        Err(io::Error::other(format!("there is no {peer:?} here")))
    }

    fn post(&self, _: &str, _: &str) -> anyhow::Result<bool> {
        Ok(false)
    }

    fn try_lock(&self, _: &str) -> anyhow::Result<Option<Session>> {
        self.call()?;
        let mut lock = self.lock();
        if lock.holder.is_some() && self.ground.flaw != Some(Flaw::GivenTwice) {
            return Ok(None);
        }
        *lock = Lock { holder: Some(self.number), last: Some(self.number) };
        self.has_locked.store(true, Ordering::Relaxed);
        Ok(Some(Session::new(Held(Arc::clone(&self.ground.lock), self.number))))
    }

    fn is_locked(&self, _: &str) -> anyhow::Result<bool> {
        self.call()?;
        Ok(self.lock().holder.is_some())
    }
}

impl Metrics for Deployer<'_> {
    fn ask(&self, url: &str, query: &str, timeout: Span) -> Receiver<anyhow::Result<Vec<Element>>> {
        // Nobody's lock is about it.
        self.sim().ask(url, query, timeout)
    }
}

impl Clock for Deployer<'_> {
    fn now(&self) -> SystemTime {
        self.sim().now()
    }

    fn elapsed(&self) -> Duration {
        self.sim().elapsed() + *self.slept.lock().unwrap()
    }

    fn sleep(&self, span: Duration) {
        if self.holds() || self.goes_without() {
            return self.sim().sleep(span);
        }
        // One that waits for its turn at the lock lets the other come to its end.
        if !self.wait.is_zero() {
            self.ground.turns.pass(self.who());
        }
        *self.slept.lock().unwrap() += span;
    }
}
