//! What the head of a program's file tells: what it runs on, and whether it needs another file to start.

use std::fs;
use std::path::Path;

use anyhow::Context as _;

use crate::docker::Engine;
use crate::problem::{ExitCode, Problem};

/// Architectures as images name them, with the number an ELF file has for each and the word in a Rust target.
const ARCHITECTURES: [(&str, u64, &str); 5] = [
    ("amd64", 62, "x86_64"),
    ("arm64", 183, "aarch64"),
    ("riscv64", 243, "riscv64gc"),
    ("ppc64le", 21, "powerpc64le"),
    ("loong64", 258, "loongarch64"),
];

/// The word that a Rust target begins with, for an architecture as images name it.
pub(super) fn word_of(architecture: &str) -> Option<&'static str> {
    ARCHITECTURES.iter().find(|(name, ..)| *name == architecture).map(|(.., word)| *word)
}

/// Refuses what would be compiled here and could not run there, before it is compiled.
///
/// # Errors
/// A [`Problem`] with exit code 69.
pub(super) fn require_target(target: &str, engine: &Engine) -> anyhow::Result<()> {
    let word = target.split('-').next().unwrap_or_default();
    let known = ARCHITECTURES.iter().find(|(_, _, known)| *known == word).map(|(name, ..)| *name);
    match known.filter(|name| *name != engine.arch) {
        Some(name) => Err(foreign("this machine compiles", name, engine).into()),
        None => Ok(()),
    }
}

/// Refuses a binary that an image from scratch could not start on this engine.
///
/// # Errors
/// A [`Problem`] with exit code 2 when it needs a loader, 69 when it is for another architecture.
pub(super) fn require_runnable(binary: &Path, engine: &Engine) -> anyhow::Result<()> {
    let bytes = fs::read(binary).with_context(|| format!("reading {}", binary.display()))?;
    let wrong = |what: &str| {
        let message = format!(
            "{} {what}, so it would not start in an image from scratch. Build it with `-C target-feature=+crt-static` and \
             `--target`; nothing was built.",
            binary.display()
        );
        Problem::new(ExitCode::Usage, message).next("cargo xtask docker-build, which does that")
    };
    match has_loader(&bytes) {
        Some(false) => {}
        Some(true) => return Err(wrong("is linked dynamically").into()),
        None => return Err(wrong("is no 64-bit ELF program").into()),
    }
    let machine = architecture(&bytes);
    if machine == engine.arch {
        return Ok(());
    }
    Err(foreign(&format!("{} is", binary.display()), &machine, engine).into())
}

fn foreign(what: &str, architecture: &str, engine: &Engine) -> Problem {
    let message = format!(
        "{what} for {architecture}, and the Docker engine runs {}/{}. Compile it in a container of that engine; nothing was \
         built.",
        engine.os, engine.arch
    );
    Problem::new(ExitCode::Unavailable, message).next("cargo xtask docker-build --builder container")
}

fn number(bytes: &[u8], at: usize, size: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(size)?)?;
    Some(bytes.iter().rev().fold(0_u64, |value, byte| value << 8 | u64::from(*byte)))
}

/// The architecture an ELF file is for, as images name it.
fn architecture(elf: &[u8]) -> String {
    let machine = number(elf, 18, 2).unwrap_or_default();
    let known = ARCHITECTURES.iter().find(|(_, number, _)| *number == machine);
    known.map_or_else(|| format!("the ELF machine {machine}"), |(name, ..)| (*name).to_owned())
}

/// Whether an ELF file names a program interpreter; none for what is no little-endian 64-bit ELF file.
fn has_loader(elf: &[u8]) -> Option<bool> {
    const INTERPRETER: u64 = 3;
    if elf.get(..6)? != [0x7f, b'E', b'L', b'F', 2, 1] {
        return None;
    }
    let (table, size, count) = (number(elf, 32, 8)?, number(elf, 54, 2)?, number(elf, 56, 2)?);
    let kinds = (0..count).map(|index| number(elf, usize::try_from(table + index * size).ok()?, 4));
    Some(kinds.into_iter().any(|kind| kind == Some(INTERPRETER)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::exit_code;

    fn engine(arch: &str) -> Engine {
        Engine { version: "20.10.0".into(), os: "linux".into(), arch: arch.into() }
    }

    fn own() -> Vec<u8> {
        fs::read(std::env::current_exe().unwrap()).unwrap()
    }

    #[test]
    fn this_test_needs_a_loader_and_foreign_bytes_are_no_program() {
        let own = own();
        assert_eq!(has_loader(&own), Some(!cfg!(target_feature = "crt-static")));
        for bytes in [&b""[..], b"#!/bin/sh\n", b"\x7fELF\x02\x01", &own[..60]] {
            assert_ne!(has_loader(bytes), Some(true));
        }
    }

    #[test]
    fn a_binary_tells_what_it_runs_on() {
        let mut bytes = own();
        let here = ARCHITECTURES.iter().find(|(_, _, word)| word.starts_with(std::env::consts::ARCH)).unwrap().0;
        assert_eq!(architecture(&bytes), here);
        bytes[18..20].copy_from_slice(&[0, 1]);
        assert_eq!(architecture(&bytes), "the ELF machine 256");
    }

    #[test]
    fn what_the_engine_cannot_run_is_refused_before_it_is_compiled() {
        assert!(require_target("x86_64-unknown-linux-gnu", &engine("amd64")).is_ok());
        assert!(require_target("unheard_of-none", &engine("amd64")).is_ok());
        let error = require_target("x86_64-unknown-linux-gnu", &engine("arm64")).unwrap_err();
        assert_eq!(exit_code(&error), ExitCode::Unavailable);
        assert!(error.to_string().contains("for amd64, and the Docker engine runs linux/arm64"), "{error}");
    }
}
