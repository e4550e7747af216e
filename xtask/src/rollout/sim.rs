//! A simulated world, in which a deployer can be struck at every single thing it does. What must hold whatever happens is
//! checked after every change.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use anyhow::bail;

use super::colour::{Colour, PerColour, Split};
use super::engine::{Engine, Outcome};
use super::event::Event;
use super::plan::{Goal, overdue, plan};
use super::policy::Policy;
use super::record::{Change, Entry, serving};
use super::world::{
    Cancel, Clock, Counters, InFlight, Instance, Launch, Ledger, Observed, Persistence, Router, Routing, Runtime,
    State, World,
};
use crate::http::{Answer, Probe};

/// How the deployer is struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// What it does fails, once.
    Error,
    /// It dies before it has done it.
    CrashBefore,
    /// It dies after it has done it.
    CrashAfter,
}

/// What is wrong with a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nature {
    Good,
    NeverReady,
    DiesAtStart,
    DiesUnderLoad,
    /// Ready by its own word, and the proxy's checks say otherwise.
    UnreachableUnderLoad,
    AnswersErrors,
}

#[derive(Debug, Clone, Default)]
struct SimColour {
    launch: Option<Launch>,
    runs: bool,
    was_stopped: bool,
    exits: u32,
    in_flight: u64,
    drained_since: Option<SystemTime>,
    ready_from: Option<SystemTime>,
    unreachable: bool,
    hangs: bool,
    counters: Counters,
}

#[derive(Debug, Clone)]
struct SimState {
    now: SystemTime,
    colours: PerColour<SimColour>,
    running: Option<Split>,
    persisted: Option<Split>,
    history: Vec<Entry>,
    unfinished: bool,
    natures: BTreeMap<String, Nature>,
    calls: usize,
    strike: Option<(usize, Fault)>,
    dead: bool,
    broken: Vec<String>,
}

/// The world, and everything the engine acts on in it.
struct Sim(Mutex<SimState>);

impl SimState {
    fn new() -> SimState {
        SimState {
            now: SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000),
            colours: PerColour::default(),
            running: None,
            persisted: None,
            history: Vec::new(),
            unfinished: false,
            natures: BTreeMap::new(),
            calls: 0,
            strike: None,
            dead: false,
            broken: Vec::new(),
        }
    }

    fn nature(&self, colour: Colour) -> Option<Nature> {
        let launch = self.colours.get(colour).launch.as_ref()?;
        self.natures.get(&launch.release).copied()
    }

    fn is_ready(&self, colour: Colour) -> bool {
        let it = self.colours.get(colour);
        let may_be = !matches!(self.nature(colour), None | Some(Nature::NeverReady | Nature::DiesAtStart));
        it.runs && !it.hangs && may_be && it.ready_from.is_some_and(|from| from <= self.now)
    }

    fn share(&self, colour: Colour) -> u8 {
        self.running.map_or(0, |split| split.share(colour))
    }

    /// What it is sent, what the proxy falls back with included.
    fn load(&self, colour: Colour) -> u8 {
        let other = colour.other();
        let fallen_back = self.is_up(colour) && !self.is_up(other);
        self.share(colour) + if fallen_back { self.share(other) } else { 0 }
    }

    /// One second of traffic, so to speak.
    fn serve(&mut self) {
        for colour in Colour::BOTH {
            let (load, nature) = (u64::from(self.load(colour)), self.nature(colour));
            let it = self.colours.get_mut(colour);
            if load == 0 || !it.runs || it.hangs {
                continue;
            }
            it.in_flight = 3;
            it.counters.requests += load * 10;
            match nature {
                Some(Nature::AnswersErrors) => it.counters.errors += load * 10,
                Some(Nature::DiesUnderLoad) => (it.runs, it.exits, it.in_flight) = (false, it.exits + 1, 0),
                Some(Nature::UnreachableUnderLoad) => it.unreachable = true,
                _ => {}
            }
        }
    }

    fn is_up(&self, colour: Colour) -> bool {
        self.is_ready(colour) && !self.colours.get(colour).unreachable
    }

    /// I1: no traffic to a colour that is not ready, unless none is. A colour that dies by itself is the proxy's to mend.
    fn check_traffic(&mut self, doing: &str) {
        if !["start", "stop", "set the split", "start the proxy"].contains(&doing) {
            return;
        }
        let any = Colour::BOTH.into_iter().any(|colour| self.is_ready(colour));
        for colour in Colour::BOTH {
            if any && self.share(colour) > 0 && !self.is_ready(colour) && self.colours.get(colour).exits == 0 {
                self.broken.push(format!("I1: {colour} has {} % and is not ready, after {doing}", self.share(colour)));
            }
        }
    }
}

impl Sim {
    fn state(&self) -> MutexGuard<'_, SimState> {
        self.0.lock().unwrap()
    }

    fn revive_deployer(&self) {
        let mut state = self.state();
        (state.dead, state.strike) = (false, None);
    }

    fn hang_the_active_colour(&self) {
        let mut state = self.state();
        let active = serving(&state.history).unwrap().colour;
        state.colours.get_mut(active).hangs = true;
        state.colours.get_mut(active).in_flight = 0;
    }

    fn restart_machine(&self) {
        let mut state = self.state();
        state.running = None;
        for colour in Colour::BOTH {
            state.colours.get_mut(colour).runs = false;
        }
    }

    fn lose_the_journal_half_way(&self) {
        let mut state = self.state();
        state.running = state.running.map(|split| Split::giving(split.leader(), 60));
        state.unfinished = false;
    }

    /// Whatever the deployer does passes here.
    fn does<T>(&self, doing: &str, act: impl FnOnce(&mut SimState) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let mut state = self.state();
        if state.dead {
            bail!("the deployer is dead");
        }
        state.calls += 1;
        match state.strike.filter(|(call, _)| *call == state.calls).map(|(_, fault)| fault) {
            Some(Fault::Error) => bail!("struck at {doing}"),
            Some(Fault::CrashBefore) => {
                state.dead = true;
                bail!("died before {doing}");
            }
            Some(Fault::CrashAfter) => {
                act(&mut state)?;
                state.check_traffic(doing);
                state.dead = true;
                bail!("died after {doing}");
            }
            None => {
                let result = act(&mut state)?;
                state.check_traffic(doing);
                Ok(result)
            }
        }
    }
}

impl Runtime for Sim {
    fn observe(&self, colour: Colour) -> anyhow::Result<Instance> {
        self.does("observe", |state| {
            let it = state.colours.get(colour).clone();
            let now = match it {
                _ if it.launch.is_none() => State::Absent,
                _ if state.is_ready(colour) => State::Ready,
                _ if it.runs => State::Starting,
                _ if it.was_stopped => State::Stopped,
                _ => State::Failing,
            };
            Ok(Instance { launch: it.launch, state: now, exits: it.exits, cause: None })
        })
    }

    fn start(&self, colour: Colour, launch: &Launch) -> anyhow::Result<()> {
        self.does("start", |state| {
            if state.colours.get(colour).runs {
                bail!("something runs there");
            }
            let dies = state.natures.get(&launch.release) == Some(&Nature::DiesAtStart);
            let (launch, ready_from) = (Some(launch.clone()), Some(state.now + STARTUP));
            *state.colours.get_mut(colour) =
                SimColour { launch, runs: !dies, exits: u32::from(dies), ready_from, ..SimColour::default() };
            Ok(())
        })
    }

    fn stop(&self, colour: Colour, _: Duration) -> anyhow::Result<()> {
        self.does("stop", |state| {
            let (share, other_ready) = (state.share(colour), state.is_ready(colour.other()));
            if state.colours.get(colour).runs && state.running.is_some() {
                let it = state.colours.get(colour);
                let in_flight = it.in_flight;
                let waited =
                    it.drained_since.and_then(|since| state.now.duration_since(since).ok()).unwrap_or_default();
                // The first question may have been the one that was struck.
                let waited = waited + Duration::from_millis(100);
                if (in_flight > 0 && waited < DRAIN_TIMEOUT) || (share > 0 && other_ready) {
                    state.broken.push(format!("I4: {colour} is stopped with {share} % and {in_flight} in flight"));
                }
            }
            // A first release that fails has nothing beside it.
            if state.is_up(colour) && !state.is_up(colour.other()) && !state.history.is_empty() {
                state.broken.push(format!("outage: {colour} was all there was to serve, and is stopped"));
            }
            let it = state.colours.get_mut(colour);
            (it.runs, it.was_stopped, it.in_flight) = (false, true, 0);
            Ok(())
        })
    }

    fn probe(&self, colour: Colour, _: &str) -> Probe {
        if self.state().is_ready(colour) {
            return Probe::Answered(Answer { status: 200, headers: Vec::new(), body: String::new() });
        }
        Probe::Silent("not ready".into())
    }

    fn log_tail(&self, _: Colour, _: usize) -> Vec<String> {
        Vec::new()
    }
}

impl Router for Sim {
    fn ensure_running(&self, split: Split) -> anyhow::Result<()> {
        self.does("start the proxy", |state| {
            if state.running.is_none() {
                (state.persisted, state.running) = (Some(split), Some(split));
            }
            Ok(())
        })
    }

    fn observe(&self) -> anyhow::Result<Routing> {
        self.does("observe the proxy", |state| {
            let up = PerColour { blue: state.is_up(Colour::Blue), green: state.is_up(Colour::Green) };
            Ok(Routing { running: state.running, persisted: state.persisted, up })
        })
    }

    fn set_split(&self, split: Split) -> anyhow::Result<Persistence> {
        self.does("set the split", |state| {
            if state.running.is_none() {
                bail!("the proxy does not answer");
            }
            state.running = Some(split);
            Ok(())
        })?;
        let persisted = self.does("persist the split", |state| {
            state.persisted = Some(split);
            Ok(())
        });
        Ok(persisted.map_or_else(Persistence::Failed, |()| Persistence::Persisted))
    }

    fn in_flight(&self, colour: Colour) -> anyhow::Result<InFlight> {
        self.does("ask what is in flight", |state| {
            let (served, now) = (state.load(colour) > 0, state.now);
            let it = state.colours.get_mut(colour);
            it.drained_since.get_or_insert(now);
            let requests = it.in_flight;
            it.in_flight = if served { requests } else { requests.saturating_sub(1) };
            Ok(InFlight { requests, old_workers: 0 })
        })
    }

    fn counters(&self) -> anyhow::Result<PerColour<Counters>> {
        self.does("read the counters", |state| Ok(state.colours.map(|_, it| it.counters)))
    }
}

impl Ledger for Sim {
    fn journal(&self, _: SystemTime, event: &Event) -> anyhow::Result<()> {
        self.does("write the journal", |state| {
            state.unfinished = !matches!(event, Event::Ended { .. });
            Ok(())
        })
    }

    fn record(&self, entry: &Entry) -> anyhow::Result<()> {
        self.does("write the history", |state| {
            state.history.push(entry.clone());
            Ok(())
        })
    }

    fn history(&self) -> anyhow::Result<Vec<Entry>> {
        self.does("read the history", |state| Ok(state.history.clone()))
    }

    fn author(&self) -> String {
        "someone@somewhere".into()
    }
}

impl Clock for Sim {
    fn now(&self) -> SystemTime {
        self.state().now
    }

    fn elapsed(&self) -> Duration {
        self.state().now.duration_since(SystemTime::UNIX_EPOCH).unwrap()
    }

    fn sleep(&self, span: Duration) {
        let mut state = self.state();
        state.now += span;
        state.serve();
    }
}

const STARTUP: Duration = Duration::from_millis(300);
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

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
        let before = Observed::of(&world).ok()?;
        let is_needed = matches!(self.goal, Goal::Deploy(_)) || !before.is_settled();
        if let Some(goal) = overdue(&before, unfinished).filter(|_| is_needed) {
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
        let observed = Observed::of(&world).ok()?;
        Some(engine.run(&plan(goal, &observed, &policy)))
    }

    /// What the next deployer does before anything else.
    fn recover(&self, sim: &Sim) {
        let unfinished = sim.state().unfinished;
        let world = World { runtime: sim, router: sim, ledger: sim, clock: sim };
        if let Some(goal) = overdue(&Observed::of(&world).unwrap(), unfinished) {
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
