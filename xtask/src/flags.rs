//! Flags that more than one verb has.

use std::path::PathBuf;

use crate::delivery::RuntimeChoice;
use crate::image::Place;
use crate::problem::{DEFAULT_ENVIRONMENT, ExitCode, Problem, command};
use crate::releases::Content;
use crate::rollout::policy::Span;
use crate::site::Site;
use crate::{cargo, docker, image, releases, say};

/// How an environment is named on the command line.
#[derive(Debug, Clone, clap::Args)]
pub struct Target {
    /// The environment, as config/delivery.toml names it.
    #[arg(long, value_name = "NAME", default_value = DEFAULT_ENVIRONMENT)]
    pub env: String,
}

/// Flags of every verb that takes the lock.
#[derive(Debug, Clone, clap::Args)]
pub struct Queue {
    /// Waits this long for another deployer to end, such as `10m`, instead of giving up at once.
    #[arg(long, value_name = "SPAN")]
    pub wait: Option<Span>,
}

/// Where a release comes from.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Source {
    /// The name the release is kept under. Without it: version and commit, and the content's hash where no clean commit
    /// stands for the content.
    #[arg(long, value_name = "NAME")]
    pub release: Option<String>,
    /// A binary that was built elsewhere, instead of building the workspace.
    #[arg(long, value_name = "PATH")]
    pub binary: Option<PathBuf>,
    /// An image that was built elsewhere, by name or digest, where colours run as containers; it is pulled if need be.
    #[arg(long, value_name = "REF", conflicts_with = "binary")]
    pub image: Option<String>,
}

impl Source {
    /// Builds the workspace, or takes the binary or image that was named.
    ///
    /// # Errors
    /// When it does not build or there is no such file.
    pub fn content(&self, site: &Site) -> anyhow::Result<Content> {
        self.check()?;
        match site.runtime() {
            RuntimeChoice::Compose => self.image(site),
            _ => self.files(site),
        }
    }

    fn image(&self, site: &Site) -> anyhow::Result<Content> {
        let service = &site.delivery().service;
        let Some(reference) = &self.image else {
            let profile = site.environment().profile.clone();
            let tag = self.release.clone();
            // On this machine, where a change takes seconds: nobody is to wait minutes to see it.
            let binary = self.binary.clone();
            let options = image::Options { profile, binary, tag, place: Place::Host, platform: None };
            let built = image::build(&site.project, &options)?;
            return Content::of_image(service, None, &docker::obtain(&built.id)?);
        };
        Content::of_image(service, Some(reference), &docker::obtain(reference)?)
    }

    fn files(&self, site: &Site) -> anyhow::Result<Content> {
        if let Some(image) = &self.image {
            let message = format!(
                "--image {image}: colours run as processes in {}, and a process is not started from an image.",
                site.name
            );
            let problem = Problem::new(ExitCode::Usage, message);
            let problem = problem.next(command("deploy-blue-green", &site.name));
            return Err(problem.next(command("deploy-blue-green --binary PATH", &site.name)).into());
        }
        let (root, service) = (&site.project.root, &site.delivery().service);
        let binary = match &self.binary {
            Some(binary) => binary.clone(),
            None => {
                let profile = &site.environment().profile;
                say!("building {} with the profile {profile}", service.package);
                cargo::build(root, &service.package, &service.binary, profile)?
            }
        };
        Content::of_files(root, service, binary, cargo::version(root, &service.package))
    }

    /// Looks whether the binary that was named is there, and the name can be one.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 2 when it is not or cannot.
    pub fn check(&self) -> Result<(), Problem> {
        self.release.as_deref().map_or(Ok(()), releases::check_name)?;
        match self.binary.as_ref().filter(|binary| !binary.is_file()) {
            None => Ok(()),
            Some(binary) => {
                let message =
                    format!("there is no file {}; --binary names a binary that was built before.", binary.display());
                Err(Problem::new(ExitCode::Usage, message).next("cargo xtask deploy-blue-green, which builds one"))
            }
        }
    }
}

/// Reads a setting, `KEY=VALUE`.
///
/// # Errors
/// With what would be one.
pub fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(format!("`{text}` is not of the form KEY=VALUE, such as faults.error_rate=1.0")),
    }
}
