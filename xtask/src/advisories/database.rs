//! The database of advisories: what it is taken from, and how old it is. Whatever that is, git copies it into a folder of its
//! own below `target/xtask/advisories`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};

use super::git;
use crate::delivery::{Advisories, FILE};
use crate::problem::{ExitCode, Problem, reason};
use crate::rollout::policy::Span;
use crate::time::Day;

/// The variable that names a database on this machine.
pub(super) const DATABASE: &str = "SWITCHYARD_ADVISORY_DB";

/// How long a copy that was fetched is not fetched again.
const REFRESHED: Duration = Duration::from_secs(DAY);
const DAY: u64 = 24 * 60 * 60;

/// What cargo-deny calls the folder of the one database it knows by itself.
const CHECKOUT: &str = "advisory-db-3157b0e258782691";

/// What the database is taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// A checkout, a bare repository or a bundle, and what has named it.
    Given { path: PathBuf, by: &'static str },
    /// A repository that git reaches through the network.
    Fetched { url: String },
}

impl Source {
    /// The first that is named: on the command line, by the variable, in `delivery.toml`, and else the one that is fetched.
    pub(super) fn choose(flag: Option<&Path>, variable: Option<&Path>, root: &Path, settings: &Advisories) -> Source {
        let named = [(flag, "--database"), (variable, DATABASE), (settings.database.as_deref(), FILE)];
        match named.into_iter().find_map(|(path, by)| Some((path?, by))) {
            Some((path, by)) => Source::Given { path: root.join(path), by },
            None => Source::Fetched { url: settings.url.clone() },
        }
    }

    /// Where it comes from, in words.
    pub(super) fn origin(&self) -> String {
        match self {
            Source::Given { path, .. } => path.display().to_string(),
            Source::Fetched { url } => url.clone(),
        }
    }

    /// The newest commit that is known of without the network.
    pub(super) fn known(&self, root: &Path) -> Option<String> {
        match self {
            Source::Given { path, .. } => git::newest(&path.to_string_lossy()).ok().map(|(_, commit)| commit),
            Source::Fetched { .. } => Place::of(self, root).head().ok(),
        }
    }
}

/// A copy of the database, as it was taken.
#[derive(Debug)]
pub(super) struct Database {
    place: Place,
    /// Where it comes from, in words.
    pub(super) origin: String,
    /// Its newest commit.
    pub(super) commit: String,
    /// When that was made.
    pub(super) at: SystemTime,
    /// Why it is not newer, where it could not be refreshed.
    pub(super) note: Option<String>,
    /// Nobody else changes it as long as this is held.
    _lock: File,
}

impl Database {
    /// Copies what there is; what is fetched is fetched once a day, and stays what it was where the network is away.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 69 when there is no database.
    pub(super) fn open(source: &Source, root: &Path, always_fetch: bool) -> anyhow::Result<Database> {
        let place = Place::of(source, root);
        let lock = place.prepare().with_context(|| format!("writing {}", place.folder.display()))?;
        let note = match source {
            Source::Given { path, by } => {
                place.copy(&path.to_string_lossy()).map_err(|error| unreadable(path, by, &error))?;
                None
            }
            Source::Fetched { url } if always_fetch || place.is_due() => match place.copy(url) {
                Ok(()) => None,
                Err(error) if place.head().is_err() || always_fetch => return Err(unreachable(url, &error).into()),
                Err(error) => Some(format!("{url} could not be fetched, and this is the last copy: {}", reason(&error))),
            },
            Source::Fetched { .. } => None,
        };
        let commit = place.restore()?;
        let seconds = place.git(&["log", "-1", "--format=%ct"])?.parse().context("git does not say a commit's time")?;
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        if !place.has_advisories() {
            let message = format!("there are no advisories in {}: it is no advisory database.", source.origin());
            return Err(Problem::new(ExitCode::Unavailable, message).next(format!("git ls-remote {}", source.origin())).into());
        }
        Ok(Database { place, origin: source.origin(), commit, at, note, _lock: lock })
    }

    /// The folder in which cargo-deny looks for it.
    pub(super) fn folder(&self) -> &Path {
        &self.place.folder
    }

    /// How old it is: what was found out since its newest commit is not in it.
    pub(super) fn age(&self, now: SystemTime) -> Duration {
        Duration::from_secs(now.duration_since(self.at).unwrap_or_default().as_secs())
    }

    /// Refuses one that is too old to say anything.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 1.
    pub(super) fn check_age(&self, limit: Span, now: SystemTime) -> Result<(), Problem> {
        let refuse = |what: String| {
            let (origin, day) = (&self.origin, Day::of(self.at));
            let message = format!("the advisory database {what}: its newest commit is of {day}, in {origin}. Nothing was checked.");
            let problem = Problem::new(ExitCode::Failed, message).detail(self.note.clone());
            problem.next("cargo xtask advisories --fetch").next("cargo xtask advisories --database PATH, with a newer one")
        };
        // A commit of a time to come would never grow old.
        if self.at.duration_since(now).is_ok_and(|ahead| ahead > Duration::from_secs(DAY)) {
            return Err(refuse("is newer than today by this machine's clock".into()));
        }
        let age = self.age(now);
        if age > *limit {
            let days = age.as_secs() / DAY;
            return Err(refuse(format!("is {days} days old, and at most {limit} will do")));
        }
        Ok(())
    }

    /// Writes it into a bundle, as one commit with the time of its newest one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn save(&self, file: &Path) -> anyhow::Result<()> {
        let Database { place, commit, .. } = self;
        let time = place.git(&["log", "-1", "--format=%ct +0000"])?;
        let (name, email) = ("advisory-db", "advisory-db@localhost");
        let variables = [
            ("GIT_AUTHOR_NAME", name),
            ("GIT_AUTHOR_EMAIL", email),
            ("GIT_AUTHOR_DATE", &time),
            ("GIT_COMMITTER_NAME", name),
            ("GIT_COMMITTER_EMAIL", email),
            ("GIT_COMMITTER_DATE", &time),
        ];
        let checkout = place.checkout();
        let (folder, message) = (checkout.to_string_lossy(), format!("Advisory database as of {commit}"));
        let tree = ["-C", &folder, "commit-tree", "--no-gpg-sign", "-m", &message, "HEAD^{tree}"];
        let snapshot = git::ask_with(&tree, &variables)?;
        place.git(&["update-ref", "refs/heads/snapshot", &snapshot])?;
        let written = std::path::absolute(file)?;
        place.git(&["bundle", "create", "--quiet", &written.to_string_lossy(), "refs/heads/snapshot"])?;
        Ok(())
    }
}

/// Where the copy of one source is kept.
#[derive(Debug)]
struct Place {
    folder: PathBuf,
}

impl Place {
    fn of(source: &Source, root: &Path) -> Place {
        let name: String = Sha256::digest(source.origin()).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        Place { folder: root.join("target/xtask/advisories").join(name) }
    }

    fn checkout(&self) -> PathBuf {
        self.folder.join(CHECKOUT)
    }

    fn stamp(&self) -> PathBuf {
        self.folder.join("fetched")
    }

    fn git(&self, args: &[&str]) -> anyhow::Result<String> {
        git::ask(&[&["-C", &self.checkout().to_string_lossy()], args].concat())
    }

    fn head(&self) -> anyhow::Result<String> {
        // Without a repository of its own, git would find that of the project around it.
        anyhow::ensure!(self.checkout().join(".git").is_dir(), "nothing was fetched yet");
        self.git(&["rev-parse", "--verify", "--quiet", "HEAD"])
    }

    /// A repository, and the lock of whoever works in it.
    fn prepare(&self) -> anyhow::Result<File> {
        let checkout = self.checkout();
        fs::create_dir_all(&checkout)?;
        let lock = File::create(self.folder.join("lock"))?;
        lock.lock()?;
        git::ask(&["init", "--quiet", "--template=", &checkout.to_string_lossy()])?;
        // What a git that was killed has left stands in the way of every other.
        for left in ["index.lock", "HEAD.lock", "shallow.lock"] {
            let _ = fs::remove_file(checkout.join(".git").join(left));
        }
        Ok(lock)
    }

    fn is_due(&self) -> bool {
        let at = fs::metadata(self.stamp()).and_then(|stamp| stamp.modified());
        let ago = at.ok().and_then(|at| at.elapsed().ok());
        self.head().is_err() || ago.is_none_or(|ago| ago > REFRESHED)
    }

    /// Takes over what a repository has for its newest state.
    fn copy(&self, repository: &str) -> anyhow::Result<()> {
        let (name, commit) = git::newest(repository)?;
        if self.head().ok().as_ref() != Some(&commit) {
            self.git(&["fetch", "--quiet", "--no-tags", "--depth=1", "--", repository, &name])?;
            self.git(&["checkout", "--quiet", "--force", "--detach", "FETCH_HEAD"])?;
        }
        Ok(fs::write(self.stamp(), "")?)
    }

    /// Puts back what somebody may have changed in the copy, and says which commit it is.
    fn restore(&self) -> anyhow::Result<String> {
        self.git(&["reset", "--quiet", "--hard", "HEAD"])?;
        self.head()
    }

    fn has_advisories(&self) -> bool {
        let folders = fs::read_dir(self.checkout().join("crates")).into_iter().flatten().flatten();
        let mut files = folders.flat_map(|folder| fs::read_dir(folder.path()).into_iter().flatten().flatten());
        files.any(|file| file.file_name().to_string_lossy().ends_with(".md"))
    }
}

fn unreadable(path: &Path, by: &str, error: &anyhow::Error) -> Problem {
    let path = path.display();
    let message = format!("{path}, which {by} names for the advisory database, is no checkout, bare repository or bundle of it.");
    let problem = Problem::new(ExitCode::Unavailable, message).detail(error.to_string().lines());
    problem.next(format!("git ls-remote {path}"))
}

fn unreachable(url: &str, error: &anyhow::Error) -> Problem {
    let message = format!("the advisory database cannot be fetched from {url}.");
    let problem = Problem::new(ExitCode::Unavailable, message).detail(error.to_string().lines());
    problem.next(format!("{DATABASE}=PATH cargo xtask advisories, with a checkout, a bare repository or a bundle of it"))
}
