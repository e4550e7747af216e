//! Compiling on this machine: the Dockerfile's last stage around a binary that is there.

use std::fs;
use std::path::PathBuf;

use super::context::Folder;
use super::watch::{self, Voice};
use super::{Wanted, elf};
use crate::docker::Engine;
use crate::project::Project;
use crate::{cargo, say};

/// Compiles the service, and says where the binary is.
///
/// # Errors
/// A [`crate::problem::Problem`] when it does not build, or would not run where it is to.
pub(super) fn compile(project: &Project, profile: &str, engine: &Engine) -> anyhow::Result<PathBuf> {
    let service = &project.delivery.service;
    elf::require_target(&cargo::host()?, engine)?;
    say!("building {} with the profile {profile}, as a static binary", service.package);
    cargo::build_static(project, profile)
}

/// Makes the image out of what was staged, the binary among it.
///
/// # Errors
/// Those of [`watch::watch`].
pub(super) fn build(folder: &Folder, wanted: &Wanted<'_>) -> anyhow::Result<()> {
    let context = folder.context();
    fs::write(context.join("Dockerfile"), with_files_staged(wanted.dockerfile))?;
    let context = context.to_string_lossy();
    let mut args = vec!["build", "--quiet", "--tag", wanted.reference];
    args.extend(wanted.labels.iter().flat_map(|label| ["--label", label.as_str()]));
    args.push(&context);
    // The builder that every engine has within, so that it needs no plug-in.
    watch::watch(&args, &[("DOCKER_BUILDKIT", "0")], Voice::Kept)
}

/// The Dockerfile's last stage, with a stage before it that has what it copies.
fn with_files_staged(dockerfile: &str) -> String {
    let lines: Vec<_> = dockerfile.lines().collect();
    let last = lines.iter().rposition(|line| line.trim_start().to_ascii_uppercase().starts_with("FROM ")).unwrap_or(0);
    let stage = lines.get(last..).unwrap_or_default().join("\n");
    format!("FROM scratch AS builder\nCOPY out/ /out/\n{stage}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_stage_is_taken_and_given_what_it_copies() {
        let text = with_files_staged("FROM rust AS builder\nRUN x\nFROM scratch\nCOPY --from=builder /out/ /\n");
        assert_eq!(text, "FROM scratch AS builder\nCOPY out/ /out/\nFROM scratch\nCOPY --from=builder /out/ /\n");
    }
}
