//! What is so in the simulated world, and what follows from it: who is up, who is sent requests, and what must not be.

use std::collections::BTreeMap;
use std::sync::mpsc::Sender;
use std::time::{Duration, SystemTime};

use crate::rollout::analysis::Element;
use crate::rollout::colour::{Colour, PerColour, Split};
use crate::rollout::observed::Counters;
use crate::rollout::record::{Entry, Launch, serving};
use crate::rollout::request::Wish;

pub(super) const STARTUP: Duration = Duration::from_millis(300);
/// What changes something, in the words of whoever does it.
pub(super) const CHANGES: [&str; 7] =
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
    /// Good by all that the proxy sees, and not by what it says of itself.
    BreaksTheQuery,
}

/// How the metrics source is.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// Refuses so many questions, and answers those after them.
    Refuses(u32),
    /// Takes every question, and answers none.
    Silent(Vec<Sender<anyhow::Result<Vec<Element>>>>),
}

#[derive(Debug, Clone, Default)]
pub(super) struct SimColour {
    pub(super) launch: Option<Launch>,
    pub(super) runs: bool,
    pub(super) was_stopped: bool,
    pub(super) exits: u32,
    pub(super) in_flight: u64,
    pub(super) drained_since: Option<SystemTime>,
    pub(super) ready_from: Option<SystemTime>,
    pub(super) unreachable: bool,
    pub(super) hangs: bool,
    pub(super) counters: Counters,
}

#[derive(Debug, Clone)]
pub(super) struct SimState {
    pub(super) now: SystemTime,
    pub(super) colours: PerColour<SimColour>,
    pub(super) running: Option<Split>,
    pub(super) persisted: Option<Split>,
    pub(super) history: Vec<Entry>,
    pub(super) unfinished: bool,
    /// What somebody asks for, after so many looks into the mailbox more.
    pub(super) wish: Option<Wish>,
    pub(super) looks: u32,
    /// Whether only those looks count that come while traffic is shared.
    pub(super) asks_late: bool,
    /// The release that served when it was heard.
    pub(super) served_then: Option<String>,
    /// The call at which whoever waits for ever is ended.
    pub(super) patience: usize,
    pub(super) natures: BTreeMap<String, Nature>,
    pub(super) calls: usize,
    /// The calls that changed something, the journal apart.
    pub(super) changes: Vec<usize>,
    pub(super) strikes: Vec<(usize, Fault)>,
    /// How many more times the proxy begins to count anew between two readings.
    pub(super) resets: u64,
    pub(super) source: Source,
    pub(super) dead: bool,
    /// How many more starts what is under way may take.
    pub(super) may_start: usize,
    pub(super) forgets_the_split: bool,
    pub(super) broken: Vec<String>,
}

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
            looks: LOOKS,
            asks_late: true,
            served_then: None,
            patience: usize::MAX,
            natures: BTreeMap::new(),
            calls: 0,
            changes: Vec::new(),
            strikes: Vec::new(),
            resets: 0,
            source: Source::Refuses(0),
            dead: false,
            may_start: 0,
            forgets_the_split: false,
            broken: Vec::new(),
        }
    }

    /// What somebody asks for, once it is time.
    pub(super) fn take_wish(&mut self) -> Option<Wish> {
        if self.asks_late && self.running.is_none_or(|split| split.sole().is_some()) {
            return None;
        }
        if let Some(left) = self.looks.checked_sub(1) {
            self.looks = left;
            return None;
        }
        let wish = self.wish.take()?;
        self.served_then = serving(&self.history).map(|serving| serving.launch.release);
        Some(wish)
    }

    pub(super) fn nature(&self, colour: Colour) -> Option<Nature> {
        let launch = self.colours.get(colour).launch.as_ref()?;
        self.natures.get(&launch.release).copied()
    }

    pub(super) fn is_ready(&self, colour: Colour) -> bool {
        let it = self.colours.get(colour);
        let may_be = !matches!(self.nature(colour), None | Some(Nature::NeverReady | Nature::DiesAtStart));
        it.runs && !it.hangs && may_be && it.ready_from.is_some_and(|from| from <= self.now)
    }

    pub(super) fn share(&self, colour: Colour) -> u8 {
        self.running.map_or(0, |split| split.share(colour))
    }

    /// What it is sent, what the proxy falls back with included.
    pub(super) fn load(&self, colour: Colour) -> u8 {
        let other = colour.other();
        let fallen_back = self.is_up(colour) && !self.is_up(other);
        self.share(colour) + if fallen_back { self.share(other) } else { 0 }
    }

    /// One second of traffic, so to speak.
    pub(super) fn serve(&mut self) {
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

    pub(super) fn is_up(&self, colour: Colour) -> bool {
        self.is_ready(colour) && !self.colours.get(colour).unreachable
    }

    /// I1: no traffic to a colour that is not ready, unless none is. A colour that dies by itself is the proxy's to mend.
    pub(super) fn check_traffic(&mut self, doing: &str) {
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
