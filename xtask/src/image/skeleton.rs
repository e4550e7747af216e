//! A workspace without its code: every manifest, and a stub for each source, which is what it takes to compile the
//! dependencies and nothing else.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::source;
use crate::cargo::{self, LOCK_FILE};
use crate::problem::{ExitCode, Problem};

/// What stands for any source: a program, and a library too.
pub(super) const STUB: &str =
    "//! Stands for a source while its dependencies are compiled.\n#![allow(warnings)]\nfn main() {}\n";
/// Where cargo's settings for the workspace are, and the manifest that holds it together.
const CONFIGS: [&str; 2] = [".cargo/config.toml", ".cargo/config"];
const MANIFEST: &str = "Cargo.toml";

/// What a workspace is without its code; paths are relative to its root.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Skeleton {
    /// The files that are taken as they are.
    pub(super) files: BTreeSet<PathBuf>,
    /// The files that a stub stands for.
    pub(super) stubs: BTreeSet<PathBuf>,
    /// The names of its packages.
    pub(super) members: Vec<String>,
}

impl Skeleton {
    /// Asks cargo about the workspace at `root`.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 78 when it has no lock file or reaches out of `root`.
    pub(super) fn of(root: &Path) -> anyhow::Result<Skeleton> {
        let metadata = cargo::metadata(root)?;
        let within = |path: &Path| path.strip_prefix(root).map(Path::to_owned).map_err(|_| outside(root, path));
        within(&metadata.workspace_root.join(MANIFEST).into_std_path_buf())?;
        if !root.join(LOCK_FILE).is_file() {
            let message =
                format!("there is no {LOCK_FILE} in {}, and a container builds by nothing else.", root.display());
            return Err(Problem::new(ExitCode::Configuration, message).next("cargo generate-lockfile").into());
        }
        let fixed = CONFIGS.iter().chain([&MANIFEST, &LOCK_FILE]).filter(|name| root.join(name).is_file());
        let mut skeleton = Skeleton { files: fixed.map(PathBuf::from).collect(), ..Skeleton::default() };
        let mut linked = settings(root);
        for package in &metadata.packages {
            skeleton.files.insert(within(package.manifest_path.as_std_path())?);
            for target in &package.targets {
                skeleton.stubs.insert(within(target.src_path.as_std_path())?);
            }
            skeleton.members.push(package.name.to_string());
            linked.extend(package.dependencies.iter().filter_map(|dependency| Some(dependency.path.clone()?.into())));
        }
        let own: BTreeSet<_> = skeleton.files.iter().filter_map(|file| file.parent()).map(Path::to_owned).collect();
        let mut whole = BTreeSet::new();
        while let Some(path) = linked.pop() {
            let folder = within(&path)?;
            if own.contains(&folder) || !whole.insert(folder) {
                continue;
            }
            // What it depends on in turn; what is no package of its own, such as a folder of vendored ones, has nothing.
            let packages = cargo::metadata(&path).map(|metadata| metadata.packages).unwrap_or_default();
            let package = packages.into_iter().find(|package| package.manifest_path == path.join(MANIFEST));
            let paths = package.into_iter().flat_map(|package| package.dependencies).filter_map(|it| it.path);
            linked.extend(paths.map(Into::into));
        }
        if !whole.is_empty() {
            let taken =
                source::files(root)?.into_iter().filter(|file| whole.iter().any(|folder| file.starts_with(folder)));
            skeleton.files.extend(taken);
        }
        skeleton.stubs.retain(|stub| !skeleton.files.contains(stub));
        Ok(skeleton)
    }
}

fn outside(root: &Path, path: &Path) -> Problem {
    let message = format!(
        "the workspace takes in {}, outside of {}, and a container is given that folder alone.",
        path.display(),
        root.display()
    );
    Problem::new(ExitCode::Configuration, message).next("cargo xtask docker-build --builder host")
}

/// The folders with packages in them that manifest and settings of the workspace name: patches and vendored crates.
fn settings(root: &Path) -> Vec<PathBuf> {
    let table = |name: &str| std::fs::read_to_string(root.join(name)).ok()?.parse::<toml::Table>().ok();
    let inner = |table: &toml::Table, key: &str| -> Vec<toml::Table> {
        let values = table.get(key).and_then(toml::Value::as_table).into_iter().flat_map(|table| table.values());
        values.filter_map(toml::Value::as_table).cloned().collect()
    };
    let manifest = table(MANIFEST).map(|manifest| inner(&manifest, "patch")).unwrap_or_default();
    let patches = manifest.into_iter().flat_map(|registry| registry.into_iter().map(|(_, patch)| patch));
    let patches = patches.filter_map(|patch| Some(patch.get("path")?.as_str()?.to_owned()));
    let sources = CONFIGS.iter().filter_map(|name| table(name)).flat_map(|config| inner(&config, "source"));
    let sources = sources.filter_map(|source| {
        let folder = source.get("directory").or_else(|| source.get("local-registry"))?;
        Some(folder.as_str()?.to_owned())
    });
    patches.chain(sources).map(|folder| root.join(folder)).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::testing::TempDir;

    fn workspace(files: &[(&str, &str)]) -> TempDir {
        let dir = TempDir::new();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    const PACKAGE: &str = "[package]\nname = \"NAME\"\nversion = \"1.0.0\"\nedition = \"2024\"\n";

    fn package(name: &str, more: &str) -> String {
        format!("{}{more}", PACKAGE.replace("NAME", name))
    }

    fn names(paths: &BTreeSet<PathBuf>) -> Vec<&str> {
        paths.iter().filter_map(|path| path.to_str()).collect()
    }

    #[test]
    fn manifests_stay_sources_become_stubs_and_what_is_no_member_is_taken_whole() {
        let root = "[workspace]\nmembers = [\"a\", \"b\"]\nexclude = [\"c\", \"d\", \"e\"]\n\n[patch.crates-io]\ne = { path = \"e\" }\n";
        let dir = workspace(&[
            ("Cargo.toml", root),
            ("Cargo.lock", "version = 4\n"),
            ("a/Cargo.toml", &package("a", "[dependencies]\nb = { path = \"../b\" }\nc = { path = \"../c\" }\n")),
            ("a/src/main.rs", ""),
            ("a/src/other.rs", ""),
            ("a/build.rs", ""),
            ("a/tests/it.rs", ""),
            ("b/Cargo.toml", &package("b", "[lib]\npath = \"library.rs\"\n")),
            ("b/library.rs", ""),
            ("c/Cargo.toml", &package("c", "[dependencies]\nd = { path = \"../d\" }\n")),
            ("c/src/lib.rs", ""),
            ("d/Cargo.toml", &package("d", "")),
            ("d/src/lib.rs", ""),
            ("e/Cargo.toml", &package("e", "")),
            ("e/src/lib.rs", ""),
        ]);
        let skeleton = Skeleton::of(dir.path()).unwrap();
        assert_eq!(names(&skeleton.stubs), ["a/build.rs", "a/src/main.rs", "a/tests/it.rs", "b/library.rs"]);
        let whole = ["c/Cargo.toml", "c/src/lib.rs", "d/Cargo.toml", "d/src/lib.rs", "e/Cargo.toml", "e/src/lib.rs"];
        let kept = ["Cargo.lock", "Cargo.toml", "a/Cargo.toml", "b/Cargo.toml"];
        assert_eq!(names(&skeleton.files), [&kept[..], &whole].concat());
        assert_eq!(skeleton.members, ["a", "b"]);
    }

    #[test]
    fn vendored_crates_come_along_with_the_settings_that_name_them() {
        let config = "[source.crates-io]\nreplace-with = \"vendored\"\n[source.vendored]\ndirectory = \"vendor\"\n";
        let dir = workspace(&[
            ("Cargo.toml", &package("a", "")),
            ("Cargo.lock", "version = 4\n"),
            ("src/lib.rs", ""),
            (".cargo/config.toml", config),
            ("vendor/x/src/lib.rs", ""),
        ]);
        let skeleton = Skeleton::of(dir.path()).unwrap();
        let files = [".cargo/config.toml", "Cargo.lock", "Cargo.toml", "vendor/x/src/lib.rs"];
        assert_eq!((names(&skeleton.files), names(&skeleton.stubs)), (files.to_vec(), vec!["src/lib.rs"]));
    }

    #[test]
    fn what_a_container_would_not_get_is_named() {
        let dir = workspace(&[
            ("a/Cargo.toml", &package("a", "[dependencies]\nb = { path = \"../b\" }\n")),
            ("a/Cargo.lock", "version = 4\n"),
            ("a/src/lib.rs", ""),
            ("b/Cargo.toml", &package("b", "")),
            ("b/src/lib.rs", ""),
        ]);
        let refusal = Skeleton::of(&dir.path().join("a")).unwrap_err().to_string();
        assert!(refusal.contains("/b, outside of "), "{refusal}");
        fs::remove_file(dir.path().join("a/Cargo.lock")).unwrap();
        let refusal = Skeleton::of(&dir.path().join("a")).unwrap_err().to_string();
        assert!(refusal.contains("next: cargo generate-lockfile"), "{refusal}");
    }
}
