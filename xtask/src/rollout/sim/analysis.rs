//! Windows that are extended and begun anew, in the simulated world.

use std::sync::Mutex;

use super::scenario::{STEPS, launch, policy};
use super::state::{Nature, SimState};
use super::world::Sim;
use crate::rollout::analysis::{Next, Verdict};
use crate::rollout::engine::{Engine, Outcome};
use crate::rollout::event::Event;
use crate::rollout::plan::{Goal, plan};
use crate::rollout::policy::{AnalysisPolicy, Policy};
use crate::rollout::world::{Cancel, World};

/// An upgrade of a good release, and how its windows were judged. The candidate has 200 requests in its first.
fn upgrade(analysis: &str, resets: u64) -> (Outcome, Vec<(Verdict, Next)>) {
    let sim = Sim(Mutex::new(SimState::new()));
    let judged = Mutex::new(Vec::new());
    let analysis: AnalysisPolicy = toml::from_str(analysis).unwrap();
    let deploy = |release: &str| {
        let (policy, cancel) = (Policy { analysis: analysis.clone(), ..policy(STEPS, "10m", "") }, Cancel::default());
        let world = World { runtime: &sim, router: &sim, ledger: &sim, metrics: &sim, clock: &sim };
        let engine = Engine {
            world,
            environment: "staging",
            policy: &policy,
            ready_path: "/ready",
            smoke_paths: &[],
            cancel: &cancel,
            listener: &|_, event| {
                if let Event::Judged { judgement, next } = event {
                    judged.lock().unwrap().push((judgement.verdict, *next));
                }
            },
        };
        sim.state().natures.insert(release.into(), Nature::Good);
        engine.run(&plan(Goal::Deploy(launch(release)), &world.observe().unwrap(), &policy))
    };
    sim.state().may_start = 1;
    assert_eq!(deploy("v1"), Outcome::Reached);
    sim.state().resets = resets;
    sim.state().may_start = 1;
    let outcome = deploy("v2");
    (outcome, judged.into_inner().unwrap())
}

#[track_caller]
fn assert_aborted(outcome: Outcome, words: &str) {
    let Outcome::TakenBack(failure) = outcome else { panic!("{outcome:?}") };
    assert!(failure.reason.contains(words), "{}", failure.reason);
}

#[test]
fn an_inconclusive_window_is_extended_until_there_are_requests_enough() {
    let (outcome, judged) = upgrade("min_requests = 500\non_inconclusive = \"wait\"", 0);
    assert_eq!(outcome, Outcome::Reached);
    let extended = (Verdict::Inconclusive, Next::Extend);
    assert_eq!(judged[..3], [extended, extended, (Verdict::Pass, Next::GoOn)]);
}

#[test]
fn a_rollout_that_waits_for_too_long_is_aborted() {
    let (outcome, judged) = upgrade("min_requests = 5000\non_inconclusive = \"wait\"", 0);
    assert_eq!(judged.len(), 4);
    assert_aborted(
        outcome,
        "inconclusive: 800 requests, and nothing is concluded from fewer than 5000; 3 windows before it went the same way",
    );
}

#[test]
fn a_window_whose_counting_began_anew_is_judged_again_and_nothing_of_it_counts() {
    let (outcome, judged) = upgrade("", 3);
    assert_eq!(outcome, Outcome::Reached);
    let again = (Verdict::Error, Next::Anew);
    assert_eq!(judged[..3], [again, (Verdict::Pass, Next::GoOn), (Verdict::Pass, Next::GoOn)]);
}

#[test]
fn a_proxy_that_counts_anew_all_the_time_is_no_ground_to_promote_on() {
    let (outcome, judged) = upgrade("", 100);
    let (again, end) = ((Verdict::Error, Next::Anew), (Verdict::Error, Next::Abort));
    assert_eq!(judged, [again, again, end]);
    assert_aborted(outcome, "error: the proxy began to count anew");
}
