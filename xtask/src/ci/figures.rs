//! What a step's command has measured, where it leaves that in a file.

use std::fs;
use std::path::Path;

use super::step::Step;

/// Removes what an earlier run has left, so that it does not pass for this one's.
pub(super) fn clear(step: &Step, root: &Path) {
    // What is not there needs no removing.
    let _ = step.figures.map(|file| fs::remove_file(root.join(file)));
}

/// What it has left, in Markdown; nothing where it did not come to that.
pub(super) fn read(step: &Step, root: &Path) -> Option<String> {
    fs::read_to_string(root.join(step.figures?)).ok()
}
