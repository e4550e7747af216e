//! Two deployers at once, the second coming at every single call of the first (I5).

use std::time::Duration;

use super::deployer::{Deployer, FILE, Fate, Ground};
use super::lock::{Flaw, Kind};
use super::scenario::{Scenario, launch, scenarios};
use super::state::SimState;
use super::turns::Who;
use super::violations;
use super::world::Sim;
use crate::ledger::FileLedger;
use crate::problem::{ExitCode, exit_code};
use crate::rollout::engine::Outcome;
use crate::rollout::plan::{Goal, overdue};
use crate::rollout::record::lineage;
use crate::rollout::world::World;

/// What the second has come for.
#[derive(Debug, Clone, Copy)]
enum Verb {
    Deploy,
    Rollback,
    Recover,
    Abort,
    Promote,
}

impl Verb {
    const ALL: [Verb; 5] = [Verb::Deploy, Verb::Rollback, Verb::Recover, Verb::Abort, Verb::Promote];

    /// Looks what there is to do, and does it; none where there is nothing.
    fn act(self, scenario: &Scenario, sim: &Sim, world: World<'_>, unfinished: bool) -> Option<Outcome> {
        let observed = world.observe().ok()?;
        let is_frozen = observed.frozen.is_some();
        match self {
            Verb::Abort if is_frozen => scenario.reach_in(sim, world, Goal::Abort),
            Verb::Promote if is_frozen => scenario.reach_in(sim, world, Goal::Promote),
            Verb::Abort | Verb::Recover => scenario.reach_in(sim, world, overdue(&observed, unfinished)?),
            // What was left as it stands is for a person to decide about.
            Verb::Deploy | Verb::Rollback if is_frozen => None,
            Verb::Promote => None,
            Verb::Deploy => scenario.other(Goal::Deploy(launch("other"))).run_in(sim, world, unfinished),
            Verb::Rollback => {
                let before = lineage(&world.ledger.history().ok()?).into_iter().rev().nth(1)?;
                scenario.other(Goal::Rollback(before)).run_in(sim, world, unfinished)
            }
        }
    }
}

/// How two deployers meet.
#[derive(Debug, Clone, Copy)]
struct Meeting {
    kind: Kind,
    flaw: Option<Flaw>,
    /// At which of its calls something befalls the first.
    call: usize,
    fate: Fate,
    verb: Verb,
    /// The call of the second at which the first goes on; without one, it does when the second has ended.
    back_at: Option<usize>,
    /// For how long the second waits for the lock.
    wait: Duration,
}

impl Meeting {
    /// By a verb that changes from call to call.
    fn at(call: usize, kind: Kind, fate: Fate) -> Meeting {
        let verb = Verb::ALL[call % Verb::ALL.len()];
        Meeting { kind, flaw: None, call, fate, verb, back_at: None, wait: Duration::ZERO }
    }
}

type Ended = anyhow::Result<Option<Outcome>>;

/// What came of it.
struct Met {
    first: Ended,
    second: Ended,
    /// What the second has changed, and by which of its calls.
    changes: Vec<(usize, &'static str)>,
    broken: Vec<String>,
}

impl Met {
    fn second_was_refused(&self) -> bool {
        let refused = self.second.as_ref().is_err_and(|error| exit_code(error) == ExitCode::Busy);
        refused && self.changes.is_empty()
    }
}

/// What every deployer does first: takes the lock.
fn hold<T>(deployer: &Deployer<'_>, act: impl FnOnce(World<'_>, bool) -> T) -> anyhow::Result<T> {
    let ledger = FileLedger::new(deployer, "simulated");
    let unfinished = !deployer.goes_without() && ledger.lock("deploy", deployer.wait, deployer)?;
    Ok(act(
        World { runtime: deployer, router: deployer, ledger: &ledger, metrics: deployer, clock: deployer },
        unfinished,
    ))
}

/// Lets them meet, and a third put right what is not by then.
fn meet(scenario: &Scenario, before: &SimState, meeting: Meeting) -> Met {
    let ground = Ground::new(Sim(before.clone().into()), meeting.kind, meeting.flaw);
    let (sim, turns) = (&ground.sim, &ground.turns);
    let first = Deployer::new(&ground, 0, Some((meeting.call, meeting.fate)));
    let mut second = Deployer::new(&ground, 1, meeting.back_at.map(|call| (call, Fate::Met)));
    second.wait = meeting.wait;
    let by_first = || hold(&first, |world, unfinished| scenario.run_in(sim, world, unfinished));
    let by_second = || hold(&second, |world, unfinished| meeting.verb.act(scenario, sim, world, unfinished));
    let (first, ended) = std::thread::scope(|scope| {
        let ended = scope.spawn(|| turns.take(Who::Second, by_second));
        (turns.take(Who::First, by_first), ended.join().unwrap())
    });
    sim.revive_deployer();
    let recovered = [Verb::Recover, Verb::Abort].into_iter().try_for_each(|verb| {
        let third = Deployer::new(&ground, 2, None);
        hold(&third, |world, unfinished| verb.act(scenario, sim, world, unfinished)).map(drop)
    });
    recovered.unwrap();
    Met { first, second: ended, changes: second.changes(), broken: violations(sim) }
}

/// The same where nothing may be broken by it.
#[track_caller]
fn meet_well(scenario: &Scenario, before: &SimState, meeting: Meeting) -> Met {
    let met = meet(scenario, before, meeting);
    assert_eq!(met.broken, Vec::<String>::new(), "{}, {meeting:?}", scenario.name);
    met
}

/// How many calls a deployer makes that is alone, and how it ends.
fn alone(scenario: &Scenario, before: &SimState) -> (usize, Ended) {
    let ground = Ground::new(Sim(before.clone().into()), Kind::Kernel, None);
    let deployer = Deployer::new(&ground, 0, None);
    let ended = hold(&deployer, |world, unfinished| scenario.run_in(&ground.sim, world, unfinished));
    (deployer.calls(), ended)
}

/// Goes through every call of the first in every scenario; how many histories that were.
fn at_every_call(mut histories_of: impl FnMut(&Scenario, &SimState, usize, &Ended) -> usize) -> usize {
    let mut histories = 0;
    for scenario in scenarios() {
        let before = scenario.world().state().clone();
        let (calls, ended) = alone(&scenario, &before);
        histories += (1..=calls).map(|call| histories_of(&scenario, &before, call, &ended)).sum::<usize>();
    }
    histories
}

/// The ways to come to a deployer that keeps its lock: it lives, or it is stopped and its lock is the kernel's.
const KEEPING: [(Kind, Fate); 3] =
    [(Kind::Kernel, Fate::Met), (Kind::Session, Fate::Met), (Kind::Kernel, Fate::CutOff)];

#[test]
#[expect(clippy::print_stdout, reason = "how many were tried is what the test has to show")]
fn a_second_deployer_is_refused_for_as_long_as_the_first_has_the_lock() {
    let histories = at_every_call(|scenario, before, call, alone| {
        for (kind, fate) in KEEPING {
            let meeting = Meeting::at(call, kind, fate);
            let met = meet_well(scenario, before, meeting);
            // By its first call it takes the lock, and who comes before that is the first to have it.
            if call > 1 {
                assert!(met.second_was_refused(), "{}, {meeting:?}: {:?}", scenario.name, met.second);
                assert_eq!(met.first.ok(), alone.as_ref().ok().cloned(), "{}, {meeting:?}", scenario.name);
            }
        }
        KEEPING.len()
    });
    println!("{histories} histories of two deployers, the second of which is refused");
    assert!(histories > 5000, "only {histories} histories were tried");
}

#[test]
#[expect(clippy::print_stdout, reason = "how many were tried is what the test has to show")]
fn a_second_deployer_acts_once_the_first_has_ended_or_died() {
    let mut acted = 0;
    let histories = at_every_call(|scenario, before, call, _| {
        let kind = if call % 2 == 0 { Kind::Kernel } else { Kind::Session };
        let waiting = Meeting { wait: Duration::from_secs(3600), ..Meeting::at(call, kind, Fate::Met) };
        let succeeding = Verb::ALL.map(|verb| Meeting { verb, ..Meeting::at(call, kind, Fate::Killed) });
        for meeting in succeeding.into_iter().chain([waiting]) {
            let met = meet_well(scenario, before, meeting);
            assert!(met.second.is_ok(), "{}, {meeting:?}: {:?}", scenario.name, met.second);
            acted += usize::from(met.changes.iter().any(|(_, doing)| *doing != FILE));
        }
        succeeding.len() + 1
    });
    println!("{histories} histories of two deployers, one after the other");
    assert!(histories > 10_000 && acted > 5000, "{acted} of {histories} had something for the second to do");
}

#[test]
#[expect(clippy::print_stdout, reason = "how many were tried is what the test has to show")]
fn a_deployer_that_was_cut_off_changes_nothing_after_another_has_begun() {
    let histories = at_every_call(|scenario, before, call, _| {
        let cut_off = Meeting::at(call, Kind::Session, Fate::CutOff);
        let met = meet_well(scenario, before, cut_off);
        let in_the_world: Vec<_> = met.changes.iter().filter(|(_, doing)| *doing != FILE).collect();
        for (change, _) in &in_the_world {
            meet_well(scenario, before, Meeting { back_at: Some(*change), ..cut_off });
        }
        in_the_world.len() + 1
    });
    println!("{histories} histories of two deployers, the first of which was cut off");
    assert!(histories > 5000, "only {histories} histories were tried");
}

#[test]
fn a_lock_that_is_none_is_caught() {
    let flaws = [
        (Flaw::NotTaken, Kind::Kernel, Fate::Met),
        (Flaw::GivenTwice, Kind::Kernel, Fate::Met),
        (Flaw::NotFenced, Kind::Session, Fate::CutOff),
    ];
    for (flaw, kind, fate) in flaws {
        let caught = scenarios().into_iter().any(|scenario| {
            let before = scenario.world().state().clone();
            let (calls, _) = alone(&scenario, &before);
            (2..=calls).any(|call| {
                let meeting = Meeting { flaw: Some(flaw), ..Meeting::at(call, kind, fate) };
                meet(&scenario, &before, meeting).broken.iter().any(|violation| violation.starts_with("I5"))
            })
        });
        assert!(caught, "{flaw:?} was not caught");
    }
}
