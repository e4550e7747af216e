//! Compiling in a container, by the engine's BuildKit: the whole of the Dockerfile, for the architecture the engine runs.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;

use super::Wanted;
use super::context::Folder;
use super::platform::{self, Platform};
use super::secrets::Secrets;
use super::watch::{self, Voice};
use crate::builder_image::{self, Builder};
use crate::delivery::FILE;
use crate::docker::{self, Refusal};
use crate::problem::{ExitCode, Problem};
use crate::project::Project;
use crate::tools::{CARGO_AUDITABLE, Toolbox};

/// The image to compile in, for another platform than the engine's where one is named, and where BuildKit can be had too.
///
/// # Errors
/// A [`Problem`] with exit code 69 for what is missing, 78 for an image whose Rust is not the project's.
pub(super) fn builder(project: &Project, foreign: Option<&Platform>) -> anyhow::Result<Builder> {
    if docker::plugin("buildx").is_none() {
        let message = "`docker` has no buildx; it is a plug-in of its own, `docker-buildx-plugin` or `docker-buildx`.";
        let problem = Problem::new(ExitCode::Unavailable, message).next("docker buildx version");
        return Err(problem.next("cargo xtask docker-build --builder host").into());
    }
    match foreign {
        None => builder_image::obtain(project),
        Some(platform) => {
            platform::require_emulated(platform, &docker::engine()?)?;
            builder_image::obtain_foreign(project, platform)
        }
    }
}

/// The Dockerfile's arguments about what writes into the binary what it is made of.
fn auditable(project: &Project) -> Result<[(&'static str, &str); 2], Problem> {
    let pin = Toolbox::of(project).pin(&CARGO_AUDITABLE);
    let pinned = pin.and_then(|pin| Some((pin.version.as_str(), pin.files.values().next()?.as_str())));
    let (version, checksum) = pinned.ok_or_else(|| {
        let message = format!("[tools.{}] of {FILE} does not say which one to compile with.", CARGO_AUDITABLE.name);
        Problem::new(ExitCode::Configuration, message).next("git log --patch -- config/delivery.toml")
    })?;
    Ok([("AUDITABLE_VERSION", version), ("AUDITABLE_SHA256", checksum)])
}

/// A build, but for the secrets it takes to reach the crate registry.
#[derive(Debug)]
pub(super) struct Build<'a> {
    /// What it is to make.
    pub(super) wanted: Wanted<'a>,
    /// What the engine is given.
    pub(super) context: PathBuf,
    /// The Dockerfile's arguments.
    pub(super) args: &'a [(&'a str, &'a str)],
    /// For whom the builder speaks.
    pub(super) voice: Voice,
}

/// Makes the service's image out of what was staged and of the project.
///
/// # Errors
/// Those of [`Build::run`].
pub(super) fn build(
    project: &Project,
    folder: &Folder,
    builder: &Builder,
    profile: &str,
    wanted: Wanted<'_>,
) -> anyhow::Result<()> {
    let (root, service) = (&project.root, &project.delivery.service);
    folder.stage_source(root)?;
    let members: Vec<_> = folder.stage_manifests(root)?.iter().map(|name| format!("--package {name}")).collect();
    let args = [
        ("BUILDER_IMAGE", builder.name.as_str()),
        ("TARGET", &builder.target),
        ("PACKAGE", &service.package),
        ("BINARY", &service.binary),
        ("PROFILE", profile),
        ("MEMBERS", &members.join(" ")),
    ];
    let args = [&args[..], &auditable(project)?].concat();
    Build { wanted, context: folder.context(), args: &args, voice: Voice::PassedOn }.run(project, folder)
}

impl Build<'_> {
    /// Does it.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 1 when it does not build; by then, the builder has said why.
    pub(super) fn run(&self, project: &Project, folder: &Folder) -> anyhow::Result<()> {
        let Wanted { dockerfile, reference, labels, foreign, epoch } = self.wanted;
        let file = folder.path().join("Dockerfile");
        fs::write(&file, dockerfile).with_context(|| format!("writing {}", file.display()))?;
        let (file, context) = (file.to_string_lossy(), self.context.to_string_lossy());
        let secrets = Secrets::of(project)?;
        let mut args: Vec<_> = self.args.iter().map(|(name, value)| format!("{name}={value}")).collect();
        // A BuildKit that knows it takes it for the time at which the image was made.
        args.extend(epoch.map(|epoch| format!("SOURCE_DATE_EPOCH={epoch}")));
        let platform = foreign.map(|platform| vec![platform.to_string()]).unwrap_or_default();
        let mut command = vec!["build", "--progress", "plain", "--tag", reference, "--file", &*file];
        let flags =
            [("--build-arg", &args[..]), ("--secret", &secrets.flags), ("--label", labels), ("--platform", &platform)];
        for (flag, values) in flags {
            command.extend(values.iter().flat_map(|value| [flag, value.as_str()]));
        }
        command.push(&*context);
        // An image is to be its layers and nothing else, so no attestation is put beside it.
        let mut variables = vec![("DOCKER_BUILDKIT", "1"), ("BUILDX_NO_DEFAULT_ATTESTATIONS", "1")];
        variables.extend(secrets.variables.iter().map(|(name, value)| (*name, value.as_str())));
        watch::watch(&command, &variables, self.voice).map_err(|error| match error.downcast::<Refusal>() {
            Ok(refusal) => {
                let message = format!("{reference} does not build in a container; nothing was started or changed.");
                let said = refusal.said.lines().filter(|line| line.starts_with("ERROR")).map(str::to_owned);
                let problem = Problem::new(ExitCode::Failed, message).detail(said.collect::<Vec<_>>());
                problem.next("cargo xtask docker-build --builder host").into()
            }
            Err(other) => other,
        })
    }
}
