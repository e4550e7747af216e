//! Which steps need not run again: those that have passed with the same files, command, tools, compiler and environment.
//! The idea is that of [wireit](https://github.com/google/wireit#fingerprint). Only successes are kept, in
//! `target/xtask/ci/fresh`.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::facts;
use super::report::Changed;
use super::step::Step;
use crate::tools::Toolbox;
use crate::{digest, git};

/// Everything that decides what a step says, by name: files by their path, and the rest by what it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fingerprint {
    files: BTreeMap<String, String>,
    facts: BTreeMap<String, String>,
}

impl Fingerprint {
    /// How many files decide it.
    pub(super) fn files(&self) -> usize {
        self.files.len()
    }

    /// What is not as it was then, each difference in a few words.
    fn differences(&self, then: &Fingerprint) -> Vec<String> {
        let files = changes(&then.files, &self.files).map(|(name, change)| match change {
            (None, _) => format!("{name} is new"),
            (_, None) => format!("{name} is gone"),
            _ => format!("{name} has changed"),
        });
        let facts = changes(&then.facts, &self.facts).map(|(name, (then, now))| {
            let or_nothing = |value: Option<&String>| value.map_or("nothing", String::as_str).to_owned();
            format!("{name} was {}, is {}", or_nothing(then), or_nothing(now))
        });
        facts.chain(files).collect()
    }
}

type Change<'a> = (Option<&'a String>, Option<&'a String>);

fn changes<'a>(
    then: &'a BTreeMap<String, String>,
    now: &'a BTreeMap<String, String>,
) -> impl Iterator<Item = (&'a String, Change<'a>)> {
    let gone = then.keys().filter(|name| !now.contains_key(*name));
    let names = now.keys().chain(gone);
    names.map(|name| (name, (then.get(name), now.get(name)))).filter(|(_, (then, now))| then != now)
}

/// A success that is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Success {
    at: SystemTime,
    /// How many tests it had run.
    pub(super) tests: Option<u64>,
    fingerprint: Fingerprint,
}

/// Whether a step has to run, and why.
#[derive(Debug)]
pub(super) enum Freshness {
    /// It has passed with all that is there now.
    Fresh(Success, String),
    /// It has to run, for this reason.
    Stale(String),
}

impl Success {
    /// Whether everything is as it was then.
    fn judge(self, now: &Fingerprint) -> Freshness {
        let differences = now.differences(&self.fingerprint);
        let Some(first) = differences.first() else {
            let ago = self.at.elapsed().unwrap_or_default();
            let ago = humantime::format_duration(Duration::from_secs(ago.as_secs()));
            let (files, facts) = (now.files.len(), now.facts.len());
            let reason = format!("it passed {ago} ago with the same {files} files and {facts} facts");
            return Freshness::Fresh(self, reason);
        };
        let more = match differences.len() - 1 {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        Freshness::Stale(format!("{first}{more}"))
    }
}

impl Freshness {
    fn never() -> Freshness {
        Freshness::Stale("it has not passed here yet".into())
    }

    /// Why.
    pub(super) fn reason(&self) -> &str {
        match self {
            Freshness::Fresh(_, reason) | Freshness::Stale(reason) => reason,
        }
    }
}

/// Takes fingerprints, and keeps those of successes.
#[derive(Debug)]
pub(super) struct Fingerprints<'a> {
    root: &'a Path,
    tools: Toolbox<'a>,
    /// Of files that were read before, as long as they look the same.
    read: RefCell<HashMap<PathBuf, (Looks, String)>>,
    facts: facts::Known,
}

type Looks = (u64, i64, i64);

impl<'a> Fingerprints<'a> {
    pub(super) fn of(root: &'a Path, tools: Toolbox<'a>) -> Fingerprints<'a> {
        Fingerprints { root, tools, read: RefCell::default(), facts: facts::Known::default() }
    }

    /// What decides the step's outcome now.
    ///
    /// # Errors
    /// When a file cannot be read, or nothing says which files belong to the project.
    pub(super) fn take(&self, step: &Step) -> anyhow::Result<Fingerprint> {
        // What is made out of the others decides nothing, even where git is not told to ignore it. It is not left to git to
        // exclude it: of one folder that is longer than what is excluded, git 2.47 lists nothing at all.
        let inputs = git::files(self.root, step.inputs)?.into_iter().filter(|path| !path.starts_with("target/"));
        let mut files = BTreeMap::new();
        for path in inputs {
            // One that git knows and a person has removed decides by not being there.
            if let Some(digest) = self.digest(&self.root.join(&path))? {
                files.insert(path, digest);
            }
        }
        Ok(Fingerprint { files, facts: self.facts.of(step, self.root, self.tools) })
    }

    fn digest(&self, path: &Path) -> anyhow::Result<Option<String>> {
        let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(None) };
        let looks = (metadata.len(), metadata.mtime(), metadata.mtime_nsec());
        if let Some((_, digest)) = self.read.borrow().get(path).filter(|(known, _)| *known == looks) {
            return Ok(Some(digest.clone()));
        }
        let content = match metadata.is_symlink() {
            true => fs::read_link(path).map(|target| target.into_os_string().into_encoded_bytes()),
            false => fs::read(path),
        };
        let content = content.with_context(|| format!("reading {}", path.display()))?;
        let runs = metadata.permissions().mode() & 0o111 != 0;
        let digest = format!("{}{}", digest::of(&content), if runs { " x" } else { "" });
        self.read.borrow_mut().insert(path.to_owned(), (looks, digest.clone()));
        Ok(Some(digest))
    }

    /// Whether the step has to run, and why.
    pub(super) fn freshness(&self, step: &Step) -> Freshness {
        // What has never passed is stale by whatever there is, and nothing has to be read to say so.
        let Some(success) = self.success(step) else { return Freshness::never() };
        match self.take(step) {
            Ok(now) => success.judge(&now),
            Err(error) => Freshness::Stale(format!("nobody knows what has changed: {error:#}")),
        }
    }

    /// The same, by a fingerprint that was taken.
    pub(super) fn judge(&self, step: &Step, now: &Fingerprint) -> Freshness {
        self.success(step).map_or_else(Freshness::never, |success| success.judge(now))
    }

    /// Which files are not as they were when the step last passed; none where it has not.
    pub(super) fn changed(&self, step: &Step, now: &Fingerprint) -> Option<Changed> {
        let success = self.success(step)?;
        let files = changes(&success.fingerprint.files, &now.files).map(|(name, _)| name.clone()).collect();
        let since = format!("it last passed, {}", humantime::format_rfc3339_seconds(success.at));
        Some(Changed { since, files })
    }

    /// What the compiler says about itself, in one line.
    pub(super) fn compiler(&self) -> &str {
        self.facts.compiler()
    }

    fn success(&self, step: &Step) -> Option<Success> {
        // One that cannot be read is none.
        serde_json::from_slice(&fs::read(self.place(step)).ok()?).ok()
    }

    /// Keeps a success, unless something has changed while the step ran: then nobody knows what has passed.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn keep(&self, step: &Step, before: Fingerprint, tests: Option<u64>) -> anyhow::Result<()> {
        if self.take(step)? != before {
            return self.forget(step);
        }
        let place = self.place(step);
        let success = Success { at: SystemTime::now(), tests, fingerprint: before };
        let written = place.with_extension("new");
        let write = || -> anyhow::Result<()> {
            fs::create_dir_all(place.parent().unwrap_or(self.root))?;
            fs::write(&written, serde_json::to_vec(&success)?)?;
            Ok(fs::rename(&written, &place)?)
        };
        write().with_context(|| format!("writing {}", place.display()))
    }

    /// Forgets that the step has ever passed.
    ///
    /// # Errors
    /// When that cannot be.
    pub(super) fn forget(&self, step: &Step) -> anyhow::Result<()> {
        match fs::remove_file(self.place(step)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn place(&self, step: &Step) -> PathBuf {
        self.root.join("target/xtask/ci/fresh").join(step.id).with_extension("json")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::ci::step::USUAL;
    use crate::delivery::Pins;
    use crate::testing::Repository;

    const STEP: Step = Step { id: "test", command: &["true"], inputs: &[".", ":!docs/"], ..USUAL };

    fn prints(repository: &Repository) -> Fingerprints<'_> {
        static NONE: LazyLock<Pins> = LazyLock::new(Pins::default);
        Fingerprints::of(repository.root(), Toolbox::new(repository.root(), &NONE))
    }

    fn kept() -> Repository {
        let repository = Repository::with(&[("src/lib.rs", "one"), ("docs/page.md", "one")]);
        let prints = prints(&repository);
        prints.keep(&STEP, prints.take(&STEP).unwrap(), Some(7)).unwrap();
        repository
    }

    fn judged(repository: &Repository, step: &Step) -> Freshness {
        // As the next run sees it.
        prints(repository).freshness(step)
    }

    fn stale(repository: &Repository, step: &Step) -> String {
        match judged(repository, step) {
            Freshness::Stale(reason) => reason,
            Freshness::Fresh(_, reason) => panic!("fresh: {reason}"),
        }
    }

    #[test]
    fn a_step_is_fresh_with_nothing_changed_and_with_a_change_to_what_it_does_not_look_at() {
        let repository = kept();
        repository.write("docs/page.md", "two");
        match judged(&repository, &STEP) {
            Freshness::Fresh(success, reason) => {
                assert_eq!(success.tests, Some(7));
                assert!(reason.contains("with the same 1 files"), "{reason}");
            }
            Freshness::Stale(reason) => panic!("{reason}"),
        }
    }

    #[test]
    fn each_kind_of_change_to_a_file_makes_it_stale() {
        type Do = fn(&Repository);
        let table: [(Do, &str); 4] = [
            (|it| it.write("src/lib.rs", "two"), "src/lib.rs has changed"),
            (|it| it.write("src/new.rs", "one"), "src/new.rs is new"),
            (|it| fs::remove_file(it.root().join("src/lib.rs")).unwrap(), "src/lib.rs is gone"),
            (
                |it| fs::set_permissions(it.root().join("src/lib.rs"), fs::Permissions::from_mode(0o755)).unwrap(),
                "src/lib.rs has changed",
            ),
        ];
        for (change, reason) in table {
            let repository = kept();
            change(&repository);
            assert_eq!(stale(&repository, &STEP), reason);
        }
    }

    #[test]
    fn a_step_that_looks_at_one_folder_alone_looks_at_all_of_it_and_what_is_made_counts_for_nothing() {
        let repository = Repository::with(&[(".workflows/one.yml", "one"), ("target/one", "one")]);
        let files = |inputs| {
            let fingerprint = prints(&repository).take(&Step { inputs, ..STEP }).unwrap();
            fingerprint.files.into_keys().collect::<Vec<_>>()
        };
        assert_eq!(files(&[".workflows/"]), [".workflows/one.yml"]);
        assert_eq!(files(&["."]), [".workflows/one.yml"]);
    }

    #[test]
    fn another_command_or_a_variable_of_its_own_makes_it_stale() {
        let repository = kept();
        let other = Step { command: &["true", "--all"], ..STEP };
        assert_eq!(stale(&repository, &other), "the command was true, is true --all");
        let other = Step { env: &[("RUSTDOCFLAGS", "-D warnings")], ..STEP };
        assert_eq!(stale(&repository, &other), "the variable RUSTDOCFLAGS was nothing, is -D warnings");
    }

    #[test]
    fn what_changes_while_the_step_runs_is_not_kept() {
        let repository = kept();
        let prints = prints(&repository);
        let before = prints.take(&STEP).unwrap();
        repository.write("src/lib.rs", "another");
        prints.keep(&STEP, before, None).unwrap();
        assert_eq!(stale(&repository, &STEP), "it has not passed here yet");
    }

    #[test]
    fn a_success_that_cannot_be_read_is_none() {
        let repository = kept();
        fs::write(prints(&repository).place(&STEP), "{\"at\":").unwrap();
        assert_eq!(stale(&repository, &STEP), "it has not passed here yet");
    }

    #[test]
    fn a_fact_that_differs_is_named_with_what_it_was_and_is() {
        let with = |value: &str| Fingerprint {
            facts: BTreeMap::from([("rustc".to_owned(), value.to_owned())]),
            ..Fingerprint::default()
        };
        assert_eq!(with("1.96.0").differences(&with("1.95.0")), ["rustc was 1.95.0, is 1.96.0"]);
    }
}
