//! Which files beside the service's own name its variables.

use std::fs;

use crate::delivery::FILE;
use crate::project::Project;
use crate::{git, say};

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `delivery.toml`.
    Delivery,
    /// `compose.file`; `compose.yml`, `docker-compose.yml` and their variants, such as `compose.override.yaml` and
    /// `docker-compose-test.yml`.
    Compose,
    /// Any `.yml` or `.yaml` below `.github/`.
    Workflow,
    /// Anything below `scripts/` or `.ci/`, and any `.sh` or `.bash`.
    Script,
    /// `Dockerfile`, `Dockerfile.VARIANT`, `NAME.Dockerfile`, `Containerfile`, and those that `delivery.toml` names.
    Dockerfile,
}

/// A file that is looked at.
#[derive(Debug)]
pub(super) struct Source {
    /// From the root.
    pub(super) path: String,
    pub(super) kind: Kind,
    pub(super) text: String,
}

impl Source {
    /// Its lines, each with its number.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines())
    }
}

/// Every file that is one of these and belongs to the project: what git tracks, and what it would if it were added. Where
/// there is no git to ask, those that `delivery.toml` names.
///
/// # Errors
/// When one of them cannot be read.
pub(super) fn all(project: &Project) -> anyhow::Result<Vec<Source>> {
    let paths = git::files(&project.root, &["."]).unwrap_or_else(|_| {
        say!("note: this is no checkout of git, so only what {FILE} names was searched for variables");
        let mut named: Vec<_> = named(project).map(|(file, _)| file.to_owned()).collect();
        named.sort();
        named.dedup();
        named
    });
    let mut sources = Vec::new();
    for path in paths {
        let Some(kind) = kind(&path, project) else { continue };
        let file = project.root.join(&path);
        // What was removed is tracked until that is committed.
        if file.is_file() {
            let text = String::from_utf8_lossy(&fs::read(file)?).into_owned();
            sources.push(Source { path, kind, text });
        }
    }
    Ok(sources)
}

fn named(project: &Project) -> impl Iterator<Item = (&str, Kind)> {
    let delivery = &project.delivery;
    let compose = delivery.compose.as_ref().map(|compose| (compose.file.as_str(), Kind::Compose));
    let naive = delivery.image.naive.as_ref().map(|naive| &naive.dockerfile);
    let dockerfiles = [&delivery.image.dockerfile, &delivery.proxy.dockerfile].into_iter().chain(naive);
    let dockerfiles = dockerfiles.map(|file| (file.as_str(), Kind::Dockerfile));
    [(FILE, Kind::Delivery)].into_iter().chain(compose).chain(dockerfiles)
}

fn kind(path: &str, project: &Project) -> Option<Kind> {
    if let Some((_, kind)) = named(project).find(|(file, _)| *file == path) {
        return Some(kind);
    }
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_yaml = name.ends_with(".yml") || name.ends_with(".yaml");
    let is_compose = ["compose", "docker-compose"]
        .iter()
        .any(|start| name.strip_prefix(start).is_some_and(|rest| rest.starts_with(['.', '-', '_'])));
    let is_script = ["scripts/", ".ci/"].iter().any(|folder| path.starts_with(folder));
    let is_dockerfile = ["Dockerfile", "Containerfile"]
        .iter()
        .any(|kind| name == *kind || name.starts_with(&format!("{kind}.")) || name.ends_with(&format!(".{kind}")));
    match () {
        () if is_yaml && path.starts_with(".github/") => Some(Kind::Workflow),
        () if is_yaml && is_compose => Some(Kind::Compose),
        () if is_dockerfile => Some(Kind::Dockerfile),
        () if is_script || name.ends_with(".sh") || name.ends_with(".bash") => Some(Kind::Script),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Delivery;
    use crate::testing::{DELIVERY, Repository, TempDir};

    #[test]
    fn every_tracked_file_of_these_kinds_is_looked_at_and_no_other() {
        let files = [
            (FILE, Some(Kind::Delivery)),
            (".ci/run", Some(Kind::Script)),
            (".github/actions/a/action.yaml", Some(Kind::Workflow)),
            (".github/workflows/a.yml", Some(Kind::Workflow)),
            ("Dockerfile", Some(Kind::Dockerfile)),
            ("README.md", None),
            ("a/Dockerfile.naive", Some(Kind::Dockerfile)),
            ("a/compose.override.yaml", Some(Kind::Compose)),
            ("a/docker-compose.yml", Some(Kind::Compose)),
            ("a/docker-compose-test.yml", Some(Kind::Compose)),
            ("a/composer.yml", None),
            ("a/hello.sh", Some(Kind::Script)),
            ("haproxy.Dockerfile", Some(Kind::Dockerfile)),
            ("ignored.sh", None),
            ("scripts/a.py", Some(Kind::Script)),
            ("src/compose.rs", None),
            ("stack.yml", Some(Kind::Compose)),
            ("zoo.yml", None),
        ];
        let texts: Vec<_> = files.iter().map(|(path, _)| (*path, "text")).collect();
        let repository = Repository::with(&texts);
        repository.git(&["rm", "--quiet", "--cached", "ignored.sh"]);
        repository.write(".gitignore", "ignored.sh");
        repository.write("new.sh", "text");
        repository.write("gone.sh", "text");
        repository.commit("gone");
        fs::remove_file(repository.root().join("gone.sh")).unwrap();
        let text = format!("{DELIVERY}\n[compose]\nproject = \"shop\"\nfile = \"stack.yml\"\n");
        let delivery = Delivery::parse(&text).unwrap();
        let project = Project { root: repository.root().to_owned(), delivery: delivery.clone() };
        let mut found: Vec<_> = all(&project).unwrap().into_iter().map(|it| (it.path, Some(it.kind))).collect();
        let mut expected: Vec<_> = files.iter().map(|(path, kind)| ((*path).to_owned(), *kind)).collect();
        expected.retain(|(_, kind)| kind.is_some());
        expected.push(("new.sh".into(), Some(Kind::Script)));
        expected.sort_by(|a, b| a.0.cmp(&b.0));
        found.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(found, expected);

        let folder = TempDir::new();
        for file in ["Dockerfile", "a.sh"] {
            fs::write(folder.path().join(file), "").unwrap();
        }
        let found = all(&Project { root: folder.path().to_owned(), delivery }).unwrap();
        assert_eq!(found.into_iter().map(|source| source.path).collect::<Vec<_>>(), ["Dockerfile"]);
    }
}
