//! `up`: from a checkout to a service behind the proxy, or from a change to its rollout.

use crate::delivery::RuntimeChoice;
use crate::deployment::Deployment;
use crate::flags::{Queue, Source, Target};
use crate::packages::Consent;
use crate::progress::Reader;
use crate::report::Report;
use crate::rollout::observed::{Observed, State};
use crate::rollout::record::Launch;
use crate::site::Site;
use crate::tools;
use crate::{out, report};

/// Flags of `up`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    /// What runs the colours; without it, what config/delivery.toml says for the environment.
    #[arg(long, value_enum)]
    runtime: Option<RuntimeChoice>,
    /// Installs what is missing, HAProxy above all, without asking.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    queue: Queue,
    /// Prints JSON: what happens as it happens, one object a line, and how it ended as the last line.
    #[arg(long)]
    json: bool,
}

/// Builds, starts or rolls out, lets the proxy follow a change of its configuration, and prints the URL.
///
/// # Errors
/// Those of a deploy, and exit code 69 when HAProxy can neither be found nor installed.
pub fn run(args: &Args) -> anyhow::Result<()> {
    args.source.check()?;
    let reader = Reader::from_flag(args.json);
    let site = Site::open_to_deploy(&args.target.env, args.runtime, reader)?;
    if site.runtime() == RuntimeChoice::Process {
        tools::ensure(&tools::HAPROXY, Consent::from_flag(args.yes))?;
    }
    site.require_secrets()?;
    let content = args.source.content(&site)?;
    let deployment = Deployment::begin(&site, "up", &args.queue, reader)?;
    let observed = deployment.observe()?;
    if args.source.release.is_none() && serves(&site, &observed, content.digest()) {
        deployment.refresh_proxy()?;
        if args.json {
            return Report::of_nothing(&site, "serve what is built", &observed).print(&site, reader);
        }
        out!("nothing has changed since the release that serves");
        report::print_next(&site);
        return Ok(());
    }
    let release = deployment.keep(&content, args.source.release.as_deref())?;
    let launch = Launch { release: release.name, settings: Default::default() };
    deployment.deploy(&launch)
}

/// Whether what would be rolled out is what serves already.
fn serves(site: &Site, observed: &Observed, digest: &str) -> bool {
    observed.serving.as_ref().is_some_and(|serving| {
        let kept = site.releases().find(&serving.launch.release);
        serving.launch.settings.is_empty()
            && kept.is_some_and(|kept| kept.digest == digest)
            && observed.colours.get(serving.colour).state == State::Ready
    })
}
