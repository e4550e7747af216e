//! Compiling in a container, by the engine's BuildKit: the whole of the Dockerfile, on a machine that needs no Rust.

use std::fs;
use std::path::Path;

use anyhow::Context as _;

use super::context::Folder;
use super::{dockerfile, secrets};
use crate::builder_image::{self, Builder};
use crate::docker::{self, Refusal};
use crate::problem::{ExitCode, Problem};
use crate::project::Project;

/// The image to compile in, where BuildKit can be had too.
///
/// # Errors
/// A [`Problem`] with exit code 69 for what is missing, 78 for an image whose Rust is not the project's.
pub(super) fn builder(project: &Project) -> anyhow::Result<Builder> {
    if docker::plugin("buildx").is_none() {
        let message = "`docker` has no buildx; it is a plug-in of its own, `docker-buildx-plugin` or `docker-buildx`.";
        let problem = Problem::new(ExitCode::Unavailable, message).next("docker buildx version");
        return Err(problem.next("cargo xtask docker-build --builder host").into());
    }
    builder_image::obtain(project)
}

/// Makes the image out of what was staged and of the project.
///
/// # Errors
/// A [`Problem`] with exit code 1 when it does not build; by then, the builder has said why.
pub(super) fn build(
    project: &Project,
    folder: &Folder,
    builder: &Builder,
    profile: &str,
    reference: &str,
    labels: &[String],
) -> anyhow::Result<()> {
    let (root, service) = (&project.root, &project.delivery.service);
    folder.stage_source(root)?;
    let members = folder.stage_manifests(root)?;
    let members: Vec<_> = members.iter().map(|member| format!("--package {member}")).collect();
    let args = [
        ("BUILDER_IMAGE", builder.name.as_str()),
        ("TARGET", &builder.target),
        ("PACKAGE", &service.package),
        ("BINARY", &service.binary),
        ("PROFILE", profile),
        ("MEMBERS", &members.join(" ")),
    ];
    let text = dockerfile(project, "image.dockerfile", &project.delivery.image.dockerfile)?;
    run(project, folder, &folder.context(), &text, &args, reference, labels)
}

/// Builds by a Dockerfile's text, with the secrets it takes to reach the crate registry.
pub(super) fn run(
    project: &Project,
    folder: &Folder,
    context: &Path,
    dockerfile: &str,
    args: &[(&str, &str)],
    reference: &str,
    labels: &[String],
) -> anyhow::Result<()> {
    let file = folder.path().join("Dockerfile");
    fs::write(&file, dockerfile).with_context(|| format!("writing {}", file.display()))?;
    let (file, context) = (file.to_string_lossy(), context.to_string_lossy());
    let secrets = secrets::of(project, folder)?;
    let args: Vec<_> = args.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut command = vec!["build", "--progress", "plain", "--tag", reference, "--file", &*file];
    for (flag, values) in [("--build-arg", args.as_slice()), ("--secret", &secrets), ("--label", labels)] {
        command.extend(values.iter().flat_map(|value| [flag, value.as_str()]));
    }
    command.push(&*context);
    // The engine's own BuildKit, whatever builder was chosen for other work: it alone sees the engine's images. An image
    // is one of its own layers and nothing else, so no attestation is put beside it.
    let variables = [("DOCKER_BUILDKIT", "1"), ("BUILDX_BUILDER", ""), ("BUILDX_NO_DEFAULT_ATTESTATIONS", "1")];
    docker::watch(&command, &variables).map_err(|error| match error.downcast::<Refusal>() {
        Ok(refusal) => {
            let message = format!("{reference} does not build in a container; nothing was started or changed.");
            let said = refusal.said.lines().filter(|line| line.starts_with("ERROR")).map(str::to_owned);
            let problem = Problem::new(ExitCode::Failed, message).detail(said.collect::<Vec<_>>());
            problem.next("cargo xtask docker-build --builder host").into()
        }
        Err(other) => other,
    })
}
