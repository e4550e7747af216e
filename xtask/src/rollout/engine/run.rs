//! One plan under way: what each operation does.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use super::Engine;
use super::wishes::Wishes;
use crate::rollout::analysis::Windows;
use crate::rollout::colour::{Colour, PerColour, Split};
use crate::rollout::event::Event;
use crate::rollout::observed::{Counters, Routing};
use crate::rollout::operation::{HookPoint, Operation};
use crate::rollout::plan::Goal;
use crate::rollout::policy::Span;
use crate::rollout::record::{Change, Entry, Launch, Warm, serving};
use crate::rollout::world::{Persistence, World};
use crate::time;

pub(super) const TICK: Duration = Duration::from_millis(100);

/// Why an operation was not done, in words.
pub(super) type Reason = String;

/// One plan under way.
pub(super) struct Run<'a> {
    pub(super) engine: &'a Engine<'a>,
    /// Nothing may stand in the way of going on: neither a journal that cannot be written nor a colour that will not stop.
    urgent: Cell<bool>,
    /// A person may still end it.
    pub(super) cancellable: Cell<bool>,
    /// The colour in which something was started.
    pub(super) started: Cell<Option<Colour>>,
    /// Something has happened that stopping the candidate does not undo: it has had traffic, or its hook was run.
    committed: Cell<bool>,
    /// What persons have asked for from elsewhere.
    pub(super) wishes: Wishes,
    /// The release that is brought out.
    pub(super) release: &'a str,
    /// The counters when the watching began.
    pub(super) window: RefCell<Option<PerColour<Counters>>>,
    /// When that was.
    pub(super) opened: Cell<Duration>,
    /// The windows that did not pass.
    pub(super) windows: Cell<Windows>,
}

impl<'a> Run<'a> {
    pub(super) fn new(engine: &'a Engine<'a>, goal: &'a Goal) -> Self {
        let release = match goal {
            Goal::Deploy(launch) | Goal::Rollback(launch) => launch.release.as_str(),
            Goal::Promote | Goal::Abort | Goal::Recover | Goal::Reap => "",
        };
        Run {
            engine,
            release,
            urgent: Cell::new(!matches!(goal, Goal::Deploy(_))),
            cancellable: Cell::new(matches!(goal, Goal::Deploy(_) | Goal::Rollback(_))),
            started: Cell::new(None),
            committed: Cell::new(false),
            wishes: Wishes::default(),
            window: RefCell::new(None),
            opened: Cell::new(Duration::ZERO),
            windows: Cell::new(Windows::default()),
        }
    }

    /// Whether a failure may leave things as they stand: not before anything has happened, and not against a wish.
    pub(super) fn may_be_left(&self) -> bool {
        self.committed.get() && !self.wishes.abort.get()
    }

    pub(super) fn all(&self, operations: &[Operation]) -> Result<(), Reason> {
        operations.iter().try_for_each(|operation| {
            if self.is_left_out(operation) {
                return self.note(&Event::Skipped { operation: operation.clone() });
            }
            self.hold_before(operation)?;
            self.one(operation)
        })
    }

    pub(super) fn one(&self, operation: &Operation) -> Result<(), Reason> {
        let clock = self.engine.world.clock;
        let began = clock.elapsed();
        let result = self.note(&Event::Started { operation: operation.clone() }).and_then(|()| self.execute(operation));
        match result {
            Ok(()) => {
                let millis = time::millis(clock.elapsed().saturating_sub(began));
                self.note(&Event::Finished { operation: operation.clone(), millis })
            }
            Err(reason) => {
                let reason = format!("could not {operation}: {reason}");
                self.tell(&Event::Failed { operation: operation.clone(), reason: reason.clone() });
                let dispensable = matches!(operation, Operation::Drain { .. } | Operation::Stop { .. });
                // An end that was asked for meanwhile comes the same way, and is not asked for twice.
                if dispensable && self.urgent.get() && !self.wishes.abort.get() { Ok(()) } else { Err(reason) }
            }
        }
    }

    fn execute(&self, operation: &Operation) -> Result<(), Reason> {
        let World { runtime, router, .. } = self.engine.world;
        self.heed()?;
        match operation {
            Operation::StartProxy { split } => router.ensure_running(*split).map_err(in_words),
            Operation::Start { colour, launch } => {
                self.started.set(Some(*colour));
                runtime.start(*colour, launch).map_err(in_words)
            }
            Operation::AwaitReady { colour } => self.await_ready(*colour),
            Operation::Smoke { colour } => self.smoke(*colour),
            Operation::SetSplit { split } => self.set_split(*split),
            Operation::Hook { at, colour, launch, command, timeout } => {
                self.hook(*at, || runtime.run_once(*colour, launch, command, *timeout))
            }
            Operation::Bake { colour, span } => {
                self.open_window();
                self.bake(*colour, *span)
            }
            Operation::Pause { colour, span } => self.pause(*colour, *span),
            Operation::Analyse { colour, span } => self.analyse(*colour, *span),
            Operation::Promote { colour, launch, change, keep_warm } => {
                self.promote(*colour, launch, *change, *keep_warm)
            }
            Operation::Abandon { colour, launch } => {
                self.record(Change::Aborted, *colour, launch, None, Some("taken back after a freeze".into()))
            }
            Operation::Drain { colour } => self.keep_the_last(*colour).and_then(|()| self.drain(*colour)),
            Operation::Stop { colour } => {
                self.keep_the_last(*colour)?;
                runtime.stop(*colour, *self.engine.policy.drain_timeout).map_err(in_words)
            }
        }
    }

    /// Refuses to end the colour the proxy has fallen back to.
    fn keep_the_last(&self, colour: Colour) -> Result<(), Reason> {
        let World { router, ledger, .. } = self.engine.world;
        let other = colour.other();
        let falls_back = router.observe().is_ok_and(|routing| !routing.up.get(other) && *routing.up.get(colour));
        let active = ledger.history().ok().and_then(|history| serving(&history)).map(|serving| serving.colour);
        if falls_back && active == Some(other) {
            return Err(format!("{other} is down, and {colour} is all there is to serve"));
        }
        Ok(())
    }

    /// The traffic first: looking at a colour that hangs takes time.
    pub(super) fn put_back_at_once(&self) {
        let World { router, ledger, .. } = self.engine.world;
        let Some(serving) = ledger.history().ok().and_then(|history| serving(&history)) else { return };
        let everything = Split::all(serving.colour);
        let is_needed = |routing: Routing| routing.running != Some(everything) && *routing.up.get(serving.colour);
        if router.observe().is_ok_and(is_needed) {
            // The plan that follows begins with the same, and says so where it fails.
            let _ = self.one(&Operation::SetSplit { split: everything });
        }
    }

    fn set_split(&self, split: Split) -> Result<(), Reason> {
        let router = self.engine.world.router;
        match router.set_split(split).map_err(in_words)? {
            Persistence::Persisted => {}
            Persistence::Failed(error) if self.urgent.get() => {
                self.warn(format!("the split acts but is not on disk, a restarted proxy would not know it: {error:#}"));
            }
            Persistence::Failed(error) => return Err(format!("it acts but could not be written down: {error:#}")),
        }
        if self.started.get().is_some_and(|candidate| split.share(candidate) > 0) {
            self.committed.set(true);
        }
        Ok(())
    }

    fn promote(&self, colour: Colour, launch: &Launch, change: Change, keep_warm: Option<Span>) -> Result<(), Reason> {
        let World { runtime, clock, .. } = self.engine.world;
        match self.record(change, colour, launch, keep_warm, None) {
            Err(reason) if self.urgent.get() => self.warn(format!("the promotion is not on record: {reason}")),
            result => result?,
        }
        self.urgent.set(true);
        self.cancellable.set(false);
        if let Some(span) = keep_warm
            && let Err(error) = runtime.keep_until(colour.other(), clock.now() + *span)
        {
            self.warn(format!("{} is stopped by the next verb and not by itself: {error:#}", colour.other()));
        }
        Ok(())
    }

    fn hook(&self, at: HookPoint, run: impl FnOnce() -> anyhow::Result<Vec<String>>) -> Result<(), Reason> {
        // From its beginning on it may have changed something.
        self.committed.set(true);
        match run() {
            Ok(lines) if lines.is_empty() => Ok(()),
            Ok(lines) => self.note(&Event::Output { lines }),
            Err(error) if at == HookPoint::PreShift => Err(in_words(error)),
            Err(error) => {
                self.warn(format!("the hook {at} has failed, and nothing follows from it: {error:#}"));
                Ok(())
            }
        }
    }

    pub(super) fn record(
        &self,
        change: Change,
        colour: Colour,
        launch: &Launch,
        keep_warm: Option<Span>,
        reason: Option<String>,
    ) -> Result<(), Reason> {
        let World { runtime, ledger, clock, .. } = self.engine.world;
        let at = clock.now();
        let there = || runtime.observe(colour.other()).ok()?.launch;
        let warm = keep_warm.and_then(|span| Some(Warm { launch: there()?, until: at + *span }));
        let entry = Entry { at, change, launch: launch.clone(), colour, warm, reason, by: ledger.author() };
        ledger.record(&entry).map_err(in_words)
    }

    pub(super) fn end(&self, reached: bool) {
        let World { ledger, .. } = self.engine.world;
        let recorded = ledger.history().ok().and_then(|history| serving(&history)).map(|serving| serving.colour);
        let active = recorded.or_else(|| self.engine.world.observe().ok()?.active());
        self.tell(&Event::Ended { reached, active });
    }

    pub(super) fn wait(&self, span: Duration) -> Result<(), Reason> {
        self.engine.world.clock.sleep(span);
        self.heed()
    }

    pub(super) fn warn(&self, text: String) {
        self.tell(&Event::Warning { text });
    }

    /// Tells of an event that is worth failing for if it cannot be journalled, as long as failing is harmless.
    pub(super) fn note(&self, event: &Event) -> Result<(), Reason> {
        let at = self.engine.world.clock.now();
        (self.engine.listener)(at, event);
        match self.engine.world.ledger.journal(at, event) {
            Err(error) if !self.urgent.get() => Err(format!("the journal cannot be written: {error:#}")),
            _ => Ok(()),
        }
    }

    /// Tells of an event that nothing depends on.
    fn tell(&self, event: &Event) {
        let at = self.engine.world.clock.now();
        (self.engine.listener)(at, event);
        // Nothing is decided by this line, and what stopped it from being written stops the next intent, too.
        let _ = self.engine.world.ledger.journal(at, event);
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the signature `map_err` wants")]
pub(super) fn in_words(error: anyhow::Error) -> Reason {
    format!("{error:#}")
}
