//! Flags that more than one verb has.

use std::path::PathBuf;

use crate::problem::{DEFAULT_ENVIRONMENT, ExitCode, Problem};
use crate::release::Content;
use crate::rollout::policy::Span;
use crate::site::Site;
use crate::{cargo, say};

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

/// Where a release comes from in process mode.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Source {
    /// The name the release is kept under. Without it: version and commit, and the content's hash where no clean commit
    /// stands for the content.
    #[arg(long, value_name = "NAME")]
    pub release: Option<String>,
    /// A binary that was built elsewhere, instead of building the workspace.
    #[arg(long, value_name = "PATH")]
    pub binary: Option<PathBuf>,
}

impl Source {
    /// Builds the workspace, or takes the binary that was named.
    ///
    /// # Errors
    /// When it does not build or there is no such file.
    pub fn content(&self, site: &Site) -> anyhow::Result<Content> {
        self.check()?;
        let (root, service) = (&site.project.root, &site.delivery().service);
        let binary = match &self.binary {
            Some(binary) => binary.clone(),
            None => {
                let profile = &site.environment().profile;
                say!("building {} with the profile {profile}", service.package);
                cargo::build(root, &service.package, &service.binary, profile)?
            }
        };
        Content::of(root, service, binary, cargo::version(root, &service.package))
    }

    /// Looks whether the binary that was named is there.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 2 when it is not.
    pub fn check(&self) -> Result<(), Problem> {
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
