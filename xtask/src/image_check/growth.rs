//! How much an image has grown since one whose size was kept.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::Subject;
use super::contents::Kind;
use super::row::{Row, Verdict};
use crate::problem::{ExitCode, Problem};
use crate::size::{Percent, Size};

/// Where a size is kept unless another place is named, from the project's root.
pub(super) const KEPT: &str = ".config/image-size.json";
/// How many files are kept, the largest, and how many changes are told.
const FILES: usize = 1000;
const CHANGES: usize = 5;

/// How large an image is, and what takes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Measured {
    /// Its name.
    pub(super) image: String,
    /// Its content-addressed id.
    pub(super) id: String,
    /// All of it.
    pub(super) bytes: u64,
    /// The lowest layer first.
    pub(super) layers: Vec<Layer>,
    /// The largest files of all layers, by path.
    pub(super) files: BTreeMap<String, u64>,
}

/// One layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Layer {
    /// The digest of what is in it.
    pub(super) digest: String,
    /// The instruction it was made by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) made_by: Option<String>,
    /// What its files take.
    pub(super) bytes: u64,
}

impl Measured {
    /// Of an image.
    pub(super) fn of(subject: &Subject<'_>) -> Measured {
        let layers = &subject.contents.layers;
        let all = layers.iter().flat_map(|layer| layer.entries.iter()).filter(|entry| entry.kind == Kind::File);
        let mut files: BTreeMap<String, u64> = BTreeMap::new();
        for entry in all {
            let bytes = files.entry(format!("/{}", entry.path)).or_default();
            *bytes = bytes.saturating_add(entry.size);
        }
        let files = largest(&files, FILES).into_iter().map(|(path, bytes)| (path.to_owned(), bytes)).collect();
        let layer = |layer: &super::contents::Layer| Layer {
            digest: layer.digest.clone(),
            made_by: layer.made_by.clone(),
            bytes: layer.bytes(),
        };
        let (image, id) = (subject.reference.to_owned(), subject.image.id.clone());
        Measured { image, id, bytes: subject.image.size, layers: layers.iter().map(layer).collect(), files }
    }

    /// The largest files, the largest first; of two that are as large, the one that comes first by name.
    pub(super) fn largest(&self, count: usize) -> Vec<(&str, u64)> {
        largest(&self.files, count)
    }

    /// Keeps it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn save(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, text));
        written.with_context(|| format!("writing {}", path.display()))
    }

    /// One that was kept; none where there is no such file.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 78 when it is something else.
    pub(super) fn load(path: &Path) -> anyhow::Result<Option<Measured>> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        };
        serde_json::from_str(&text).map(Some).map_err(|error| {
            let message = format!("{} is not what `image-check --save` writes: {error}.", path.display());
            Problem::new(ExitCode::Configuration, message).next("cargo xtask image-check --save").into()
        })
    }
}

fn largest(files: &BTreeMap<String, u64>, count: usize) -> Vec<(&str, u64)> {
    let mut files: Vec<_> = files.iter().map(|(path, bytes)| (path.as_str(), *bytes)).collect();
    files.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(other.0)));
    files.truncate(count);
    files
}

/// A row, where there is something to compare with or a limit to keep.
pub(super) fn rows(subject: &Subject<'_>) -> Vec<Row> {
    let most = subject.project.delivery.image.max_growth;
    let row = match (subject.before, most) {
        (Some(before), most) => Some(since(before, &subject.measured(), most)),
        (None, Some(_)) => Some(
            Row::new("growth", Verdict::Skipped, "there is no size to compare with", "cargo xtask image-check --save")
                .optional(),
        ),
        (None, None) => None,
    };
    row.into_iter().collect()
}

fn since(before: &Measured, now: &Measured, most: Option<Percent>) -> Row {
    let grown = 100.0 * now.bytes as f64 / before.bytes.max(1) as f64 - 100.0;
    let found = format!("{grown:+.1}% since {} with {}", before.image, Size::from(before.bytes));
    let remedy = "take out what has come in, or keep the new size: cargo xtask image-check --save";
    let row = Row { detail: changes(before, now), ..Row::new("growth", Verdict::Passed, found, remedy) };
    match most {
        Some(most) => row.limited(now.bytes, most.more_of(before.bytes)).allowing(format!("at most {most} more")),
        None => Row { measured: Some(now.bytes), ..row }.allowing("any, without image.max_growth"),
    }
}

/// The files that have changed in size, those that have changed most first.
fn changes(before: &Measured, now: &Measured) -> Vec<String> {
    let size = |of: &Measured, path: &str| of.files.get(path).copied();
    let paths = before.files.keys().chain(now.files.keys().filter(|path| !before.files.contains_key(*path)));
    let mut changed: Vec<_> = paths.map(|path| (path, size(before, path), size(now, path))).collect();
    changed.retain(|(_, before, now)| before != now);
    let by = |(_, before, now): &(&String, Option<u64>, Option<u64>)| before.unwrap_or(0).abs_diff(now.unwrap_or(0));
    changed.sort_by(|one, other| by(other).cmp(&by(one)).then_with(|| one.0.cmp(other.0)));
    let told = changed.iter().take(CHANGES).map(|(path, before, now)| {
        let told = |size: &Option<u64>| size.map_or("nothing".to_owned(), |bytes| Size::from(bytes).to_string());
        format!("{path}: {} after {}", told(now), told(before))
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::exit_code;
    use crate::testing::TempDir;

    fn measured(bytes: u64, files: &[(&str, u64)]) -> Measured {
        let files = files.iter().map(|(path, bytes)| ((*path).to_owned(), *bytes)).collect();
        Measured { image: "shop:1".into(), id: "sha256:1".into(), bytes, layers: Vec::new(), files }
    }

    #[test]
    fn growth_is_held_against_its_limit_and_told_by_file() {
        let most = "10%".to_owned().try_into().ok();
        let before = measured(1_000, &[("/gone", 100), ("/service", 900)]);
        let now = measured(1_100, &[("/new", 5), ("/service", 1_095)]);
        let row = since(&before, &now, most);
        assert_eq!(
            (row.verdict, row.limit, row.found.as_str()),
            (Verdict::Passed, Some(1_100), "+10.0% since shop:1 with 1kB")
        );
        assert_eq!(row.detail, ["/service: 1.1kB after 900B", "/gone: nothing after 100B", "/new: 5B after nothing"]);
        assert_eq!(since(&before, &measured(1_101, &[]), most).verdict, Verdict::Failed);
        assert_eq!(since(&before, &measured(9_000, &[]), None).verdict, Verdict::Passed);
        assert!(since(&before, &measured(500, &[]), most).found.starts_with("-50.0% since"));
    }

    #[test]
    fn what_was_kept_is_read_again_and_anything_else_is_refused() {
        let folder = TempDir::new();
        let path = folder.path().join("a/size.json");
        let kept = measured(7, &[("/a", 7)]);
        assert_eq!(Measured::load(&path).unwrap(), None);
        kept.save(&path).unwrap();
        assert_eq!(Measured::load(&path).unwrap(), Some(kept));
        fs::write(&path, "{}").unwrap();
        assert_eq!(exit_code(&Measured::load(&path).unwrap_err()), ExitCode::Configuration);
    }

    #[test]
    fn of_files_that_are_as_large_the_name_decides() {
        let measured = measured(9, &[("/b", 3), ("/a", 3), ("/c", 4)]);
        assert_eq!(measured.largest(2), [("/c", 4), ("/a", 3)]);
    }
}
