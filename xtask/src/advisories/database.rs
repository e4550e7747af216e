//! The database of advisories: what it is taken from, and how old it is. Whatever that is, git copies it into a folder of its
//! own below `target/xtask/advisories`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;

use super::git;
use super::place::Place;
use crate::delivery::{Advisories, FILE};
use crate::problem::{ExitCode, Problem, reason};
use crate::rollout::policy::Span;
use crate::time::Day;

/// The variable that names a database on this machine.
pub(super) const DATABASE: &str = "SWITCHYARD_ADVISORY_DB";

/// In seconds.
pub(super) const DAY: u64 = 24 * 60 * 60;

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
                Err(error) => {
                    Some(format!("{url} could not be fetched, and this is the last copy: {}", reason(&error)))
                }
            },
            Source::Fetched { .. } => None,
        };
        let commit = place.restore()?;
        let seconds = place.git(&["log", "-1", "--format=%ct"])?.parse().context("git does not say a commit's time")?;
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        if !place.has_advisories() {
            let message = format!("there are no advisories in {}: it is no advisory database.", source.origin());
            return Err(Problem::new(ExitCode::Unavailable, message)
                .next(format!("git ls-remote {}", source.origin()))
                .into());
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
            let message = format!(
                "the advisory database {what}: its newest commit is of {day}, in {origin}. Nothing was checked."
            );
            let problem = Problem::new(ExitCode::Failed, message).detail(self.note.clone());
            problem
                .next("cargo xtask advisories --fetch")
                .next("cargo xtask advisories --database PATH, with a newer one")
        };
        // A commit of a time to come would never grow old.
        if self.at.duration_since(now).is_ok_and(|ahead| ahead > Duration::from_secs(DAY)) {
            return Err(refuse("is newer than today by this machine's clock".into()));
        }
        let age = self.age(now);
        if age > *limit {
            let (days, limit) = (age.as_secs() / DAY, in_days(limit));
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

/// A span of whole days in days, which is how such spans are written; years and months are not all of one length.
pub(super) fn in_days(span: Span) -> String {
    match (span.as_secs() / DAY, span.as_secs() % DAY) {
        (1, 0) => "1 day".into(),
        (days, 0) => format!("{days} days"),
        _ => span.to_string(),
    }
}

fn unreadable(path: &Path, by: &str, error: &anyhow::Error) -> Problem {
    let path = path.display();
    let message =
        format!("{path}, which {by} names for the advisory database, is no checkout, bare repository or bundle of it.");
    let problem = Problem::new(ExitCode::Unavailable, message).detail(error.to_string().lines());
    problem.next(format!("git ls-remote {path}"))
}

fn unreachable(url: &str, error: &anyhow::Error) -> Problem {
    let message = format!("the advisory database cannot be fetched from {url}.");
    let problem = Problem::new(ExitCode::Unavailable, message).detail(error.to_string().lines());
    problem
        .next(format!("{DATABASE}=PATH cargo xtask advisories, with a checkout, a bare repository or a bundle of it"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::place::{CHECKOUT, REFRESHED};
    use super::*;
    use crate::testing::{Repository, TempDir};

    const ADVISORY: (&str, &str) = ("crates/time/RUSTSEC-2020-0071.md", "invented");

    fn given(path: &Path) -> Source {
        Source::Given { path: path.to_owned(), by: "--database" }
    }

    fn limit(days: u64) -> Span {
        Span::secs(days * DAY)
    }

    #[test]
    fn a_database_is_looked_for_where_it_is_named_first() {
        let (root, mut settings) = (Path::new("/shop"), Advisories::default());
        let (flag, variable) = (Path::new("/flag"), Path::new("variable"));
        let by = |source: Source| match source {
            Source::Given { path, by } => format!("{} by {by}", path.display()),
            Source::Fetched { url } => url,
        };
        assert_eq!(by(Source::choose(None, None, root, &settings)), settings.url);
        settings.database = Some("db".into());
        assert_eq!(by(Source::choose(None, None, root, &settings)), "/shop/db by config/delivery.toml");
        let named = Source::choose(None, Some(variable), root, &settings);
        assert_eq!(by(named), "/shop/variable by SWITCHYARD_ADVISORY_DB");
        assert_eq!(by(Source::choose(Some(flag), Some(variable), root, &settings)), "/flag by --database");
    }

    #[test]
    fn a_checkout_a_bare_repository_and_a_bundle_are_the_same_database() {
        let (root, made) = (TempDir::new(), Repository::with(&[ADVISORY]));
        let [bare, bundle, again] = ["bare", "bundle", "again"].map(|name| root.path().join(name));
        made.git(&["clone", "--quiet", "--bare", ".", bare.to_str().unwrap()]);
        let checkout = Database::open(&given(made.root()), root.path(), false).unwrap();
        let from_bare = Database::open(&given(&bare), root.path(), false).unwrap();
        assert_eq!((checkout.commit.as_str(), checkout.at), (from_bare.commit.as_str(), from_bare.at));
        assert!(checkout.folder().join(CHECKOUT).join(ADVISORY.0).is_file());

        checkout.save(&bundle).unwrap();
        from_bare.save(&again).unwrap();
        let saved = Database::open(&given(&bundle), root.path(), false).unwrap();
        assert_eq!(
            (saved.at, saved.age(saved.at)),
            (checkout.at, Duration::ZERO),
            "a bundle is as old as what is in it"
        );
        assert_eq!(given(&bundle).known(root.path()), Some(saved.commit));
        assert_eq!(given(&bundle).known(root.path()), given(&again).known(root.path()), "the same makes the same");
    }

    #[test]
    fn what_is_no_database_is_refused() {
        let (root, other) = (TempDir::new(), Repository::with(&[("README.md", "of something else")]));
        let empty = TempDir::new();
        for (path, expected) in [
            (other.root(), "no advisories in"),
            (empty.path(), "is no checkout, bare repository or bundle"),
            (Path::new("/nowhere"), "/nowhere, which --database names"),
        ] {
            let error = format!("{:#}", Database::open(&given(path), root.path(), false).unwrap_err());
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn one_that_is_too_old_or_of_a_time_to_come_is_refused() {
        let (root, made) = (TempDir::new(), Repository::with(&[ADVISORY]));
        let database = Database::open(&given(made.root()), root.path(), false).unwrap();
        let day = Duration::from_secs(DAY);
        assert!(database.check_age(limit(7), database.at + 7 * day).is_ok());
        let refused = |limit, now| database.check_age(limit, now).unwrap_err();
        let problem = refused(limit(7), database.at + 7 * day + Duration::from_secs(1));
        assert_eq!(problem.code(), ExitCode::Failed);
        assert!(problem.to_string().contains("is 7 days old, and at most 7 days will do"), "{problem}");
        let problem = refused(limit(7), database.at - 2 * day);
        assert!(problem.to_string().contains("newer than today"), "{problem}");
    }

    #[test]
    fn what_is_fetched_is_kept_for_a_day_and_longer_where_the_network_is_away() {
        let (root, made) = (TempDir::new(), Repository::with(&[ADVISORY]));
        let source = Source::Fetched { url: made.root().display().to_string() };
        assert_eq!(source.known(root.path()), None);
        let (first, stamp) = {
            let database = Database::open(&source, root.path(), false).unwrap();
            (database.commit.clone(), database.place.stamp())
        };
        made.write("crates/time/RUSTSEC-2020-0072.md", "new");
        made.commit("second");

        let open = |always| Database::open(&source, root.path(), always);
        assert_eq!(open(false).unwrap().commit, first, "once a day");
        let long_ago = || {
            let stamp = File::options().write(true).open(&stamp).unwrap();
            stamp.set_modified(SystemTime::now() - REFRESHED - Duration::from_secs(60)).unwrap();
        };
        long_ago();
        let second = open(false).unwrap().commit.clone();
        assert_ne!(second, first, "on the next day");

        long_ago();
        fs::rename(made.root().join(".git"), made.root().join("away")).unwrap();
        let kept = open(false).unwrap();
        assert_eq!((kept.commit.as_str(), source.known(root.path())), (second.as_str(), Some(second.clone())));
        assert!(kept.note.as_ref().unwrap().contains("could not be fetched"), "{:?}", kept.note);
        drop(kept);
        assert!(open(true).is_err(), "who asks for a new one gets no old one");
    }

    #[test]
    fn what_was_changed_in_the_copy_is_put_back() {
        let (root, made) = (TempDir::new(), Repository::with(&[ADVISORY]));
        let open = || Database::open(&given(made.root()), root.path(), false).unwrap();
        let file = open().folder().join(CHECKOUT).join(ADVISORY.0);
        fs::remove_file(&file).unwrap();
        fs::write(file.ancestors().nth(3).unwrap().join(".git/index.lock"), "").unwrap();
        assert!(open().folder().join(CHECKOUT).join(ADVISORY.0).is_file());
    }
}
