//! The service's image: a static binary, the release's files and a few of the system's. The project's Dockerfile says how
//! they become one, and the binary is compiled either on this machine or in a container.

mod container;
mod context;
mod elf;
mod host;
mod naive;
mod secrets;
mod skeleton;
mod source;
mod watch;

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;

pub use naive::Baseline;

use crate::builder_image::Builder;
use crate::delivery::FILE;
use crate::problem::{ExitCode, Problem, reason};
use crate::project::Project;
use crate::{cargo, docker, git, say};
use context::Folder;

/// Where the service is compiled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Place {
    /// In a container where that can be done, else on this machine.
    Auto,
    /// In a container of the builder's image, by the engine's BuildKit.
    Container,
    /// On this machine, which takes seconds where it was compiled before.
    #[default]
    Host,
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

/// An image to be built, whatever builds it.
#[derive(Debug, Clone, Copy)]
struct Wanted<'a> {
    /// The text of its Dockerfile.
    dockerfile: &'a str,
    /// Its name and tag.
    reference: &'a str,
    /// Its labels, each with its value.
    labels: &'a [String],
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
    let builder = builder(project, options)?;
    let binary = match (&builder, &options.binary) {
        (Some(_), _) => None,
        (None, Some(binary)) => Some(binary.clone()),
        (None, None) => Some(host::compile(project, &options.profile, &engine)?),
    };
    binary.as_deref().map_or(Ok(()), |binary| elf::require_runnable(binary, &engine))?;
    let version = cargo::version(root, &service.package);
    let commit = git::clean_commit(root);
    let reference = reference(&image.repository, options.tag.as_deref(), version.as_deref(), commit.as_deref());
    let labels = [("title", Some(service.package.clone())), ("version", version), ("revision", commit)];
    let labels = labels.into_iter().filter_map(|(name, value)| Some((format!("{LABELS}.{name}"), value?)));
    let labels: Vec<_> = labels.map(|(name, value)| format!("{name}={value}")).collect();
    let wanted = Wanted { dockerfile: &dockerfile, reference: &reference, labels: &labels };
    let folder = Folder::new(root);
    folder
        .stage(root, service, binary.as_deref())
        .with_context(|| format!("putting the image's files together in {}", folder.context().display()))?;
    match &builder {
        None => host::build(&folder, &wanted)?,
        Some(builder) => container::build(project, &folder, builder, &options.profile, wanted)?,
    }
    let made = docker::image(&reference)?.with_context(|| format!("the engine does not have {reference}"))?;
    Ok(Built { reference, id: made.id, size: made.size })
}

/// What every image's labels begin with.
const LABELS: &str = "org.opencontainers.image";

/// The image to compile in; none where this machine does it.
fn builder(project: &Project, options: &Options) -> anyhow::Result<Option<Builder>> {
    match (options.place, &options.binary) {
        (Place::Host, _) | (Place::Auto, Some(_)) => Ok(None),
        (Place::Container, Some(binary)) => {
            let message = format!("--builder container compiles what --binary {} gives already.", binary.display());
            Err(Problem::new(ExitCode::Usage, message).next("cargo xtask docker-build --builder container").into())
        }
        (Place::Container, None) => {
            let builder = container::builder(project)?;
            say!("compiling in a container of {}, as was asked for", builder.name);
            Ok(Some(builder))
        }
        (Place::Auto, None) => Ok(match container::builder(project) {
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

fn dockerfile(project: &Project, key: &str, path: &str) -> Result<String, Problem> {
    let path = project.root.join(path);
    fs::read_to_string(&path).map_err(|error| {
        let message = format!("{}, which {key} of {FILE} names, cannot be read: {error}.", path.display());
        Problem::new(ExitCode::Configuration, message).next("git status")
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_whole_and_a_tag_is_put_to_the_repository() {
        assert_eq!(reference("shop/app", Some("1.2"), None, None), "shop/app:1.2");
        assert_eq!(reference("shop/app", Some("localhost:5000/x:1"), None, None), "localhost:5000/x:1");
        assert_eq!(reference("shop/app", None, Some("1.2.3+a"), Some("0123456789")), "shop/app:1.2.3-a-0123456");
    }
}
