//! What the engine acts on, as traits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant, SystemTime};

use super::analysis::Element;
use super::colour::{Colour, PerColour, Split};
use super::event::Event;
use super::observed::{Counters, InFlight, Instance, Observed, Routing};
use super::policy::Span;
use super::record::{Entry, Launch, frozen, serving};
use super::request::Request;
use crate::http::Probe;

/// Runs the colours.
pub trait Runtime: Send + Sync {
    /// Looks at a colour, asking it for its readiness.
    ///
    /// # Errors
    /// When what is there cannot be read.
    fn observe(&self, colour: Colour) -> anyhow::Result<Instance>;
    /// Looks at both colours in the same way.
    ///
    /// # Errors
    /// Those of [`Runtime::observe`].
    fn observe_both(&self) -> anyhow::Result<PerColour<Instance>> {
        PerColour::try_from_fn(|colour| self.observe(colour))
    }
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
    /// Tells whoever watches over a colour until when it is kept warm. Where nobody does, the next verb stops it.
    ///
    /// # Errors
    /// When it cannot be told.
    fn keep_until(&self, colour: Colour, until: SystemTime) -> anyhow::Result<()>;
    /// Runs a release's own binary once, with the settings and secrets it would have in that colour, and waits for its end.
    ///
    /// # Errors
    /// When it could not be run at all, ended with a failure, or has not ended after `timeout` and was killed; with its
    /// last lines.
    fn run_once(&self, colour: Colour, launch: &Launch, args: &[String], timeout: Span) -> anyhow::Result<Vec<String>>;
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
    /// Takes the oldest request out of the mailbox, if there is one.
    ///
    /// # Errors
    /// When the mailbox cannot be read.
    fn take_request(&self) -> anyhow::Result<Option<Request>>;
    /// Who is writing: user and host.
    fn author(&self) -> String;
}

/// Knows what the service has done.
pub trait Metrics: Send + Sync {
    /// Asks the metrics source at `url`, and returns without waiting for what it says: while it makes up its mind, the
    /// candidate can still die. Whoever has heard nothing after `timeout` will not.
    fn ask(&self, url: &str, query: &str, timeout: Span) -> Receiver<anyhow::Result<Vec<Element>>>;
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
    /// Knows what the service has done.
    pub metrics: &'a dyn Metrics,
    /// Tells the time.
    pub clock: &'a dyn Clock,
}

impl World<'_> {
    /// Looks at everything once.
    ///
    /// # Errors
    /// When the runtime or the ledger cannot be read; a proxy that does not answer is an observation and not an error.
    pub fn observe(&self) -> anyhow::Result<Observed> {
        let history = self.ledger.history()?;
        Ok(Observed {
            colours: self.runtime.observe_both()?,
            routing: self.router.observe()?,
            serving: serving(&history),
            frozen: frozen(&history),
            now: self.clock.now(),
        })
    }
}
