//! What was measured, crate by crate and file by file.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Deserialize;

use crate::cargo;
use crate::delivery::Share;

/// A crate of the workspace, and what of it was run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Crate {
    pub(super) name: String,
    /// Where it is.
    folder: PathBuf,
    /// Its files of which anything can be run.
    files: Vec<File>,
}

/// A source file, and what of it was run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    pub(super) path: PathBuf,
    /// The lines that were run.
    pub(super) covered: u64,
    /// The lines that can be run.
    pub(super) lines: u64,
}

impl File {
    pub(super) fn uncovered(&self) -> u64 {
        self.lines.saturating_sub(self.covered)
    }
}

impl Crate {
    /// The crates of the workspace at `root`, with nothing measured yet.
    ///
    /// # Errors
    /// When cargo cannot read the workspace.
    pub(super) fn of_workspace(root: &Path) -> anyhow::Result<Vec<Crate>> {
        let metadata = cargo::metadata(root)?;
        let mut crates: Vec<_> = metadata
            .workspace_packages()
            .into_iter()
            .map(|package| {
                let folder = package.manifest_path.parent().map(|folder| folder.as_std_path().to_owned());
                Crate { name: package.name.to_string(), folder: folder.unwrap_or_default(), files: Vec::new() }
            })
            .collect();
        crates.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(crates)
    }

    /// The lines that were run.
    pub(super) fn covered(&self) -> u64 {
        self.files.iter().map(|file| file.covered).sum()
    }

    /// The lines that can be run.
    pub(super) fn lines(&self) -> u64 {
        self.files.iter().map(|file| file.lines).sum()
    }

    /// None where there is nothing that could be run.
    pub(super) fn share(&self) -> Option<Share> {
        Share::of(self.covered(), self.lines())
    }

    /// The files with the most lines that were not run, the worst first.
    pub(super) fn worst(&self, count: usize) -> Vec<&File> {
        let mut files: Vec<_> = self.files.iter().filter(|file| file.uncovered() > 0).collect();
        files.sort_by_key(|file| std::cmp::Reverse(file.uncovered()));
        files.truncate(count);
        files
    }
}

/// What `llvm-cov export` writes, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Export {
    data: Vec<Data>,
}

#[derive(Debug, Deserialize)]
struct Data {
    files: Vec<Exported>,
}

#[derive(Debug, Deserialize)]
struct Exported {
    filename: PathBuf,
    summary: Summary,
}

#[derive(Debug, Deserialize)]
struct Summary {
    lines: Lines,
}

#[derive(Debug, Deserialize)]
struct Lines {
    count: u64,
    covered: u64,
}

/// Gives each crate the files that lie in its folder, and in no other crate's further down.
///
/// # Errors
/// When the text is not what `llvm-cov export` writes.
pub(super) fn assign(mut crates: Vec<Crate>, export: &str) -> anyhow::Result<Vec<Crate>> {
    let export: Export = serde_json::from_str(export).context("reading what llvm-cov has exported")?;
    for exported in export.data.into_iter().flat_map(|data| data.files) {
        let around = crates.iter_mut().filter(|member| exported.filename.starts_with(&member.folder));
        if let Some(member) = around.max_by_key(|member| member.folder.components().count()) {
            let Lines { count, covered } = exported.summary.lines;
            member.files.push(File { path: exported.filename, covered, lines: count });
        }
    }
    Ok(crates)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// As LLVM 22 has written it for a workspace of two crates, one inside the other, shortened by what is not read.
    const EXPORT: &str = r#"{"data":[{"files":[
        {"branches":[],"expansions":[],"filename":"/shop/src/cart.rs","mcdc_records":[],"segments":[[1,1,1,true,true,false],[3,2,0,false,false,false]],
         "summary":{"branches":{"count":0,"covered":0,"notcovered":0,"percent":0},"functions":{"count":2,"covered":1,"percent":50},"lines":{"count":6,"covered":3,"percent":50},"regions":{"count":2,"covered":1,"notcovered":1,"percent":50}}},
        {"filename":"/shop/src/main.rs","summary":{"lines":{"count":4,"covered":0,"percent":0}}},
        {"filename":"/shop/tool/src/lib.rs","summary":{"lines":{"count":3,"covered":3,"percent":100}}},
        {"filename":"/shopping/src/lib.rs","summary":{"lines":{"count":9,"covered":9,"percent":100}}}],
        "totals":{"lines":{"count":22,"covered":15,"percent":68.18}}}],"type":"llvm.coverage.json.export","version":"3.1.0"}"#;

    /// Two crates of which nothing is known yet.
    pub(in super::super) fn unseen() -> Vec<Crate> {
        let member = |name: &str, folder: &str| Crate { name: name.into(), folder: folder.into(), files: Vec::new() };
        vec![member("shop", "/shop"), member("tool", "/shop/tool")]
    }

    pub(in super::super) fn shop() -> Vec<Crate> {
        assign(unseen(), EXPORT).unwrap()
    }

    #[test]
    fn a_file_belongs_to_the_innermost_crate_around_it() {
        let figures: Vec<_> = shop().iter().map(|it| (it.name.clone(), it.covered(), it.lines())).collect();
        assert_eq!(figures, [("shop".into(), 3, 10), ("tool".into(), 3, 3)]);
    }

    #[test]
    fn the_worst_files_come_first_and_the_good_ones_not_at_all() {
        let crates = shop();
        let worst: Vec<_> = crates[0].worst(5).iter().map(|file| (file.path.clone(), file.uncovered())).collect();
        assert_eq!(worst, [("/shop/src/main.rs".into(), 4), ("/shop/src/cart.rs".into(), 3)]);
        assert_eq!(crates[0].worst(1).len(), 1);
        assert_eq!(crates[1].worst(5), [] as [&File; 0]);
    }

    #[test]
    fn what_is_no_export_is_an_error() {
        for text in ["", "{}", "{\"data\":[{}]}"] {
            assert!(assign(Vec::new(), text).is_err(), "{text}");
        }
    }
}
