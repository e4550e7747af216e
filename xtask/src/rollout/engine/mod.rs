//! Executes a plan, operation by operation, and puts everything back when one of them fails.

mod gates;
mod judge;
mod queries;
mod run;
mod waiting;
mod watch;
mod wishes;

use std::time::SystemTime;

use super::colour::Colour;
use super::event::Event;
use super::operation::{HookPoint, Operation};
use super::plan::{Goal, Plan, plan};
use super::policy::{OnFailure, Policy};
use super::record::{Change, Launch};
use super::world::{Cancel, World};
use run::Run;

const LOG_LINES: usize = 10;

/// Executes plans.
pub struct Engine<'a> {
    /// What it acts on.
    pub world: World<'a>,
    /// Where.
    pub environment: &'a str,
    /// By what rules.
    pub policy: &'a Policy,
    /// The path that says whether a colour is ready.
    pub ready_path: &'a str,
    /// Paths that must not answer 5xx before a candidate gets traffic.
    pub smoke_paths: &'a [String],
    /// Whether a person has asked for the end.
    pub cancel: &'a Cancel,
    /// Whether what persons ask for from elsewhere is for this plan. One that only makes way for the plan that was asked for
    /// leaves it in the mailbox, for that one to find.
    pub listens: bool,
    /// Told of everything that happens, as it happens.
    pub listener: &'a dyn Fn(SystemTime, &Event),
}

/// How a plan ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The goal was reached.
    Reached,
    /// It was not, and the traffic is where it was before.
    TakenBack(Failure),
    /// It was not, and everything was left as it stood, as the policy says, for a person to decide.
    Frozen(Failure),
    /// It was not, and the traffic could not be put back; the second text says why.
    Stuck(Failure, String),
}

/// Why a plan failed, with what a person needs to understand it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The operation and the reason, in words.
    pub reason: String,
    /// Whether a person asked for it.
    pub cancelled: bool,
    /// The candidate's answer to one more readiness probe, after the failure.
    pub probe: Option<String>,
    /// The candidate's last lines, oldest first.
    pub log: Vec<String>,
}

impl Engine<'_> {
    /// Executes a plan. Before its promotion a failure takes everything back; after it, what is left to do is done as far
    /// as it goes.
    pub fn run(&self, plan: &Plan) -> Outcome {
        let run = Run::new(self, &plan.goal);
        let planned = Event::Planned { goal: plan.goal.to_string(), operations: plan.operations.clone() };
        let result = run.note(&planned).and_then(|()| run.all(&plan.operations));
        let Err(reason) = result else {
            run.end(true);
            return Outcome::Reached;
        };
        let failure = self.explain(reason, run.started.get());
        match &plan.goal {
            Goal::Deploy(launch) if self.policy.on_failure == OnFailure::Freeze && run.may_be_left() => {
                self.freeze(&run, launch, failure)
            }
            Goal::Deploy(_) | Goal::Rollback(_) => self.take_back(&run, plan, failure),
            _ => {
                run.end(false);
                Outcome::Stuck(failure, "nothing more was changed".into())
            }
        }
    }

    fn freeze(&self, run: &Run<'_>, launch: &Launch, failure: Failure) -> Outcome {
        if let Some(candidate) = run.started.get() {
            let recorded = run.record(Change::Frozen, candidate, launch, None, Some(failure.reason.clone()));
            recorded.unwrap_or_else(|reason| {
                run.warn(format!("the next verb will take the rollout back, as its freeze is not on record: {reason}"));
            });
        }
        run.end(false);
        Outcome::Frozen(failure)
    }

    fn take_back(&self, failed: &Run<'_>, attempted: &Plan, failure: Failure) -> Outcome {
        let abort = Run::new(self, &Goal::Abort);
        abort.put_back_at_once();
        let restored = self.world.observe().map_err(|error| format!("{error:#}")).and_then(|observed| {
            let plan = plan(Goal::Abort, &observed, self.policy);
            abort.all(&plan.operations)
        });
        if let Some(candidate) = failed.started.get()
            && let Goal::Deploy(launch) | Goal::Rollback(launch) = &attempted.goal
        {
            if matches!(attempted.goal, Goal::Deploy(_)) {
                self.run_on_abort(&abort, candidate, launch);
            }
            abort.record(Change::Aborted, candidate, launch, None, Some(failure.reason.clone())).unwrap_or_else(
                |reason| {
                    abort.warn(format!("the abort is not in the history: {reason}"));
                },
            );
        }
        abort.end(false);
        match restored {
            Ok(()) => Outcome::TakenBack(failure),
            Err(reason) => Outcome::Stuck(failure, reason),
        }
    }

    fn run_on_abort(&self, abort: &Run<'_>, colour: Colour, launch: &Launch) {
        let Some(hook) = &self.policy.hooks.on_abort else { return };
        let (launch, command) = (launch.clone(), hook.command.get_ref().clone());
        // It has said by then what went wrong, and nothing follows from it.
        let _ = abort.one(&Operation::Hook { at: HookPoint::OnAbort, colour, launch, command, timeout: hook.timeout });
    }

    fn explain(&self, reason: String, candidate: Option<Colour>) -> Failure {
        Failure {
            reason,
            cancelled: self.cancel.requested(),
            probe: candidate.map(|colour| self.world.runtime.probe(colour, self.ready_path).to_string()),
            log: candidate.map(|colour| self.world.runtime.log_tail(colour, LOG_LINES)).unwrap_or_default(),
        }
    }
}
