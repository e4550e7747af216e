//! What each workflow is there for: which events start it, which verbs its jobs run, in which order and under which
//! condition. A line that is removed, or a job that no longer waits for another, is missed here.

use super::super::mistake::Mistake;
use super::super::model::{Job, Step, Trigger, Workflow};
use super::super::yaml::{Place, Text};
use super::line::{Call, is_allowed};

/// What a workflow is there for.
struct Duty {
    /// Its file's name, without the extension.
    workflow: &'static str,
    /// What starts it: an event, and what it has to be on or to ask for.
    triggers: &'static [(&'static str, &'static [&'static str])],
    jobs: &'static [Task],
}

/// What a job is there for.
struct Task {
    job: &'static str,
    /// Its condition.
    when: Option<&'static str>,
    /// The jobs that it comes after, whatever it takes from them.
    after: &'static [&'static str],
    /// What it runs, in this order: a verb with flags, and the condition of the step. Flags may have a value.
    runs: &'static [(&'static str, Option<&'static str>)],
}

/// Stands for a line that is no verb.
const GATE: &str = "jq";

const DUTIES: [Duty; 2] = [
    Duty {
        workflow: "ci-cd",
        triggers: &[("pull_request", &[]), ("workflow_call", &[])],
        jobs: &[
            Task {
                job: "ci",
                when: None,
                after: &[],
                runs: &[
                    ("setup", Some("matrix.group == 'rollout'")),
                    ("setup --builder", Some("matrix.group == 'containers'")),
                    ("ci --group $GROUP --yes --keep-going", None),
                ],
            },
            Task { job: "gate", when: Some("always()"), after: &[], runs: &[(GATE, None)] },
        ],
    },
    Duty {
        workflow: "deploy",
        triggers: &[("push", &["main", "v*"]), ("workflow_dispatch", &["action", "environment", "release"])],
        jobs: &[
            Task { job: "verify", when: Some("inputs.action != 'rollback'"), after: &[], runs: &[] },
            Task { job: "tag", when: None, after: &["verify"], runs: &[("tag --push", Some("inputs.release == ''"))] },
            Task {
                job: "image",
                when: None,
                after: &["tag"],
                runs: &[
                    ("setup --builder", None),
                    ("docker-build --builder container --tag $IMAGE:$RELEASE --push --reuse --sbom", None),
                ],
            },
            Task {
                job: "staging",
                when: None,
                after: &["image"],
                runs: &[
                    ("deploy-blue-green --env staging --release $RELEASE --image $IMAGE --wait", None),
                    ("health-check --env staging", None),
                    ("history --env staging", Some("always()")),
                ],
            },
            Task {
                job: "production",
                when: Some("inputs.environment != 'staging'"),
                after: &["staging"],
                runs: &[
                    ("deploy-blue-green --env production --release $RELEASE --image $IMAGE --wait", None),
                    ("health-check --env production", None),
                    ("history --env production", Some("always()")),
                ],
            },
            Task {
                job: "rollback",
                when: Some("inputs.action == 'rollback'"),
                after: &[],
                runs: &[
                    ("rollback --env $ENVIRONMENT --wait", None),
                    ("health-check --env $ENVIRONMENT", None),
                    ("history --env $ENVIRONMENT", Some("always()")),
                ],
            },
            Task {
                job: "announce",
                when: Some("failure()"),
                after: &[],
                runs: &[("notify failure --env $ENVIRONMENT --message $MESSAGE", None)],
            },
            Task { job: "gate", when: Some("always()"), after: &[], runs: &[(GATE, None)] },
        ],
    },
];

/// What the workflows do not do that they are there for.
pub(super) fn mistakes(workflows: &[Workflow], folder: &str) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for duty in &DUTIES {
        match workflows.iter().find(|workflow| workflow.stem() == duty.workflow) {
            Some(workflow) => mistakes.extend(of_workflow(workflow, duty)),
            None => {
                let file = format!("{folder}/{}.yml", duty.workflow);
                mistakes.push(Mistake::new(&file, Place::START, "there is no such workflow; restore it"));
            }
        }
    }
    mistakes
}

fn of_workflow(workflow: &Workflow, duty: &Duty) -> Vec<Mistake> {
    let mut mistakes: Vec<_> = duty.jobs.iter().flat_map(|task| of_job(workflow, task)).collect();
    let started = workflow.triggers.iter().map(|trigger| (&*trigger.event.value, asked(trigger))).collect::<Vec<_>>();
    let wanted = duty.triggers.iter().map(|(event, asked)| (*event, asked.to_vec())).collect::<Vec<_>>();
    if started != wanted {
        let place = workflow.triggers.first().map_or(Place::START, |trigger| trigger.event.place);
        let events = duty.triggers.iter().map(|(event, asked)| match asked {
            [] => format!("`{event}`"),
            asked => format!("`{event}` with {}", asked.join(", ")),
        });
        let message = format!("this workflow starts by {}, in this order", events.collect::<Vec<_>>().join(" and "));
        mistakes.push(workflow.mistake(place, message));
    }
    mistakes
}

/// What a trigger has to be on, or asks for.
fn asked(trigger: &Trigger) -> Vec<&str> {
    let inputs = trigger.inputs.iter().map(|input| &input.name);
    trigger.branches.iter().chain(&trigger.tags).chain(&trigger.types).chain(inputs).map(|text| &*text.value).collect()
}

fn of_job(workflow: &Workflow, task: &Task) -> Vec<Mistake> {
    let Some(job) = workflow.job(task.job) else {
        return vec![workflow.mistake(Place::START, format!("there is no job `{}`; restore it", task.job))];
    };
    let mut mistakes = Vec::new();
    mistakes.extend(condition(workflow, &job.id, job.condition.as_ref(), task.when));
    let before = workflow.needed_by(job);
    for id in task.after.iter().filter(|id| !before.iter().any(|job| job.id == **id)) {
        let place = job.needs.first().unwrap_or(&job.id).place;
        mistakes
            .push(workflow.mistake(place, format!("job `{}` has to need `{id}`, itself or through others", job.id)));
    }
    let mut steps = job.steps.iter();
    for (run, when) in task.runs {
        match steps.find(|step| does(step, run)) {
            Some(step) => {
                let name = Text { value: run.to_string(), place: step.place };
                mistakes.extend(condition(workflow, &name, step.condition.as_ref(), *when));
            }
            None => mistakes.push(workflow.mistake(job.id.place, missing(job, run))),
        }
    }
    mistakes
}

fn missing(job: &Job, run: &str) -> String {
    match run {
        GATE => format!("job `{}` does not judge by the line that holds every job it needs against EXPECTED", job.id),
        run => format!("job `{}` does not run `cargo xtask {run}`, or not in this place", job.id),
    }
}

fn condition(workflow: &Workflow, what: &Text, is: Option<&Text>, wanted: Option<&str>) -> Option<Mistake> {
    if is.map(|text| &*text.value) == wanted {
        return None;
    }
    let right = wanted.map_or("no `if`".to_owned(), |wanted| format!("`if: {wanted}`"));
    Some(workflow.mistake(is.map_or(what.place, |text| text.place), format!("`{what}` has {right}")))
}

/// Whether a step runs a verb with all these flags.
fn does(step: &Step, run: &str) -> bool {
    if run == GATE {
        return step.run.as_ref().is_some_and(|line| is_allowed(line));
    }
    let Some(call) = Call::of(step) else { return false };
    let mut wanted = run.split(' ').peekable();
    let is_verb = wanted.next() == Some(call.verb.as_str());
    let mut flags = true;
    while let Some(word) = wanted.next() {
        let value = wanted.next_if(|next| word.starts_with('-') && !next.starts_with('-'));
        flags &= match value {
            Some(value) => call.value(word).as_deref() == Some(value),
            None if word.starts_with('-') => call.has(word),
            None => call.args.iter().any(|arg| arg.written() == word),
        };
    }
    is_verb && flags
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflows::check::tests::{changed, said};

    #[test]
    fn what_a_workflow_is_there_for_is_missed() {
        for (file, from, to, expected) in [
            ("ci-cd", "  workflow_call:\n", "", "starts by `pull_request` and `workflow_call`"),
            ("deploy", "    tags: [\"v*\"]\n", "", "starts by `push` with main, v*"),
            ("deploy", "  production:\n", "  live:\n", "there is no job `production`"),
            ("deploy", "needs: [tag, image, staging]", "needs: [tag, image]", "job `production` has to need `staging`"),
            ("deploy", "    if: failure()\n", "    if: always()\n", "`announce` has `if: failure()`"),
            ("deploy", "        if: inputs.release == ''\n        env:", "        env:", "`tag --push` has `if:"),
            (
                "deploy",
                "cargo xtask health-check --env production",
                "cargo xtask status --env production",
                "health-check --env production",
            ),
            ("ci-cd", "cargo xtask ci --group \"$GROUP\"", "cargo xtask ci", "does not run `cargo xtask ci --group"),
        ] {
            let found = said(&mistakes(&changed(file, from, to), ".github/workflows"));
            assert!(found.iter().any(|said| said.contains(expected)), "{to}: {found:?}");
        }
        let found = said(&mistakes(&[], ".github/workflows"));
        assert_eq!(found[0], ".github/workflows/ci-cd.yml:1:1: there is no such workflow; restore it");
    }
}
