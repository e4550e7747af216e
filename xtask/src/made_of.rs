//! What a program says it was made of: the list that cargo-auditable writes into it, JSON compressed by zlib in a section
//! `.dep-v0` (`PARSING.md` of github.com/rust-secure-code/cargo-auditable).

use auditable_extract::Error::SectionIsMissing;
use auditable_info::Error;
use auditable_serde::VersionInfo;
pub use auditable_serde::{DependencyKind, Package, Source};

/// The longest list, in bytes: the limit that cargo-auditable's own reader has for it.
const LONGEST: usize = 8 << 20;
/// What cargo calls the registry that is meant by `crates.io` in the list.
pub const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// The list in a program: none where it has none, or why it cannot be read.
pub fn of_program(program: &[u8]) -> Option<Result<Vec<Package>, String>> {
    up_to(LONGEST, program)
}

fn up_to(longest: usize, program: &[u8]) -> Option<Result<Vec<Package>, String>> {
    match auditable_info::json_from_slice(program, longest) {
        Ok(text) => Some(parse(text.as_bytes())),
        Err(Error::NoAuditData | Error::BinaryParsing(SectionIsMissing)) => None,
        Err(Error::OutputLimitExceeded) => Some(Err("its list is longer than any that is read here".into())),
        Err(Error::Decompression(error)) => Some(Err(format!("its list cannot be decompressed: {error}"))),
        Err(error) => Some(Err(error.to_string().to_lowercase())),
    }
}

/// Reads a list.
///
/// # Errors
/// When it is not one of crates that depend on each other, with one that is the program's own.
pub fn parse(text: &[u8]) -> Result<Vec<Package>, String> {
    let VersionInfo { packages, .. } =
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

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Of a program and one crate that it was built with.
    pub(crate) const LIST: &str = r#"{"packages":[
        {"name":"shop","version":"0.1.0","source":"local","dependencies":[1],"root":true},
        {"name":"time","version":"0.1.43","source":"crates.io","kind":"build"}],"format":1}"#;

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
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/dependency_list/");
        let read = |name: &str| std::fs::read(format!("{corpus}{name}")).unwrap();
        assert!(of_program(&read("program")).unwrap().is_ok());
        let refused = up_to(100, &read("program")).unwrap().unwrap_err();
        assert!(refused.contains("longer"), "{refused}");
        let refused = of_program(&read("not_zlib")).unwrap().unwrap_err();
        assert!(refused.contains("decompressed"), "{refused}");
    }

    #[test]
    fn this_test_has_no_list_and_a_text_is_no_program() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(of_program(&own), None);
        assert!(of_program(&own[..100]).is_some_and(|read| read.is_err()));
        assert!(of_program(b"#!/bin/sh").is_some_and(|read| read.is_err()));
    }
}
