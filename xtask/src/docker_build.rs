//! `docker-build`: makes the service's image and the bill of what is in it, and pushes the image where that is asked for.

use std::path::PathBuf;

use anyhow::Context as _;

use crate::docker::{self, Refusal};
use crate::flags::Target;
use crate::image::{self, Options, Place, Platform};
use crate::problem::{ExitCode, Problem, reason};
use crate::project::Project;
use crate::{out, say, sbom};

/// Flags of `docker-build`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    /// The image's tag, or its whole name with registry and tag. Without it: version and commit.
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// Pushes it to the registry its name says.
    #[arg(long)]
    push: bool,
    /// A static binary that was built elsewhere, instead of building the workspace.
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// Where it is compiled: `container` takes buildx and the image that image.builder_image names.
    #[arg(long, value_name = "WHERE", value_enum, default_value_t = Place::Auto)]
    builder: Place,
    /// What it is to run on, such as linux/arm64, where that is not what the Docker engine does: compiled in a container
    /// under emulation.
    #[arg(long, value_name = "OS/ARCH")]
    platform: Option<Platform>,
    /// Where the bill of materials is written, as CycloneDX JSON. Without it: below target/xtask/sbom.
    #[arg(long, value_name = "PATH")]
    sbom: Option<PathBuf>,
    /// Prints the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Builds, and prints name and id, or name and digest once it was pushed, last.
///
/// # Errors
/// A [`Problem`] with exit code 1 when it does not build or cannot be pushed, 69 when no engine answers.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let project = Project::here()?;
    let profile = project.delivery.environment(&args.target.env)?.profile.clone();
    let (binary, tag, platform) = (args.binary.clone(), args.tag.clone(), args.platform.clone());
    let built = image::build(&project, &Options { profile, binary, tag, place: args.builder, platform })?;
    let sbom = match sbom::write(&project, &built, args.sbom.as_deref()) {
        Ok(path) => Some(path),
        // A binary of somebody else's need not say what it is made of, unless it is asked.
        Err(error) if args.binary.is_some() && args.sbom.is_none() => {
            say!("note: {}", reason(&error));
            None
        }
        Err(error) => return Err(error),
    };
    let digest = if args.push { Some(push(&built.reference)?) } else { None };
    if args.json {
        let told = serde_json::json!({
            "reference": built.reference,
            "id": built.id,
            "size": built.size,
            "platform": built.platform.to_string(),
            "builder": built.place,
            "revision": built.commit,
            "created": built.created,
            "sbom": sbom,
            "digest": digest,
        });
        out!("{told}");
    } else {
        sbom.iter().for_each(|path| say!("bill of materials: {}", path.display()));
        say!("{} bytes", built.size);
        out!("{} {}", built.reference, digest.as_ref().unwrap_or(&built.id));
    }
    Ok(())
}

fn push(reference: &str) -> anyhow::Result<String> {
    docker::read(&["push", "--quiet", reference]).map_err(|error| match error.downcast::<Refusal>() {
        Ok(refusal) => {
            let message =
                format!("{reference} cannot be pushed. Is its registry right, and does `docker login` know it?");
            let problem = Problem::new(ExitCode::Failed, message).detail(refusal.said.lines());
            problem.next(format!("docker push {reference}")).into()
        }
        Err(other) => other,
    })?;
    let (repository, _) = reference.rsplit_once(':').unwrap_or((reference, ""));
    let pushed = docker::image(reference)?.map(|image| image.repo_digests).unwrap_or_default();
    let digest = pushed.into_iter().find(|digest| digest.starts_with(&format!("{repository}@")));
    digest.with_context(|| format!("the engine does not know by which digest {reference} was pushed"))
}
