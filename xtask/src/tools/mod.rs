//! The programs xtask calls: which there are, which are needed for what, and how a missing one is come by. Those of the
//! system are looked for on `PATH`; those that the project has pinned are in a [`Toolbox`].

mod complaint;
mod crates;
mod known;
mod place;
mod raise;
mod toolbox;
pub mod wheels;

use std::path::{Path, PathBuf};
use std::process::Command;

use semver::Version;

use crate::packages::{self, Consent};
use crate::problem::{ExitCode, Problem};

pub use known::*;
pub use raise::raise;
pub use toolbox::Toolbox;

/// A program xtask calls.
#[derive(Debug, Clone, Copy)]
pub struct Tool {
    /// The program's name.
    pub name: &'static str,
    /// Where it comes from.
    pub source: Source,
    /// What it is for.
    pub purpose: &'static str,
    /// Whether nothing can be delivered without it.
    pub required: bool,
    /// The oldest version that will do, as major and minor.
    pub minimum: Option<(u64, u64)>,
    /// The arguments that make it tell its version.
    pub version_args: &'static [&'static str],
}

/// Where a tool comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The Rust toolchain.
    Toolchain,
    /// A package of the system's, called the same by every package manager known here unless it is to be had by one alone.
    System(&'static str),
    /// What the project's pins say, see [`Toolbox`]; without a pin, whatever is on `PATH`.
    Pinned,
    /// Its makers, each in their own way.
    Makers,
}

impl Tool {
    /// The command that obtains it, as a person would type it.
    pub fn how_to_get(&self) -> Option<String> {
        match self.source {
            Source::Toolchain => Some("rustup toolchain install".into()),
            Source::System(package) => packages::command_to_install(package),
            Source::Pinned => Some("cargo xtask setup --tools".into()),
            Source::Makers => None,
        }
    }
}

/// A tool as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where it is.
    pub path: PathBuf,
    /// Its version, where it tells one.
    pub version: Option<Version>,
}

impl Found {
    /// Whether its version is one that will do; one that cannot be read is taken on trust.
    pub fn is_recent(&self, tool: &Tool) -> bool {
        let Some((minimum, version)) = tool.minimum.zip(self.version.as_ref()) else { return true };
        (version.major, version.minor) >= minimum
    }
}

/// Looks for a tool on `PATH`, and beside each `bin` there in `sbin`: distributions put servers where the `PATH` of an
/// ordinary user does not reach.
pub fn find(tool: &Tool) -> Option<Found> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).flat_map(|folder| {
        let system = folder.file_name().is_some_and(|name| name == "bin").then(|| folder.with_file_name("sbin"));
        [Some(folder), system]
    });
    let folders = std::env::join_paths(folders.flatten()).ok()?;
    let path = which::which_in_global(tool.name, Some(folders)).ok()?.next()?;
    let version = version(&path, tool.version_args);
    Some(Found { path, version })
}

fn version(path: &Path, args: &[&str]) -> Option<Version> {
    let output = Command::new(path).args(args).output().ok()?;
    first_version(&String::from_utf8_lossy(&output.stdout))
}

/// The first thing in a text that looks like a version.
pub(crate) fn first_version(text: &str) -> Option<Version> {
    text.split(|letter: char| letter.is_whitespace() || letter == ',').find_map(|word| {
        let digits =
            word.trim_start_matches('v').split(|letter: char| !letter.is_ascii_digit() && letter != '.').next()?;
        let mut parts = digits.split('.').map(str::parse::<u64>);
        let (major, minor) = (parts.next()?.ok()?, parts.next()?.ok()?);
        Some(Version::new(major, minor, parts.next().and_then(Result::ok).unwrap_or(0)))
    })
}

/// The tool's path.
///
/// # Errors
/// A [`Problem`] with exit code 69 and the command that installs it.
pub fn require(tool: &Tool) -> anyhow::Result<PathBuf> {
    match find(tool) {
        Some(found) if found.is_recent(tool) => Ok(found.path),
        Some(found) => Err(too_old(tool, &found).into()),
        None => {
            let message = format!("`{}`, which {}, is not installed.", tool.name, tool.purpose);
            let problem = Problem::new(ExitCode::Unavailable, message);
            Err(problem.next(tool.how_to_get().unwrap_or_else(|| "cargo xtask doctor".into())).into())
        }
    }
}

/// The tool's path, after installing it from the system's package manager where that is needed and allowed.
///
/// # Errors
/// A [`Problem`] with exit code 69, the reason and the command to type.
pub fn ensure(tool: &Tool, consent: Consent) -> anyhow::Result<PathBuf> {
    if find(tool).is_none()
        && let Source::System(package) = tool.source
    {
        packages::install(package, tool.purpose, consent)?;
    }
    require(tool)
}

fn too_old(tool: &Tool, found: &Found) -> Problem {
    let (major, minor) = tool.minimum.unwrap_or_default();
    let version = found.version.as_ref().map(ToString::to_string).unwrap_or_default();
    let message = format!(
        "`{}` at {} is version {version}; {major}.{minor} is the oldest that will do. Install a newer one and put it first on PATH.",
        tool.name,
        found.path.display()
    );
    Problem::new(ExitCode::Unavailable, message).next("cargo xtask doctor")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_the_tools_print() {
        let table = [
            ("HAProxy version 2.6.12-1+deb12u4 2026/10/17 - https://haproxy.org/", Version::new(2, 6, 12)),
            ("cargo 1.95.0 (f2d3ce0bd 2026-03-21)", Version::new(1, 95, 0)),
            ("Docker version 28.2.2, build e6534b4", Version::new(28, 2, 2)),
            ("ShellCheck - shell script analysis tool\nversion: 0.9.0\n", Version::new(0, 9, 0)),
            ("git version 2.47", Version::new(2, 47, 0)),
        ];
        for (text, version) in table {
            assert_eq!(first_version(text), Some(version), "{text}");
        }
        assert_eq!(first_version("no version at all."), None);
    }

    #[test]
    fn an_old_haproxy_is_not_taken() {
        let found = |major, minor| Found { path: "haproxy".into(), version: Some(Version::new(major, minor, 0)) };
        assert!(!found(2, 4).is_recent(&HAPROXY));
        assert!(found(2, 6).is_recent(&HAPROXY));
        assert!(found(3, 0).is_recent(&HAPROXY));
    }
}
