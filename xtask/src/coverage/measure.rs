//! One run of the tests under instrumentation, and the reports that are made of it.

use std::ffi::OsString;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::Context as _;

use super::llvm::Llvm;
use crate::cargo;
use crate::problem::{ExitCode, Problem};

/// Where everything is left, below the root.
pub(super) const FOLDER: &str = "target/xtask/coverage";
/// The report for people, in [`FOLDER`]; its beginning is `index.html`.
pub(super) const HTML: &str = "html";
/// The report for other programs, in [`FOLDER`].
pub(super) const LCOV: &str = "lcov.info";

/// cargo-llvm-cov on one project.
#[derive(Debug)]
pub(super) struct LlvmCov<'a> {
    root: &'a Path,
    /// Where the project's tools are.
    variables: Vec<(&'static str, OsString)>,
    llvm: &'a Llvm,
}

impl<'a> LlvmCov<'a> {
    pub(super) fn new(root: &'a Path, variables: Vec<(&'static str, OsString)>, llvm: &'a Llvm) -> LlvmCov<'a> {
        LlvmCov { root, variables, llvm }
    }

    /// Runs the tests that count, with nothing left of earlier runs.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 1 when one fails, or does not compile; what has failed and why is told by then.
    pub(super) fn test(&self, tests: Option<&str>) -> anyhow::Result<()> {
        // The workspace's own binaries too: one that another compiler has made would count beside its successor.
        self.quietly(&["clean", "--workspace"])?;
        let mut command = self.command(&["--no-report", "nextest", "--workspace", "--locked", "--profile", "ci"]);
        command.args(tests.iter().flat_map(|tests| ["--filterset", tests]));
        // What was asked for is the table; all else goes where progress is shown.
        let progress = std::io::stderr().as_fd().try_clone_to_owned()?;
        let status = command.stdout(Stdio::from(progress)).status().context("starting cargo llvm-cov")?;
        if status.success() {
            return Ok(());
        }
        let message = format!("the tests do not pass under instrumentation ({status}), so nothing was measured.");
        let next = tests.map_or(String::new(), |tests| format!(" --filterset '{tests}'"));
        Err(Problem::new(ExitCode::Failed, message).next(format!("cargo nextest run --workspace{next}")).into())
    }

    /// Makes the reports of the last run, and gives what llvm-cov exports.
    ///
    /// # Errors
    /// When one cannot be made.
    pub(super) fn report(&self) -> anyhow::Result<String> {
        let folder = self.root.join(FOLDER);
        // What an earlier run has left must not pass for this one's.
        if folder.exists() {
            std::fs::remove_dir_all(&folder).with_context(|| format!("clearing {}", folder.display()))?;
        }
        std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        let path = |name: &str| format!("{FOLDER}/{name}");
        let [export, lcov] = ["export.json", LCOV].map(path);
        for made in [
            ["--json", "--output-path", &export],
            ["--lcov", "--output-path", &lcov],
            ["--html", "--output-dir", FOLDER],
        ] {
            // A process that a test has killed has not told what it ran; that is no reason to hear none of the others.
            self.quietly(&[&["report", "--failure-mode", "all"][..], &made].concat())?;
        }
        let export: PathBuf = self.root.join(export);
        std::fs::read_to_string(&export).with_context(|| format!("reading {}", export.display()))
    }

    /// Runs what has something to say only when it fails.
    fn quietly(&self, args: &[&str]) -> anyhow::Result<()> {
        let Output { status, stderr, .. } = self.command(args).output().context("starting cargo llvm-cov")?;
        if status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&stderr).into_owned();
        let message = format!("`cargo llvm-cov {}` has failed ({status}).", args.join(" "));
        Err(Problem::new(ExitCode::Failed, message).detail(said.lines()).into())
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(cargo::program());
        command.arg("llvm-cov").args(args).current_dir(self.root);
        command.envs(self.variables.iter().cloned());
        command.env("LLVM_COV", &self.llvm.cov).env("LLVM_PROFDATA", &self.llvm.profdata);
        cargo::foreign_variables().iter().for_each(|name| {
            command.env_remove(name);
        });
        command
    }
}
