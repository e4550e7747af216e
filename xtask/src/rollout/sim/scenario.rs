//! The histories that can happen: what is there, what is asked for, and by which policy.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::state::{DRAIN_TIMEOUT, Nature, SimState, Source};
use super::world::Sim;
use crate::rollout::engine::{Engine, Outcome};
use crate::rollout::observed::Observed;
use crate::rollout::operation::Operation;
use crate::rollout::plan::{Goal, overdue, plan};
use crate::rollout::policy::Policy;
use crate::rollout::record::Launch;
use crate::rollout::request::Wish;
use crate::rollout::world::{Cancel, World};

pub(super) const STEPS: &str = "[{ set_weight = 10 }, { set_weight = 50 }, { set_weight = 100 }]";
/// A question to the metrics source, which fails what it calls broken.
pub(super) const QUERIES: &str = r#"analysis.prometheus = { url = "http://metrics", timeout = "2s", queries = [
    { name = "broken", query = 'broken{colour="{candidate}"}', max = 0.5 },
] }"#;
/// More than any rollout here takes: one that waits for somebody who never comes is ended.
const PATIENCE: usize = 2_000;

pub(super) fn policy(steps: &str, keep_warm: &str, more: &str) -> Policy {
    let text = format!(
        "steps = {steps}\nsuccess_threshold = 2\nstartup_timeout = \"1s\"\nbake = \"200ms\"\nkeep_warm = \"{keep_warm}\"\n\
         drain_timeout = \"{DRAIN_TIMEOUT:?}\"\nanalysis.min_requests = 10\n{more}"
    );
    toml::from_str(&text).unwrap()
}

pub(super) fn launch(release: &str) -> Launch {
    Launch { release: release.into(), settings: BTreeMap::new() }
}

/// One history that can happen.
#[derive(Clone)]
pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) before: Vec<Goal>,
    pub(super) goal: Goal,
    pub(super) nature: Nature,
    policy: Policy,
    /// The active colour hangs, and the proxy has fallen back to the warm one.
    pub(super) hung: bool,
    /// How many questions the metrics source refuses.
    refusals: u32,
    /// What somebody asks for once the candidate has part of the traffic.
    pub(super) wish: Option<Wish>,
    /// Whether it is to be reached when nothing strikes.
    pub(super) succeeds: bool,
    /// Makes the planner a wrong one.
    pub(super) sabotage: Option<fn(&mut Vec<Operation>)>,
}

impl Scenario {
    fn new(name: &'static str, before: &[&str], goal: Goal, nature: Nature) -> Scenario {
        Scenario {
            name,
            before: before.iter().map(|release| Goal::Deploy(launch(release))).collect(),
            goal,
            nature,
            policy: policy(STEPS, "10m", ""),
            hung: false,
            refusals: 0,
            wish: None,
            succeeds: nature == Nature::Good,
            sabotage: None,
        }
    }

    fn by(self, steps: &str, more: &str) -> Scenario {
        Scenario { policy: policy(steps, "10m", more), ..self }
    }

    /// What another deployer may have in mind, where this is under way.
    pub(super) fn other(&self, goal: Goal) -> Scenario {
        Scenario { goal, policy: policy(STEPS, "10m", ""), ..self.clone() }
    }

    pub(super) fn world(&self) -> Sim {
        let mut state = SimState::new();
        for release in ["v1", "v2", "v3", "other"] {
            state.natures.insert(release.into(), Nature::Good);
        }
        let sim = Sim(Mutex::new(state));
        // What was there before has come about by a policy without peculiarities.
        let plain = Scenario { policy: policy(STEPS, "10m", ""), ..self.clone() };
        for goal in &self.before {
            assert_eq!(plain.reach(&sim, goal.clone()), Some(Outcome::Reached), "{} does not begin well", self.name);
        }
        let mut state = sim.state();
        state.natures.insert("new".into(), self.nature);
        state.wish = self.wish;
        state.source = Source::Refuses(self.refusals);
        state.patience = state.calls + PATIENCE;
        drop(state);
        if self.hung {
            sim.hang_the_active_colour();
        }
        sim
    }

    /// What the verb does: first puts right what is not, then reaches for the goal.
    pub(super) fn run(&self, sim: &Sim) -> Option<Outcome> {
        let world = World { runtime: sim, router: sim, ledger: sim, metrics: sim, clock: sim };
        let unfinished = sim.state().unfinished;
        self.run_in(sim, world, unfinished)
    }

    /// The same, by whoever acts on the simulated world through another.
    pub(super) fn run_in(&self, sim: &Sim, world: World<'_>, unfinished: bool) -> Option<Outcome> {
        let before = world.observe().ok()?;
        let first = match self.goal {
            Goal::Deploy(_) => overdue(&before, unfinished),
            _ => (!before.is_settled()).then_some(Goal::Abort),
        };
        if let Some(goal) = first {
            let _ = self.reach_by(sim, world, goal, false);
        }
        self.reach_in(sim, world, self.goal.clone())
    }

    /// None where the deployer could not even look.
    pub(super) fn reach(&self, sim: &Sim, goal: Goal) -> Option<Outcome> {
        self.reach_in(sim, World { runtime: sim, router: sim, ledger: sim, metrics: sim, clock: sim }, goal)
    }

    pub(super) fn reach_in(&self, sim: &Sim, world: World<'_>, goal: Goal) -> Option<Outcome> {
        self.reach_by(sim, world, goal, true)
    }

    /// What only makes way for something else does not listen to what is asked for.
    fn reach_by(&self, sim: &Sim, world: World<'_>, goal: Goal, listens: bool) -> Option<Outcome> {
        let cancel = Cancel::default();
        let engine = Engine {
            world,
            environment: "staging",
            policy: &self.policy,
            ready_path: "/ready",
            smoke_paths: &["/".into()],
            cancel: &cancel,
            listens,
            listener: &|_, _| {},
        };
        let observed = world.observe().ok()?;
        sim.state().may_start = self.may_start(&goal, &observed);
        let mut plan = plan(goal, &observed, &self.policy);
        if let Some(sabotage) = self.sabotage {
            sabotage(&mut plan.operations);
        }
        Some(engine.run(&plan))
    }

    /// I6: how many starts a goal may take. An abort takes none, nor does a rollback to a warm colour.
    fn may_start(&self, goal: &Goal, observed: &Observed) -> usize {
        match goal {
            Goal::Deploy(_) | Goal::Recover => 1,
            Goal::Rollback(launch) => usize::from(observed.warm().is_none_or(|(_, warm)| warm.launch != *launch)),
            Goal::Abort | Goal::Promote | Goal::Reap => 0,
        }
    }

    /// The same, by a deployer that may be struck as well.
    pub(super) fn put_right(&self, sim: &Sim, decision: &Goal) -> Option<Outcome> {
        let world = World { runtime: sim, router: sim, ledger: sim, metrics: sim, clock: sim };
        let observed = world.observe().ok()?;
        let goal =
            if observed.frozen.is_some() { Some(decision.clone()) } else { overdue(&observed, sim.state().unfinished) };
        self.reach(sim, goal?)
    }

    /// What the next deployer does before anything else; and where a rollout was left as it stood, what a person decides.
    pub(super) fn recover(&self, sim: &Sim, story: &str, decision: &Goal) {
        let world = World { runtime: sim, router: sim, ledger: sim, metrics: sim, clock: sim };
        let unfinished = sim.state().unfinished;
        if let Some(goal) = overdue(&world.observe().unwrap(), unfinished) {
            let outcome = self.reach(sim, goal.clone());
            assert_eq!(outcome, Some(Outcome::Reached), "{story}: {goal}");
        }
        if world.observe().unwrap().frozen.is_some() {
            let outcome = self.reach(sim, decision.clone()).unwrap();
            // A candidate that is not fit to serve cannot be promoted.
            if outcome != Outcome::Reached {
                assert_eq!(*decision, Goal::Promote, "{story}: {outcome:?}");
                assert_eq!(self.reach(sim, Goal::Abort), Some(Outcome::Reached), "{story}");
            }
        }
    }
}

pub(super) fn scenarios() -> Vec<Scenario> {
    let new = || Goal::Deploy(launch("new"));
    let back = |release| Goal::Rollback(launch(release));
    let upgrade = |name, nature| Scenario::new(name, &["v1"], new(), nature);
    let hung = |name, goal, nature| Scenario { hung: true, ..Scenario::new(name, &["v1", "v2"], goal, nature) };
    let wished = |name, wish, succeeds| Scenario { wish: Some(wish), succeeds, ..upgrade(name, Nature::Good) };
    let refused = |name, refusals, succeeds| {
        let steps = "[{ set_weight = 10 }, { set_weight = 100 }]";
        Scenario { refusals, succeeds, ..upgrade(name, Nature::Good) }.by(steps, QUERIES)
    };
    let freeze = "on_failure = \"freeze\"";
    let paused = "[{ set_weight = 10 }, { pause = {} }, { set_weight = 100 }]";
    let hooks = "hooks.pre_shift.command = [\"migrate\"]\nhooks.post_promote.command = [\"warm\"]\nhooks.on_abort.command = [\"tell\"]";
    vec![
        Scenario::new("first deploy", &[], new(), Nature::Good),
        Scenario::new("first deploy of a release that is never ready", &[], new(), Nature::NeverReady),
        upgrade("upgrade", Nature::Good),
        Scenario { policy: policy(STEPS, "0s", ""), ..upgrade("upgrade that keeps nothing warm", Nature::Good) },
        upgrade("upgrade that is never ready", Nature::NeverReady),
        upgrade("upgrade that dies at its start", Nature::DiesAtStart),
        upgrade("upgrade that dies under load", Nature::DiesUnderLoad),
        upgrade("upgrade the proxy loses sight of", Nature::UnreachableUnderLoad),
        upgrade("upgrade that answers errors", Nature::AnswersErrors),
        upgrade("upgrade with a pause, an analysis and hooks", Nature::Good).by(
            "[{ pause = { duration = \"200ms\" } }, { set_weight = 10 }, { analysis = {} }, { set_weight = 100 }]",
            hooks,
        ),
        upgrade("upgrade whose hook fails", Nature::HookFails).by(STEPS, hooks),
        upgrade("upgrade that answers errors and has hooks", Nature::AnswersErrors).by(STEPS, hooks),
        upgrade("upgrade that answers errors and is left as it stands", Nature::AnswersErrors).by(STEPS, freeze),
        upgrade("upgrade that dies under load and is left as it stands", Nature::DiesUnderLoad).by(STEPS, freeze),
        upgrade("upgrade that is never ready and would be left as it stands", Nature::NeverReady).by(STEPS, freeze),
        upgrade("upgrade that would be left as it stands", Nature::Good).by(STEPS, freeze),
        upgrade("upgrade that breaks its query", Nature::BreaksTheQuery).by(STEPS, QUERIES),
        refused("upgrade whose metrics source comes back in time", 2, true),
        refused("upgrade whose metrics source stays dead", 3, false),
        wished("upgrade that is promoted early", Wish::Promote, true),
        wished("upgrade that is aborted", Wish::Abort, false),
        wished("upgrade that is aborted and would be left as it stands", Wish::Abort, false).by(STEPS, freeze),
        wished("upgrade that pauses and is resumed", Wish::Resume, true).by(paused, ""),
        wished("upgrade that pauses and is promoted", Wish::Promote, true).by(paused, ""),
        wished("upgrade that pauses and is aborted", Wish::Abort, false).by(paused, ""),
        Scenario::new("upgrade while another is warm", &["v1", "v2"], new(), Nature::Good),
        hung("upgrade while the active colour hangs", new(), Nature::Good),
        hung("bad upgrade while the active colour hangs", new(), Nature::NeverReady),
        hung("rollback while the active colour hangs", back("v1"), Nature::Good),
        Scenario::new("rollback to a warm colour", &["v1", "v2"], back("v1"), Nature::Good),
        Scenario::new("rollback to a release that was stopped", &["v1", "v2", "v3"], back("v1"), Nature::Good),
        Scenario::new("rollback to a release that does not start", &["v1", "v2"], back("new"), Nature::DiesAtStart),
    ]
}
