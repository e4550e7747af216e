//! The tools that read what instrumented programs leave behind. They have to be of the compiler's own LLVM: no other
//! version is sure to read the format.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;

use crate::packages::{self, Consent};
use crate::problem::{ExitCode, Problem};
use crate::{cargo, say};

/// What they are for.
pub(crate) const PURPOSE: &str = "reads which lines of the code were run";

/// Both of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Llvm {
    pub(crate) cov: PathBuf,
    pub(super) profdata: PathBuf,
}

impl Llvm {
    /// Those of the toolchain or else of the system, after installing them where that is needed and allowed.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 69 that names the package and the component they come in.
    pub(crate) fn ensure(consent: Consent) -> anyhow::Result<Llvm> {
        let major = major(&cargo::compiler()?).context("rustc does not say of which LLVM it is")?;
        if let Some(found) = Llvm::find(major) {
            return Ok(found);
        }
        let package = format!("llvm-{major}");
        let refusal = match packages::install(&package, PURPOSE, consent) {
            Ok(()) => "it was installed, and they are not on PATH".into(),
            Err(error) => error.to_string().lines().next().unwrap_or_default().to_owned(),
        };
        // A distribution that does not have this version yet, or has it under another name.
        if consent == Consent::Given {
            add_component();
        }
        Llvm::find(major).ok_or_else(|| unavailable(major, &refusal).into())
    }

    /// Those that are there, without installing any.
    pub(crate) fn found() -> Option<Llvm> {
        Llvm::find(Llvm::wanted()?)
    }

    /// The major version that the compiler takes.
    pub(crate) fn wanted() -> Option<u64> {
        major(&cargo::compiler().ok()?)
    }

    fn find(major: u64) -> Option<Llvm> {
        Llvm::named_by_variables().or_else(Llvm::of_toolchain).or_else(|| Llvm::of_system(major))
    }

    /// The variables by which a person names them to cargo-llvm-cov.
    fn named_by_variables() -> Option<Llvm> {
        let named = |variable| std::env::var_os(variable).map(PathBuf::from);
        Some(Llvm { cov: named("LLVM_COV")?, profdata: named("LLVM_PROFDATA")? })
    }

    /// The toolchain's component `llvm-tools`.
    fn of_toolchain() -> Option<Llvm> {
        let folder = cargo::sysroot().ok()?.join("lib/rustlib").join(cargo::host().ok()?).join("bin");
        Llvm::both(|name| Some(folder.join(name)))
    }

    fn of_system(major: u64) -> Option<Llvm> {
        Llvm::both(|name| which::which(format!("{name}-{major}")).ok())
    }

    fn both(path: impl Fn(&str) -> Option<PathBuf>) -> Option<Llvm> {
        let file = |name: &str| path(name).filter(|path| path.is_file());
        Some(Llvm { cov: file("llvm-cov")?, profdata: file("llvm-profdata")? })
    }
}

/// The major version of LLVM in what `rustc -vV` says.
fn major(compiler: &str) -> Option<u64> {
    let version = compiler.lines().find_map(|line| line.strip_prefix("LLVM version: "))?;
    version.split('.').next()?.parse().ok()
}

/// Adds the toolchain's component where rustup can; whether it could is seen by looking for it again.
fn add_component() {
    say!("adding llvm-tools: rustup component add llvm-tools");
    let _ = Command::new("rustup").args(["component", "add", "llvm-tools"]).output();
}

/// The command that obtains that version, as a person would type it.
pub(crate) fn how_to_get(major: u64) -> Option<String> {
    packages::command_to_install(&format!("llvm-{major}"))
}

fn unavailable(major: u64, refusal: &str) -> Problem {
    let message = format!(
        "`llvm-cov` and `llvm-profdata` of LLVM {major}, which is rustc's, are neither in the toolchain nor on PATH as \
         llvm-cov-{major} and llvm-profdata-{major}."
    );
    let problem = Problem::new(ExitCode::Unavailable, message).detail([refusal]);
    how_to_get(major).into_iter().fold(problem, Problem::next).next("rustup component add llvm-tools")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_compilers() {
        assert_eq!(major("rustc 1.95.0\nhost: x86_64-unknown-linux-gnu\nLLVM version: 22.1.2\n"), Some(22));
        assert_eq!(major("rustc 1.95.0\nLLVM version: unknown\n"), None);
        assert_eq!(major("rustc 1.95.0\n"), None);
    }

    #[test]
    fn one_without_the_other_does_not_do() {
        let folder = crate::testing::TempDir::new();
        let find = || Llvm::both(|name| Some(folder.path().join(name)));
        std::fs::write(folder.path().join("llvm-cov"), "").unwrap();
        assert_eq!(find(), None);
        std::fs::write(folder.path().join("llvm-profdata"), "").unwrap();
        assert_eq!(find().unwrap().cov, folder.path().join("llvm-cov"));
    }

    #[test]
    fn who_lacks_them_is_told_both_ways_to_get_them() {
        let said = unavailable(22, "`llvm-22` is not installed").to_string();
        assert!(said.contains("llvm-cov-22") && said.contains("next: rustup component add llvm-tools"), "{said}");
    }
}
