//! What a job may do, for how long, and on which machine.

use super::super::mistake::Mistake;
use super::super::model::{Job, Permissions, Workflow};
use super::super::yaml::Place;

/// How many minutes a job may take at the most.
const MINUTES: std::ops::RangeInclusive<u32> = 1..=120;

/// What is wrong with the limits of a workflow and of its jobs.
pub(super) fn mistakes(workflow: &Workflow) -> Vec<Mistake> {
    let nothing = workflow.permissions.as_ref().is_some_and(|it| it.all.is_none() && it.scopes.is_empty());
    let top = (!nothing).then(|| {
        let place = workflow.permissions.as_ref().map_or(Place::START, |it| it.place);
        workflow.mistake(place, "a workflow has `permissions: {}`, and each job what it needs")
    });
    let jobs = workflow.jobs.iter().flat_map(|job| {
        let permissions = job.permissions.iter().flat_map(|it| permissions(workflow, it));
        let others = [minutes(workflow, job), machine(workflow, job)].into_iter().flatten();
        permissions.chain(others).chain(ignored(workflow, job)).collect::<Vec<_>>()
    });
    top.into_iter().chain(jobs).collect()
}

fn permissions(workflow: &Workflow, permissions: &Permissions) -> Vec<Mistake> {
    let all = permissions
        .all
        .iter()
        .map(|all| workflow.mistake(all.place, format!("`{all}` is more than any job needs; name the scopes")));
    let silent = permissions.scopes.iter().filter(|(scope, _)| !workflow.line(scope.place.line).contains(" # "));
    let silent = silent.map(|(scope, access)| {
        workflow.mistake(scope.place, format!("say behind `{scope}: {access}` what it is for: `# to …`"))
    });
    all.chain(silent).collect()
}

fn minutes(workflow: &Workflow, job: &Job) -> Option<Mistake> {
    if job.uses.is_some() {
        return None;
    }
    let limit = job.timeout_minutes.as_ref();
    if limit.is_some_and(|limit| limit.parse().is_ok_and(|minutes: u32| MINUTES.contains(&minutes))) {
        return None;
    }
    let message = format!("job `{}` has `timeout-minutes` from {} to {}", job.id, MINUTES.start(), MINUTES.end());
    Some(workflow.mistake(limit.unwrap_or(&job.id).place, message))
}

fn machine(workflow: &Workflow, job: &Job) -> Option<Mistake> {
    if job.uses.is_some() {
        return None;
    }
    let machine = job.runs_on.as_ref();
    let is_fixed =
        machine.is_some_and(|name| name.contains(|letter: char| letter.is_ascii_digit()) && !name.contains("${{"));
    if is_fixed {
        return None;
    }
    let message = format!("job `{}` has `runs-on` with a version, such as ubuntu-24.04", job.id);
    Some(workflow.mistake(machine.unwrap_or(&job.id).place, message))
}

/// A failure that does not count is one that nobody mends.
fn ignored(workflow: &Workflow, job: &Job) -> Vec<Mistake> {
    let ignored = job.steps.iter().filter_map(|step| step.continue_on_error.as_ref());
    ignored.map(|text| workflow.mistake(text.place, "a step that fails, fails its job; leave this out")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflows::check::tests::{changed_one, said};

    #[test]
    fn every_job_has_limits() {
        for (file, from, to, expected) in [
            ("ci-cd", "permissions: {}\n\nconcurrency", "concurrency", "w.yml:1:1: a workflow has `permissions: {}`"),
            (
                "ci-cd",
                "permissions: {}\n\nconcurrency",
                "permissions: write-all\n\nconcurrency",
                "a workflow has `permissions: {}`",
            ),
            (
                "ci-cd",
                "    permissions: {}\n    steps",
                "    permissions: read-all\n    steps",
                "`read-all` is more than",
            ),
            ("ci-cd", " # to check the sources out", "", "say behind `contents: read`"),
            ("ci-cd", "    timeout-minutes: 90\n", "", "job `ci` has `timeout-minutes` from 1 to 120"),
            ("ci-cd", "timeout-minutes: 90", "timeout-minutes: 360", "job `ci` has `timeout-minutes`"),
            ("ci-cd", "runs-on: ubuntu-24.04", "runs-on: ubuntu-latest", "job `ci` has `runs-on` with a version"),
            (
                "ci-cd",
                "        run: cargo xtask setup\n",
                "        run: cargo xtask setup\n        continue-on-error: true\n",
                "fails its job",
            ),
        ] {
            let found = said(&mistakes(&changed_one(file, from, to)));
            assert!(
                found.iter().any(|said| said.contains(expected.trim_start_matches("w.yml:1:1: "))),
                "{to}: {found:?}"
            );
        }
    }
}
