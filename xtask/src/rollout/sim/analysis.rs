//! Windows that are extended and begun anew, in the simulated world.

use std::sync::Mutex;

use super::scenario::{QUERIES, STEPS, launch, policy};
use super::state::{Nature, SimState, Source};
use super::world::Sim;
use crate::rollout::analysis::{Judgement, Next, Value, Verdict};
use crate::rollout::colour::Colour;
use crate::rollout::engine::{Engine, Outcome};
use crate::rollout::event::Event;
use crate::rollout::operation::Operation;
use crate::rollout::plan::{Goal, plan};
use crate::rollout::policy::Policy;
use crate::rollout::request::Wish;
use crate::rollout::world::{Cancel, World};

/// An upgrade of a good release, and how its windows were judged. The candidate has 200 requests in its first.
fn upgrade(more: &str, resets: u64) -> (Outcome, Vec<(Verdict, Next)>) {
    let (outcome, events) = upgrade_in(Nature::Good, more, |state| state.resets = resets);
    let judged = events.into_iter().filter_map(|event| match event {
        Event::Judged { judgement, next } => Some((judgement.verdict, next)),
        _ => None,
    });
    (outcome, judged.collect())
}

/// An upgrade, in a world that is made peculiar for it, and what happened.
fn upgrade_in(nature: Nature, more: &str, peculiar: impl FnOnce(&mut SimState)) -> (Outcome, Vec<Event>) {
    let sim = Sim(Mutex::new(SimState::new()));
    let events = Mutex::new(Vec::new());
    let deploy = |release: &str, nature, more: &str| {
        let cancel = Cancel::default();
        // By default, and not by the limits of the other histories.
        let policy = Policy { analysis: toml::from_str(more).unwrap(), ..policy(STEPS, "10m", "") };
        let world = World { runtime: &sim, router: &sim, ledger: &sim, metrics: &sim, clock: &sim };
        let engine = Engine {
            world,
            environment: "staging",
            policy: &policy,
            ready_path: "/ready",
            smoke_paths: &[],
            cancel: &cancel,
            listens: true,
            listener: &|_, event| events.lock().unwrap().push(event.clone()),
        };
        sim.state().natures.insert(release.into(), nature);
        sim.state().may_start = 1;
        engine.run(&plan(Goal::Deploy(launch(release)), &world.observe().unwrap(), &policy))
    };
    assert_eq!(deploy("v1", Nature::Good, ""), Outcome::Reached);
    events.lock().unwrap().clear();
    peculiar(&mut sim.state());
    let outcome = deploy("v2", nature, more);
    (outcome, events.into_inner().unwrap())
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

/// What the analysis' own table has of the question that the histories ask.
fn query(more: &str) -> String {
    format!("{}\n{more}", QUERIES.replace("analysis.prometheus", "prometheus"))
}

fn judgements(events: &[Event]) -> Vec<&Judgement> {
    let judged = events.iter().filter_map(|event| match event {
        Event::Judged { judgement, .. } => Some(&**judgement),
        _ => None,
    });
    judged.collect()
}

#[test]
fn a_query_that_passes_is_told_at_every_window_with_its_numbers() {
    let (outcome, events) = upgrade_in(Nature::Good, &query(""), |_| {});
    assert_eq!(outcome, Outcome::Reached);
    let judgements = judgements(&events);
    assert_eq!(judgements.len(), 3);
    for judgement in judgements {
        assert!(judgement.reason.ends_with("; `broken` is 0, where 0.5 or less is asked for"), "{judgement}");
        assert_eq!(judgement.queries[0].value, Some(Value(0.0)));
    }
}

#[test]
fn a_query_that_fails_aborts_though_the_requests_pass() {
    let (outcome, events) = upgrade_in(Nature::BreaksTheQuery, &query(""), |_| {});
    assert_aborted(outcome, "fail: `broken` is 1, where 0.5 or less is asked for");
    assert_eq!(judgements(&events).len(), 1);
}

#[test]
fn a_source_that_is_dead_for_longer_than_the_limit_aborts_and_one_that_comes_back_does_not() {
    let dead = |refusals| {
        upgrade_in(Nature::Good, &query("error_limit = 1"), |state| state.source = Source::Refuses(refusals))
    };
    assert_eq!(dead(1).0, Outcome::Reached);
    let (outcome, _) = dead(2);
    assert_aborted(outcome, "error: `broken` has no answer: connection refused; a window before it went the same way");
}

#[test]
fn a_query_that_finds_nothing_is_inconclusive_and_no_zero() {
    let more = query("on_inconclusive = \"fail\"").replace("{candidate}", "none");
    let (outcome, _) = upgrade_in(Nature::BreaksTheQuery, &more, |_| {});
    assert_aborted(outcome, "inconclusive: `broken` found nothing, where 0.5 or less is asked for");
}

#[test]
fn a_source_that_says_nothing_costs_its_time_and_is_an_error() {
    let (outcome, events) =
        upgrade_in(Nature::Good, &query("error_limit = 0"), |state| state.source = Source::Silent(Vec::new()));
    assert_aborted(outcome, "error: `broken` has no answer: nothing within 2s");
    let waits = Event::Waiting { colour: Colour::Green, reason: "1 of 1 answers of http://metrics".into() };
    assert!(events.contains(&waits), "{events:?}");
}

#[test]
fn while_a_query_waits_the_rollout_can_be_aborted_and_promoted() {
    let wished = |wish| {
        upgrade_in(Nature::Good, &query(""), |state| {
            (state.wish, state.source) = (Some(wish), Source::Silent(Vec::new()));
        })
    };
    let (outcome, events) = wished(Wish::Abort);
    assert_aborted(outcome, "could not judge the requests of green: someone@elsewhere has asked for the end");
    assert_eq!(judgements(&events), Vec::<&Judgement>::new());
    let (outcome, events) = wished(Wish::Promote);
    assert_eq!((outcome, judgements(&events)), (Outcome::Reached, Vec::new()));
    let spent = events.iter().find_map(|event| match event {
        Event::Finished { operation: Operation::Analyse { .. }, millis } => Some(*millis),
        _ => None,
    });
    assert!(spent.unwrap() < 1_000, "{spent:?} ms of the source's 2 s");
}
