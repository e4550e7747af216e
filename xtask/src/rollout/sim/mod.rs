//! A simulated world, in which a deployer can be struck at every single thing it does. What must hold whatever happens is
//! checked after every change.

mod analysis;
mod world;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use super::colour::{Colour, Split};
use super::engine::{Engine, Outcome};
use super::plan::{Goal, overdue, plan};
use super::policy::Policy;
use super::record::{Change, Launch, serving};
use super::world::{Cancel, Clock as _, Router, Runtime, World};
use world::{DRAIN_TIMEOUT, Fault, Nature, Sim, SimState};

fn policy(keep_warm: &str) -> Policy {
    let steps = "[{ set_weight = 10 }, { set_weight = 50 }, { set_weight = 100 }]";
    let text = format!(
        "steps = {steps}\nsuccess_threshold = 2\nstartup_timeout = \"1s\"\nbake = \"200ms\"\nkeep_warm = \"{keep_warm}\"\n\
         drain_timeout = \"{DRAIN_TIMEOUT:?}\"\nanalysis.min_requests = 10"
    );
    toml::from_str(&text).unwrap()
}

fn launch(release: &str) -> Launch {
    Launch { release: release.into(), settings: BTreeMap::new() }
}

/// One history that can happen: what is there, and what is asked for.
struct Scenario {
    name: &'static str,
    before: Vec<Goal>,
    goal: Goal,
    nature: Nature,
    keep_warm: &'static str,
    /// The active colour hangs, and the proxy has fallen back to the warm one.
    hung: bool,
}

impl Scenario {
    fn world(&self) -> Sim {
        let mut state = SimState::new();
        for release in ["v1", "v2", "v3"] {
            state.natures.insert(release.into(), Nature::Good);
        }
        let sim = Sim(Mutex::new(state));
        for goal in &self.before {
            assert_eq!(self.reach(&sim, goal.clone()), Some(Outcome::Reached), "{} does not begin well", self.name);
        }
        sim.state().natures.insert("new".into(), self.nature);
        if self.hung {
            sim.hang_the_active_colour();
        }
        sim
    }

    /// What the verb does: first puts right what is not, then reaches for the goal.
    fn run(&self, sim: &Sim) -> Option<Outcome> {
        let world = World { runtime: sim, router: sim, ledger: sim, clock: sim };
        let unfinished = sim.state().unfinished;
        let before = world.observe().ok()?;
        let first = match self.goal {
            Goal::Deploy(_) => overdue(&before, unfinished),
            _ => (!before.is_settled()).then_some(Goal::Abort),
        };
        if let Some(goal) = first {
            let _ = self.reach(sim, goal);
        }
        self.reach(sim, self.goal.clone())
    }

    /// None where the deployer could not even look.
    fn reach(&self, sim: &Sim, goal: Goal) -> Option<Outcome> {
        let (policy, cancel) = (policy(self.keep_warm), Cancel::default());
        let world = World { runtime: sim, router: sim, ledger: sim, clock: sim };
        let engine = Engine {
            world,
            policy: &policy,
            ready_path: "/ready",
            smoke_paths: &["/".into()],
            cancel: &cancel,
            listener: &|_, _| {},
        };
        let observed = world.observe().ok()?;
        Some(engine.run(&plan(goal, &observed, &policy)))
    }

    /// What the next deployer does before anything else.
    fn recover(&self, sim: &Sim) {
        let unfinished = sim.state().unfinished;
        let world = World { runtime: sim, router: sim, ledger: sim, clock: sim };
        if let Some(goal) = overdue(&world.observe().unwrap(), unfinished) {
            let outcome = self.reach(sim, goal.clone());
            assert!(matches!(outcome, Some(Outcome::Reached)), "{}: {goal} ended with {outcome:?}", self.name);
        }
    }
}

fn scenarios() -> Vec<Scenario> {
    let scenario = |name, before: &[&str], goal, nature| Scenario {
        name,
        before: before.iter().map(|release| Goal::Deploy(launch(release))).collect(),
        goal,
        nature,
        keep_warm: "10m",
        hung: false,
    };
    let new = || Goal::Deploy(launch("new"));
    let back = |release| Goal::Rollback(launch(release));
    vec![
        scenario("first deploy", &[], new(), Nature::Good),
        scenario("first deploy of a release that is never ready", &[], new(), Nature::NeverReady),
        scenario("upgrade", &["v1"], new(), Nature::Good),
        Scenario { keep_warm: "0s", ..scenario("upgrade that keeps nothing warm", &["v1"], new(), Nature::Good) },
        scenario("upgrade that is never ready", &["v1"], new(), Nature::NeverReady),
        scenario("upgrade that dies at its start", &["v1"], new(), Nature::DiesAtStart),
        scenario("upgrade that dies under load", &["v1"], new(), Nature::DiesUnderLoad),
        scenario("upgrade the proxy loses sight of", &["v1"], new(), Nature::UnreachableUnderLoad),
        scenario("upgrade that answers errors", &["v1"], new(), Nature::AnswersErrors),
        scenario("upgrade while another is warm", &["v1", "v2"], new(), Nature::Good),
        Scenario {
            hung: true,
            ..scenario("upgrade while the active colour hangs", &["v1", "v2"], new(), Nature::Good)
        },
        Scenario {
            hung: true,
            ..scenario("bad upgrade while the active colour hangs", &["v1", "v2"], new(), Nature::NeverReady)
        },
        Scenario {
            hung: true,
            ..scenario("rollback while the active colour hangs", &["v1", "v2"], back("v1"), Nature::Good)
        },
        scenario("rollback to a warm colour", &["v1", "v2"], back("v1"), Nature::Good),
        scenario("rollback to a release that was stopped", &["v1", "v2", "v3"], back("v1"), Nature::Good),
        scenario("rollback to a release that does not start", &["v1", "v2"], back("new"), Nature::DiesAtStart),
    ]
}

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
    let recorded = state.history.iter().rev().find(|entry| entry.change != Change::Aborted);
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
        let good = scenario.nature == Nature::Good;
        assert_eq!(outcome == Outcome::Reached, good, "{}: {outcome:?}", scenario.name);
        assert!(!matches!(outcome, Outcome::Stuck(..)), "{}: {outcome:?}", scenario.name);
        assert_settled(&sim, scenario.name);
        assert!(!sim.state().unfinished, "{}: the journal has no end", scenario.name);
    }
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
            for fault in [Fault::Error, Fault::CrashBefore, Fault::CrashAfter] {
                let sim = scenario.world();
                sim.state().strike = Some((call, fault));
                let _ = scenario.run(&sim);
                sim.revive_deployer();
                scenario.recover(&sim);
                assert_settled(&sim, &format!("{}, {fault:?} at call {call}", scenario.name));
                histories += 1;
            }
        }
    }
    println!("{histories} histories");
    assert!(histories > 1500, "only {histories} histories were tried");
}

#[test]
fn a_split_half_way_is_recovered_from_what_is_observed_without_a_journal() {
    for scenario in scenarios() {
        let sim = scenario.world();
        sim.lose_the_journal_half_way();
        scenario.recover(&sim);
        assert_settled(&sim, scenario.name);
    }
}

#[test]
fn a_dead_proxy_is_started_again_by_the_recovery() {
    for scenario in scenarios().into_iter().filter(|scenario| !scenario.before.is_empty()) {
        let sim = scenario.world();
        sim.state().running = None;
        scenario.recover(&sim);
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
        scenario.recover(&sim);
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
