//! The simulated world, as the engine acts on it.

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use anyhow::bail;

use super::state::{CHANGES, DRAIN_TIMEOUT, Fault, Nature, STARTUP, SimColour, SimState, Source};
use crate::http::{Answer, Probe};
use crate::rollout::analysis::{Element, Value};
use crate::rollout::colour::{Colour, PerColour, Split};
use crate::rollout::event::Event;
use crate::rollout::observed::{Counters, InFlight, Instance, Routing, State};
use crate::rollout::policy::Span;
use crate::rollout::record::{Entry, Launch, serving};
use crate::rollout::request::Request;
use crate::rollout::world::{Clock, Ledger, Metrics, Persistence, Router, Runtime};

/// The world, and everything the engine acts on in it.
pub(super) struct Sim(pub(super) Mutex<SimState>);

impl Sim {
    pub(super) fn state(&self) -> MutexGuard<'_, SimState> {
        self.0.lock().unwrap()
    }

    pub(super) fn revive_deployer(&self) {
        let mut state = self.state();
        (state.dead, state.patience) = (false, usize::MAX);
    }

    pub(super) fn hang_the_active_colour(&self) {
        let mut state = self.state();
        let active = serving(&state.history).unwrap().colour;
        state.colours.get_mut(active).hangs = true;
        state.colours.get_mut(active).in_flight = 0;
    }

    pub(super) fn restart_machine(&self) {
        let mut state = self.state();
        state.running = None;
        for colour in Colour::BOTH {
            state.colours.get_mut(colour).runs = false;
        }
    }

    pub(super) fn lose_the_journal_half_way(&self) {
        let mut state = self.state();
        state.running = state.running.map(|split| Split::giving(split.leader(), 60));
        state.unfinished = false;
    }

    /// Whatever the deployer does passes here.
    fn does<T>(&self, doing: &str, act: impl FnOnce(&mut SimState) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let mut state = self.state();
        if state.dead {
            bail!("the deployer is dead");
        }
        state.calls += 1;
        if state.calls > state.patience {
            state.dead = true;
            bail!("it has waited for too long");
        }
        let calls = state.calls;
        if CHANGES.contains(&doing) {
            state.changes.push(calls);
        }
        match state.strikes.iter().find(|(call, _)| *call == calls).map(|(_, fault)| *fault) {
            Some(Fault::Error) => bail!("struck at {doing}"),
            Some(Fault::CrashBefore) => {
                state.dead = true;
                bail!("died before {doing}");
            }
            Some(Fault::Timeout) => {
                act(&mut state)?;
                state.check_traffic(doing);
                bail!("no answer to {doing}");
            }
            Some(Fault::CrashAfter) => {
                act(&mut state)?;
                state.check_traffic(doing);
                state.dead = true;
                bail!("died after {doing}");
            }
            None => {
                let result = act(&mut state)?;
                state.check_traffic(doing);
                Ok(result)
            }
        }
    }
}

impl Runtime for Sim {
    fn observe(&self, colour: Colour) -> anyhow::Result<Instance> {
        self.does("observe", |state| {
            let it = state.colours.get(colour).clone();
            let now = match it {
                _ if it.launch.is_none() => State::Absent,
                _ if state.is_ready(colour) => State::Ready,
                _ if it.runs => State::Starting,
                _ if it.was_stopped => State::Stopped,
                _ => State::Failing,
            };
            Ok(Instance { launch: it.launch, state: now, runs: it.runs, exits: it.exits, last_exit: None, cause: None })
        })
    }

    fn start(&self, colour: Colour, launch: &Launch) -> anyhow::Result<()> {
        self.does("start", |state| {
            match state.may_start.checked_sub(1) {
                Some(left) => state.may_start = left,
                None => state.broken.push(format!("I6: {} is started by what must do without", launch.release)),
            }
            if state.colours.get(colour).runs {
                bail!("something runs there");
            }
            let dies = state.natures.get(&launch.release) == Some(&Nature::DiesAtStart);
            let (launch, ready_from) = (Some(launch.clone()), Some(state.now + STARTUP));
            *state.colours.get_mut(colour) =
                SimColour { launch, runs: !dies, exits: u32::from(dies), ready_from, ..SimColour::default() };
            Ok(())
        })
    }

    fn stop(&self, colour: Colour, _: Duration) -> anyhow::Result<()> {
        self.does("stop", |state| {
            let (share, other_ready) = (state.share(colour), state.is_ready(colour.other()));
            if state.colours.get(colour).runs && state.running.is_some() {
                let it = state.colours.get(colour);
                let in_flight = it.in_flight;
                let waited =
                    it.drained_since.and_then(|since| state.now.duration_since(since).ok()).unwrap_or_default();
                // The first question may have been the one that was struck.
                let waited = waited + Duration::from_millis(100);
                if (in_flight > 0 && waited < DRAIN_TIMEOUT) || (share > 0 && other_ready) {
                    state.broken.push(format!("I4: {colour} is stopped with {share} % and {in_flight} in flight"));
                }
            }
            // A first release that fails has nothing beside it.
            if state.is_up(colour) && !state.is_up(colour.other()) && !state.history.is_empty() {
                state.broken.push(format!("outage: {colour} was all there was to serve, and is stopped"));
            }
            let it = state.colours.get_mut(colour);
            (it.runs, it.was_stopped, it.in_flight) = (false, true, 0);
            Ok(())
        })
    }

    fn keep_until(&self, _: Colour, _: SystemTime) -> anyhow::Result<()> {
        self.does("keep warm", |_| Ok(()))
    }

    fn run_once(&self, _: Colour, launch: &Launch, _: &[String], _: Span) -> anyhow::Result<Vec<String>> {
        self.does("run a hook", |state| match state.natures.get(&launch.release) {
            Some(Nature::HookFails) => bail!("the hook has failed"),
            _ => Ok(vec!["done".to_owned()]),
        })
    }

    fn probe(&self, colour: Colour, _: &str) -> Probe {
        if self.state().is_ready(colour) {
            return Probe::Answered(Answer { status: 200, headers: Vec::new(), body: String::new() });
        }
        Probe::Silent("not ready".into())
    }

    fn log_tail(&self, _: Colour, _: usize) -> Vec<String> {
        Vec::new()
    }
}

impl Router for Sim {
    fn ensure_running(&self, split: Split) -> anyhow::Result<()> {
        self.does("start the proxy", |state| {
            if state.running.is_none() {
                (state.persisted, state.running) = (Some(split), Some(split));
            }
            Ok(())
        })
    }

    fn observe(&self) -> anyhow::Result<Routing> {
        self.does("observe the proxy", |state| {
            let up = PerColour { blue: state.is_up(Colour::Blue), green: state.is_up(Colour::Green) };
            Ok(Routing { running: state.running, persisted: state.persisted, up })
        })
    }

    fn set_split(&self, split: Split) -> anyhow::Result<Persistence> {
        self.does("set the split", |state| {
            if state.running.is_none() {
                bail!("the proxy does not answer");
            }
            state.running = Some(split);
            Ok(())
        })?;
        let persisted = self.does("persist the split", |state| {
            if !state.forgets_the_split {
                state.persisted = Some(split);
            }
            Ok(())
        });
        Ok(persisted.map_or_else(Persistence::Failed, |()| Persistence::Persisted))
    }

    fn in_flight(&self, colour: Colour) -> anyhow::Result<InFlight> {
        self.does("ask what is in flight", |state| {
            let (served, now) = (state.load(colour) > 0, state.now);
            let it = state.colours.get_mut(colour);
            it.drained_since.get_or_insert(now);
            let requests = it.in_flight;
            it.in_flight = if served { requests } else { requests.saturating_sub(1) };
            Ok(InFlight { requests, old_workers: 0 })
        })
    }

    fn counters(&self) -> anyhow::Result<PerColour<Counters>> {
        self.does("read the counters", |state| {
            state.resets = state.resets.saturating_sub(1);
            Ok(state.colours.map(|_, it| Counters { counted_by: state.resets, ..it.counters }))
        })
    }
}

impl Ledger for Sim {
    fn journal(&self, _: SystemTime, event: &Event) -> anyhow::Result<()> {
        self.does("write the journal", |state| {
            state.unfinished = !matches!(event, Event::Ended { .. });
            Ok(())
        })
    }

    fn record(&self, entry: &Entry) -> anyhow::Result<()> {
        self.does("write the history", |state| {
            state.history.push(entry.clone());
            Ok(())
        })
    }

    fn history(&self) -> anyhow::Result<Vec<Entry>> {
        self.does("read the history", |state| Ok(state.history.clone()))
    }

    fn take_request(&self) -> anyhow::Result<Option<Request>> {
        self.does("read the mailbox", |state| {
            let at = state.now;
            Ok(state.take_wish().map(|wish| Request { wish, by: "someone@elsewhere".into(), at }))
        })
    }

    fn author(&self) -> String {
        "someone@somewhere".into()
    }
}

/// Answers by what the release in the colour that is asked for is.
impl Metrics for Sim {
    fn ask(&self, _: &str, query: &str, _: Span) -> Receiver<anyhow::Result<Vec<Element>>> {
        let (answer, answering) = mpsc::channel();
        let asked = self.does("ask the metrics source", |state| match &mut state.source {
            Source::Silent(held) => {
                held.push(Sender::clone(&answer));
                Ok(None)
            }
            Source::Refuses(0) => {
                let is_asked = |colour: &Colour| query == format!("broken{{colour=\"{colour}\"}}");
                let colour = Colour::BOTH.into_iter().find(is_asked);
                let is_broken = colour.and_then(|colour| state.nature(colour)) == Some(Nature::BreaksTheQuery);
                let value = Value(if is_broken { 1.0 } else { 0.0 });
                Ok(Some(colour.iter().map(|_| Element { labels: Default::default(), value }).collect()))
            }
            Source::Refuses(more) => {
                *more -= 1;
                bail!("connection refused")
            }
        });
        if let Some(told) = asked.transpose() {
            answer.send(told).unwrap();
        }
        answering
    }
}

impl Clock for Sim {
    fn now(&self) -> SystemTime {
        self.state().now
    }

    fn elapsed(&self) -> Duration {
        self.state().now.duration_since(SystemTime::UNIX_EPOCH).unwrap()
    }

    fn sleep(&self, span: Duration) {
        let mut state = self.state();
        state.now += span;
        state.serve();
    }
}
