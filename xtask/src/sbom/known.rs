//! What is known of crates besides their names: `Cargo.lock` has where they come from and their checksums, and cargo their
//! licences.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::cargo::{self, LOCK_FILE};
use crate::made_of::{CRATES_IO, Package, Source};
use crate::say;

/// A crate in `Cargo.lock`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Locked {
    name: String,
    version: String,
    /// None for one that lies in the project.
    pub(super) source: Option<String>,
    pub(super) checksum: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Lock {
    #[serde(default)]
    package: Vec<Locked>,
}

/// Name, version and source.
type Key = (String, String, Option<String>);

/// What is known of all of them.
#[derive(Debug, Default)]
pub(super) struct Known {
    locked: Vec<Locked>,
    licences: BTreeMap<Key, String>,
}

impl Known {
    /// Reads and asks; what cannot be had is not known.
    pub(super) fn of(root: &Path, target: Option<&str>) -> Known {
        let text = fs::read_to_string(root.join(LOCK_FILE)).unwrap_or_default();
        let licences = licences(root, target).unwrap_or_else(|error| {
            say!("note: the bill of materials has no licences, as cargo does not tell them: {error:#}");
            BTreeMap::new()
        });
        Known { locked: locked(&text), licences }
    }

    /// A crate as it is locked.
    pub(super) fn locked(&self, package: &Package) -> Option<&Locked> {
        let version = package.version.to_string();
        self.locked.iter().find(|locked| {
            locked.name == package.name
                && locked.version == version
                && is_from(locked.source.as_deref(), &package.source)
        })
    }

    /// Its licence, as an SPDX expression.
    pub(super) fn licence(&self, package: &Package) -> Option<&str> {
        let source = self.locked(package).and_then(|locked| locked.source.clone());
        self.licences.get(&(package.name.clone(), package.version.to_string(), source)).map(String::as_str)
    }
}

fn locked(text: &str) -> Vec<Locked> {
    toml::from_str::<Lock>(text).unwrap_or_default().package
}

fn licences(root: &Path, target: Option<&str>) -> anyhow::Result<BTreeMap<Key, String>> {
    let packages = cargo::metadata_of_all(root, target)?.packages;
    let licences = packages.into_iter().filter_map(|package| {
        let source = package.source.map(|source| source.repr);
        Some(((package.name.to_string(), package.version.to_string(), source), expression(&package.license?)))
    });
    Ok(licences.collect())
}

/// Older manifests have a slash between the licences that one may choose from.
fn expression(licence: &str) -> String {
    licence.split('/').map(str::trim).collect::<Vec<_>>().join(" OR ")
}

/// Whether a source as `Cargo.lock` writes it is the one that the binary names.
fn is_from(locked: Option<&str>, named: &Source) -> bool {
    let kind =
        locked.map(|source| if source == CRATES_IO { "crates.io" } else { source.split('+').next().unwrap_or(source) });
    kind.unwrap_or("local") == String::from(named.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_is_found_by_its_source_too() {
        let lock = format!(
            "version = 4\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n\
             [[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"{CRATES_IO}\"\nchecksum = \"00\"\n\
             [[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"git+https://example.com/a?rev=1#abc\"\n"
        );
        let known = Known { locked: locked(&lock), ..Known::default() };
        let checksum = |source: &str, version: &str| {
            let json = serde_json::json!({ "name": "a", "version": version, "source": source }).to_string();
            known.locked(&serde_json::from_str(&json).unwrap()).map(|locked| locked.checksum.clone())
        };
        assert_eq!(checksum("crates.io", "1.0.0"), Some(Some("00".into())));
        assert_eq!((checksum("local", "1.0.0"), checksum("git", "1.0.0")), (Some(None), Some(None)));
        assert_eq!((checksum("registry", "1.0.0"), checksum("local", "2.0.0")), (None, None));
        assert!(locked("no lock file").is_empty());
    }

    #[test]
    fn a_licence_is_an_expression() {
        assert_eq!(expression("MIT/Apache-2.0"), "MIT OR Apache-2.0");
        assert_eq!(expression("(MIT OR Apache-2.0) AND Unicode-3.0"), "(MIT OR Apache-2.0) AND Unicode-3.0");
    }
}
