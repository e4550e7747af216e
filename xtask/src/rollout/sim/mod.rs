//! A simulated world, in which a deployer can be struck at every single thing it does. What must hold whatever happens is
//! checked after every change.

mod scenario;
mod world;

use std::time::Duration;

use super::colour::{Colour, Split};
use super::engine::Outcome;
use super::plan::Goal;
use super::record::serving;
use super::world::{Clock as _, Router, Runtime};
use scenario::{Scenario, scenarios};
use world::{Fault, Sim};

/// I2 and I3: one release at 100 %, and proxy, disk and history agree on which.
#[track_caller]
fn assert_settled(sim: &Sim, story: &str) {
    let state = sim.state();
    assert_eq!(state.broken, Vec::<String>::new(), "{story}");
    let Some(running) = state.running else {
        assert!(
            !Colour::BOTH.into_iter().any(|colour| state.is_ready(colour)),
            "{story}: no proxy before a ready colour"
        );
        return;
    };
    assert_eq!(state.persisted, Some(running), "{story}: I2, disk and proxy differ");
    let active = running.sole();
    let active = active.unwrap_or_else(|| panic!("{story}: I3, the split is {running}"));
    let recorded = state.history.iter().rev().find(|entry| entry.change.promotes());
    match recorded {
        Some(entry) => assert_eq!(entry.colour, active, "{story}: I2, the history says another colour serves"),
        None => assert!(!state.is_ready(active), "{story}: {active} serves and is not on record"),
    }
    assert!(recorded.is_none() || state.is_ready(active), "{story}: I3, {active} has all traffic and is not ready");
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

/// Lets a history happen with the deployer struck at a call, and gives it to the next one to put right.
fn strike(scenario: &Scenario, strikes: &[(usize, Fault)], decision: &Goal) {
    let sim = scenario.world();
    let story = format!("{}, {strikes:?}", scenario.name);
    sim.state().strikes = strikes.into();
    let _ = scenario.run(&sim);
    sim.revive_deployer();
    scenario.recover(&sim, &story, decision);
    assert_settled(&sim, &story);
}

#[test]
#[expect(clippy::print_stdout, reason = "how many were tried is what the test has to show")]
fn wherever_the_deployer_is_struck_one_release_serves_after_the_next_has_recovered() {
    let mut histories = 0;
    for scenario in scenarios() {
        let sim = scenario.world();
        let first = sim.state().calls;
        let _ = scenario.run(&sim);
        let last = sim.state().calls;
        for call in first + 1..=last {
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
