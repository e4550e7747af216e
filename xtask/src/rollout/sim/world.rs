//! The simulated world itself.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use anyhow::bail;

use crate::http::{Answer, Probe};
use crate::rollout::colour::{Colour, PerColour, Split};
use crate::rollout::event::Event;
use crate::rollout::observed::{Counters, InFlight, Instance, Routing, State};
use crate::rollout::policy::Span;
use crate::rollout::record::{Entry, Launch, serving};
use crate::rollout::request::{Request, Wish};
use crate::rollout::world::{Clock, Ledger, Persistence, Router, Runtime};

const STARTUP: Duration = Duration::from_millis(300);
/// What changes something, in the words of whoever does it.
const CHANGES: [&str; 7] =
    ["start", "stop", "set the split", "persist the split", "start the proxy", "write the history", "run a hook"];
/// Enough for the first weight to be over, and few enough for the last not to have come.
const LOOKS: u32 = 8;
pub(super) const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// How the deployer is struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// What it does fails, once.
    Error,
    /// It dies before it has done it.
    CrashBefore,
    /// It dies after it has done it.
    CrashAfter,
    /// It is done, and what it waits for to hear so never comes.
    Timeout,
}

impl Fault {
    pub(super) const ALL: [Fault; 4] = [Fault::Error, Fault::CrashBefore, Fault::CrashAfter, Fault::Timeout];
}

/// What is wrong with a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nature {
    Good,
    NeverReady,
    DiesAtStart,
    DiesUnderLoad,
    /// Ready by its own word, and the proxy's checks say otherwise.
    UnreachableUnderLoad,
    AnswersErrors,
    /// Good, but for the hook that is run of it.
    HookFails,
}

#[derive(Debug, Clone, Default)]
struct SimColour {
    launch: Option<Launch>,
    runs: bool,
    was_stopped: bool,
    exits: u32,
    in_flight: u64,
    drained_since: Option<SystemTime>,
    ready_from: Option<SystemTime>,
    unreachable: bool,
    hangs: bool,
    counters: Counters,
}

#[derive(Debug, Clone)]
pub(super) struct SimState {
    now: SystemTime,
    colours: PerColour<SimColour>,
    pub(super) running: Option<Split>,
    pub(super) persisted: Option<Split>,
    pub(super) history: Vec<Entry>,
    pub(super) unfinished: bool,
    /// What somebody asks for, some looks into the mailbox after traffic is shared.
    pub(super) wish: Option<Wish>,
    looks: u32,
    /// The call at which whoever waits for ever is ended.
    pub(super) patience: usize,
    pub(super) natures: BTreeMap<String, Nature>,
    pub(super) calls: usize,
    /// The calls that changed something, the journal apart.
    pub(super) changes: Vec<usize>,
    pub(super) strikes: Vec<(usize, Fault)>,
    /// How many more times the proxy begins to count anew between two readings.
    pub(super) resets: u64,
    dead: bool,
    /// How many more starts what is under way may take.
    pub(super) may_start: usize,
    pub(super) forgets_the_split: bool,
    pub(super) broken: Vec<String>,
}

/// The world, and everything the engine acts on in it.
pub(super) struct Sim(pub(super) Mutex<SimState>);

impl SimState {
    pub(super) fn new() -> SimState {
        SimState {
            now: SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000),
            colours: PerColour::default(),
            running: None,
            persisted: None,
            history: Vec::new(),
            unfinished: false,
            wish: None,
            looks: 0,
            patience: usize::MAX,
            natures: BTreeMap::new(),
            calls: 0,
            changes: Vec::new(),
            strikes: Vec::new(),
            resets: 0,
            dead: false,
            may_start: 0,
            forgets_the_split: false,
            broken: Vec::new(),
        }
    }

    fn nature(&self, colour: Colour) -> Option<Nature> {
        let launch = self.colours.get(colour).launch.as_ref()?;
        self.natures.get(&launch.release).copied()
    }

    pub(super) fn is_ready(&self, colour: Colour) -> bool {
        let it = self.colours.get(colour);
        let may_be = !matches!(self.nature(colour), None | Some(Nature::NeverReady | Nature::DiesAtStart));
        it.runs && !it.hangs && may_be && it.ready_from.is_some_and(|from| from <= self.now)
    }

    fn share(&self, colour: Colour) -> u8 {
        self.running.map_or(0, |split| split.share(colour))
    }

    /// What it is sent, what the proxy falls back with included.
    fn load(&self, colour: Colour) -> u8 {
        let other = colour.other();
        let fallen_back = self.is_up(colour) && !self.is_up(other);
        self.share(colour) + if fallen_back { self.share(other) } else { 0 }
    }

    /// One second of traffic, so to speak.
    fn serve(&mut self) {
        for colour in Colour::BOTH {
            let (load, nature) = (u64::from(self.load(colour)), self.nature(colour));
            let it = self.colours.get_mut(colour);
            if load == 0 || !it.runs || it.hangs {
                continue;
            }
            it.in_flight = 3;
            it.counters.attempts += load * 10;
            it.counters.latency.0[2] += load * 10;
            match nature {
                Some(Nature::AnswersErrors) => it.counters.failures += load * 10,
                Some(Nature::DiesUnderLoad) => (it.runs, it.exits, it.in_flight) = (false, it.exits + 1, 0),
                Some(Nature::UnreachableUnderLoad) => it.unreachable = true,
                _ => it.counters.answers += load * 10,
            }
        }
    }

    fn is_up(&self, colour: Colour) -> bool {
        self.is_ready(colour) && !self.colours.get(colour).unreachable
    }

    /// I1: no traffic to a colour that is not ready, unless none is. A colour that dies by itself is the proxy's to mend.
    fn check_traffic(&mut self, doing: &str) {
        if !["start", "stop", "set the split", "start the proxy"].contains(&doing) {
            return;
        }
        let any = Colour::BOTH.into_iter().any(|colour| self.is_ready(colour));
        for colour in Colour::BOTH {
            if any && self.share(colour) > 0 && !self.is_ready(colour) && self.colours.get(colour).exits == 0 {
                self.broken.push(format!("I1: {colour} has {} % and is not ready, after {doing}", self.share(colour)));
            }
        }
    }
}

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
            let is_shared = state.running.is_some_and(|split| split.sole().is_none());
            state.looks += u32::from(is_shared);
            let wish = if is_shared && state.looks > LOOKS { state.wish.take() } else { None };
            Ok(wish.map(|wish| Request { wish, by: "someone@elsewhere".into(), at: state.now }))
        })
    }

    fn author(&self) -> String {
        "someone@somewhere".into()
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
