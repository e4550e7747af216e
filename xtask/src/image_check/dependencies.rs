//! The list of what a program was made of, which cargo-auditable writes into it: JSON, compressed by zlib, in a section
//! `.dep-v0` (`PARSING.md` of github.com/rust-secure-code/cargo-auditable).

use std::io::Read as _;

use auditable_extract::Error;
use flate2::read::ZlibDecoder;
use serde::Deserialize;
use serde_json::{Value, json};

/// The longest list, in bytes: the limit that cargo-auditable's own reader has for it.
const LONGEST: u64 = 8 << 20;
/// What cargo calls the registry that advisories are about.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";
/// Where a crate is from that is in it, in the list's words.
const IN_REGISTRY: &str = "crates.io";

/// A crate that a program was made of.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: semver::Version,
    /// Where it is from: `crates.io`, `git`, `local` or another registry.
    pub source: String,
    /// What it depends on, by place in the list.
    #[serde(default)]
    pub dependencies: Vec<usize>,
    /// Whether it is the program's own.
    #[serde(default)]
    pub root: bool,
}

#[derive(Deserialize)]
struct List {
    packages: Vec<Package>,
}

/// The list in a program: none where it has none, or why it cannot be read.
pub fn of_program(program: &[u8]) -> Option<Result<Vec<Package>, String>> {
    match auditable_extract::raw_auditable_data(program) {
        Ok(compressed) => Some(inflated(compressed).and_then(|text| parse(&text))),
        Err(Error::NoAuditData | Error::SectionIsMissing) => None,
        Err(error) => Some(Err(error.to_string().to_lowercase())),
    }
}

fn inflated(compressed: &[u8]) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    let read = ZlibDecoder::new(compressed).take(LONGEST + 1).read_to_end(&mut text);
    match read {
        Err(error) => Err(format!("its list cannot be decompressed: {error}")),
        Ok(length) if length as u64 > LONGEST => Err("its list is longer than any that is read here".into()),
        Ok(_) => Ok(text),
    }
}

/// Reads a list.
///
/// # Errors
/// When it is not one of crates that depend on each other, with one that is the program's own.
pub fn parse(text: &[u8]) -> Result<Vec<Package>, String> {
    let List { packages } =
        serde_json::from_slice(text).map_err(|error| format!("its list cannot be read: {error}"))?;
    let is_named = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if !packages.iter().all(|package| !package.name.is_empty() && package.name.chars().all(is_named)) {
        return Err("its list has names in it that no crate can have".into());
    }
    if packages.iter().flat_map(|package| &package.dependencies).any(|at| *at >= packages.len()) {
        return Err("its list tells of crates that are not in it".into());
    }
    if packages.iter().filter(|package| package.root).count() != 1 {
        return Err("its list does not say which crate is the program's own".into());
    }
    Ok(packages)
}

/// What `cargo metadata` would say of a workspace of such a program, whose manifest is at `manifest`: as much of it as tools
/// that look for advisories read.
pub fn metadata(packages: &[Package], manifest: &str) -> Value {
    let folder = manifest.rsplit_once('/').map_or("", |(folder, _)| folder);
    let ids: Vec<_> = packages.iter().enumerate().map(|(place, package)| id(package, place)).collect();
    let of = |place: &usize| packages.get(*place).zip(ids.get(*place));
    let told = packages.iter().zip(&ids).map(|(package, id)| {
        let dependencies = package.dependencies.iter().filter_map(of);
        json!({
            "name": package.name,
            "version": package.version.to_string(),
            "id": id,
            "source": source(package),
            "dependencies": dependencies.map(|(other, _)| json!({
                "name": other.name, "req": "*", "kind": null, "optional": false, "uses_default_features": true,
                "features": [], "target": null, "source": source(other),
            })).collect::<Vec<_>>(),
            "targets": [],
            "features": {},
            "manifest_path": if package.root { manifest.to_owned() } else { format!("{folder}/{}/Cargo.toml", package.name) },
        })
    });
    let nodes = packages.iter().zip(&ids).map(|(package, id)| {
        let dependencies = || package.dependencies.iter().filter_map(of);
        json!({
            "id": id,
            "dependencies": dependencies().map(|(_, id)| id).collect::<Vec<_>>(),
            "deps": dependencies().map(|(other, id)| json!({
                "name": other.name.replace('-', "_"), "pkg": id, "dep_kinds": [{ "kind": null, "target": null }],
            })).collect::<Vec<_>>(),
            "features": [],
        })
    });
    let root = packages.iter().zip(&ids).find(|(package, _)| package.root).map(|(_, id)| id);
    json!({
        "packages": told.collect::<Vec<_>>(),
        "workspace_members": root.iter().collect::<Vec<_>>(),
        "resolve": { "nodes": nodes.collect::<Vec<_>>(), "root": root },
        "target_directory": format!("{folder}/target"),
        "version": 1,
        "workspace_root": folder,
        "metadata": null,
    })
}

/// Crates of other registries are none that advisories are about, so cargo is told that they lie on the disk.
fn source(package: &Package) -> Option<&'static str> {
    (package.source == IN_REGISTRY).then_some(REGISTRY)
}

fn id(package: &Package, place: usize) -> String {
    let Package { name, version, .. } = package;
    match source(package) {
        Some(registry) => format!("{registry}#{name}@{version}"),
        None => format!("path+file:///{place}/{name}#{version}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"{"packages":[
        {"name":"shop","version":"0.1.0","source":"local","dependencies":[1],"root":true},
        {"name":"time","version":"0.1.43","source":"crates.io","kind":"build"}],"format":1}"#;

    #[test]
    fn a_list_says_what_depends_on_what_as_cargo_would() {
        let packages = parse(LIST.as_bytes()).unwrap();
        let metadata = metadata(&packages, "/x/Cargo.toml");
        let time = format!("{REGISTRY}#time@0.1.43");
        assert_eq!(metadata["workspace_members"], json!(["path+file:///0/shop#0.1.0"]));
        assert_eq!(metadata["resolve"]["nodes"][0]["dependencies"], json!([time]));
        assert_eq!(metadata["packages"][1]["id"], json!(time));
        assert_eq!(metadata["packages"][0]["manifest_path"], "/x/Cargo.toml");
    }

    #[test]
    fn what_is_no_list_of_one_program_is_refused() {
        for (from, to, expected) in [
            ("[1]", "[2]", "not in it"),
            ("\"root\":true", "\"root\":false", "the program's own"),
            ("\"time\"", "\"../time\"", "no crate can have"),
            ("0.1.43", "1", "cannot be read"),
            ("\"format\":1}", "", "cannot be read"),
        ] {
            let refused = parse(LIST.replace(from, to).as_bytes()).unwrap_err();
            assert!(refused.contains(expected), "{to}: {refused}");
        }
    }

    #[test]
    fn a_list_that_grows_without_end_is_not_read_to_it() {
        use std::io::Write as _;
        let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        packed.write_all(&vec![b' '; 1 + LONGEST as usize]).unwrap();
        let refused = inflated(&packed.finish().unwrap()).unwrap_err();
        assert!(refused.contains("longer"), "{refused}");
        assert!(inflated(b"no zlib").unwrap_err().contains("decompressed"));
    }

    #[test]
    fn this_test_has_no_list_and_a_text_is_no_program() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(of_program(&own), None);
        assert!(of_program(&own[..100]).is_some_and(|read| read.is_err()));
        assert!(of_program(b"#!/bin/sh").is_some_and(|read| read.is_err()));
    }
}
