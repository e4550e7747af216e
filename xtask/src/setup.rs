//! `setup`: installs the tools that the project pins, and makes the images an environment in containers needs besides the
//! service's own.

use crate::delivery::FILE;
use crate::packages::Consent;
use crate::problem::reason;
use crate::project::Project;
use crate::tools::{self, Toolbox};
use crate::{builder_image, docker, monitoring, proxy_image};
use crate::{out, say};

/// Flags of `setup`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Installs the tools alone, and makes no image.
    #[arg(long, conflicts_with_all = ["air_gapped", "builder", "monitoring"])]
    tools: bool,
    /// Pins another version of a tool: fetches its files for every kind of machine, writes their checksums into
    /// config/delivery.toml, and does nothing else.
    #[arg(long, num_args = 2, value_names = ["NAME", "VERSION"], exclusive = true)]
    update_pin: Vec<String>,
    /// Makes the base images, the builder's too, from the packages of Debian instead of pulling them: no registry
    /// is asked, and no tool installed.
    #[arg(long)]
    air_gapped: bool,
    /// Pulls the image that the service is compiled in as well, some hundred megabytes of it.
    #[arg(long)]
    builder: bool,
    /// Obtains the images of what watches an environment as well, Prometheus and Grafana; with `--air-gapped`, Prometheus is
    /// made from the package of Debian.
    #[arg(long)]
    monitoring: bool,
    /// Installs what is missing, mmdebstrap above all, without asking.
    #[arg(long)]
    yes: bool,
}

/// Installs the tools, builds the proxy's image anew, and obtains the builder's where that is asked for. Without an engine
/// there are only the tools.
///
/// # Errors
/// Those of [`Toolbox::ensure`], and a [`crate::problem::Problem`] with exit code 69 when what an image is built from cannot
/// be had, or an image was asked for by a flag and no engine answers.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let project = Project::here()?;
    if let [name, version] = &args.update_pin[..] {
        tools::raise(&project, name, version)?;
        out!("{name} {version} is pinned; read the change before it is anybody's: git diff -- {FILE}");
        return Ok(());
    }
    let consent = Consent::from_flag(args.yes);
    if !args.air_gapped {
        install_tools(&project, consent)?;
    }
    if args.tools {
        return Ok(());
    }
    match docker::engine() {
        Ok(_) => make_images(args, &project, consent),
        Err(error) if args.air_gapped || args.builder || args.monitoring => Err(error),
        Err(error) => {
            say!("note: no image was made, and colours run as processes: {}", reason(&error));
            Ok(())
        }
    }
}

fn install_tools(project: &Project, consent: Consent) -> anyhow::Result<()> {
    let toolbox = Toolbox::of(project);
    for tool in tools::pinnable() {
        let Some(pin) = toolbox.pin(tool) else { continue };
        let found = toolbox.ensure(tool, consent)?;
        out!("{:<16} {:<8} {}", tool.name, pin.version, found.path.display());
    }
    Ok(())
}

fn make_images(args: &Args, project: &Project, consent: Consent) -> anyhow::Result<()> {
    if args.air_gapped {
        proxy_image::make_base(&project.delivery, consent)?;
    }
    let image = proxy_image::build(project)?;
    out!("{} {}", project.delivery.proxy.image, image.id);
    if args.monitoring {
        obtain_monitoring(args, project, consent)?;
    }
    // Last, since it takes longest and an environment runs without it.
    if args.air_gapped && (args.builder || project.delivery.image.builder_image.is_some()) {
        builder_image::make(project, consent)?;
    }
    if args.builder {
        let builder = builder_image::obtain(project)?;
        out!("{} {}", builder.name, builder.id);
    }
    Ok(())
}

fn obtain_monitoring(args: &Args, project: &Project, consent: Consent) -> anyhow::Result<()> {
    let Some(watching) = &project.delivery.monitoring else {
        say!("note: {FILE} has no [monitoring], so there is no image for it");
        return Ok(());
    };
    if args.air_gapped {
        monitoring::make_prometheus(watching, consent)?;
    }
    // No package of Debian's is Grafana, and Prometheus does without.
    let grafana = (!args.air_gapped).then_some(&watching.grafana_image);
    for name in [Some(&watching.prometheus_image), grafana].into_iter().flatten() {
        out!("{name} {}", monitoring::obtain(name)?.id);
    }
    Ok(())
}
