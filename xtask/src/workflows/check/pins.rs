//! What comes from elsewhere is what somebody has looked at: actions by their commit, and one compiler.

use super::super::mistake::Mistake;
use super::super::model::{Step, Workflow, value};
use super::super::yaml::Text;

/// What is wrong with what a workflow takes from elsewhere. `toolchain` is the compiler that the project names.
pub(super) fn mistakes(workflow: &Workflow, toolchain: Option<&str>) -> Vec<Mistake> {
    let steps = || workflow.jobs.iter().flat_map(|job| &job.steps);
    let called = workflow.jobs.iter().filter_map(|job| job.uses.as_ref());
    let used = steps().filter_map(|step| step.uses.as_ref());
    let pins = called.chain(used).filter_map(|uses| pin(workflow, uses));
    let steps = steps().flat_map(|step| [checkout(workflow, step), cache(workflow, step)].into_iter().flatten());
    let compilers = toolchain.map(|wanted| other_toolchains(workflow, wanted)).unwrap_or_default();
    pins.chain(steps).chain(compilers).collect()
}

/// An action is named by its whole commit, with the version for people in a comment behind it.
fn pin(workflow: &Workflow, uses: &Text) -> Option<Mistake> {
    if uses.starts_with("./") {
        return None;
    }
    let commit = uses.split_once('@').map_or("", |(_, commit)| commit);
    if commit.len() != 40 || !commit.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        let message =
            format!("`{uses}` can become something else any day; write the 40 digits of its commit after `@`");
        return Some(workflow.mistake(uses.place, message));
    }
    let comment = workflow.line(uses.place.line).split_once(" # ").map(|(_, comment)| comment.trim());
    let is_version = |text: &str| semver::Version::parse(text.strip_prefix('v').unwrap_or_default()).is_ok();
    if comment.and_then(|comment| comment.split(' ').next()).is_some_and(is_version) {
        return None;
    }
    let message = "behind the commit its version is wanted, for people and for Dependabot: `# v1.2.3`";
    Some(workflow.mistake(uses.place, message))
}

fn checkout(workflow: &Workflow, step: &Step) -> Option<Mistake> {
    let uses = step.uses.as_ref().filter(|uses| uses.starts_with("actions/checkout@"))?;
    if value(&step.with, "persist-credentials").is_some_and(|text| *text == "false") {
        return None;
    }
    Some(
        workflow.mistake(
            uses.place,
            "the token stays where every later step can read it; write `persist-credentials: false`",
        ),
    )
}

/// What another run has left is no part of what is delivered.
fn cache(workflow: &Workflow, step: &Step) -> Option<Mistake> {
    let delivers = workflow.stem() == "deploy";
    let uses = step.uses.as_ref().filter(|uses| delivers && uses.contains("cache"))?;
    Some(workflow.mistake(uses.place, "what is delivered is built from the sources alone; do without a cache here"))
}

fn other_toolchains(workflow: &Workflow, wanted: &str) -> Vec<Mistake> {
    let steps = workflow.jobs.iter().flat_map(|job| &job.steps);
    let of_steps = steps.flat_map(|step| [&step.env, &step.with]);
    let of_jobs = workflow.jobs.iter().flat_map(|job| [&job.env, &job.with]);
    let pairs = of_steps.chain(of_jobs).chain([&workflow.env]).flatten();
    let named = pairs.filter(|(name, _)| *name == "toolchain" || *name == "RUSTUP_TOOLCHAIN");
    let others = named.filter(|(_, toolchain)| *toolchain != wanted);
    let message =
        |toolchain| format!("`{toolchain}` is not the compiler of rust-toolchain.toml, {wanted}; leave it to that");
    others.map(|(_, toolchain)| workflow.mistake(toolchain.place, message(toolchain))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflows::check::tests::{changed_one, said};

    #[test]
    fn what_comes_from_elsewhere_is_pinned() {
        for (file, from, to, expected) in [
            (
                "deploy",
                "checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1",
                "checkout@v7 # v7.0.1",
                "`actions/checkout@v7` can become",
            ),
            (
                "deploy",
                "checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1",
                "checkout@3d3c42e # v7.0.1",
                "40 digits",
            ),
            (
                "deploy",
                "checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1",
                "checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # main",
                "its version is wanted",
            ),
            ("deploy", " # v4.1.0", "", "its version is wanted"),
            ("ci-cd", "          persist-credentials: false\n", "", "`persist-credentials: false`"),
            ("deploy", "uses: docker/login-action@", "uses: actions/cache@", "do without a cache"),
            (
                "ci-cd",
                "      GROUP: ${{ matrix.group }}",
                "      RUSTUP_TOOLCHAIN: nightly",
                "`nightly` is not the compiler",
            ),
        ] {
            let found = said(&mistakes(&changed_one(file, from, to), Some("1.95.0")));
            assert!(found.iter().any(|said| said.contains(expected)), "{to}: {found:?}");
        }
    }
}
