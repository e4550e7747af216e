//! The service's image: a static binary, the release's files and a few of the system's. The project's Dockerfile says how
//! they become one, and the binary is compiled either on this machine or in a container.

mod container;
mod context;
mod elf;
mod host;
mod naive;
mod origin;
mod platform;
mod published;
mod secrets;
mod skeleton;
mod source;
mod watch;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

pub use naive::{Baseline, build_naive};
pub use platform::Platform;
pub use published::published;

use crate::builder_image::Builder;
use crate::delivery::FILE;
use crate::problem::{ExitCode, Problem, reason};
use crate::project::Project;
use crate::{docker, say};
use context::Folder;
use origin::Origin;

/// Where the service is compiled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// In a container where that can be done, else on this machine.
    Auto,
    /// In a container of the builder's image, by the engine's BuildKit.
    Container,
    /// On this machine, which takes seconds where it was compiled before.
    #[default]
    Host,
}

/// The files that the project at `root` consists of, for whoever compiles it elsewhere.
///
/// # Errors
/// When they cannot be listed.
pub(crate) fn files(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    source::files(root)
}

/// What is to be built.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The Cargo profile, where there is no binary yet.
    pub profile: String,
    /// A static binary that was built elsewhere.
    pub binary: Option<PathBuf>,
    /// The image's tag, or its whole name; without it, the tag is the version and the commit.
    pub tag: Option<String>,
    /// Where it is compiled, where there is no binary yet.
    pub place: Place,
    /// What it is to run on; without it, what the engine does.
    pub platform: Option<Platform>,
}

/// An image that was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// Its name and tag.
    pub reference: String,
    /// Its content-addressed id.
    pub id: String,
    /// Its size in bytes.
    pub size: u64,
    /// What it runs on.
    pub platform: Platform,
    /// Where the service was compiled; none where it was given.
    pub place: Option<Place>,
    /// The commit it is made from, where it is that and nothing else.
    pub commit: Option<String>,
    /// When it counts as made, as RFC 3339 has it: what `SOURCE_DATE_EPOCH` says, else the time of the commit.
    pub created: Option<String>,
}

/// An image to be built, whatever builds it.
#[derive(Debug, Clone, Copy)]
struct Wanted<'a> {
    /// The text of its Dockerfile.
    dockerfile: &'a str,
    /// Its name and tag.
    reference: &'a str,
    /// Its labels, each with its value.
    labels: &'a [String],
    /// What it is to run on, where the engine does not by itself.
    foreign: Option<&'a Platform>,
    /// The time that stands for when it was made, in seconds since 1970.
    epoch: Option<u64>,
}

/// Compiles the service and makes an image of it.
///
/// # Errors
/// A [`Problem`] when it does not build, the binary would not start alone, or the engine does not answer.
pub fn build(project: &Project, options: &Options) -> anyhow::Result<Built> {
    let (root, delivery) = (&project.root, &project.delivery);
    let (service, image) = (&delivery.service, &delivery.image);
    let engine = docker::engine()?;
    let dockerfile = dockerfile(project, "image.dockerfile", &image.dockerfile)?;
    let origin = Origin::of(project)?;
    let foreign = options.platform.as_ref().filter(|platform| **platform != Platform::of(&engine));
    let builder = builder(project, options, foreign)?;
    let binary = match (&builder, &options.binary) {
        (Some(_), _) => None,
        (None, Some(binary)) => Some(binary.clone()),
        (None, None) => Some(host::compile(project, &options.profile, &engine)?),
    };
    binary.as_deref().map_or(Ok(()), |binary| elf::require_runnable(binary, &engine))?;
    let (version, commit) = (origin.version(), origin.commit.as_deref());
    let reference = reference(&image.repository, options.tag.as_deref(), version.as_deref(), commit);
    let labels = origin.labels(&service.package);
    let wanted =
        Wanted { dockerfile: &dockerfile, reference: &reference, labels: &labels, foreign, epoch: origin.epoch };
    let folder = Folder::new(root);
    folder
        .stage(root, service, binary.as_deref())
        .with_context(|| format!("putting the image's files together in {}", folder.context().display()))?;
    let place = match &builder {
        None => {
            host::build(&folder, &wanted)?;
            options.binary.is_none().then_some(Place::Host)
        }
        Some(builder) => {
            container::build(project, &folder, builder, &options.profile, wanted)?;
            Some(Place::Container)
        }
    };
    let made = docker::image(&reference)?.with_context(|| format!("the engine does not have {reference}"))?;
    let platform = Platform::of_image(&made);
    let created = origin.created();
    Ok(Built { reference, id: made.id, size: made.size, platform, place, commit: origin.commit, created })
}

/// The image to compile in; none where this machine does it.
fn builder(project: &Project, options: &Options, foreign: Option<&Platform>) -> anyhow::Result<Option<Builder>> {
    match (options.place, &options.binary, foreign) {
        (Place::Container, Some(binary), _) => {
            let message = format!("--builder container compiles what --binary {} gives already.", binary.display());
            Err(Problem::new(ExitCode::Usage, message).next("cargo xtask docker-build --builder container").into())
        }
        (Place::Host, _, Some(platform)) | (_, Some(_), Some(platform)) => Err(only_in_a_container(platform).into()),
        (Place::Host, _, None) | (Place::Auto, Some(_), None) => Ok(None),
        (Place::Container, None, _) | (Place::Auto, None, Some(_)) => {
            let builder = container::builder(project, foreign)?;
            say!("compiling in a container of {}, as was asked for", builder.name);
            Ok(Some(builder))
        }
        (Place::Auto, None, None) => Ok(match container::builder(project, None) {
            Ok(builder) => {
                say!("compiling in a container: buildx answers and {} is there", builder.name);
                Some(builder)
            }
            Err(error) => {
                say!("compiling on this machine: not in a container, as {}", reason(&error));
                None
            }
        }),
    }
}

fn only_in_a_container(platform: &Platform) -> Problem {
    let message = format!(
        "--platform {platform} is not what the Docker engine runs by itself, and is compiled in a container alone; nothing \
         was built."
    );
    let next = format!("cargo xtask docker-build --builder container --platform {platform}");
    Problem::new(ExitCode::Unavailable, message).next(next)
}

fn dockerfile(project: &Project, key: &str, path: &str) -> Result<String, Problem> {
    let path = project.root.join(path);
    fs::read_to_string(&path).map_err(|error| {
        let message = format!("{}, which {key} of {FILE} names, cannot be read: {error}.", path.display());
        Problem::new(ExitCode::Configuration, message).next("git status")
    })
}

/// `NAME:TAG` of a tag, or of a whole name with registry and tag. An owner's name on GitHub may have capitals, and no registry
/// takes them in a repository's.
pub fn name(repository: &str, tag: &str) -> String {
    if !tag.contains(['/', ':']) {
        return format!("{repository}:{tag}");
    }
    match tag.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')) {
        Some((repository, tag)) => format!("{}:{tag}", repository.to_lowercase()),
        None => tag.to_lowercase(),
    }
}

/// `NAME:TAG` as a person asked for it, or as version and commit have it.
fn reference(repository: &str, tag: Option<&str>, version: Option<&str>, commit: Option<&str>) -> String {
    match tag {
        Some(tag) => name(repository, tag),
        None => {
            let version = version.unwrap_or("0.0.0").replace('+', "-");
            let commit =
                commit.map_or(String::new(), |commit| format!("-{}", commit.chars().take(7).collect::<String>()));
            format!("{repository}:{version}{commit}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_whole_and_a_tag_is_put_to_the_repository() {
        assert_eq!(reference("shop/app", Some("1.2"), None, None), "shop/app:1.2");
        assert_eq!(reference("shop/app", Some("localhost:5000/x:1"), None, None), "localhost:5000/x:1");
        assert_eq!(
            reference("shop/app", Some("ghcr.io/Acme/Shop/app:v1-RC"), None, None),
            "ghcr.io/acme/shop/app:v1-RC"
        );
        assert_eq!(reference("shop/app", Some("localhost:5000/Shop"), None, None), "localhost:5000/shop");
        assert_eq!(reference("shop/app", None, Some("1.2.3+a"), Some("0123456789")), "shop/app:1.2.3-a-0123456");
    }
}
