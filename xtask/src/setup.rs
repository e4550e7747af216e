//! `setup`: makes the images an environment in containers needs besides the service's own.

use crate::docker;
use crate::out;
use crate::packages::Consent;
use crate::project::Project;
use crate::{builder_image, proxy_image};

/// Flags of `setup`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Makes the base images, the builder's too, from the packages of Debian instead of pulling them: no registry is asked.
    #[arg(long)]
    air_gapped: bool,
    /// Pulls the image that the service is compiled in as well, some hundred megabytes of it.
    #[arg(long)]
    builder: bool,
    /// Installs what is missing, mmdebstrap above all, without asking.
    #[arg(long)]
    yes: bool,
}

/// Builds the proxy's image anew, and obtains the builder's where that is asked for.
///
/// # Errors
/// A [`crate::problem::Problem`] with exit code 69 when no engine answers, or what the image is built from cannot be had.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let project = Project::here()?;
    docker::engine()?;
    let consent = Consent::from_flag(args.yes);
    if args.air_gapped {
        proxy_image::make_base(&project.delivery, consent)?;
    }
    let image = proxy_image::build(&project)?;
    out!("{} {}", project.delivery.proxy.image, image.id);
    // Last, since it takes longest and an environment runs without it.
    if args.air_gapped && (args.builder || project.delivery.image.builder_image.is_some()) {
        builder_image::make(&project, consent)?;
    }
    if args.builder {
        let builder = builder_image::obtain(&project)?;
        out!("{} {}", builder.name, builder.id);
    }
    Ok(())
}
