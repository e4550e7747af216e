//! What somebody has looked at and found to open nothing: the allowances of `delivery.toml`, and those that allow nothing
//! any more.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::kind::Kind;
use crate::config_lint::finding::Finding;
use crate::delivery::{self, Allow, FILE};
use crate::git;
use crate::problem::{ExitCode, Problem};
use crate::project::Project;

/// The allowances, and which of them were needed.
pub(super) struct Allowed<'a> {
    entries: Vec<Entry<'a>>,
}

struct Entry<'a> {
    allow: &'a Allow,
    files: BTreeSet<PathBuf>,
    needed: bool,
}

impl<'a> Allowed<'a> {
    /// Those of a project.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 78 when git cannot read a path.
    pub(super) fn of(project: &'a Project) -> anyhow::Result<Allowed<'a>> {
        let entry = |allow: &'a Allow| {
            let path = allow.path.get_ref();
            let files = git::paths_of(&project.root, &[path]).map_err(|_| {
                let message =
                    format!("{FILE}: committed_secrets.allow: `{path}` is no pathspec of git, inside the project.");
                Problem::new(ExitCode::Configuration, message).next(format!("git ls-files -- '{path}'"))
            })?;
            Ok(Entry { allow, files: files.into_iter().collect(), needed: false })
        };
        let entries = project.delivery.committed_secrets.allow.iter().map(entry).collect::<anyhow::Result<_>>()?;
        Ok(Allowed { entries })
    }

    /// Whether what was found in a file may stand there. Whatever allows it was needed.
    pub(super) fn allows(&mut self, file: &Path, kind: Kind, digest: &str) -> bool {
        let mut allows = false;
        for entry in &mut self.entries {
            let of_kind = entry.allow.kind.is_none_or(|allowed| allowed == kind);
            let of_text = entry.allow.sha256.as_ref().is_none_or(|allowed| allowed.get_ref() == digest);
            if of_kind && of_text && entry.files.contains(file) {
                entry.needed = true;
                allows = true;
            }
        }
        allows
    }

    /// A finding for each allowance that was not needed.
    ///
    /// # Errors
    /// When the file they stand in cannot be read any more.
    pub(super) fn unneeded(&self, root: &Path) -> anyhow::Result<Vec<Finding>> {
        let mut unneeded = self.entries.iter().filter(|entry| !entry.needed).peekable();
        if unneeded.peek().is_none() {
            return Ok(Vec::new());
        }
        let text = std::fs::read_to_string(root.join(FILE)).with_context(|| format!("reading {FILE}"))?;
        let finding = |entry: &Entry<'_>| {
            let path = &entry.allow.path;
            let message =
                format!("committed_secrets.allow: nothing in `{}` needs this any more; remove it", path.get_ref());
            Finding::at(FILE, delivery::line(&text, path.span().start), message)
        };
        Ok(unneeded.map(finding).collect())
    }
}
