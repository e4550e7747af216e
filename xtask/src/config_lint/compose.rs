//! Whether Compose can read its file.

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
        let refused = stack.check().err().map(|error| Finding::of(&compose.file, format!("{error:#}")));
        refused.into_iter().collect()
    })
}
