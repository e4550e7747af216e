//! Which step can start now. Pure: it knows no processes and no time.

use super::report::Verdict;
use super::step::{Lane, Step};

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Waiting,
    Running,
    Over(Verdict),
}

/// What to do with a step that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    Start(usize),
    /// It cannot run any more, for this reason.
    Skip(usize, String),
    /// Something runs that has to end first.
    Wait,
    /// Nothing is left.
    Done,
}

/// The steps with their states, in the order of the table.
#[derive(Debug)]
pub(super) struct Schedule<'a> {
    steps: Vec<(&'a Step, State)>,
    keep_going: bool,
}

impl<'a> Schedule<'a> {
    pub(super) fn new(steps: &[&'a Step], keep_going: bool) -> Schedule<'a> {
        Schedule { steps: steps.iter().map(|step| (*step, State::Waiting)).collect(), keep_going }
    }

    /// The first step of the table for which something can be done.
    pub(super) fn next(&self) -> Next {
        let waiting = || self.steps.iter().enumerate().filter(|(_, (_, state))| *state == State::Waiting);
        for (place, (step, _)) in waiting() {
            if let Some(reason) = self.reason_to_skip(step) {
                return Next::Skip(place, reason);
            }
            if !self.is_verified(step) {
                continue;
            }
            if self.has_room(step) {
                return Next::Start(place);
            }
            // What comes after it would keep it waiting for ever.
            if step.lane == Lane::Alone {
                return Next::Wait;
            }
        }
        let left = self.steps.iter().any(|(_, state)| !matches!(state, State::Over(_)));
        if left { Next::Wait } else { Next::Done }
    }

    /// The step in a place.
    pub(super) fn step(&self, place: usize) -> &'a Step {
        self.steps[place].0
    }

    /// Says where a step stands from now on.
    pub(super) fn set(&mut self, place: usize, state: State) {
        self.steps[place].1 = state;
    }

    /// The places of the steps that have not been started.
    pub(super) fn waiting(&self) -> Vec<usize> {
        let places = self.steps.iter().enumerate().filter(|(_, (_, state))| *state == State::Waiting);
        places.map(|(place, _)| place).collect()
    }

    fn reason_to_skip(&self, step: &Step) -> Option<String> {
        if let Some(id) = step.after.iter().find(|id| self.verdict(id).is_some_and(|verdict| !verdict.is_good())) {
            return Some(format!("it needs `{id}`, which has not passed"));
        }
        let failed = self.steps.iter().any(|(_, state)| *state == State::Over(Verdict::Failed));
        (failed && !self.keep_going).then(|| "a step failed; --keep-going runs the others all the same".to_owned())
    }

    /// Whether all that it builds on has passed; what was not chosen is taken on trust.
    fn is_verified(&self, step: &Step) -> bool {
        let chosen = |id: &str| self.steps.iter().any(|(other, _)| other.id == id);
        step.after.iter().all(|id| !chosen(id) || self.verdict(id).is_some())
    }

    fn has_room(&self, step: &Step) -> bool {
        let mut running = self.steps.iter().filter(|(_, state)| *state == State::Running);
        !running.any(|(other, _)| step.lane.excludes(other.lane))
    }

    fn verdict(&self, id: &str) -> Option<Verdict> {
        self.steps.iter().find(|(step, _)| step.id == id).and_then(|(_, state)| match state {
            State::Over(verdict) => Some(*verdict),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ci::step::USUAL;

    const BUILD: Step = Step { id: "build", ..USUAL };
    const TEST: Step = Step { id: "test", after: &["build"], ..USUAL };
    const SCRIPTS: Step = Step { id: "scripts", lane: Lane::Beside, ..USUAL };
    const LOAD: Step = Step { id: "load", lane: Lane::Alone, ..USUAL };

    fn schedule(steps: &[(&'static Step, State)]) -> Schedule<'static> {
        Schedule { steps: steps.to_vec(), keep_going: false }
    }

    #[test]
    fn one_cargo_at_a_time_and_others_beside_it() {
        use State::{Running, Waiting};
        let table: [(&[(&'static Step, State)], Next); 5] = [
            (&[(&BUILD, Waiting), (&TEST, Waiting), (&SCRIPTS, Waiting)], Next::Start(0)),
            (&[(&BUILD, Running), (&TEST, Waiting), (&SCRIPTS, Waiting)], Next::Start(2)),
            (&[(&BUILD, Running), (&TEST, Waiting), (&SCRIPTS, Running)], Next::Wait),
            (&[(&BUILD, Running), (&LOAD, Waiting), (&SCRIPTS, Waiting)], Next::Wait),
            (&[(&LOAD, Running), (&SCRIPTS, Waiting)], Next::Wait),
        ];
        for (steps, next) in table {
            assert_eq!(schedule(steps).next(), next, "{steps:?}");
        }
    }

    #[test]
    fn a_step_starts_when_what_it_builds_on_has_passed_and_never_when_that_has_not() {
        use State::{Over, Waiting};
        for good in [Verdict::Passed, Verdict::Fresh] {
            assert_eq!(schedule(&[(&BUILD, Over(good)), (&TEST, Waiting)]).next(), Next::Start(1));
        }
        for bad in [Verdict::Failed, Verdict::Skipped] {
            let mut schedule = schedule(&[(&BUILD, Over(bad)), (&TEST, Waiting)]);
            schedule.keep_going = true;
            assert_eq!(schedule.next(), Next::Skip(1, "it needs `build`, which has not passed".into()));
        }
        assert_eq!(schedule(&[(&TEST, Waiting)]).next(), Next::Start(0));
    }

    #[test]
    fn a_failure_ends_the_run_unless_it_is_to_go_on() {
        let mut schedule = schedule(&[(&SCRIPTS, State::Over(Verdict::Failed)), (&BUILD, State::Waiting)]);
        assert!(matches!(schedule.next(), Next::Skip(1, _)));
        schedule.keep_going = true;
        assert_eq!(schedule.next(), Next::Start(1));
        schedule.steps[1].1 = State::Over(Verdict::Passed);
        assert_eq!(schedule.next(), Next::Done);
    }
}
