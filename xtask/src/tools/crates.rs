//! Tools that are compiled here. The pin is the checksum of the crate; the `Cargo.lock` inside of it has the checksum of
//! every crate it depends on, and cargo holds them to it.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;

use super::complaint;
use super::toolbox::Pinned;
use crate::cargo;
use crate::delivery::Checksum;
use crate::problem::{ExitCode, Problem};

/// Fetches the crate, checks it, and compiles what was checked.
///
/// # Errors
/// A [`Problem`]: with exit code 69 when it cannot be fetched, with exit code 1 when it is not the one that is pinned or
/// does not compile.
pub(super) fn install(pinned: Pinned<'_>, into: &Path) -> anyhow::Result<()> {
    let source = into.join("source");
    fs::create_dir(&source)?;
    let archive = fetch(pinned, &source)?;
    run(pinned, "cannot be unpacked", Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(&source))?;
    let unpacked = source.join(format!("{}-{}", pinned.pin.package.get_ref(), pinned.pin.version));
    // Without a workspace of its own it would be taken for a stray part of the one that the project is.
    let mut manifest = fs::File::options().append(true).open(unpacked.join("Cargo.toml"))?;
    manifest.write_all(b"\n[workspace]\n")?;
    let mut install = cargo(&source);
    install.args(["install", "--quiet", "--locked", "--no-track", "--path"]).arg(unpacked).arg("--root").arg(into);
    run(pinned, "does not compile", install.env("CARGO_TARGET_DIR", source.join("target")))?;
    Ok(fs::remove_dir_all(&source)?)
}

/// Copies the crate from among those that cargo keeps, if it is the one that is pinned.
fn fetch(pinned: Pinned<'_>, folder: &Path) -> anyhow::Result<PathBuf> {
    let Some((file, wanted)) = pinned.files().pop() else { anyhow::bail!("{} has no crate", pinned.name) };
    let copies = obtain(pinned.pin.package.get_ref(), &pinned.pin.version, folder)?;
    let mut found = Vec::new();
    for copy in copies {
        let bytes = fs::read(&copy).with_context(|| format!("reading {}", copy.display()))?;
        let checksum = Checksum::of(&bytes);
        if checksum.as_str() == wanted {
            let copy = folder.join(file);
            fs::write(&copy, bytes).with_context(|| format!("writing {}", copy.display()))?;
            return Ok(copy);
        }
        found.push(format!("found instead: {} in {}", checksum.as_str(), copy.display()));
    }
    let lines = std::iter::once(format!("{file}: pinned as {wanted}")).chain(found);
    Err(complaint::not_the_pinned_one(file).detail(lines).into())
}

/// Has cargo fetch a crate, and says where it keeps it.
///
/// # Errors
/// A [`Problem`] with exit code 69 when there is no such crate, or no registry.
pub(super) fn obtain(package: &str, version: &str, folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    // Of what cargo does, the one thing that fetches a crate and nothing it depends on.
    let mut info = cargo(folder);
    info.args(["info", "--quiet", &format!("{package}@{version}")]).stdin(Stdio::null());
    let fetched = info.output().context("running cargo")?;
    let copies = copies(&format!("{package}-{version}.crate"))?;
    if !copies.is_empty() {
        return Ok(copies);
    }
    let said = String::from_utf8_lossy(&fetched.stderr).into_owned();
    let problem = Problem::new(ExitCode::Unavailable, format!("the crate {package} {version} cannot be fetched."));
    Err(problem.detail(said.lines().take(5)).next("cargo xtask setup --tools").into())
}

/// The crates of that name that cargo keeps, one for each registry it knows.
fn copies(file: &str) -> anyhow::Result<Vec<PathBuf>> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home =
        home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo"))).context("there is no home folder")?;
    let registries = fs::read_dir(home.join("registry/cache")).into_iter().flatten().flatten();
    Ok(registries.map(|registry| registry.path().join(file)).filter(|path| path.is_file()).collect())
}

fn cargo(folder: &Path) -> Command {
    let mut command = Command::new(cargo::program());
    cargo::foreign_variables().iter().for_each(|name| {
        command.env_remove(name);
    });
    command.current_dir(folder);
    command
}

fn run(pinned: Pinned<'_>, otherwise: &str, command: &mut Command) -> anyhow::Result<()> {
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("running {:?}", command.get_program()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let lines: Vec<_> = said.lines().map(str::to_owned).collect();
    let last = lines.iter().skip(lines.len().saturating_sub(8)).cloned();
    let message = format!("{} {} {otherwise}.", pinned.name, pinned.pin.version);
    Err(Problem::new(ExitCode::Failed, message).detail(last).next("cargo xtask setup --tools").into())
}
