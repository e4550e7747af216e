//! The reports as programs read them.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{FOLDER, Report, Run};

/// Where a run's is.
pub(super) fn of_run(root: &Path) -> PathBuf {
    root.join(FOLDER).with_extension("json")
}

/// Where the last of a step is.
pub(super) fn of_step(id: &str, root: &Path) -> PathBuf {
    root.join(FOLDER).join("reports").join(id).with_extension("json")
}

/// A step's completion report, with the run it comes from.
#[derive(Debug, Serialize)]
pub(super) struct Completion<'a> {
    pub(super) run: &'a Run,
    pub(super) step: &'a Report,
}

/// As it goes into a file.
///
/// # Errors
/// Those of the serializer.
pub(super) fn pretty(value: &impl Serialize) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(value)?)
}
