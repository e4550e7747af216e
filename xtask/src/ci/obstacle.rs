//! What keeps a step from running on this machine.

use std::path::Path;

use super::step::Step;
use crate::docker;
use crate::packages::Consent;
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
    // With an engine there, all else can be had.
    let missing = step.in_containers.then(|| choice::require_containers(root).err()).flatten();
    missing.map(|error| because(error, !step.required))
}
