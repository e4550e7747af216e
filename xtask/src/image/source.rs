//! Which files a project consists of, as far as whoever compiles it elsewhere is concerned.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;

use crate::builder_image::TOOLCHAIN_FILES;
use crate::cargo::LOCK_FILE;
use crate::site::FOLDER;

/// What no project consists of, at its root: what was compiled, and what runs.
const NEVER: [&str; 3] = ["target", FOLDER, ".git"];
/// What cargo marks the folders with that it compiles into.
const CACHE_TAG: &str = "CACHEDIR.TAG";

/// The files under `root` that git tracks or would track, all of them where there is no git, relative to it and in order.
/// That a Rust is asked for stays behind: the builder has but one, and rustup would fetch another over the network.
///
/// # Errors
/// When they cannot be listed.
pub(super) fn files(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = BTreeSet::new();
    match tracked(root) {
        // One that is no file is a project of its own inside this one.
        Some(names) => names.into_iter().try_for_each(|name| walk(root, name, &mut found)),
        None => walk(root, PathBuf::new(), &mut found),
    }
    .with_context(|| format!("listing the files in {}", root.display()))?;
    // Cargo asks for it even where git ignores it.
    found.extend(root.join(LOCK_FILE).is_file().then(|| LOCK_FILE.into()));
    found.retain(|name| !is_left_out(name));
    Ok(found.into_iter().collect())
}

fn tracked(root: &Path) -> Option<Vec<PathBuf>> {
    use std::os::unix::ffi::OsStrExt as _;
    let args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").args(args).current_dir(root).stderr(Stdio::null()).output().ok()?;
    let names = output.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    output.status.success().then(|| names.map(|name| std::ffi::OsStr::from_bytes(name).into()).collect())
}

fn is_left_out(name: &Path) -> bool {
    let first = name.components().next().map(std::path::Component::as_os_str);
    first.is_some_and(|first| NEVER.iter().any(|never| first == *never))
        || TOOLCHAIN_FILES.iter().any(|file| name == Path::new(file))
}

fn walk(root: &Path, name: PathBuf, found: &mut BTreeSet<PathBuf>) -> io::Result<()> {
    let path = root.join(&name);
    match fs::symlink_metadata(&path) {
        // Removed, and git has not been told yet.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(kind) if !kind.is_dir() => {
            // A socket or a pipe is nobody's source.
            if kind.is_file() || kind.is_symlink() {
                found.insert(name);
            }
            return Ok(());
        }
        Ok(_) => {}
    }
    if is_left_out(&name) || name.file_name().is_some_and(|name| name == ".git") || path.join(CACHE_TAG).exists() {
        return Ok(());
    }
    fs::read_dir(path)?.try_for_each(|entry| walk(root, name.join(entry?.file_name()), found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    fn tree() -> TempDir {
        let dir = TempDir::new();
        for name in [
            "Cargo.toml",
            "Cargo.lock",
            "rust-toolchain.toml",
            "src/main.rs",
            "target/debug/x",
            ".switchyard/x",
            "a.log",
        ] {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        dir
    }

    fn listed(dir: &TempDir) -> Vec<String> {
        files(dir.path()).unwrap().into_iter().map(|name| name.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn without_git_it_is_everything_but_what_was_compiled_and_what_runs() {
        let dir = tree();
        fs::create_dir_all(dir.path().join("fuzz/target")).unwrap();
        fs::write(dir.path().join("fuzz/target").join(CACHE_TAG), "").unwrap();
        std::os::unix::fs::symlink("a.log", dir.path().join("b.log")).unwrap();
        assert_eq!(listed(&dir), ["Cargo.lock", "Cargo.toml", "a.log", "b.log", "src/main.rs"]);
    }

    #[test]
    fn with_git_it_is_what_git_tracks_or_would_and_the_lock_file() {
        let dir = tree();
        let git =
            |args: &[&str]| assert!(Command::new("git").args(args).current_dir(dir.path()).status().unwrap().success());
        git(&["init", "--quiet"]);
        fs::write(dir.path().join(".gitignore"), "*.log\nCargo.lock\n").unwrap();
        fs::write(dir.path().join("gone.rs"), "").unwrap();
        git(&["add", "gone.rs", "src"]);
        fs::remove_file(dir.path().join("gone.rs")).unwrap();
        assert_eq!(listed(&dir), [".gitignore", "Cargo.lock", "Cargo.toml", "src/main.rs"]);
    }
}
