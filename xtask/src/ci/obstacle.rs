//! What keeps a step from running on this machine.

use std::path::Path;

use super::report::{Report, Verdict};
use super::step::Step;
use crate::coverage::llvm::Llvm;
use crate::docker;
use crate::packages::{Consent, is_ci};
use crate::runtime::choice;
use crate::tools::Toolbox;

/// What keeps a step from running here.
#[derive(Debug)]
pub(super) struct Obstacle {
    /// In a sentence, with what to type.
    pub(super) reason: String,
    /// Whether a machine may well be like that, a CI system's too.
    pub(super) is_excuse: bool,
}

impl Obstacle {
    /// What a step's own command says is missing.
    pub(super) fn told_in(log: &Path, step: &Step) -> Obstacle {
        let told = std::fs::read(log).map(|log| String::from_utf8_lossy(&log).into_owned()).unwrap_or_default();
        let last = told.lines().rev().find_map(|line| line.strip_prefix("error: "));
        let reason = last.unwrap_or("something is missing on this machine").to_owned();
        Obstacle { reason, is_excuse: !step.required }
    }

    /// What it makes of the step. Where nobody looks, a check that did not run must not pass for one that did.
    pub(super) fn report(self, step: &Step) -> Report {
        let verdict = if self.is_excuse || !is_ci() { Verdict::Skipped } else { Verdict::Failed };
        Report::of(step, verdict).because(self.reason)
    }
}

/// Looks for one, after installing what is missing where that is allowed.
pub(super) fn obstacle(step: &Step, root: &Path, tools: Toolbox<'_>, consent: Consent) -> Option<Obstacle> {
    let because = |error: anyhow::Error, is_excuse| Obstacle { reason: format!("{error:#}"), is_excuse };
    if step.in_containers
        && let Err(error) = docker::engine()
    {
        return Some(because(error, true));
    }
    if let Some(error) = step.needs.iter().find_map(|tool| tools.ensure(tool, consent).err()) {
        return Some(because(error, !step.required));
    }
    if step.llvm
        && let Err(error) = Llvm::ensure(consent)
    {
        return Some(because(error, !step.required));
    }
    // With an engine there, all else can be had.
    let missing = step.in_containers.then(|| choice::require_containers(root).err()).flatten();
    missing.map(|error| because(error, !step.required))
}
