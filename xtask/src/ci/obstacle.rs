//! What keeps a step from running on this machine.

use std::path::Path;

use super::report::{Report, Verdict};
use super::step::Step;
use crate::coverage::llvm::Llvm;
use crate::docker;
use crate::packages::{Consent, is_ci};
use crate::runtime::choice;
use crate::tools::Toolbox;

/// Where the tests of whole rollouts are.
const SCENARIOS: &str = "xtask/tests/scenarios";

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
    pub(super) fn told_in(log: &Path) -> Obstacle {
        let told = std::fs::read(log).map(|log| String::from_utf8_lossy(&log).into_owned()).unwrap_or_default();
        let last = told.lines().rev().find_map(|line| line.strip_prefix("error: "));
        let reason = last.unwrap_or("something is missing on this machine").to_owned();
        Obstacle { reason, is_excuse: false }
    }

    /// What it makes of the step. Where nobody looks, a check that did not run must not pass for one that did.
    pub(super) fn report(self, step: &Step) -> Report {
        let verdict = if self.is_excuse || !is_ci() { Verdict::Skipped } else { Verdict::Failed };
        Report::of(step, verdict).because(self.reason)
    }
}

/// Looks for one, after installing what is missing where that is allowed.
pub(super) fn obstacle(step: &Step, root: &Path, tools: Toolbox<'_>, consent: Consent) -> Option<Obstacle> {
    let excuse = |reason: String| Obstacle { reason, is_excuse: true };
    let missing = |error: anyhow::Error| Obstacle { reason: format!("{error:#}"), is_excuse: false };
    if step.in_containers
        && let Err(error) = docker::engine()
    {
        return Some(excuse(format!("{error:#}")));
    }
    // A service of one's own comes without the scenarios, which know of this repository's.
    if step.command.contains(&"scenarios") && !root.join(SCENARIOS).is_dir() {
        return Some(excuse(format!("{SCENARIOS} is not there")));
    }
    if let Some(error) = step.needs.iter().find_map(|tool| tools.ensure(tool, consent).err()) {
        return Some(missing(error));
    }
    if step.llvm
        && let Err(error) = Llvm::ensure(consent)
    {
        return Some(missing(error));
    }
    // With an engine there, all else can be had.
    step.in_containers.then(|| choice::require_containers(root).err()).flatten().map(missing)
}
