//! Which steps a person has asked for.

use std::path::Path;

use super::report::Changed;
use super::step::{Group, Step};
use super::steps::STEPS;
use crate::git;
use crate::problem::{ExitCode, Problem};

/// Flags that choose steps.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Selection {
    /// Runs this step alone; can be given more than once.
    #[arg(long, value_name = "STEP")]
    only: Vec<String>,
    /// Leaves this step out; can be given more than once.
    #[arg(long, value_name = "STEP")]
    skip: Vec<String>,
    /// Runs the steps of this group alone; can be given more than once.
    #[arg(long, value_name = "GROUP", value_enum)]
    group: Vec<Group>,
    /// Runs the steps alone that look at a file which differs from this revision.
    #[arg(long, value_name = "REV")]
    since: Option<String>,
}

impl Selection {
    /// The steps, in the order of the table.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 2 for a step or a revision that does not exist, and where no step is left.
    pub(super) fn steps(&self, root: &Path) -> anyhow::Result<Vec<&'static Step>> {
        if let Some(unknown) = self.only.iter().chain(&self.skip).find(|id| !STEPS.iter().any(|step| step.id == *id)) {
            let known: Vec<_> = STEPS.iter().map(|step| step.id).collect();
            let message = format!("there is no step `{unknown}`; there are {}.", known.join(", "));
            return Err(Problem::new(ExitCode::Usage, message).next("cargo xtask ci --list").into());
        }
        let named = |step: &Step, ids: &[String]| ids.iter().any(|id| id == step.id);
        let mut steps: Vec<_> = STEPS
            .iter()
            .filter(|step| self.only.is_empty() || named(step, &self.only))
            .filter(|step| self.group.is_empty() || self.group.contains(&step.group))
            .filter(|step| !named(step, &self.skip))
            .collect();
        if steps.is_empty() {
            let message = "these flags choose no step together.";
            return Err(Problem::new(ExitCode::Usage, message).next("cargo xtask ci --list").into());
        }
        if let Some(revision) = &self.since {
            let mut touched = Vec::new();
            for step in steps {
                if !git::changed_since(root, revision, step.inputs)?.is_empty() {
                    touched.push(step);
                }
            }
            steps = touched;
        }
        Ok(steps)
    }

    /// Which of the files that decide a step differ from the revision that was named, where one was.
    pub(super) fn changed(&self, inputs: &[&str], root: &Path) -> Option<Changed> {
        let revision = self.since.as_ref()?;
        // It was a revision when the steps were chosen.
        let files = git::changed_since(root, revision, inputs).ok()?;
        Some(Changed { since: revision.clone(), files })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_that_choose_nothing_are_no_run_that_has_passed() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let chosen = |group: Group, skip: &[&str]| {
            let skip = skip.iter().map(|id| (*id).to_owned()).collect();
            Selection { only: vec!["format".into()], skip, group: vec![group], since: None }.steps(root)
        };
        assert_eq!(chosen(Group::Quality, &["lint"]).unwrap().len(), 1);
        for nothing in [chosen(Group::Test, &[]), chosen(Group::Quality, &["format"])] {
            assert_eq!(nothing.unwrap_err().to_string().lines().next(), Some("these flags choose no step together."));
        }
    }
}
