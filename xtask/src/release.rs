//! Releases as the process runtime keeps them: a folder each, with the binary and the files that belong to it, so that a
//! rollback needs neither a build nor the sources.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::delivery::Service;
use crate::host::{Host as _, Local};
use crate::problem::{ExitCode, Problem};
use crate::{git, time};

const RECORD: &str = "release.json";
/// Where a release is put together, in the folder of all.
const STAGING: &str = ".staging";
/// What a disk must have free beyond the release itself, for logs, journal and sockets.
const SLACK: u64 = 16 * 1024 * 1024;
/// The longest name: that of a container image's tag, which a release's name becomes.
const MAX_NAME: usize = 128;

/// What is known of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Its name; one name is one content for ever.
    pub name: String,
    /// The version of its package.
    pub version: Option<String>,
    /// The commit it was built from, if it was built from one and nothing else.
    pub commit: Option<String>,
    /// SHA-256 over the binary, the files and how they are started.
    pub digest: String,
    /// When it was first kept.
    #[serde(with = "time::rfc3339")]
    pub built: SystemTime,
    /// How it is started and asked for its health: as it was then, whatever `delivery.toml` says by now.
    pub service: Service,
}

/// What a release is made of, before it has a name.
#[derive(Debug)]
pub struct Content {
    binary: PathBuf,
    files: Vec<(String, PathBuf)>,
    version: Option<String>,
    commit: Option<String>,
    digest: String,
    size: u64,
}

impl Content {
    /// Takes stock of a binary and of the files `delivery.toml` says belong to it.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 78 when a file that belongs to the release is missing.
    pub fn of(root: &Path, service: &Service, binary: PathBuf, version: Option<String>) -> anyhow::Result<Content> {
        let mut files = Vec::new();
        for name in &service.files {
            collect(&root.join(name), name, &mut files).map_err(|error| {
                let message =
                    format!("`{name}`, which service.files of config/delivery.toml names, cannot be read: {error}.");
                Problem::new(ExitCode::Configuration, message).next("git status")
            })?;
        }
        files.sort();
        let (digest, size) = digest(service, &binary, &files)?;
        Ok(Content { binary, files, version, commit: git::clean_commit(root), digest, size })
    }

    /// SHA-256 over the binary, the files and how they are started.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// A name that says where the release comes from: version and commit, or the content's own where no commit stands
    /// for it.
    fn names(&self) -> [String; 2] {
        let version = self.version.as_deref().unwrap_or("0.0.0").replace('+', "-");
        let content: String = self.digest.chars().take(8).collect();
        let commit: String = self.commit.as_deref().unwrap_or_default().chars().take(7).collect();
        let full =
            [version.as_str(), &commit, &content].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
        let short = if commit.is_empty() { full.join("-") } else { format!("{version}-{commit}") };
        [short, full.join("-")]
    }
}

fn digest(service: &Service, binary: &Path, files: &[(String, PathBuf)]) -> anyhow::Result<(String, u64)> {
    let mut hash = Sha256::new();
    hash.update(serde_json::to_vec(service)?);
    let mut size = 0;
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
        size += length;
    }
    Ok((hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect(), size))
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

/// The releases kept in an environment.
#[derive(Debug, Clone)]
pub struct Releases {
    root: PathBuf,
}

impl Releases {
    /// Those kept under `root`.
    pub fn at(root: impl Into<PathBuf>) -> Releases {
        Releases { root: root.into() }
    }

    /// The folder of a release, whether it is kept or not.
    pub fn folder(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The release of that name, if it is kept.
    pub fn find(&self, name: &str) -> Option<Release> {
        if check_name(name).is_err() {
            return None;
        }
        serde_json::from_str(&fs::read_to_string(self.folder(name).join(RECORD)).ok()?).ok()
    }

    /// All that are kept, oldest first.
    pub fn all(&self) -> Vec<Release> {
        let entries = fs::read_dir(&self.root).into_iter().flatten().flatten();
        let mut all: Vec<_> = entries.filter_map(|entry| self.find(entry.file_name().to_str()?)).collect();
        all.sort_by_key(|release| release.built);
        all
    }

    /// Keeps a content under a name, or finds that it is kept already.
    ///
    /// # Errors
    /// A [`Problem`] when the name cannot be one, stands for another content already, or the disk has no room.
    pub fn keep(&self, content: &Content, service: &Service, name: Option<&str>) -> anyhow::Result<Release> {
        let name = match name {
            Some(name) => name.to_owned(),
            None => self.free_name(content),
        };
        check_name(&name)?;
        if let Some(kept) = self.find(&name) {
            if kept.digest == content.digest {
                return Ok(kept);
            }
            let message = format!(
                "release `{name}` is kept already, with another content (built {}). A name stands for one content, or a \
                 rollback could not be trusted.",
                time::format(kept.built)
            );
            return Err(Problem::new(ExitCode::Usage, message).next("the same command with another --release").into());
        }
        self.require_room(content.size)?;
        let release = Release {
            name,
            version: content.version.clone(),
            commit: content.commit.clone(),
            digest: content.digest.clone(),
            built: SystemTime::now(),
            service: service.clone(),
        };
        let (staging, folder) = (self.root.join(STAGING), self.folder(&release.name));
        // What a deployer that died half-way has left has no record, and is in the way.
        remove(&staging)?;
        remove(&folder)?;
        let kept = stage(content, &release, &staging).and_then(|()| {
            fs::rename(&staging, &folder)?;
            Ok(fs::File::open(&self.root)?.sync_all()?)
        });
        if kept.is_err() {
            // What could not be kept must not fill the disk further.
            let _ = fs::remove_dir_all(&staging);
        }
        kept.with_context(|| format!("keeping release {} in {}", release.name, self.root.display())).map(|()| release)
    }

    /// Forgets the oldest releases beyond `keep`, but none of those that are `needed`.
    pub fn prune(&self, keep: usize, needed: &[String]) {
        let all = self.all();
        for release in all.iter().take(all.len().saturating_sub(keep)) {
            if !needed.contains(&release.name) {
                // A release that stays only takes room.
                let _ = fs::remove_dir_all(self.folder(&release.name));
            }
        }
    }

    fn free_name(&self, content: &Content) -> String {
        let [short, full] = content.names();
        let taken = self.find(&short).is_some_and(|kept| kept.digest != content.digest);
        if taken { full } else { short }
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

/// Puts a release together, on disk when it returns.
fn stage(content: &Content, release: &Release, staging: &Path) -> anyhow::Result<()> {
    let binary = (release.service.binary.clone(), content.binary.clone());
    for (name, source) in std::iter::once(&binary).chain(&content.files) {
        let target = staging.join(name);
        target.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::copy(source, &target)?;
        fs::File::open(&target)?.sync_all()?;
    }
    let files: Vec<_> = content.files.iter().map(|(name, _)| (name.clone(), staging.join(name))).collect();
    let (kept, _) = digest(&release.service, &staging.join(&release.service.binary), &files)?;
    if kept != release.digest {
        let message =
            "the binary or its files have changed while they were being kept; nothing was started or changed.";
        return Err(Problem::new(ExitCode::Failed, message)
            .next("the same command, when nothing builds any more")
            .into());
    }
    Local::new(staging).replace(RECORD, &serde_json::to_string_pretty(release)?)
}

fn remove(folder: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", folder.display()))
        }
        _ => Ok(()),
    }
}

fn check_name(name: &str) -> Result<(), Problem> {
    let first = name.chars().next().is_some_and(|first| first.is_ascii_alphanumeric());
    let all = name.chars().all(|letter| letter.is_ascii_alphanumeric() || "._-".contains(letter));
    if first && all && name.len() <= MAX_NAME {
        return Ok(());
    }
    let message = format!(
        "`{name}` cannot name a release: it takes letters, digits, `.`, `_` and `-`, beginning with a letter or digit, \
         {MAX_NAME} at the most."
    );
    Err(Problem::new(ExitCode::Usage, message).next("the same command with --release v2"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Delivery;
    use crate::testing::{DELIVERY, TempDir};

    fn service() -> Service {
        Delivery::parse(DELIVERY).unwrap().service
    }

    fn content(dir: &TempDir, binary: &str) -> Content {
        fs::create_dir_all(dir.path().join("config")).unwrap();
        fs::write(dir.path().join("config/base.toml"), "a = 1").unwrap();
        fs::write(dir.path().join("binary"), binary).unwrap();
        Content::of(dir.path(), &service(), dir.path().join("binary"), Some("1.2.3".into())).unwrap()
    }

    #[test]
    fn a_release_is_kept_whole_and_found_again() {
        let dir = TempDir::new();
        let releases = Releases::at(dir.path().join("releases"));
        let kept = releases.keep(&content(&dir, "one"), &service(), Some("v1")).unwrap();
        assert_eq!(releases.find("v1").unwrap().digest, kept.digest);
        assert_eq!(fs::read_to_string(releases.folder("v1").join("shop")).unwrap(), "one");
        assert_eq!(fs::read_to_string(releases.folder("v1").join("config/base.toml")).unwrap(), "a = 1");
    }

    #[test]
    fn a_name_stands_for_one_content() {
        let dir = TempDir::new();
        let releases = Releases::at(dir.path().join("releases"));
        let first = releases.keep(&content(&dir, "one"), &service(), Some("v1")).unwrap();
        let again = releases.keep(&content(&dir, "one"), &service(), Some("v1")).unwrap();
        assert_eq!(again.digest, first.digest);
        let refusal = releases.keep(&content(&dir, "two"), &service(), Some("v1")).unwrap_err().to_string();
        assert!(refusal.contains("another content"), "{refusal}");
    }

    #[test]
    fn a_name_is_derived_from_version_and_content_where_there_is_no_commit() {
        let dir = TempDir::new();
        let releases = Releases::at(dir.path().join("releases"));
        let content = content(&dir, "one");
        let name = releases.keep(&content, &service(), None).unwrap().name;
        assert_eq!(name, format!("1.2.3-{}", &content.digest[..8]));
    }

    #[test]
    fn names_that_could_leave_the_folder_or_are_no_image_tag_are_refused() {
        for name in ["", "..", "../v1", "a/b", "-v", ".hidden", "v 1", "ü", &"v".repeat(129)] {
            assert!(check_name(name).is_err(), "{name}");
        }
        assert!(check_name("v1.2.3-rc_1").is_ok());
    }

    #[test]
    fn the_oldest_are_forgotten_and_what_is_needed_never() {
        let dir = TempDir::new();
        let releases = Releases::at(dir.path().join("releases"));
        for name in ["v1", "v2", "v3", "v4"] {
            releases.keep(&content(&dir, name), &service(), Some(name)).unwrap();
        }
        releases.prune(2, &["v1".into()]);
        let left: Vec<_> = releases.all().into_iter().map(|release| release.name).collect();
        assert_eq!(left, ["v1", "v3", "v4"]);
    }

    #[test]
    fn what_a_deployer_that_died_has_left_is_in_nobodys_way() {
        let dir = TempDir::new();
        let releases = Releases::at(dir.path().join("releases"));
        fs::create_dir_all(releases.folder("v1").join("config")).unwrap();
        fs::create_dir_all(dir.path().join("releases").join(STAGING).join("config")).unwrap();
        releases.keep(&content(&dir, "one"), &service(), Some("v1")).unwrap();
        assert!(releases.find("v1").is_some());
    }

    #[test]
    fn a_binary_that_is_built_anew_meanwhile_is_not_kept_for_the_one_that_was_named() {
        let dir = TempDir::new();
        let releases = Releases::at(dir.path().join("releases"));
        let named = content(&dir, "one");
        fs::write(dir.path().join("binary"), "two").unwrap();
        let refusal = format!("{:#}", releases.keep(&named, &service(), Some("v1")).unwrap_err());
        assert!(refusal.contains("have changed while"), "{refusal}");
        assert!(releases.find("v1").is_none());
    }

    #[test]
    fn a_missing_file_of_the_release_is_named() {
        let dir = TempDir::new();
        fs::write(dir.path().join("binary"), "one").unwrap();
        let error = Content::of(dir.path(), &service(), dir.path().join("binary"), None).unwrap_err().to_string();
        assert!(error.contains("`config`, which service.files"), "{error}");
    }
}
