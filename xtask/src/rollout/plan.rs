//! From a goal and what is observed to the operations that bring it about. Pure: deploy, rollback, abort, recovery and
//! reaping are all planned here, and nowhere else.

use std::fmt;

use super::colour::{Colour, Split};
use super::observed::{Observed, State};
use super::operation::{HookPoint, Operation};
use super::policy::{Hook, Policy, Span, Step};
use super::record::{Change, Launch};

/// What is to be brought about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Goal {
    /// A new release, step by step.
    Deploy(Launch),
    /// An earlier release, at once: warm where it still runs, else through the same health gates.
    Rollback(Launch),
    /// Everything to the candidate of a rollout that was left as it stands.
    Promote,
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
            Goal::Promote => f.write_str("promote the candidate that was left as it stands"),
            Goal::Abort => f.write_str("put all traffic back on the active colour"),
            Goal::Recover => f.write_str("put all traffic on one release that is up"),
            Goal::Reap => f.write_str("stop the warm colour, whose time has passed"),
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
        Goal::Promote => draft.promote_frozen(policy),
        Goal::Abort | Goal::Recover => draft.restore(&goal),
        Goal::Reap => draft.reap(),
    }
    Plan { operations: draft.operations, notes: draft.notes, goal }
}

/// What has to be done before anything else: something, where a deployer that died has left things between two states,
/// where what serves is not on record, where the proxy has fallen back from an active colour that is down, or where a warm colour has outlived its time.
pub fn overdue(observed: &Observed, unfinished: bool) -> Option<Goal> {
    let active = observed.active()?;
    if observed.frozen.is_some() {
        // What was left as it stands is for a person to decide; only a proxy has to be there.
        return observed.routing.running.is_none().then_some(Goal::Recover);
    }
    let is_unrecorded = observed.serving.is_none() && observed.is_fit(active);
    if !observed.is_settled() || unfinished || is_unrecorded || observed.has_fallen_back(active) {
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
        self.hook(HookPoint::PreShift, &policy.hooks.pre_shift, candidate, launch);
        match active.filter(|colour| self.observed.is_fit(*colour)) {
            Some(active) => {
                policy.steps.get_ref().iter().for_each(|step| self.step(candidate, step, policy));
                self.take_over_from(active, launch, policy);
            }
            // Sharing traffic with a colour that is not ready would only lose requests.
            None => {
                self.give_all_to(candidate);
                self.promote(candidate, launch, Change::Deployed, None);
                self.hook(HookPoint::PostPromote, &policy.hooks.post_promote, candidate, launch);
                active.into_iter().for_each(|active| self.vacate(active));
            }
        }
    }

    fn step(&mut self, candidate: Colour, step: &Step, policy: &Policy) {
        let watch =
            |span: Span| [Operation::Bake { colour: candidate, span }, Operation::Analyse { colour: candidate, span }];
        match step {
            Step::SetWeight(weight) => {
                let split = Split::giving(candidate, *weight.get_ref());
                self.operations.push(Operation::SetSplit { split });
                self.operations.extend(watch(policy.bake));
            }
            Step::Pause(lasting) => {
                let span = lasting.get_ref().duration;
                self.operations.push(Operation::Pause { colour: candidate, span });
            }
            Step::Analysis(lasting) => {
                self.operations.extend(watch(lasting.get_ref().duration.unwrap_or(policy.bake)));
            }
        }
    }

    /// The promotion of a candidate that has all traffic, and what becomes of the colour that had it before.
    fn take_over_from(&mut self, active: Colour, launch: &Launch, policy: &Policy) {
        let keep_warm = Some(policy.keep_warm).filter(|span| !span.is_zero());
        self.promote(active.other(), launch, Change::Deployed, keep_warm);
        self.hook(HookPoint::PostPromote, &policy.hooks.post_promote, active.other(), launch);
        if keep_warm.is_none() {
            self.vacate(active);
        }
    }

    /// Where no rollout was left as it stands, there is nothing to do.
    fn promote_frozen(&mut self, policy: &Policy) {
        let Some((candidate, launch)) = self.observed.frozen.clone() else { return };
        self.ensure_proxy(candidate.other());
        self.operations.push(Operation::AwaitReady { colour: candidate });
        self.give_all_to(candidate);
        self.take_over_from(candidate.other(), &launch, policy);
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
        if recovering && self.observed.frozen.is_some() {
            let split = self.observed.routing.persisted.or(self.observed.active().map(Split::all));
            return self.operations.extend(split.map(|split| Operation::StartProxy { split }));
        }
        let Some(keeper) = self.keeper(recovering) else {
            return Colour::BOTH.into_iter().for_each(|colour| self.vacate(colour));
        };
        self.ensure_proxy(keeper);
        if recovering {
            self.revive(keeper);
        }
        self.give_all_to(keeper);
        self.abandon_frozen(keeper);
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

    /// Once the traffic is back. What is left to stop is then found by whoever comes next.
    fn abandon_frozen(&mut self, keeper: Colour) {
        if let Some((colour, launch)) = self.observed.frozen.clone().filter(|(colour, _)| *colour != keeper) {
            self.operations.push(Operation::Abandon { colour, launch });
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

    fn hook(&mut self, at: HookPoint, hook: &Option<Hook>, colour: Colour, launch: &Launch) {
        if let Some(Hook { command, timeout }) = hook {
            let (launch, command) = (launch.clone(), command.get_ref().clone());
            self.operations.push(Operation::Hook { at, colour, launch, command, timeout: *timeout });
        }
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
