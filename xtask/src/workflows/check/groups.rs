//! Every group of the pipeline's steps is called, once, and runs as a whole.

use super::super::expression::inner;
use super::super::mistake::Mistake;
use super::super::model::{Job, Values, Workflow};
use super::super::yaml::Text;
use super::line::{Call, CallSite, Word};

/// The name in the matrix.
const GROUP: &str = "group";
/// The flags that leave nothing out.
const FLAGS: [&str; 3] = ["--group", "--yes", "--keep-going"];

/// What is wrong with the calls of `ci`, and with the matrix of whichever job has one.
pub(super) fn mistakes(workflow: &Workflow, groups: &[&str]) -> Vec<Mistake> {
    let calls = |job: &&Job| Call::all(job).any(|(_, call)| call.verb == "ci");
    let of_jobs = workflow.jobs.iter().filter(calls).flat_map(|job| of_job(workflow, job, groups));
    let of_calls = CallSite::all(workflow).filter(|site| site.call.verb == "ci").flat_map(|site| of_call(&site));
    of_jobs.chain(of_calls).collect()
}

/// Whether a call runs all of the group that its job is there for.
fn of_call(site: &CallSite<'_>) -> Vec<Mistake> {
    let named = site.variable("--group").and_then(|text| inner(text)?.strip_prefix("matrix."));
    let other = (named != Some(GROUP)).then(|| {
        format!("`ci` runs the group of its job: `--group \"$NAME\"`, where NAME is `${{{{ matrix.{GROUP} }}}}`")
    });
    let words: Vec<_> = site.call.args.iter().map(Word::written).collect();
    let flags = words.iter().filter(|word| word.starts_with('-')).filter_map(|word| word.split('=').next());
    let more = flags.filter(|flag| !FLAGS.contains(flag)).map(|flag| {
        format!("`{flag}` could have `ci` pass without all of the group; it has {} here", FLAGS.join(", "))
    });
    other.into_iter().chain(more).map(|message| site.workflow.mistake(site.step.place, message)).collect()
}

/// The groups that a job's matrix has written out, and where it does.
pub(crate) fn of_matrix(job: &Job) -> Option<(&Text, &[Text])> {
    let matrix = job.strategy.iter().flat_map(|strategy| &strategy.matrix).find(|(name, _)| *name == GROUP);
    match matrix? {
        (name, Values::Listed(listed)) => Some((name, listed)),
        (_, Values::Computed(_)) => None,
    }
}

fn of_job(workflow: &Workflow, job: &Job, groups: &[&str]) -> Vec<Mistake> {
    let Some((name, listed)) = of_matrix(job) else {
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
            ("      GROUP: ${{ matrix.group }}", "      GROUP: test", "`ci` runs the group of its job"),
            (" --group \"$GROUP\"", " --group test", "`ci` runs the group of its job"),
            (" --group \"$GROUP\"", "", "`ci` runs the group of its job"),
            (" --keep-going", " --keep-going --skip=coverage", "`--skip` could have `ci` pass without"),
            (" --keep-going", " --keep-going --only format", "`--only` could have `ci` pass without"),
        ] {
            let found = said(&mistakes(&changed_one("ci-cd", from, to), &groups));
            assert!(found.iter().any(|said| said.contains(expected)), "{to}: {found:?}");
        }
    }
}
