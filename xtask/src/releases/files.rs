//! Releases of the process runtime: a folder each, with the binary and the files that belong to it.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use hmac_sha256::Hash;

use super::{Content, MadeOf, Release, Releases, check_name, refuse_unknown};
use crate::delivery::Service;
use crate::digest;
use crate::host::{Host as _, Local};
use crate::problem::{ExitCode, Problem};

const RECORD: &str = "release.json";
/// Where a release is put together, in the folder of all.
const STAGING: &str = ".staging";
/// What a disk must have free beyond the release itself, for logs, journal and sockets.
const SLACK: u64 = 16 * 1024 * 1024;

/// A binary and the files that belong to it.
#[derive(Debug)]
pub(super) struct Files {
    binary: PathBuf,
    others: Vec<(String, PathBuf)>,
}

impl Files {
    pub(super) fn collect(root: &Path, service: &Service, binary: PathBuf) -> anyhow::Result<Files> {
        Ok(Files { binary, others: files_of(root, service)? })
    }

    /// SHA-256 over the binary, the files and how they are started.
    pub(super) fn digest(&self, service: &Service) -> anyhow::Result<String> {
        digest(service, &self.binary, &self.others)
    }

    fn size(&self) -> anyhow::Result<u64> {
        let paths = std::iter::once(&self.binary).chain(self.others.iter().map(|(_, path)| path));
        paths.map(|path| Ok(fs::metadata(path)?.len())).sum()
    }
}

fn digest(service: &Service, binary: &Path, files: &[(String, PathBuf)]) -> anyhow::Result<String> {
    let mut hash = Hash::new();
    hash.update(serde_json::to_vec(service)?);
    let binary = [(String::new(), binary.to_owned())];
    for (name, path) in binary.iter().chain(files) {
        let mut file = fs::File::open(path).with_context(|| format!("reading {}", path.display()))?;
        let length = file.metadata()?.len();
        hash.update(format!("{name}\0{length}\0"));
        let mut chunk = vec![0; 64 * 1024];
        loop {
            let count = file.read(&mut chunk)?;
            if count == 0 {
                break;
            }
            hash.update(chunk.get(..count).unwrap_or_default());
        }
    }
    Ok(digest::hex(&hash.finalize()))
}

/// The files that `delivery.toml` says belong to a release, by their names within it.
///
/// # Errors
/// A [`Problem`] with exit code 78 when one of them is missing.
pub fn files_of(root: &Path, service: &Service) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    for name in &service.files {
        collect(&root.join(name), name, &mut files).map_err(|error| {
            let message =
                format!("`{name}`, which service.files of config/delivery.toml names, cannot be read: {error}.");
            Problem::new(ExitCode::Configuration, message).next("git status")
        })?;
    }
    files.sort();
    Ok(files)
}

fn collect(path: &Path, name: &str, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    if !fs::metadata(path)?.is_dir() {
        files.push((name.to_owned(), path.to_owned()));
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        collect(&entry.path(), &format!("{name}/{}", entry.file_name().to_string_lossy()), files)?;
    }
    Ok(())
}

/// The releases kept in a folder.
#[derive(Debug, Clone)]
pub struct FileReleases {
    root: PathBuf,
}

impl FileReleases {
    /// Those kept under `root`.
    pub fn at(root: impl Into<PathBuf>) -> FileReleases {
        FileReleases { root: root.into() }
    }

    /// The folder of a release, whether it is kept or not.
    pub fn folder(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn require_room(&self, size: u64) -> anyhow::Result<()> {
        fs::create_dir_all(&self.root).with_context(|| format!("creating {}", self.root.display()))?;
        let disk = rustix::fs::statvfs(&self.root)?;
        let (free, needed) = (disk.f_bavail.saturating_mul(disk.f_frsize), size + SLACK);
        if free >= needed {
            return Ok(());
        }
        const MIB: u64 = 1024 * 1024;
        let message = format!(
            "the disk is full: {} has {} MiB free, and a release of {} MiB needs {}. Nothing was started or changed.",
            self.root.display(),
            free / MIB,
            size / MIB,
            needed.div_ceil(MIB)
        );
        Err(Problem::new(ExitCode::Unavailable, message).next(format!("df -h {}", self.root.display())).into())
    }
}

impl Releases for FileReleases {
    fn find(&self, name: &str) -> Option<Release> {
        if check_name(name).is_err() {
            return None;
        }
        serde_json::from_str(&fs::read_to_string(self.folder(name).join(RECORD)).ok()?).ok()
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.root).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
    }

    fn store(&self, release: &Release, content: &Content) -> anyhow::Result<()> {
        let MadeOf::Files(files) = &content.made_of else {
            anyhow::bail!("an image is not kept in a folder");
        };
        let (staging, folder) = (self.root.join(STAGING), self.folder(&release.name));
        refuse_unknown(&release.name, Local::new(&folder).read(RECORD)?.as_deref())?;
        self.require_room(files.size()?)?;
        // What a deployer that died half-way has left has no record, and is in the way.
        remove(&staging)?;
        remove(&folder)?;
        let kept = stage(files, release, &staging).and_then(|()| {
            fs::rename(&staging, &folder)?;
            Ok(fs::File::open(&self.root)?.sync_all()?)
        });
        if kept.is_err() {
            // What could not be kept must not fill the disk further.
            let _ = fs::remove_dir_all(&staging);
        }
        kept
    }

    fn forget(&self, name: &str) {
        // A release that stays only takes room.
        let _ = remove(&self.folder(name));
    }
}

/// Puts a release together, on disk when it returns.
fn stage(files: &Files, release: &Release, staging: &Path) -> anyhow::Result<()> {
    let binary = (release.service.binary.clone(), files.binary.clone());
    for (name, source) in std::iter::once(&binary).chain(&files.others) {
        let target = staging.join(name);
        target.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::copy(source, &target)?;
        fs::File::open(&target)?.sync_all()?;
    }
    let staged: Vec<_> = files.others.iter().map(|(name, _)| (name.clone(), staging.join(name))).collect();
    let kept = digest(&release.service, &staging.join(&release.service.binary), &staged)?;
    if kept != release.digest {
        let message =
            "the binary or its files have changed while they were being kept; nothing was started or changed.";
        return Err(Problem::new(ExitCode::Failed, message)
            .next("the same command, when nothing builds any more")
            .into());
    }
    Local::new(staging).replace(RECORD, &serde_json::to_string_pretty(release)?)
}

/// Removes a release. Its record goes first: half a folder must not pass for a release that is kept.
fn remove(folder: &Path) -> anyhow::Result<()> {
    let removed =
        unless_gone(fs::remove_file(folder.join(RECORD))).and_then(|()| unless_gone(fs::remove_dir_all(folder)));
    removed.with_context(|| format!("removing {}", folder.display()))
}

/// What is not there need not be removed.
fn unless_gone(removed: io::Result<()>) -> io::Result<()> {
    removed.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Delivery;
    use crate::testing::{DELIVERY, TempDir};

    fn service() -> Service {
        Delivery::parse(DELIVERY).unwrap().service
    }

    fn all(releases: &FileReleases) -> &dyn Releases {
        releases
    }

    fn content(dir: &TempDir, binary: &str) -> Content {
        fs::create_dir_all(dir.path().join("config")).unwrap();
        fs::write(dir.path().join("config/base.toml"), "a = 1").unwrap();
        fs::write(dir.path().join("binary"), binary).unwrap();
        Content::of_files(dir.path(), &service(), dir.path().join("binary"), Some("1.2.3".into())).unwrap()
    }

    #[test]
    fn a_release_is_kept_whole_and_found_again() {
        let dir = TempDir::new();
        let releases = FileReleases::at(dir.path().join("releases"));
        let kept = all(&releases).keep(&content(&dir, "one"), &service(), Some("v1")).unwrap();
        assert_eq!(releases.find("v1").unwrap().digest, kept.digest);
        assert_eq!(fs::read_to_string(releases.folder("v1").join("shop")).unwrap(), "one");
        assert_eq!(fs::read_to_string(releases.folder("v1").join("config/base.toml")).unwrap(), "a = 1");
    }

    #[test]
    fn a_name_stands_for_one_content() {
        let dir = TempDir::new();
        let releases = FileReleases::at(dir.path().join("releases"));
        let first = all(&releases).keep(&content(&dir, "one"), &service(), Some("v1")).unwrap();
        let again = all(&releases).keep(&content(&dir, "one"), &service(), Some("v1")).unwrap();
        assert_eq!(again.digest, first.digest);
        let refusal = all(&releases).keep(&content(&dir, "two"), &service(), Some("v1")).unwrap_err().to_string();
        assert!(refusal.contains("another content"), "{refusal}");
    }

    #[test]
    fn a_name_is_derived_from_version_and_content_where_there_is_no_commit() {
        let dir = TempDir::new();
        let releases = FileReleases::at(dir.path().join("releases"));
        let content = content(&dir, "one");
        let name = all(&releases).keep(&content, &service(), None).unwrap().name;
        assert_eq!(name, format!("1.2.3-{}", &content.digest[..8]));
    }

    #[test]
    fn what_only_config_lint_asks_for_makes_no_other_release_and_is_in_no_record() {
        let dir = TempDir::new();
        let plain = content(&dir, "one");
        let tables = "[service.commands]\nconfig_check = [\"c\"]\n[service.generated]\na = [\"b\"]\n";
        let service = |lint: &str| {
            let text =
                format!("{DELIVERY}{}", tables.replace("[service.generated]", &format!("{lint}\n[service.generated]")));
            Delivery::parse(&text).unwrap().service
        };
        let of = |service: &Service| Content::of_files(dir.path(), service, dir.path().join("binary"), None).unwrap();
        let (one, other) = (service(""), service("config_lint = [\"l\"]\nconfig_schema = [\"s\"]"));
        assert_ne!(one, other);
        assert_eq!(of(&one).digest, of(&other).digest);
        assert_ne!(of(&one).digest, plain.digest, "config_check is part of a release");

        let releases = FileReleases::at(dir.path().join("releases"));
        all(&releases).keep(&of(&one), &other, Some("v1")).unwrap();
        let record = fs::read_to_string(releases.folder("v1").join(RECORD)).unwrap();
        for key in ["generated", "config_lint", "config_schema"] {
            assert!(!record.contains(key), "{key} in {record}");
        }
        // A record of before there was any of this is the same.
        let found = releases.find("v1").unwrap().service;
        assert_eq!((found.generated.len(), found.commands.config_schema), (0, None));
        assert_eq!(found.commands.config_check, Some(vec!["c".into()]));
    }

    #[test]
    fn the_oldest_are_forgotten_and_what_is_needed_never() {
        let dir = TempDir::new();
        let releases = FileReleases::at(dir.path().join("releases"));
        for name in ["v1", "v2", "v3", "v4"] {
            all(&releases).keep(&content(&dir, name), &service(), Some(name)).unwrap();
        }
        all(&releases).prune(2, &["v1".into()]);
        let left: Vec<_> = all(&releases).all().into_iter().map(|release| release.name).collect();
        assert_eq!(left, ["v1", "v3", "v4"]);
    }

    #[test]
    fn what_a_deployer_that_died_has_left_is_in_nobodys_way() {
        let dir = TempDir::new();
        let releases = FileReleases::at(dir.path().join("releases"));
        fs::create_dir_all(releases.folder("v1").join("config")).unwrap();
        fs::create_dir_all(dir.path().join("releases").join(STAGING).join("config")).unwrap();
        all(&releases).keep(&content(&dir, "one"), &service(), Some("v1")).unwrap();
        assert!(releases.find("v1").is_some());
    }

    #[test]
    fn what_another_version_of_this_tool_has_kept_is_left_to_it() {
        let dir = TempDir::new();
        let releases = FileReleases::at(dir.path().join("releases"));
        all(&releases).keep(&content(&dir, "one"), &service(), Some("v1")).unwrap();
        let record = releases.folder("v1").join(RECORD);
        let text = fs::read_to_string(&record).unwrap().replace("\"package\":", "\"novelty\": 1, \"package\":");
        fs::write(&record, &text).unwrap();
        assert!(releases.find("v1").is_none(), "{text}");
        for content in [content(&dir, "one"), content(&dir, "two")] {
            let refusal = format!("{:#}", all(&releases).keep(&content, &service(), Some("v1")).unwrap_err());
            for part in ["by another version of this tool", "unknown field `novelty`", "next: the same command with"] {
                assert!(refusal.contains(part), "{refusal}");
            }
        }
        assert_eq!(fs::read_to_string(&record).unwrap(), text);
        assert_eq!(fs::read_to_string(releases.folder("v1").join("shop")).unwrap(), "one");
        all(&releases).keep(&content(&dir, "two"), &service(), Some("v2")).unwrap();
    }

    #[test]
    fn a_binary_that_is_built_anew_meanwhile_is_not_kept_for_the_one_that_was_named() {
        let dir = TempDir::new();
        let releases = FileReleases::at(dir.path().join("releases"));
        let named = content(&dir, "one");
        fs::write(dir.path().join("binary"), "two").unwrap();
        let refusal = format!("{:#}", all(&releases).keep(&named, &service(), Some("v1")).unwrap_err());
        assert!(refusal.contains("have changed while"), "{refusal}");
        assert!(releases.find("v1").is_none());
    }

    #[test]
    fn a_missing_file_of_the_release_is_named() {
        let dir = TempDir::new();
        fs::write(dir.path().join("binary"), "one").unwrap();
        let error = Content::of_files(dir.path(), &service(), dir.path().join("binary"), None).unwrap_err().to_string();
        assert!(error.contains("`config`, which service.files"), "{error}");
    }
}
