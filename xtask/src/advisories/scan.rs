//! Lets cargo-deny hold the dependencies against the database, without a network and without rules of its own.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context as _;

use super::database::Database;
use super::finding::{self, Finding};
use super::git::OF_A_HOOK;
use crate::cargo::{self, LOCK_FILE};
use crate::git;
use crate::problem::{ExitCode, Problem};

/// What was found in one lock file.
#[derive(Debug)]
pub(super) struct Found {
    /// The lock file, relative to the project.
    pub(super) lock: String,
    pub(super) findings: Vec<Finding>,
}

/// Looks into every lock file of the project.
///
/// # Errors
/// A [`Problem`] with exit code 69 where cargo cannot say what is depended on, and when cargo-deny fails.
pub(super) fn run(deny: &Path, database: &Database, root: &Path) -> anyhow::Result<Vec<Found>> {
    let mut found = Vec::new();
    for lock in locks(root) {
        let manifest = root.join(&lock).with_file_name("Cargo.toml");
        let printed = check(deny, database, &dependencies(&manifest, root)?, root)?;
        let named = lock
            .strip_suffix(LOCK_FILE)
            .filter(|folder| !folder.is_empty())
            .map(|folder| format!("{folder}Cargo.toml"));
        let findings = finding::parse(&printed, named.as_deref()).with_context(|| lock.clone())?;
        found.push(Found { lock, findings });
    }
    Ok(found)
}

/// Every advisory is reported, whatever it is about: what it means is decided in one place, and that is not here. Of the
/// database's age, too.
fn rules(folder: &Path) -> String {
    let folder = toml::Value::from(folder.to_string_lossy().into_owned());
    format!(
        "[graph]\nall-features = true\n\n[advisories]\ndb-path = {folder}\nunmaintained = \"all\"\nunsound = \"all\"\nyanked = \"allow\"\nmaximum-db-staleness = \"P36500D\"\n"
    )
}

/// Those that git knows of, or the one there has to be.
fn locks(root: &Path) -> Vec<String> {
    let known = git::files(root, &[LOCK_FILE, "*/Cargo.lock"]).unwrap_or_default();
    let mut locks: Vec<_> = known.into_iter().filter(|lock| root.join(lock).is_file()).collect();
    if locks.is_empty() {
        locks.push(LOCK_FILE.into());
    }
    locks
}

/// What cargo says of a workspace. It fetches what is not there yet, as it would for a build.
fn dependencies(manifest: &Path, root: &Path) -> anyhow::Result<Vec<u8>> {
    let mut command = Command::new(cargo::program());
    command.args(["metadata", "--format-version=1", "--locked", "--all-features", "--manifest-path"]).arg(manifest);
    cargo::foreign_variables().iter().for_each(|name| {
        command.env_remove(name);
    });
    let output = command.current_dir(root).stdin(Stdio::null()).output().context("running cargo")?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let message = format!("cargo does not say what {} depends on; nothing was checked.", manifest.display());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let problem = Problem::new(ExitCode::Unavailable, message).detail(said.lines());
    Err(problem.next(format!("cargo update --workspace --manifest-path {}", manifest.display())).into())
}

/// What cargo-deny prints of dependencies as cargo tells them, in the folder of a package.
///
/// # Errors
/// When it cannot be run.
pub(super) fn check(deny: &Path, database: &Database, metadata: &[u8], root: &Path) -> anyhow::Result<String> {
    let folder = database.folder();
    let (config, told) = (folder.join("deny.toml"), folder.join("metadata.json"));
    for (path, text) in [(&config, rules(folder).as_bytes()), (&told, metadata)] {
        fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    let mut command = Command::new(deny);
    command.args(["--offline", "--format", "json", "--config"]).arg(config).arg("--metadata-path").arg(told);
    command.args(["check", "advisories"]).current_dir(root).stdin(Stdio::null());
    OF_A_HOOK.iter().for_each(|name| {
        command.env_remove(name);
    });
    let output = command.output().with_context(|| format!("running {}", deny.display()))?;
    // It fails where it has found something; whether it came to its end is in what it prints.
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}
