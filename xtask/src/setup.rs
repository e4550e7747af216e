//! `setup`: makes the images an environment in containers needs besides the service's own.

use crate::docker;
use crate::out;
use crate::packages::Consent;
use crate::project::Project;
use crate::proxy_image;

/// Flags of `setup`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Makes the base image from the packages of Debian instead of pulling it: no registry is asked.
    #[arg(long)]
    air_gapped: bool,
    /// Installs what is missing, mmdebstrap above all, without asking.
    #[arg(long)]
    yes: bool,
}

/// Builds the proxy's image anew.
///
/// # Errors
/// A [`crate::problem::Problem`] with exit code 69 when no engine answers, or what the image is built from cannot be had.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let project = Project::here()?;
    docker::engine()?;
    if args.air_gapped {
        proxy_image::make_base(&project.delivery, Consent::from_flag(args.yes))?;
    }
    let image = proxy_image::build(&project)?;
    out!("{} {}", project.delivery.proxy.image, image.id);
    Ok(())
}
