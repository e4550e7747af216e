//! Somebody asks for the end of a rollout at every moment, the time included in which another has to be put right first.

use std::time::Duration;

use super::assert_settled;
use super::scenario::{Scenario, scenarios};
use super::world::Sim;
use crate::rollout::engine::Outcome;
use crate::rollout::record::serving;
use crate::rollout::request::Wish;

/// Makes a world in which something is to be put right.
type Unsettle = fn(&Sim);

/// What there is to be put right before the rollout that is asked for.
const BEFORE: [(&str, Unsettle); 4] = [
    ("nothing", |_| {}),
    ("a warm colour that has outlived its time", |sim| sim.state().now += Duration::from_secs(3600)),
    ("a deployer that has died", |sim| sim.state().unfinished = true),
    ("traffic between two colours", Sim::lose_the_journal_half_way),
];

/// Whether an abort at that look into the mailbox is heard before the release is promoted; then that one must not serve.
fn is_aborted_at(look: u32, scenario: &Scenario, what: &str, unsettle: Unsettle) -> bool {
    let story = format!("{}, after {what}, aborted at look {look}", scenario.name);
    let sim = scenario.world();
    unsettle(&sim);
    let before = {
        let mut state = sim.state();
        (state.wish, state.looks, state.asks_late) = (Some(Wish::Abort), look, false);
        serving(&state.history).map(|serving| serving.launch.release)
    };
    let outcome = scenario.run(&sim);
    if sim.state().served_then != before {
        return false;
    }
    assert!(matches!(outcome, Some(Outcome::TakenBack(_))), "{story}: {outcome:?}");
    assert_eq!(serving(&sim.state().history).map(|serving| serving.launch.release), before, "{story}");
    assert_settled(&sim, &story);
    true
}

#[test]
#[expect(clippy::print_stdout, reason = "how many were tried is what the test has to show")]
fn an_abort_before_the_promotion_is_granted_whatever_is_put_right_by_then() {
    let is_meant = |scenario: &Scenario| {
        scenario.succeeds && !scenario.hung && scenario.wish.is_none() && !scenario.before.is_empty()
    };
    let mut histories = 0;
    for scenario in scenarios().into_iter().filter(is_meant) {
        for (what, unsettle) in BEFORE {
            let aborted = (0..).take_while(|look| is_aborted_at(*look, &scenario, what, unsettle)).count();
            assert!(aborted > 0, "{}, after {what}", scenario.name);
            histories += aborted;
        }
    }
    println!("{histories} aborted histories");
    assert!(histories > 500, "only {histories} histories were tried");
}
