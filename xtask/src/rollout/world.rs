//! What the engine acts on, as traits, and what it sees there, as data.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};

use super::colour::{Colour, PerColour, Split};
use super::event::Event;
use super::record::{Entry, Serving, Warm, serving};
use crate::http::Probe;

/// A release and the settings it is started with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    /// The release's name.
    pub release: String,
    /// What `--set` added for this start alone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
}

/// How a colour is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nothing was ever started here, or nothing is left of it.
    #[default]
    Absent,
    /// It runs and is not ready yet.
    Starting,
    /// It runs and answers that it may be given traffic.
    Ready,
    /// It should be running and is down, or has stopped answering.
    Failing,
    /// It was told to end and still answers what it has accepted.
    Draining,
    /// It was ended on purpose.
    Stopped,
}

impl State {
    /// Whether something is there that would have to be stopped.
    pub fn occupies(self) -> bool {
        !matches!(self, State::Absent | State::Stopped)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            State::Absent => "absent",
            State::Starting => "starting",
            State::Ready => "ready",
            State::Failing => "failing",
            State::Draining => "draining",
            State::Stopped => "stopped",
        })
    }
}

/// What a runtime sees of one colour.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Instance {
    /// What was started there last.
    pub launch: Option<Launch>,
    /// How it is doing.
    pub state: State,
    /// How often it ended by itself since it was started.
    pub exits: u32,
    /// Why it is not ready, in words, where it is not.
    pub cause: Option<String>,
}

/// What the router says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routing {
    /// The split requests are routed by at this moment; none when the proxy does not answer.
    pub running: Option<Split>,
    /// The split a restarted proxy would begin with.
    pub persisted: Option<Split>,
    /// Whether the proxy's own checks hold a colour for up.
    pub up: PerColour<bool>,
}

/// Everything a plan is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// Both colours.
    pub colours: PerColour<Instance>,
    /// The router.
    pub routing: Routing,
    /// The last promotion on record.
    pub serving: Option<Serving>,
    /// When this was observed.
    pub now: SystemTime,
}

impl Observed {
    /// Looks at everything once.
    ///
    /// # Errors
    /// When the runtime or the ledger cannot be read; a proxy that does not answer is an observation and not an error.
    pub fn of(world: &World<'_>) -> anyhow::Result<Observed> {
        Ok(Observed {
            colours: PerColour::try_from_fn(|colour| world.runtime.observe(colour))?,
            routing: world.router.observe()?,
            serving: serving(&world.ledger.history()?),
            now: world.clock.now(),
        })
    }

    /// The colour that takes production traffic: the one on record, or the one the router favours when the record is gone.
    pub fn active(&self) -> Option<Colour> {
        let routed = || {
            let leader = self.routing.running.or(self.routing.persisted)?.leader();
            [leader, leader.other()].into_iter().find(|colour| self.colours.get(*colour).launch.is_some())
        };
        self.serving.as_ref().map(|serving| serving.colour).or_else(routed)
    }

    /// Whether exactly one colour is routed to, and proxy, disk and ledger agree on which.
    pub fn is_settled(&self) -> bool {
        let everything = self.active().map(Split::all);
        everything.is_none() || (self.routing.running == everything && self.routing.persisted == everything)
    }

    /// Whether the other colour is kept warm past its time.
    pub fn warm_overdue(&self) -> bool {
        self.warm().is_some_and(|(_, warm)| warm.until <= self.now)
    }

    /// The colour that is kept warm, if what served before still runs there.
    pub fn warm(&self) -> Option<(Colour, &Warm)> {
        let serving = self.serving.as_ref()?;
        let (colour, warm) = (serving.colour.other(), serving.warm.as_ref()?);
        let there = self.colours.get(colour);
        (there.state.occupies() && there.launch.as_ref() == Some(&warm.launch)).then_some((colour, warm))
    }

    /// The colour that serves in fact: the active one, or the one the proxy has fallen back to.
    pub fn standing(&self) -> Option<Colour> {
        let active = self.active()?;
        Some(if self.has_fallen_back(active) { active.other() } else { active })
    }

    /// Whether the traffic of a colour that is down goes to the other one.
    pub fn has_fallen_back(&self, active: Colour) -> bool {
        !self.is_fit(active) && self.is_fit(active.other())
    }

    /// Whether a colour can be trusted with traffic: ready by its own word, or up by the proxy's. One probe lost under load
    /// must not look like a dead colour.
    pub fn is_fit(&self, colour: Colour) -> bool {
        self.colours.get(colour).state == State::Ready || *self.routing.up.get(colour)
    }
}

/// Requests of one colour since the proxy started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Attempts that have ended.
    pub requests: u64,
    /// Attempts that ended in a 5xx or without an answer.
    pub errors: u64,
    /// What changes when the counting has begun anew: the proxy's worker.
    #[serde(default)]
    pub counted_by: u64,
}

/// What still stands between a colour and its stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InFlight {
    /// Requests the proxy has open at the colour, by whatever route.
    pub requests: u64,
    /// Workers of the proxy from before a reload, whose requests nobody counts.
    pub old_workers: u64,
}

impl InFlight {
    /// Whether nothing is left.
    pub fn is_none(self) -> bool {
        self.requests == 0 && self.old_workers == 0
    }
}

/// Runs the colours.
pub trait Runtime: Send + Sync {
    /// Looks at a colour, asking it for its readiness.
    ///
    /// # Errors
    /// When what is there cannot be read.
    fn observe(&self, colour: Colour) -> anyhow::Result<Instance>;
    /// Starts a release in a colour in which nothing runs, and returns without waiting for it to be ready.
    ///
    /// # Errors
    /// When it could not be started at all.
    fn start(&self, colour: Colour, launch: &Launch) -> anyhow::Result<()>;
    /// Tells the colour to end, and ends it after `grace` if it has not. Nothing to do when nothing runs.
    ///
    /// # Errors
    /// When it cannot be told.
    fn stop(&self, colour: Colour, grace: Duration) -> anyhow::Result<()>;
    /// Asks the colour itself, past the proxy.
    fn probe(&self, colour: Colour, path: &str) -> Probe;
    /// The last lines the colour wrote, oldest first.
    fn log_tail(&self, colour: Colour, lines: usize) -> Vec<String>;
}

/// Whether a new split will survive a restart of the proxy.
#[derive(Debug)]
pub enum Persistence {
    /// It is on disk.
    Persisted,
    /// It acts, and could not be written down.
    Failed(anyhow::Error),
}

/// Routes the requests.
pub trait Router: Send + Sync {
    /// Starts the proxy with that split if it does not run, and waits until it answers.
    ///
    /// # Errors
    /// When it cannot be started.
    fn ensure_running(&self, split: Split) -> anyhow::Result<()>;
    /// What it routes by. A proxy that does not answer is an observation.
    ///
    /// # Errors
    /// When what is on disk cannot be read.
    fn observe(&self) -> anyhow::Result<Routing>;
    /// Sets the split, reads it back, and writes it down.
    ///
    /// # Errors
    /// When the running proxy has not taken it.
    fn set_split(&self, split: Split) -> anyhow::Result<Persistence>;
    /// What is open at a colour.
    ///
    /// # Errors
    /// When the proxy does not say.
    fn in_flight(&self, colour: Colour) -> anyhow::Result<InFlight>;
    /// What the proxy has counted for each colour.
    ///
    /// # Errors
    /// When the proxy does not say.
    fn counters(&self) -> anyhow::Result<PerColour<Counters>>;
}

/// Remembers.
pub trait Ledger: Send + Sync {
    /// Appends to the journal of the rollout under way, on disk when it returns.
    ///
    /// # Errors
    /// When it is not on disk.
    fn journal(&self, at: SystemTime, event: &Event) -> anyhow::Result<()>;
    /// Appends to the history, on disk when it returns.
    ///
    /// # Errors
    /// When it is not on disk.
    fn record(&self, entry: &Entry) -> anyhow::Result<()>;
    /// The whole history, oldest first.
    ///
    /// # Errors
    /// When it cannot be read.
    fn history(&self) -> anyhow::Result<Vec<Entry>>;
    /// Who is writing: user and host.
    fn author(&self) -> String;
}

/// Tells the time and lets it pass.
pub trait Clock: Send + Sync {
    /// The time of day, for what is written down.
    fn now(&self) -> SystemTime;
    /// The time since some fixed moment, for what is waited for: setting the time of day does not change it.
    fn elapsed(&self) -> Duration;
    /// Waits.
    fn sleep(&self, span: Duration);
}

/// The real clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// The clock, which counts from now.
    pub fn start() -> SystemClock {
        SystemClock { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep(&self, span: Duration) {
        std::thread::sleep(span);
    }
}

/// Whether the person at the terminal, or a signal, has asked for the end.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Whether it was asked for.
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The flag itself, for a signal handler to set.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

/// All the engine acts on.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// Runs the colours.
    pub runtime: &'a dyn Runtime,
    /// Routes the requests.
    pub router: &'a dyn Router,
    /// Remembers.
    pub ledger: &'a dyn Ledger,
    /// Tells the time.
    pub clock: &'a dyn Clock,
}
