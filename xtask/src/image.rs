//! The service's image: a static binary, the release's files and a few of the system's, in the stage that the project's
//! Dockerfile describes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context as _;

use crate::delivery::{FILE, Service};
use crate::problem::{ExitCode, Problem};
use crate::project::Project;
use crate::{cargo, docker, git, say};

/// Where things are in the image; the Dockerfile starts the binary there.
const BINARY: &str = "release/service";
const RELEASE: &str = "release";
/// What programs look up when they ask for a name or check a certificate; an image from scratch has neither.
const NSSWITCH: &str = "hosts: files dns\n";
const PASSWD: &str = "service:x:65532:65532::/:/none\n";
const GROUP: &str = "service:x:65532:\n";
const CA_BUNDLE: &str = "etc/ssl/certs/ca-certificates.crt";

/// What is to be built.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The Cargo profile, where there is no binary yet.
    pub profile: String,
    /// A static binary that was built elsewhere.
    pub binary: Option<PathBuf>,
    /// The image's tag, or its whole name; without it, the tag is the version and the commit.
    pub tag: Option<String>,
}

/// An image that was built.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Built {
    /// Its name and tag.
    pub reference: String,
    /// Its content-addressed id.
    pub id: String,
    /// Its size in bytes.
    pub size: u64,
}

/// Compiles the service on this machine and makes an image of it.
///
/// # Errors
/// A [`Problem`] when it does not build, the binary would not start alone, or the engine does not answer.
pub fn build(project: &Project, options: &Options) -> anyhow::Result<Built> {
    let (root, delivery) = (&project.root, &project.delivery);
    let (service, image) = (&delivery.service, &delivery.image);
    docker::engine()?;
    let dockerfile = root.join(&image.dockerfile);
    let dockerfile = fs::read_to_string(&dockerfile).map_err(|error| {
        let message =
            format!("{}, which image.dockerfile of {FILE} names, cannot be read: {error}.", dockerfile.display());
        Problem::new(ExitCode::Configuration, message).next("git status")
    })?;
    let binary = match &options.binary {
        Some(binary) => binary.clone(),
        None => {
            say!("building {} with the profile {}, as a static binary", service.package, options.profile);
            cargo::build_static(root, &service.package, &service.binary, &options.profile)?
        }
    };
    require_static(&binary)?;
    let version = cargo::version(root, &service.package);
    let commit = git::clean_commit(root);
    let reference = reference(&image.repository, options.tag.as_deref(), version.as_deref(), commit.as_deref());
    let labels = [("title", Some(service.package.clone())), ("version", version), ("revision", commit)];
    let labels =
        labels.into_iter().filter_map(|(name, value)| Some(format!("org.opencontainers.image.{name}={}", value?)));
    let context = root.join(format!("target/xtask/image-{}", std::process::id()));
    let built = stage(root, service, &binary, &context)
        .and_then(|()| Ok(fs::write(context.join("Dockerfile"), with_files_staged(&dockerfile))?))
        .with_context(|| format!("putting the image's files together in {}", context.display()))
        .and_then(|()| run(&context, &reference, labels.collect()));
    // What stays only takes room.
    let _ = fs::remove_dir_all(&context);
    built?;
    let made = docker::image(&reference)?.with_context(|| format!("the engine does not have {reference}"))?;
    Ok(Built { reference, id: made.id, size: made.size })
}

fn run(context: &Path, reference: &str, labels: Vec<String>) -> anyhow::Result<()> {
    let mut args = vec!["build".to_owned(), "--quiet".into(), "--tag".into(), reference.to_owned()];
    args.extend(labels.into_iter().flat_map(|label| ["--label".to_owned(), label]));
    args.push(".".into());
    let mut command = docker::command(&args);
    // The builder that every engine has within, so that it needs no plug-in.
    command.current_dir(context).env("DOCKER_BUILDKIT", "0");
    docker::finish(command, &["build", "--tag", reference, "."]).map(drop)
}

/// `NAME:TAG` as a person asked for it, or as version and commit have it.
fn reference(repository: &str, tag: Option<&str>, version: Option<&str>, commit: Option<&str>) -> String {
    match tag {
        Some(whole) if whole.contains(['/', ':']) => whole.to_owned(),
        Some(tag) => format!("{repository}:{tag}"),
        None => {
            let version = version.unwrap_or("0.0.0").replace('+', "-");
            let commit =
                commit.map_or(String::new(), |commit| format!("-{}", commit.chars().take(7).collect::<String>()));
            format!("{repository}:{version}{commit}")
        }
    }
}

/// The Dockerfile's last stage, with a stage before it that has what it copies.
fn with_files_staged(dockerfile: &str) -> String {
    let lines: Vec<_> = dockerfile.lines().collect();
    let last = lines.iter().rposition(|line| line.trim_start().to_ascii_uppercase().starts_with("FROM ")).unwrap_or(0);
    let stage = lines.get(last..).unwrap_or_default().join("\n");
    format!("FROM scratch AS builder\nCOPY out/ /out/\n{stage}\n")
}

fn stage(root: &Path, service: &Service, binary: &Path, context: &Path) -> anyhow::Result<()> {
    let out = context.join("out");
    let copy = |source: &Path, target: &str| -> anyhow::Result<()> {
        let target = out.join(target);
        target.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::copy(source, &target).map(drop).with_context(|| format!("copying {}", source.display()))
    };
    copy(binary, BINARY)?;
    for (name, source) in crate::release::files_of(root, service)? {
        copy(&source, &format!("{RELEASE}/{name}"))?;
    }
    let bundle = Path::new("/").join(CA_BUNDLE);
    if bundle.exists() {
        copy(&bundle, CA_BUNDLE)?;
    }
    fs::create_dir_all(out.join("etc"))?;
    [("nsswitch.conf", NSSWITCH), ("passwd", PASSWD), ("group", GROUP)]
        .into_iter()
        .try_for_each(|(name, text)| fs::write(out.join("etc").join(name), text))?;
    Ok(forget_times(&out)?)
}

/// The same files are to make the same layer, whenever they were copied.
fn forget_times(path: &Path) -> std::io::Result<()> {
    if path.is_dir() {
        fs::read_dir(path)?.try_for_each(|entry| forget_times(&entry?.path()))?;
    }
    fs::File::open(path)?.set_modified(SystemTime::UNIX_EPOCH)
}

/// Looks whether a program needs a loader to start, which an image from scratch does not have.
fn require_static(binary: &Path) -> anyhow::Result<()> {
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
        Some(false) => Ok(()),
        Some(true) => Err(wrong("is linked dynamically").into()),
        None => Err(wrong("is no 64-bit ELF program").into()),
    }
}

/// Whether an ELF file names a program interpreter; none for what is no little-endian 64-bit ELF file.
fn has_loader(elf: &[u8]) -> Option<bool> {
    const INTERPRETER: u64 = 3;
    let number = |at: usize, size: usize| {
        let bytes = elf.get(at..at.checked_add(size)?)?;
        Some(bytes.iter().rev().fold(0_u64, |value, byte| value << 8 | u64::from(*byte)))
    };
    if elf.get(..6)? != [0x7f, b'E', b'L', b'F', 2, 1] {
        return None;
    }
    let (table, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    let kinds = (0..count).map(|index| number(usize::try_from(table + index * size).ok()?, 4));
    Some(kinds.into_iter().any(|kind| kind == Some(INTERPRETER)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_whole_and_a_tag_is_put_to_the_repository() {
        assert_eq!(reference("shop/app", Some("1.2"), None, None), "shop/app:1.2");
        assert_eq!(reference("shop/app", Some("localhost:5000/x:1"), None, None), "localhost:5000/x:1");
        assert_eq!(reference("shop/app", None, Some("1.2.3+a"), Some("0123456789")), "shop/app:1.2.3-a-0123456");
    }

    #[test]
    fn the_last_stage_is_taken_and_given_what_it_copies() {
        let text = with_files_staged("FROM rust AS builder\nRUN x\nFROM scratch\nCOPY --from=builder /out/ /\n");
        assert_eq!(text, "FROM scratch AS builder\nCOPY out/ /out/\nFROM scratch\nCOPY --from=builder /out/ /\n");
    }

    #[test]
    fn this_test_needs_a_loader_and_foreign_bytes_are_no_program() {
        let own = fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(has_loader(&own), Some(!cfg!(target_feature = "crt-static")));
        for bytes in [&b""[..], b"#!/bin/sh\n", b"\x7fELF\x02\x01", &own[..60]] {
            assert_ne!(has_loader(bytes), Some(true));
        }
    }
}
