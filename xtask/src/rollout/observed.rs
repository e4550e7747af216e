//! What a plan and an analysis are made from: how things stand, as data.

use std::fmt;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::colour::{Colour, PerColour, Split};
use super::latency::Latency;
use super::record::{Launch, Serving, Warm};

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
    /// Whether it runs, as far as can be told: only what is certain to be down does not.
    pub runs: bool,
    /// How often it ended by itself since it was started.
    pub exits: u32,
    /// How it ended last, in words.
    pub last_exit: Option<String>,
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
    /// The rollout that was left as it stood: the candidate's colour, and what was started there.
    pub frozen: Option<(Colour, Launch)>,
    /// When this was observed.
    pub now: SystemTime,
}

impl Observed {
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

    /// Whether a colour can be trusted with traffic: ready by its own word, or running and up by the proxy's. One probe lost
    /// under load must not look like a dead colour, and the proxy needs a moment to notice one that has died.
    pub fn is_fit(&self, colour: Colour) -> bool {
        let there = self.colours.get(colour);
        there.state == State::Ready || (there.runs && *self.routing.up.get(colour))
    }
}

/// What the proxy has counted for one colour since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Attempts that have begun.
    pub attempts: u64,
    /// Those that have not ended.
    pub open: u64,
    /// Answers that began, but for those with a 5xx.
    pub answers: u64,
    /// Answers with a 5xx.
    pub failures: u64,
    /// Attempts that ended because the client left.
    pub left: u64,
    /// Requests that were given up because no connection could be made.
    pub refused: u64,
    /// Answers that broke off.
    pub broken: u64,
    /// How long it took until answers began.
    pub latency: Latency,
    /// What changes when the counting has begun anew: the proxy's worker.
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
