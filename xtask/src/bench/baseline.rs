//! What this revision is held against: the last release, built by the same compiler as this one.

use std::fs;
use std::path::Path;

use anyhow::Context as _;

use super::served::Side;
use crate::delivery::{FILE, Service};
use crate::project::Project;
use crate::{cargo, git, say, versions};

/// The profile that releases are built with.
pub(super) const PROFILE: &str = "release";

/// A revision of the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Revision {
    /// What a person calls it.
    pub(super) name: String,
    pub(super) commit: String,
}

/// Why there is nothing to compare with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Nothing {
    pub(super) reason: String,
    /// Whether there cannot be anything: a CI system is no better off.
    pub(super) is_excuse: bool,
}

impl Nothing {
    fn because(reason: impl Into<String>) -> Nothing {
        Nothing { reason: reason.into(), is_excuse: false }
    }
}

/// The newest release before this commit. Where there is none yet, the revision before the last change to the service: the
/// last commit, where the service was changed since.
pub(super) fn find(root: &Path, package: &str) -> Result<Revision, Nothing> {
    let unknown = |error: anyhow::Error| Nothing::because(format!("nobody knows what came before: {error:#}"));
    let tags = git::tags_before(root, versions::TAGS).map_err(unknown)?;
    if let Some((_, tag)) = versions::newest(&tags) {
        return revision(root, tag.to_owned(), tag);
    }
    if git::is_shallow(root).map_err(unknown)? {
        let reason = "this clone has only the end of the history, and no release; `git fetch --unshallow --tags` \
                      brings the rest, and so does `fetch-depth: 0` of actions/checkout";
        return Err(Nothing::because(reason));
    }
    let folder = cargo::folder(root, package).map_err(unknown)?;
    let folder = folder.to_string_lossy();
    if !git::changed_since(root, "HEAD", &[&folder]).map_err(unknown)?.is_empty() {
        return revision(root, "the last commit".into(), "HEAD");
    }
    let first = || Nothing { reason: format!("{package} has no earlier revision"), is_excuse: true };
    let last = git::last_change(root, &folder).map_err(unknown)?.ok_or_else(first)?;
    revision(root, format!("what was before the last change to {package}"), &format!("{last}^")).map_err(|_| first())
}

fn revision(root: &Path, name: String, revision: &str) -> Result<Revision, Nothing> {
    let commit = git::commit(root, revision);
    commit.map(|commit| Revision { name, commit }).ok_or_else(|| Nothing::because(format!("git has no {revision}")))
}

impl Revision {
    /// The first letters of its commit.
    pub(super) fn short(&self) -> &str {
        git::short(&self.commit)
    }

    /// Builds it apart from this revision, which cargo could not tell it from, in a folder that keeps what was built for the
    /// next time.
    ///
    /// # Errors
    /// When it cannot be written or does not build; the compiler has said why by then.
    pub(super) fn build(&self, project: &Project, folder: &Path) -> anyhow::Result<Side> {
        let (source, kept) = (folder.join("source"), folder.join("commit"));
        if fs::read_to_string(&kept).ok().as_deref() != Some(&self.commit) {
            for path in [&source, &kept] {
                // It is not there the first time.
                let _ = fs::remove_dir_all(path).or_else(|_| fs::remove_file(path));
            }
            fs::create_dir_all(&source).with_context(|| format!("making {}", source.display()))?;
            git::export(&project.root, &self.commit, &source)?;
            fs::write(&kept, &self.commit).with_context(|| format!("writing {}", kept.display()))?;
        }
        let service = service_of(&source).unwrap_or_else(|| project.delivery.service.clone());
        say!("building {} of {} ({}) with the profile {PROFILE}, static", service.package, self.name, self.short());
        let target = folder.join("target");
        let program = cargo::build_static_of(project, (&source, &service), &target, PROFILE)?;
        Ok(Side { name: self.name.clone(), program, release_dir: source, service, settings: Vec::new() })
    }
}

/// How a revision was started at its time. The rest of its `delivery.toml` may be of another version of this program.
fn service_of(source: &Path) -> Option<Service> {
    let mut delivery: toml::Table = toml::from_str(&fs::read_to_string(source.join(FILE)).ok()?).ok()?;
    delivery.remove("service")?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Repository, TempDir};

    const WORKSPACE: &str = "[workspace]\nmembers = [\"shop\"]\n";
    const PACKAGE: &str = "[package]\nname = \"shop\"\nversion = \"0.1.0\"\n";
    const MAIN: &str = "shop/src/main.rs";

    fn repository() -> Repository {
        let files =
            [("Cargo.toml", WORKSPACE), ("shop/Cargo.toml", PACKAGE), (MAIN, "fn main() {}"), ("README.md", "1")];
        Repository::with(&files)
    }

    fn find_in(repository: &Repository) -> Result<String, Nothing> {
        find(repository.root(), "shop").map(|revision| revision.commit)
    }

    fn head(repository: &Repository) -> String {
        git::commit(repository.root(), "HEAD").unwrap()
    }

    #[test]
    fn without_a_release_it_is_what_was_before_the_last_change_to_the_service() {
        let repository = repository();
        assert!(find_in(&repository).unwrap_err().is_excuse);
        let first = head(&repository);
        repository.write(MAIN, "fn main() { }");
        assert_eq!(find_in(&repository).unwrap(), first);
        repository.commit("of the service");
        assert_eq!(find_in(&repository).unwrap(), first);
        repository.write("README.md", "2");
        repository.commit("of something else");
        assert_eq!(find_in(&repository).unwrap(), first);
        let last = head(&repository);
        repository.write("shop/src/new.rs", "");
        assert_eq!(find_in(&repository).unwrap(), last);
    }

    #[test]
    fn a_release_is_the_highest_version_before_this_commit() {
        let repository = repository();
        let tag = |names: &[&str]| names.iter().for_each(|name| repository.git(&["tag", name]));
        tag(&["v0.10.0", "v0.9.0", "v0.11.0-rc.1", "v0.11", "very-new"]);
        let first = head(&repository);
        repository.write(MAIN, "fn main() { }");
        repository.commit("of the service");
        tag(&["v0.12.0"]);
        let found = find(repository.root(), "shop").unwrap();
        assert_eq!((found.name.as_str(), found.commit), ("v0.11.0-rc.1", first));
    }

    #[test]
    fn where_the_history_is_not_there_nobody_takes_that_for_its_beginning() {
        let repository = repository();
        repository.write(MAIN, "fn main() { }");
        repository.commit("of the service");
        let clone = TempDir::new();
        let (from, to) = (format!("file://{}", repository.root().display()), clone.path().to_string_lossy());
        repository.git(&["clone", "--quiet", "--depth", "1", &from, &to]);
        let nothing = find(clone.path(), "shop").unwrap_err();
        assert!(nothing.reason.contains("fetch-depth: 0") && !nothing.is_excuse, "{nothing:?}");
        let folder = TempDir::new();
        assert!(!find(folder.path(), "shop").unwrap_err().is_excuse);
    }
}
