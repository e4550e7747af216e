//! What a plan is told as: what it is about, and how it ended. Pure.

use super::message::Action;
use crate::delivery::Occasion;
use crate::rollout::colour::Colour;
use crate::rollout::engine::Outcome;
use crate::rollout::observed::Observed;
use crate::rollout::operation::Operation;
use crate::rollout::plan::{Goal, Plan};

/// What a plan is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) action: Action,
    pub(super) release: Option<String>,
    pub(super) before: Option<String>,
    pub(super) colour: Option<Colour>,
}

impl Subject {
    /// What a plan is about that was made of these observations; none where nobody would want to know.
    pub(super) fn of(plan: &Plan, observed: &Observed) -> Option<Subject> {
        let serving = observed.serving.as_ref();
        let (action, colour, release) = match &plan.goal {
            Goal::Deploy(launch) => (Action::Deploy, promoted(plan), Some(launch)),
            Goal::Rollback(launch) => (Action::Rollback, promoted(plan), Some(launch)),
            Goal::Promote | Goal::Abort => {
                let (colour, launch) = observed.frozen.as_ref()?;
                let action = if plan.goal == Goal::Promote { Action::Promote } else { Action::Abort };
                (action, Some(*colour), Some(launch))
            }
            Goal::Recover => {
                let colour = promoted(plan).or(serving.map(|serving| serving.colour));
                (Action::Recover, colour, colour.and_then(|colour| observed.colours.get(colour).launch.as_ref()))
            }
            Goal::Reap => return None,
        };
        let release = release.map(|launch| launch.release.clone());
        let before =
            serving.map(|serving| serving.launch.release.clone()).filter(|before| Some(before) != release.as_ref());
        Some(Subject { action, release, before, colour })
    }

    /// What it is told as before it is carried out: only a deploy takes its time.
    pub(super) fn beginning(&self) -> Option<Occasion> {
        (self.action == Action::Deploy).then_some(Occasion::Start)
    }

    /// What it is told as once it was, and why it ended so. `by_wish` says whether somebody has taken it back.
    pub(super) fn end(&self, outcome: &Outcome, by_wish: bool) -> (Occasion, Option<String>) {
        let event = match (outcome, self.action) {
            (Outcome::Reached, Action::Rollback | Action::Abort) => Occasion::Rollback,
            (Outcome::Reached, _) => Occasion::Success,
            (Outcome::TakenBack(_), Action::Deploy) if by_wish => Occasion::Rollback,
            _ => Occasion::Failure,
        };
        let reason = match outcome {
            Outcome::Reached => None,
            Outcome::TakenBack(failure) => Some(failure.reason.clone()),
            Outcome::Frozen(failure) => Some(format!("{}; everything was left as it stands", failure.reason)),
            Outcome::Stuck(failure, why) => {
                Some(format!("{}; and what was there before could not be put back: {why}", failure.reason))
            }
        };
        (event, reason)
    }
}

fn promoted(plan: &Plan) -> Option<Colour> {
    plan.operations.iter().find_map(|operation| match operation {
        Operation::Promote { colour, .. } => Some(*colour),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::colour::{PerColour, Split};
    use crate::rollout::engine::Failure;
    use crate::rollout::observed::{Instance, Routing, State};
    use crate::rollout::plan::plan;
    use crate::rollout::record::{Launch, Serving};

    fn launch(release: &str) -> Launch {
        Launch { release: release.into(), settings: Default::default() }
    }

    fn observed(frozen: bool) -> Observed {
        let instance = |release: &str| Instance {
            launch: Some(launch(release)),
            state: State::Ready,
            runs: true,
            ..Instance::default()
        };
        let all = Some(Split::all(Colour::Blue));
        Observed {
            colours: PerColour { blue: instance("v1"), green: instance("v2") },
            routing: Routing { running: all, persisted: all, ..Routing::default() },
            serving: Some(Serving { colour: Colour::Blue, launch: launch("v1"), warm: None }),
            frozen: frozen.then(|| (Colour::Green, launch("v2"))),
            now: std::time::SystemTime::UNIX_EPOCH,
        }
    }

    fn subject(goal: Goal, frozen: bool) -> Option<Subject> {
        let observed = observed(frozen);
        let policy = crate::delivery::Delivery::parse(crate::testing::DELIVERY).unwrap();
        let plan = plan(goal, &observed, &policy.environments["development"].rollout);
        Subject::of(&plan, &observed)
    }

    #[test]
    fn a_plan_is_about_its_release_its_colour_and_what_serves_before_it() {
        let table = [
            (Goal::Deploy(launch("v3")), false, Some((Action::Deploy, "v3", Some("v1"), Colour::Green))),
            (Goal::Rollback(launch("v2")), false, Some((Action::Rollback, "v2", Some("v1"), Colour::Green))),
            (Goal::Promote, true, Some((Action::Promote, "v2", Some("v1"), Colour::Green))),
            (Goal::Abort, true, Some((Action::Abort, "v2", Some("v1"), Colour::Green))),
            (Goal::Recover, false, Some((Action::Recover, "v1", None, Colour::Blue))),
            (Goal::Abort, false, None),
            (Goal::Reap, false, None),
        ];
        for (goal, frozen, expected) in table {
            let expected = expected.map(|(action, release, before, colour)| Subject {
                action,
                release: Some(release.into()),
                before: before.map(str::to_owned),
                colour: Some(colour),
            });
            assert_eq!(subject(goal.clone(), frozen), expected, "{goal:?}");
        }
    }

    #[test]
    fn how_it_ended_is_told_by_what_was_wanted() {
        let failure = Failure { reason: "r".into(), cancelled: false, probe: None, log: Vec::new() };
        let taken_back = Outcome::TakenBack(failure.clone());
        let frozen = Outcome::Frozen(failure.clone());
        let stuck = Outcome::Stuck(failure, "w".into());
        let left = "r; everything was left as it stands";
        let both = "r; and what was there before could not be put back: w";
        let table = [
            (Goal::Deploy(launch("v3")), &Outcome::Reached, false, Occasion::Success, None),
            (Goal::Deploy(launch("v3")), &taken_back, false, Occasion::Failure, Some("r")),
            (Goal::Deploy(launch("v3")), &taken_back, true, Occasion::Rollback, Some("r")),
            (Goal::Deploy(launch("v3")), &frozen, false, Occasion::Failure, Some(left)),
            (Goal::Deploy(launch("v3")), &stuck, true, Occasion::Failure, Some(both)),
            (Goal::Rollback(launch("v2")), &Outcome::Reached, false, Occasion::Rollback, None),
            (Goal::Rollback(launch("v2")), &taken_back, true, Occasion::Failure, Some("r")),
            (Goal::Promote, &Outcome::Reached, false, Occasion::Success, None),
            (Goal::Abort, &Outcome::Reached, false, Occasion::Rollback, None),
            (Goal::Recover, &Outcome::Reached, false, Occasion::Success, None),
            (Goal::Recover, &stuck, false, Occasion::Failure, Some(both)),
        ];
        for (goal, outcome, by_wish, event, reason) in table {
            let frozen = matches!(goal, Goal::Promote | Goal::Abort);
            let subject = subject(goal.clone(), frozen).unwrap();
            let expected = (event, reason.map(str::to_owned));
            assert_eq!(subject.end(outcome, by_wish), expected, "{goal:?} {outcome:?}");
            assert_eq!(subject.beginning().is_some(), matches!(goal, Goal::Deploy(_)));
        }
    }
}
