//! Every group of the pipeline's steps is called, once.

use super::super::mistake::Mistake;
use super::super::model::{Job, Values, Workflow};
use super::line::Call;

/// The name in the matrix.
const GROUP: &str = "group";

/// What is wrong with the matrix of whichever job calls `ci`.
pub(super) fn mistakes(workflow: &Workflow, groups: &[&str]) -> Vec<Mistake> {
    let calls = |job: &&Job| Call::all(job).any(|(_, call)| call.verb == "ci");
    workflow.jobs.iter().filter(calls).flat_map(|job| of_job(workflow, job, groups)).collect()
}

fn of_job(workflow: &Workflow, job: &Job, groups: &[&str]) -> Vec<Mistake> {
    let matrix = job.strategy.iter().flat_map(|strategy| &strategy.matrix).find(|(name, _)| *name == GROUP);
    let Some((name, Values::Listed(listed))) = matrix else {
        let message = format!("job `{}` calls `ci` for a `matrix` with each `{GROUP}`: {}", job.id, groups.join(", "));
        return vec![workflow.mistake(job.id.place, message)];
    };
    let missing = groups.iter().filter(|group| !listed.iter().any(|text| *text == **group));
    let missing = missing.map(|group| workflow.mistake(name.place, format!("no job runs the group `{group}`; add it")));
    let wrong = listed.iter().enumerate().filter_map(|(place, text)| {
        let message = match (groups.contains(&text.value.as_str()), listed[..place].contains(text)) {
            (false, _) => format!("there is no group `{text}`; there are {}", groups.join(", ")),
            (true, true) => format!("the group `{text}` runs twice; once is enough"),
            (true, false) => return None,
        };
        Some(workflow.mistake(text.place, message))
    });
    missing.chain(wrong).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflows::check::tests::{changed_one, said};

    #[test]
    fn every_group_is_called_once() {
        let groups = crate::ci::groups();
        for (from, to, expected) in [
            ("security, ", "", "no job runs the group `security`"),
            ("security, ", "security, security, ", "the group `security` runs twice"),
            ("security, ", "security, speed, ", "there is no group `speed`"),
            ("        group: [", "        groups: [", "calls `ci` for a `matrix` with each `group`"),
        ] {
            let found = said(&mistakes(&changed_one("ci-cd", from, to), &groups));
            assert!(found.iter().any(|said| said.contains(expected)), "{to}: {found:?}");
        }
    }
}
