//! What git says about the working tree. A folder that is no checkout, or a machine without git, is fine.

use std::path::Path;

use xshell::{Shell, cmd};

/// The commit that stands for the working tree: none outside a checkout, or where something differs from the commit.
pub fn clean_commit(root: &Path) -> Option<String> {
    let sh = Shell::new().ok()?;
    sh.change_dir(root);
    let changes = cmd!(sh, "git status --porcelain").quiet().ignore_stderr().read().ok()?;
    if !changes.is_empty() {
        return None;
    }
    cmd!(sh, "git rev-parse HEAD").quiet().ignore_stderr().read().ok()
}
