//! From a goal and what is observed to the operations that bring it about. Pure: deploy, rollback, abort, recovery and
//! reaping are all planned here, and nowhere else.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::colour::{Colour, Split};
use super::observed::{Observed, State};
use super::policy::{Policy, Span};
use super::record::{Change, Launch};

/// What is to be brought about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Goal {
    /// A new release, step by step.
    Deploy(Launch),
    /// An earlier release, at once: warm where it still runs, else through the same health gates.
    Rollback(Launch),
    /// Everything back on the active colour, with nothing but the router and what runs already.
    Abort,
    /// Exactly one release at 100 %, whatever state a deployer that died has left behind.
    Recover,
    /// The end of a warm colour whose time has passed.
    Reap,
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Goal::Deploy(launch) => write!(f, "deploy {}", launch.release),
            Goal::Rollback(launch) => write!(f, "roll back to {}", launch.release),
            Goal::Abort => f.write_str("put all traffic back on the active colour"),
            Goal::Recover => f.write_str("put all traffic on one release that is up"),
            Goal::Reap => f.write_str("stop the warm colour, whose time has passed"),
        }
    }
}

/// One thing the engine does. Each can be done again without harm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Operation {
    /// Start the proxy, if it does not run.
    StartProxy {
        /// The split it begins with.
        split: Split,
    },
    /// Start a release in a colour.
    Start {
        /// Where.
        colour: Colour,
        /// What.
        launch: Launch,
    },
    /// Wait until the colour is ready and the proxy holds it for up.
    AwaitReady {
        /// Which.
        colour: Colour,
    },
    /// Ask the colour for the smoke paths before it gets any traffic.
    Smoke {
        /// Which.
        colour: Colour,
    },
    /// Change what share of the requests each colour gets.
    SetSplit {
        /// To what.
        split: Split,
    },
    /// Let the candidate serve its share, watching it.
    Bake {
        /// Which.
        colour: Colour,
        /// For how long.
        span: Span,
    },
    /// Judge the requests since the split was set.
    Analyse {
        /// The candidate.
        colour: Colour,
    },
    /// Write down that this colour is the active one.
    Promote {
        /// Which.
        colour: Colour,
        /// What it runs.
        launch: Launch,
        /// By a deploy or a rollback.
        change: Change,
        /// How long the other colour is kept warm, if it is.
        keep_warm: Option<Span>,
    },
    /// Wait until nothing is in flight at a colour that gets no new requests.
    Drain {
        /// Which.
        colour: Colour,
    },
    /// End a colour.
    Stop {
        /// Which.
        colour: Colour,
    },
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Operation::StartProxy { split } => write!(f, "start the proxy with {split}"),
            Operation::Start { colour, launch } => {
                write!(f, "start {} as {colour}", launch.release)?;
                launch.settings.iter().try_for_each(|(key, value)| write!(f, ", {key}={value}"))
            }
            Operation::AwaitReady { colour } => write!(f, "wait until {colour} is ready"),
            Operation::Smoke { colour } => write!(f, "smoke-test {colour}"),
            Operation::SetSplit { split } => write!(f, "split traffic: {split}"),
            Operation::Bake { colour, span } => write!(f, "watch {colour} for {span}"),
            Operation::Analyse { colour } => write!(f, "judge the requests of {colour}"),
            Operation::Promote { colour, keep_warm: Some(span), .. } => {
                write!(f, "promote {colour}, keep {} warm for {span}", colour.other())
            }
            Operation::Promote { colour, keep_warm: None, .. } => write!(f, "promote {colour}"),
            Operation::Drain { colour } => write!(f, "drain {colour}"),
            Operation::Stop { colour } => write!(f, "stop {colour}"),
        }
    }
}

/// What will be done, and what has to be said about it first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What it is for.
    pub goal: Goal,
    /// In this order.
    pub operations: Vec<Operation>,
    /// Consequences a person would want to know before it begins.
    pub notes: Vec<String>,
}

/// Plans.
pub fn plan(goal: Goal, observed: &Observed, policy: &Policy) -> Plan {
    let mut draft = Draft { observed, operations: Vec::new(), notes: Vec::new() };
    match &goal {
        Goal::Deploy(launch) => draft.deploy(launch, policy),
        Goal::Rollback(launch) => draft.rollback(launch),
        Goal::Abort | Goal::Recover => draft.restore(&goal),
        Goal::Reap => draft.reap(),
    }
    Plan { operations: draft.operations, notes: draft.notes, goal }
}

/// What has to be done before anything else: something, where a deployer that died has left things between two states,
/// where the proxy has fallen back from an active colour that is down, or where a warm colour has outlived its time.
pub fn overdue(observed: &Observed, unfinished: bool) -> Option<Goal> {
    let active = observed.active()?;
    if !observed.is_settled() || unfinished || observed.has_fallen_back(active) {
        return Some(Goal::Recover);
    }
    (observed.warm_overdue() && observed.is_fit(active)).then_some(Goal::Reap)
}

struct Draft<'a> {
    observed: &'a Observed,
    operations: Vec<Operation>,
    notes: Vec<String>,
}

impl Draft<'_> {
    fn deploy(&mut self, launch: &Launch, policy: &Policy) {
        let active = self.observed.standing();
        let candidate = active.map_or(Colour::Blue, Colour::other);
        self.ensure_proxy(active.unwrap_or(candidate));
        self.settle();
        self.note_lost_rollback_target();
        self.vacate(candidate);
        self.bring_up(candidate, launch);
        match active.filter(|colour| self.observed.is_fit(*colour)) {
            Some(active) => {
                for weight in policy.weights() {
                    self.operations.push(Operation::SetSplit { split: Split::giving(candidate, weight) });
                    self.operations.push(Operation::Bake { colour: candidate, span: policy.bake });
                    self.operations.push(Operation::Analyse { colour: candidate });
                }
                let keep_warm = Some(policy.keep_warm).filter(|span| !span.is_zero());
                self.promote(candidate, launch, Change::Deployed, keep_warm);
                if keep_warm.is_none() {
                    self.vacate(active);
                }
            }
            // Sharing traffic with a colour that is not ready would only lose requests.
            None => {
                self.give_all_to(candidate);
                self.promote(candidate, launch, Change::Deployed, None);
                active.into_iter().for_each(|active| self.vacate(active));
            }
        }
    }

    fn rollback(&mut self, launch: &Launch) {
        let active = self.observed.active();
        let target = active.map_or(Colour::Blue, Colour::other);
        self.ensure_proxy(active.unwrap_or(target));
        self.settle();
        let there = self.observed.colours.get(target);
        let warm = there.launch.as_ref() == Some(launch) && self.observed.is_fit(target);
        if !warm {
            self.vacate(target);
            self.bring_up(target, launch);
        }
        self.give_all_to(target);
        self.promote(target, launch, Change::RolledBack, None);
        active.into_iter().for_each(|active| self.vacate(active));
    }

    /// Back to one release at 100 %: the active one if it is fit to serve, else the other if that is, else, where
    /// something may be started, the active one again.
    fn restore(&mut self, goal: &Goal) {
        let recovering = *goal == Goal::Recover;
        let Some(keeper) = self.keeper(recovering) else {
            return Colour::BOTH.into_iter().for_each(|colour| self.vacate(colour));
        };
        self.ensure_proxy(keeper);
        if recovering {
            self.revive(keeper);
        }
        self.give_all_to(keeper);
        let other = keeper.other();
        if self.observed.serving.as_ref().map(|serving| serving.colour) == Some(keeper) {
            if self.observed.warm().is_none() || self.observed.warm_overdue() {
                self.vacate(other);
            }
        } else {
            if let Some(launch) = self.observed.colours.get(keeper).launch.clone() {
                self.promote(keeper, &launch, Change::Recovered, None);
            }
            self.vacate(other);
        }
    }

    /// The colour that is to serve. A first release that failed has nothing to go back to; one that was cut off by the
    /// death of its deployer is kept if it serves.
    fn keeper(&self, recovering: bool) -> Option<Colour> {
        if self.observed.serving.is_none() && !recovering {
            return None;
        }
        let active = self.observed.active()?;
        let fit = [active, active.other()].into_iter().find(|colour| self.observed.is_fit(*colour));
        fit.or_else(|| self.observed.serving.as_ref().map(|serving| serving.colour))
    }

    fn revive(&mut self, colour: Colour) {
        if !self.observed.is_fit(colour)
            && let Some(launch) = self.observed.colours.get(colour).launch.clone()
        {
            if self.state(colour).occupies() {
                self.operations.push(Operation::Stop { colour });
            }
            self.bring_up(colour, &launch);
        }
    }

    fn reap(&mut self) {
        if let Some(active) = self.observed.active()
            && self.observed.warm_overdue()
        {
            self.vacate(active.other());
        }
    }

    /// Traffic that a deployer has left between two colours goes to the one that serves before anything is stopped.
    fn settle(&mut self) {
        self.observed.standing().into_iter().for_each(|standing| self.give_all_to(standing));
    }

    /// Everything to one colour, unless it is so by then, in the proxy and on disk.
    fn give_all_to(&mut self, colour: Colour) {
        let (routing, split) = (&self.observed.routing, Split::all(colour));
        let planned = self.operations.iter().rev().find_map(|operation| match operation {
            Operation::SetSplit { split } => Some(*split),
            _ => None,
        });
        let is_so = match planned {
            Some(planned) => planned == split,
            None => routing.running == Some(split) && routing.persisted == Some(split),
        };
        if !is_so {
            self.operations.push(Operation::SetSplit { split });
        }
    }

    fn ensure_proxy(&mut self, first: Colour) {
        if self.observed.routing.running.is_none() {
            self.operations.push(Operation::StartProxy { split: Split::all(first) });
        }
    }

    fn bring_up(&mut self, colour: Colour, launch: &Launch) {
        self.operations.push(Operation::Start { colour, launch: launch.clone() });
        self.operations.push(Operation::AwaitReady { colour });
        self.operations.push(Operation::Smoke { colour });
    }

    fn promote(&mut self, colour: Colour, launch: &Launch, change: Change, keep_warm: Option<Span>) {
        self.operations.push(Operation::Promote { colour, launch: launch.clone(), change, keep_warm });
    }

    /// Ends what runs in a colour that gets no traffic, once nothing is in flight there.
    fn vacate(&mut self, colour: Colour) {
        if self.state(colour).occupies() {
            self.operations.push(Operation::Drain { colour });
            self.operations.push(Operation::Stop { colour });
        }
    }

    fn note_lost_rollback_target(&mut self) {
        if let Some((colour, warm)) = self.observed.warm() {
            let active = self.observed.serving.as_ref().map_or("the active release", |serving| &serving.launch.release);
            self.notes.push(format!(
                "{colour} still keeps {} warm and is taken for the candidate: a rollback will then return to {active}",
                warm.launch.release
            ));
        }
    }

    fn state(&self, colour: Colour) -> State {
        self.observed.colours.get(colour).state
    }
}
