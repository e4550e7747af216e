//! A simulated world, in which a deployer can be struck at every single thing it does. What must hold whatever happens is
//! checked after every change.

mod analysis;
mod deployer;
mod lock;
mod scenario;
mod state;
mod turns;
mod two;
mod wished;
mod world;

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::colour::{Colour, Split};
use super::engine::Outcome;
use super::operation::Operation;
use super::plan::Goal;
use super::record::serving;
use super::world::{Clock as _, Router, Runtime};
use scenario::{Scenario, scenarios};
use state::{Fault, SimState};
use world::Sim;

/// What must not be and is: I2 and I3, one release at 100 %, and proxy, disk and history agree on which; and what was
/// noticed on the way.
fn violations(sim: &Sim) -> Vec<String> {
    let state = sim.state();
    let mut found = state.broken.clone();
    let Some(running) = state.running else {
        if Colour::BOTH.into_iter().any(|colour| state.is_ready(colour)) {
            found.push("I3: no proxy before a ready colour".into());
        }
        return found;
    };
    if state.persisted != Some(running) {
        found.push(format!("I2: the proxy runs {running}, and on disk is {:?}", state.persisted));
    }
    let Some(active) = running.sole() else {
        found.push(format!("I3: the split is {running}"));
        return found;
    };
    let recorded = state.history.iter().rev().find(|entry| entry.change.promotes());
    match recorded {
        Some(entry) if entry.colour != active => found.push("I2: the history says another colour serves".into()),
        Some(_) if !state.is_ready(active) => found.push(format!("I3: {active} has all traffic and is not ready")),
        None if state.is_ready(active) => found.push(format!("I2: {active} serves and is not on record")),
        _ => {}
    }
    found
}

#[track_caller]
fn assert_settled(sim: &Sim, story: &str) {
    assert_eq!(violations(sim), Vec::<String>::new(), "{story}");
}

#[test]
fn every_scenario_ends_as_it_should_when_nothing_strikes() {
    for scenario in scenarios() {
        let sim = scenario.world();
        let outcome = scenario.run(&sim).unwrap();
        assert_eq!(outcome == Outcome::Reached, scenario.succeeds, "{}: {outcome:?}", scenario.name);
        assert!(!matches!(outcome, Outcome::Stuck(..)), "{}: {outcome:?}", scenario.name);
        assert!(!sim.state().unfinished, "{}: the journal has no end", scenario.name);
        if matches!(outcome, Outcome::Frozen(_)) {
            scenario.recover(&sim, scenario.name, &Goal::Abort);
        }
        assert_settled(&sim, scenario.name);
    }
}

#[test]
fn a_rollout_that_is_left_as_it_stands_is_not_touched_until_somebody_decides() {
    let names = ["answers errors and is left", "dies under load and is left"];
    for scenario in scenarios().into_iter().filter(|scenario| names.iter().any(|name| scenario.name.contains(name))) {
        let sim = scenario.world();
        assert!(matches!(scenario.run(&sim), Some(Outcome::Frozen(_))), "{}", scenario.name);
        let split = sim.state().running;
        assert_eq!(split.map(|split| split.share(Colour::Green)), Some(10), "{}", scenario.name);
        for decision in [Goal::Abort, Goal::Promote] {
            let sim = Sim(sim.state().clone().into());
            scenario.recover(&sim, scenario.name, &decision);
            assert_settled(&sim, scenario.name);
        }
        sim.state().running = None;
        assert_eq!(scenario.reach(&sim, Goal::Recover), Some(Outcome::Reached), "{}", scenario.name);
        assert_eq!(sim.state().running, split, "{}: a proxy that was started again has another split", scenario.name);
    }
}

/// The calls a deployer makes where nothing strikes it, by their numbers.
fn calls_of(scenario: &Scenario) -> RangeInclusive<usize> {
    let sim = scenario.world();
    let before = sim.state().calls;
    let _ = scenario.run(&sim);
    let last = sim.state().calls;
    before + 1..=last
}

/// Lets a history happen with the deployer struck at a call, and gives it to the next one to put right.
fn strike(scenario: &Scenario, strikes: &[(usize, Fault)], decision: &Goal) -> SimState {
    let sim = scenario.world();
    let story = format!("{}, {strikes:?}", scenario.name);
    sim.state().strikes = strikes.into();
    let _ = scenario.run(&sim);
    sim.revive_deployer();
    if strikes.len() > 1 {
        // The one that comes to put it right may be struck as well.
        let _ = scenario.put_right(&sim, decision);
        sim.revive_deployer();
        sim.state().strikes.clear();
    }
    scenario.recover(&sim, &story, decision);
    assert_settled(&sim, &story);
    sim.0.into_inner().unwrap()
}

#[test]
#[expect(clippy::print_stdout, reason = "how many were tried is what the test has to show")]
fn wherever_the_deployer_is_struck_one_release_serves_after_the_next_has_recovered() {
    let mut histories = 0;
    for scenario in scenarios() {
        for call in calls_of(&scenario) {
            for fault in Fault::ALL {
                let decision = if call % 2 == 0 { Goal::Abort } else { Goal::Promote };
                strike(&scenario, &[(call, fault)], &decision);
                histories += 1;
            }
        }
    }
    println!("{histories} histories");
    assert!(histories > 8000, "only {histories} histories were tried");
}

/// Every pair of faults, the first at any call and the second at one that changes something, in the same deployer or in
/// the next.
fn strike_twice(scenario: &Scenario) -> usize {
    let mut histories = 0;
    for call in calls_of(scenario) {
        for (number, fault) in Fault::ALL.into_iter().enumerate() {
            let decision = if (call + number) % 2 == 0 { Goal::Abort } else { Goal::Promote };
            let after = strike(scenario, &[(call, fault)], &decision);
            for second in after.changes.into_iter().filter(|second| *second > call) {
                for another in Fault::ALL {
                    strike(scenario, &[(call, fault), (second, another)], &decision);
                    histories += 1;
                }
            }
        }
    }
    histories
}

#[test]
#[expect(clippy::print_stdout, reason = "how many were tried is what the test has to show")]
fn two_faults_in_one_history_are_recovered_from_as_well() {
    let scenarios = scenarios();
    let next = AtomicUsize::new(0);
    let work = || {
        let take = || scenarios.get(next.fetch_add(1, Ordering::Relaxed));
        std::iter::from_fn(take).map(strike_twice).sum::<usize>()
    };
    let histories: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    println!("{histories} histories of two faults");
    assert!(histories > 80_000, "only {histories} histories were tried");
}

#[test]
fn a_journal_that_is_lost_wherever_the_deployer_died_changes_nothing_about_the_end() {
    for scenario in scenarios() {
        for call in calls_of(&scenario) {
            for fault in [Fault::CrashBefore, Fault::CrashAfter] {
                let sim = scenario.world();
                sim.state().strikes = vec![(call, fault)];
                let _ = scenario.run(&sim);
                sim.revive_deployer();
                sim.state().unfinished = false;
                let story = format!("{}, {fault:?} at {call}, without a journal", scenario.name);
                scenario.recover(&sim, &story, &Goal::Abort);
                assert_settled(&sim, &story);
            }
        }
    }
}

#[test]
fn a_split_half_way_is_recovered_from_what_is_observed_without_a_journal() {
    for scenario in scenarios() {
        let sim = scenario.world();
        sim.lose_the_journal_half_way();
        scenario.recover(&sim, scenario.name, &Goal::Abort);
        assert_settled(&sim, scenario.name);
    }
}

#[test]
fn a_dead_proxy_is_started_again_by_the_recovery() {
    for scenario in scenarios().into_iter().filter(|scenario| !scenario.before.is_empty()) {
        let sim = scenario.world();
        sim.state().running = None;
        scenario.recover(&sim, scenario.name, &Goal::Abort);
        assert!(sim.state().running.is_some(), "{}", scenario.name);
        assert_settled(&sim, scenario.name);
    }
}

#[test]
fn a_machine_that_was_restarted_serves_again_what_it_served() {
    for scenario in scenarios().into_iter().filter(|scenario| !scenario.before.is_empty()) {
        let sim = scenario.world();
        let before = serving(&sim.state().history).unwrap().launch;
        sim.restart_machine();
        scenario.recover(&sim, scenario.name, &Goal::Abort);
        assert_settled(&sim, scenario.name);
        assert_eq!(serving(&sim.state().history).unwrap().launch, before, "{}", scenario.name);
    }
}

/// Makes a plan that must not be out of one that is right.
type Sabotage = fn(&mut Vec<Operation>);

#[test]
fn a_planner_that_breaks_an_invariant_is_caught() {
    let hasty: Sabotage =
        |plan| plan.retain(|operation| !matches!(operation, Operation::AwaitReady { .. } | Operation::Smoke { .. }));
    let forgetful: Sabotage = |plan| plan.retain(|operation| !matches!(operation, Operation::Promote { .. }));
    let lax: Sabotage =
        |plan| plan.retain(|operation| !matches!(operation, Operation::SetSplit { split } if split.sole().is_some()));
    let rude: Sabotage = |plan| plan.retain(|operation| !matches!(operation, Operation::Drain { .. }));
    let costly: Sabotage = |plan| {
        let start = plan.iter().find(|operation| matches!(operation, Operation::Start { .. })).cloned();
        let first = Operation::Start { colour: Colour::Blue, launch: scenario::launch("v1") };
        plan.insert(0, start.unwrap_or(first));
    };
    for (invariant, sabotage) in [("I1", hasty), ("I2", forgetful), ("I3", lax), ("I4", rude), ("I6", costly)] {
        let caught = scenarios().into_iter().any(|mut scenario| {
            let sim = scenario.world();
            scenario.sabotage = Some(sabotage);
            let _ = scenario.run(&sim);
            violations(&sim).iter().any(|violation| violation.starts_with(invariant))
        });
        assert!(caught, "a planner that breaks {invariant} was not caught");
    }
}

#[test]
fn a_router_that_does_not_write_the_split_down_is_caught() {
    let scenario = scenarios().into_iter().find(|scenario| scenario.name == "rollback to a warm colour").unwrap();
    let sim = scenario.world();
    sim.state().forgets_the_split = true;
    let _ = scenario.run(&sim);
    assert!(violations(&sim).iter().any(|violation| violation.starts_with("I2")), "{:?}", violations(&sim));
}

#[test]
fn the_simulation_itself_notices_what_must_not_happen() {
    let scenario = &scenarios()[2];
    let sim = scenario.world();
    Router::set_split(&sim, Split::all(Colour::Green)).unwrap();
    assert!(sim.state().broken[0].starts_with("I1"), "traffic to a colour that is absent was not noticed");
    let sim = scenario.world();
    sim.sleep(Duration::from_millis(100));
    Runtime::stop(&sim, Colour::Blue, Duration::ZERO).unwrap();
    assert!(sim.state().broken[0].starts_with("I4"), "a stop under traffic was not noticed");
}
