//! `docker-build`: makes the service's image and the bill of what is in it, and pushes the image where that is asked for.

use std::path::PathBuf;

use anyhow::Context as _;

use crate::docker::{self, Refusal};
use crate::flags::Target;
use crate::image::{self, Built, Options, Place, Platform};
use crate::problem::{ExitCode, Problem, reason};
use crate::project::Project;
use crate::{github, out, say, sbom};

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
    /// Builds nothing where the registry already has this tag, and takes what is there: one release is one image. `only`
    /// fails where it has none.
    #[arg(
        long,
        value_name = "WHEN",
        value_enum,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "found",
        requires_all = ["push", "tag"],
        conflicts_with_all = ["binary", "platform"]
    )]
    reuse: Option<Reuse>,
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

/// When an image that a registry has is taken instead of building one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Reuse {
    /// Where it has one.
    Found,
    /// Always: where it has none, nothing is built either.
    Only,
}

/// Builds, and prints name and id, or name and digest once it was pushed, last. On GitHub the steps after it are given
/// `image`, by digest, and `digest`.
///
/// # Errors
/// A [`Problem`] with exit code 1 when it does not build or cannot be pushed, or is to be taken and is not there; 69 when no
/// engine answers, or a registry that is asked for an image does not.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let project = Project::here()?;
    let profile = project.delivery.environment(&args.target.env)?.profile.clone();
    let (binary, tag, platform) = (args.binary.clone(), args.tag.clone(), args.platform.clone());
    let options = Options { profile, binary, tag, place: args.builder, platform };
    let found = take(&project, args)?;
    let reused = found.is_some();
    let built = found.map_or_else(|| image::build(&project, &options), Ok)?;
    let sbom = match sbom::write(&project, &built, args.sbom.as_deref()) {
        Ok(path) => Some(path),
        // A binary of somebody else's need not say what it is made of, unless it is asked.
        Err(error) if args.binary.is_some() && args.sbom.is_none() => {
            say!("note: {}", reason(&error));
            None
        }
        Err(error) => return Err(error),
    };
    let digest = match args.push {
        true if reused => Some(digest(&built.reference)?),
        true => Some(push(&built.reference)?),
        false => None,
    };
    if let Some((image, (_, digest))) = digest.as_deref().and_then(|image| Some((image, image.split_once('@')?))) {
        github::output("image", image)?;
        github::output("digest", digest)?;
    }
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
            "reused": reused,
        });
        out!("{told}");
    } else {
        sbom.iter().for_each(|path| say!("bill of materials: {}", path.display()));
        say!("{} bytes", built.size);
        out!("{} {}", built.reference, digest.as_ref().unwrap_or(&built.id));
    }
    Ok(())
}

/// The image of that tag which the registry already has, where one is wanted.
fn take(project: &Project, args: &Args) -> anyhow::Result<Option<Built>> {
    let (Some(reuse), Some(tag)) = (args.reuse, &args.tag) else { return Ok(None) };
    let reference = image::name(&project.delivery.image.repository, tag);
    let found = image::published(&reference)?;
    match (&found, reuse) {
        (Some(_), _) => say!("{reference} is in its registry already: it is taken as it is, and nothing is built"),
        (None, Reuse::Found) => say!("{reference} is not in its registry yet: it is built, and pushed"),
        (None, Reuse::Only) => {
            let message =
                format!("{reference} is not in its registry, and --reuse=only builds nothing. Is that a release?");
            return Err(Problem::new(ExitCode::Failed, message).next("git tag --list 'v*'").into());
        }
    }
    Ok(found)
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
    digest(reference)
}

/// `REPOSITORY@sha256:…` of an image that was pushed or pulled by its tag.
fn digest(reference: &str) -> anyhow::Result<String> {
    let (repository, _) = reference.rsplit_once(':').unwrap_or((reference, ""));
    let pushed = docker::image(reference)?.map(|image| image.repo_digests).unwrap_or_default();
    let digest = pushed.into_iter().find(|digest| digest.starts_with(&format!("{repository}@")));
    digest.with_context(|| format!("the engine does not know by which digest its registry has {reference}"))
}
