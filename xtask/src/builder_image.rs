//! The image that the service is compiled in: cargo and a C compiler, and the very Rust that the project is built with.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use semver::Version;

use crate::base_image::{self, Recipe};
use crate::delivery::FILE;
use crate::docker::{self, Refusal};
use crate::image::Platform;
use crate::packages::Consent;
use crate::problem::{ExitCode, Problem};
use crate::project::Project;
use crate::say;

/// The files in which a project names its Rust, the one that counts first.
pub const TOOLCHAIN_FILES: [&str; 2] = ["rust-toolchain", "rust-toolchain.toml"];

/// An image the service can be compiled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Builder {
    /// Its name and tag.
    pub name: String,
    /// Its content-addressed id.
    pub id: String,
    /// The version of its Rust.
    pub rust: Version,
    /// The target its Rust builds for by itself.
    pub target: String,
}

/// The image that `image.builder_image` names, pulled if need be.
///
/// # Errors
/// A [`Problem`] with exit code 69 when it cannot be had, 78 when none is named or its Rust is not the project's.
pub fn obtain(project: &Project) -> anyhow::Result<Builder> {
    let name = name(project)?;
    if docker::image(name)?.is_none() {
        say!("pulling {name}, which the service is compiled in");
    }
    docker::obtain(name).map_err(|error| {
        let first = error.to_string().lines().next().unwrap_or_default().to_owned();
        let message = format!("the builder's image {name}, which image.builder_image of {FILE} names, cannot be had.");
        Problem::new(ExitCode::Unavailable, message).detail([first]).next("cargo xtask setup --air-gapped")
    })?;
    find(project)?.with_context(|| format!("the engine does not have {name}"))
}

/// The same for another platform than the engine's. It is kept under a name of its own: an engine has one image by each.
///
/// # Errors
/// A [`Problem`] with exit code 69 when it cannot be had for that platform, and those of [`obtain`].
pub fn obtain_foreign(project: &Project, platform: &Platform) -> anyhow::Result<Builder> {
    let name = name(project)?;
    let own = name_for(name, platform);
    if docker::image(&own)?.is_none() {
        say!("pulling {name} for {platform}, which the service is compiled in");
        pull_as(name, &own, platform)?;
    }
    let image = docker::image(&own)?.filter(|image| Platform::of_image(image) == *platform);
    let image = image.ok_or_else(|| not_for(name, &own, platform))?;
    check(project, ask(&own, &image.id)?)
}

fn name_for(name: &str, platform: &Platform) -> String {
    let (name, _) = name.split_once('@').unwrap_or((name, ""));
    let has_tag = name.rsplit('/').next().is_some_and(|last| last.contains(':'));
    format!("{name}{}{}", if has_tag { '-' } else { ':' }, platform.arch)
}

/// Pulls an image for a platform, and leaves its name to the one that has it.
fn pull_as(name: &str, own: &str, platform: &Platform) -> anyhow::Result<()> {
    let before = docker::image(name)?;
    docker::read(&["pull", "--quiet", "--platform", &platform.to_string(), name]).map_err(|error| {
        match error.downcast::<Refusal>() {
            Ok(refusal) => not_for(name, own, platform).detail(refusal.said.lines()).into(),
            Err(other) => other,
        }
    })?;
    docker::read(&["tag", name, own])?;
    before.map_or(Ok(()), |before| docker::read(&["tag", &before.id, name]).map(drop))
}

fn not_for(name: &str, own: &str, platform: &Platform) -> Problem {
    let message = format!(
        "the builder's image {name}, which image.builder_image of {FILE} names, cannot be had for {platform}: it can be \
         pulled, or be there as {own}."
    );
    Problem::new(ExitCode::Unavailable, message).next(format!("docker pull --platform {platform} {name}"))
}

/// The same as [`obtain`], but only if the engine has it.
///
/// # Errors
/// Those of [`obtain`], but for its absence.
pub fn find(project: &Project) -> anyhow::Result<Option<Builder>> {
    let name = name(project)?;
    let Some(image) = docker::image(name)? else { return Ok(None) };
    check(project, ask(name, &image.id)?).map(Some)
}

/// Refuses one whose Rust is not the project's.
fn check(project: &Project, builder: Builder) -> anyhow::Result<Builder> {
    match toolchain(&project.root) {
        Some(channel) if !fits(&channel, &builder.rust) => Err(mismatch(&builder, &channel).into()),
        _ => Ok(builder),
    }
}

/// Makes the image from the packages of Debian and the Rust of this machine, without any registry.
///
/// # Errors
/// A [`Problem`] with exit code 69 when `mmdebstrap` is missing or cannot do it, 78 when somebody else's image has that name
/// and does not fit.
pub fn make(project: &Project, consent: Consent) -> anyhow::Result<()> {
    let name = name(project)?;
    match find(project) {
        Ok(Some(_)) => {
            say!("{name} is there");
            return Ok(());
        }
        // One of ours is of another Rust since the project has moved on to the next.
        Err(error) if !docker::image(name)?.is_some_and(|image| base_image::is_ours(&image)) => return Err(error),
        Ok(None) | Err(_) => {}
    }
    let hooks = toolchain_hooks(&project.root)?;
    Recipe { name, packages: "gcc,libc6-dev,ca-certificates", hooks }.make(consent)?;
    // It has this machine's Rust, which may not be the one the project wants.
    find(project).map(drop)
}

fn name(project: &Project) -> Result<&str, Problem> {
    project.delivery.image.builder_image.as_deref().ok_or_else(|| {
        let message =
            format!("image.builder_image of {FILE} does not say what to compile in, such as \"rust:1.95.0-trixie\".");
        Problem::new(ExitCode::Configuration, message).next("cargo xtask docker-build --builder host")
    })
}

/// Asks the Rust in an image who it is.
fn ask(name: &str, id: &str) -> anyhow::Result<Builder> {
    let script = "cargo --version >/dev/null && rustc --version --verbose";
    let said = docker::read(&["run", "--rm", "--network=none", "--entrypoint=sh", id, "-c", script]).map_err(|error| {
        match error.downcast::<Refusal>() {
            Ok(refusal) => {
                let message = format!(
                    "the service cannot be compiled in {name}, which image.builder_image of {FILE} names: it has no cargo."
                );
                let problem = Problem::new(ExitCode::Configuration, message).detail(refusal.said.lines());
                problem.next("cargo xtask docker-build --builder host").into()
            }
            Err(other) => other,
        }
    })?;
    let field = |key: &str| said.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
    let rust = field("release").and_then(|text| Version::parse(text).ok());
    let (rust, target) = rust.zip(field("host")).with_context(|| format!("rustc in {name} does not say what it is"))?;
    Ok(Builder { name: name.to_owned(), id: id.to_owned(), rust, target: target.to_owned() })
}

/// The Rust a project asks for; none where it names no version.
pub(crate) fn toolchain(root: &Path) -> Option<String> {
    TOOLCHAIN_FILES.iter().find_map(|name| channel(&std::fs::read_to_string(root.join(name)).ok()?))
}

fn channel(text: &str) -> Option<String> {
    let table = text.parse::<toml::Table>().ok();
    let named = table.as_ref().map_or(Some(text.trim()), |table| table.get("toolchain")?.get("channel")?.as_str());
    named.filter(|channel| channel.starts_with(|first: char| first.is_ascii_digit())).map(str::to_owned)
}

/// Whether a version is the one that a channel names, in full or without its last number.
fn fits(channel: &str, rust: &Version) -> bool {
    let full = rust.to_string();
    full == channel || full.strip_prefix(channel).is_some_and(|rest| rest.starts_with('.'))
}

fn mismatch(builder: &Builder, channel: &str) -> Problem {
    let message = format!(
        "the Rust in {}, which image.builder_image of {FILE} names, is {}, and rust-toolchain.toml asks for {channel}. What is \
         tested and what is released are to come from the same compiler.",
        builder.name, builder.rust
    );
    let problem = Problem::new(ExitCode::Configuration, message).next(format!("docker pull {}", builder.name));
    problem.next("cargo xtask setup --air-gapped")
}

/// What puts cargo, rustc and the libraries of its own target into a root, from the Rust of this machine.
fn toolchain_hooks(root: &Path) -> anyhow::Result<Vec<String>> {
    let rustc = |args: &[&str]| -> anyhow::Result<String> {
        let program = std::env::var_os("RUSTC").map_or_else(|| "rustc".into(), PathBuf::from);
        let output = Command::new(program).args(args).current_dir(root).output().context("asking rustc where it is")?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let sysroot = PathBuf::from(rustc(&["--print", "sysroot"])?.trim());
    let target = crate::cargo::host()?;
    let programs = ["cargo", "rustc"].map(|name| sysroot.join("bin").join(name));
    if let Some(missing) = programs.iter().find(|program| !program.is_file()) {
        let message = format!(
            "there is no {}: only a Rust that stands in a folder of its own, as rustup installs it, can be put into an image.",
            missing.display()
        );
        return Err(Problem::new(ExitCode::Unavailable, message).next("rustup toolchain list").into());
    }
    let entries = std::fs::read_dir(sysroot.join("lib")).with_context(|| format!("reading {}", sysroot.display()))?;
    let files = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()).filter(|path| path.is_file()));
    let copy = |paths: &[PathBuf], to: &str| {
        let paths: Vec<_> = paths.iter().map(|path| format!("'{}'", path.display())).collect();
        format!("copy-in {} /usr/local/{to}", paths.join(" "))
    };
    Ok(vec![
        "mkdir --parents \"$1/usr/local/lib/rustlib\"".into(),
        copy(&programs, "bin"),
        copy(&files.collect::<Vec<_>>(), "lib"),
        copy(&[sysroot.join("lib/rustlib").join(target)], "lib/rustlib"),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_for_another_platform_has_a_name_of_its_own() {
        let platform = "linux/arm64".parse().unwrap();
        for (name, own) in [
            ("rust:1.95.0-trixie", "rust:1.95.0-trixie-arm64"),
            ("localhost:5000/rust", "localhost:5000/rust:arm64"),
            ("rust:1@sha256:abc", "rust:1-arm64"),
        ] {
            assert_eq!(name_for(name, &platform), own);
        }
    }

    #[test]
    fn a_project_may_name_its_rust_in_full_in_part_or_not_at_all() {
        assert_eq!(channel("[toolchain]\nchannel = \"1.95.0\"\n").as_deref(), Some("1.95.0"));
        assert_eq!(channel("1.95\n").as_deref(), Some("1.95"));
        for text in ["stable\n", "[toolchain]\nchannel = \"nightly-2026-01-01\"\n", "[toolchain]\npath = \"x\"\n", ""] {
            assert_eq!(channel(text), None, "{text}");
        }
        let rust = Version::new(1, 95, 0);
        assert!(fits("1.95.0", &rust) && fits("1.95", &rust) && fits("1", &rust));
        assert!(!fits("1.9", &rust) && !fits("1.95.1", &rust));
    }
}
