//! Whether Compose can read its file, and every service in it has limits.

use super::environments::once_for_all;
use super::finding::Finding;
use crate::project::Project;
use crate::runtime::compose::stack::Stack;
use crate::{docker, say};

/// Lets Compose read its file with the variables of each environment that can run in containers.
pub(super) fn findings(project: &Project) -> Vec<Finding> {
    let Some(compose) = &project.delivery.compose else { return Vec::new() };
    if docker::plugin("compose").is_none() {
        say!("note: docker has no Compose here, so its file was not checked");
        return Vec::new();
    }
    once_for_all(&project.delivery.environments, |name, environment| {
        // One that cannot run in containers has no such file.
        let Ok(stack) = Stack::of(&project.root, &project.delivery, name, environment) else { return Vec::new() };
        let wrong = stack.resolve().map_or_else(
            |error| vec![format!("{error:#}")],
            |resolved| [resolved.lacking(), resolved.misreserved()].concat(),
        );
        wrong.into_iter().map(|message| Finding::of(&compose.file, message)).collect()
    })
}
