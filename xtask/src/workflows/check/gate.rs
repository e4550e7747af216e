//! A workflow's last word: one job that looks at every other.

use super::super::mistake::Mistake;
use super::super::model::{Job, Workflow, value};
use super::super::yaml::{Place, Text};
use super::line::is_allowed;

/// The job that has the last word.
const GATE: &str = "gate";
/// The job that tells of a failure. No gate needs it: it only runs where the gate fails in any case.
const ANNOUNCE: &str = "announce";

/// What is wrong with the gate of a workflow, and with what announces its failure.
pub(super) fn mistakes(workflow: &Workflow) -> Vec<Mistake> {
    let Some(gate) = workflow.job(GATE) else {
        let message =
            format!("there is no job `{GATE}`; without it a job that was skipped passes for one that succeeded");
        return vec![workflow.mistake(Place::START, message)];
    };
    let others: Vec<_> =
        workflow.jobs.iter().map(|job| &job.id).filter(|id| **id != GATE && **id != ANNOUNCE).collect();
    let mut mistakes = needs(workflow, gate, &others);
    if let Some(announce) = workflow.job(ANNOUNCE) {
        mistakes.extend(needs(workflow, announce, &others));
    }
    if gate.condition.as_ref().is_none_or(|condition| *condition != "always()") {
        let place = gate.condition.as_ref().unwrap_or(&gate.id).place;
        mistakes.push(workflow.mistake(place, "the gate has `if: always()`; skipped, it would pass"));
    }
    mistakes.extend(judgement(workflow, gate, &others));
    mistakes
}

/// Whether a job needs all the others.
fn needs(workflow: &Workflow, job: &Job, others: &[&Text]) -> Vec<Mistake> {
    let place = job.needs.first().unwrap_or(&job.id).place;
    let left_out = others.iter().filter(|id| !job.needs.contains(id));
    left_out.map(|id| workflow.mistake(place, format!("job `{}` has to need `{id}`, as every other", job.id))).collect()
}

/// Whether the gate judges by all it needs, and every other job is expected of some run.
fn judgement(workflow: &Workflow, gate: &Job, others: &[&Text]) -> Vec<Mistake> {
    let step = gate.steps.iter().find(|step| step.run.as_ref().is_some_and(|run| is_allowed(run)));
    // That it is there, what the workflow is there for says.
    let Some(step) = step else { return Vec::new() };
    let mut mistakes = Vec::new();
    if value(&step.env, "NEEDS").is_none_or(|needs| *needs != "${{ toJSON(needs) }}") {
        mistakes.push(workflow.mistake(step.place, "the gate judges by NEEDS, which is `${{ toJSON(needs) }}`"));
    }
    if let Some(expected) = value(&step.env, "EXPECTED") {
        let named: Vec<_> = expected.split([' ', '\'']).collect();
        let forgotten = others.iter().filter(|id| !named.contains(&&*id.value));
        mistakes.extend(forgotten.map(|id| {
            workflow.mistake(expected.place, format!("no run expects `{id}` to succeed; name it where it is to run"))
        }));
    }
    mistakes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflows::check::tests::{changed_one, said};

    #[test]
    fn a_gate_that_does_not_look_at_everything_is_none() {
        for (file, from, to, expected) in [
            ("ci-cd", "  gate:\n", "  door:\n", "there is no job `gate`"),
            ("ci-cd", "needs: [ci]", "needs: []", "job `gate` has to need `ci`"),
            ("ci-cd", "    if: always()\n    runs-on", "    runs-on", "the gate has `if: always()`"),
            ("ci-cd", "EXPECTED: ci", "EXPECTED: x", "no run expects `ci`"),
            ("deploy", "NEEDS: ${{ toJSON(needs) }}", "NEEDS: '{}'", "NEEDS, which is"),
            (
                "deploy",
                "needs: [verify, tag, image, staging, production, rollback]\n    if: failure()",
                "needs: [verify]\n    if: failure()",
                "job `announce` has to need `rollback`",
            ),
        ] {
            let found = said(&mistakes(&changed_one(file, from, to)));
            assert!(found.iter().any(|said| said.contains(expected)), "{to}: {found:?}");
        }
    }
}
