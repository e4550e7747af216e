//! `monitoring`: starts what watches an environment, Prometheus and Grafana, in containers beside it; or writes down what a
//! Prometheus of one's own is to be told.

mod check;
mod files;
mod images;

use std::path::{Path, PathBuf};

use crate::delivery::{FILE, Monitoring, Watched};
use crate::flags::Target;
use crate::problem::{ExitCode, Problem};
use crate::project::Project;
use crate::runtime::compose::monitoring::Watchers;
use crate::runtime::compose::stack::Stack;
use crate::site::{FOLDER, Site};
use crate::{out, say, secrets, tools};

pub use files::{Files, Targets};
pub use images::{make_prometheus, obtain};

/// Flags of `monitoring`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    /// Ends it. What Prometheus has recorded is kept until `down`.
    #[arg(long)]
    down: bool,
    /// Has promtool check what Prometheus is told in every environment, and run the tests of its rules; starts nothing.
    #[arg(long, conflicts_with_all = ["down", "env"])]
    check: bool,
}

/// Starts it, ends it, or checks what it is told.
///
/// # Errors
/// A [`Problem`] with exit code 2 where nothing is deployed, 69 for an image that cannot be had, 78 where nothing is
/// configured or something is refused.
pub fn run(args: &Args) -> anyhow::Result<()> {
    if args.check {
        return check::run(&Project::here()?);
    }
    let site = Site::open(&args.target.env)?;
    let watch = Watch::of(&site)?;
    match site.stack() {
        Some(stack) if args.down => {
            Watchers { stack }.stop()?;
            out!("nothing watches {} any more; what Prometheus has recorded is kept until `down`", site.name);
            Ok(())
        }
        Some(stack) => watch.start(stack),
        None if args.down => {
            out!("nothing was started to watch {}, which runs as processes", site.name);
            Ok(())
        }
        None => watch.write(),
    }
}

/// An environment and what is configured to watch it.
struct Watch<'a> {
    site: &'a Site,
    monitoring: &'a Monitoring,
    watched: &'a Watched,
}

impl<'a> Watch<'a> {
    fn of(site: &'a Site) -> anyhow::Result<Watch<'a>> {
        let (Some(monitoring), Some(watched)) = (&site.delivery().monitoring, &site.environment().monitoring) else {
            let message = format!(
                "{FILE} does not say how {0} is watched: that takes a [monitoring] and an [environments.{0}.monitoring].",
                site.name
            );
            return Err(Problem::new(ExitCode::Configuration, message).next("cargo xtask config-lint").into());
        };
        site.require_deployed()?;
        Ok(Watch { site, monitoring, watched })
    }

    /// The token that the releases which run ask a scraper for: as it was deployed, and not what the deployer's has become
    /// meanwhile.
    fn token(&self) -> anyhow::Result<Option<String>> {
        let page = self.site.delivery().service.metrics.as_ref();
        let Some(name) = page.and_then(|page| page.token.as_ref()).filter(|name| self.is_secret(name)) else {
            return Ok(None);
        };
        match self.site.stack() {
            Some(stack) => Watchers { stack }.secret(name).map(Some),
            None => self.site.enter().host.read(&format!("{}/{name}", secrets::FOLDER)),
        }
    }

    fn is_secret(&self, name: &str) -> bool {
        self.site.environment().secret_sources().any(|(secret, _)| secret == name)
    }

    fn files(&self, targets: &Targets) -> anyhow::Result<Files> {
        let (project, name) = (&self.site.project, &self.site.name);
        Files::of_prometheus(project, self.monitoring, (name, self.site.environment()), targets, self.token()?)
    }

    /// As containers.
    fn start(&self, stack: &Stack) -> anyhow::Result<()> {
        let (name, project) = (&self.site.name, &self.site.project);
        obtain(&self.monitoring.prometheus_image)?;
        let grafana = obtain(&self.monitoring.grafana_image);
        let prometheus = self.files(&Targets::in_containers(self.site.environment())?)?;
        let password = secrets::grafana_password(&project.root, name, self.watched);
        let dashboards = match grafana {
            Ok(_) => Some(Files::of_grafana(project, self.monitoring, password.value()?)?),
            Err(_) => None,
        };
        let watchers = Watchers { stack };
        watchers.preflight(name, self.watched)?;
        watchers.stop()?;
        let (prometheus_image, grafana_image) = (&self.monitoring.prometheus_image, &self.monitoring.grafana_image);
        watchers.start_prometheus(prometheus_image, |folder| prometheus.write(folder))?;
        let on = self.site.elsewhere().map_or(String::new(), |(_, host)| format!(" on {host}"));
        out!("{name} is watched: Prometheus  http://{}{on}", self.watched.prometheus.get_ref());
        let Some(dashboards) = dashboards else {
            say!("note: without Grafana, whose image {grafana_image} is not there and cannot be pulled");
            return Ok(());
        };
        watchers.start_grafana(grafana_image, |folder| dashboards.write(folder))?;
        out!(
            "{name} is watched: Grafana     http://{}{on}  (admin, and {})",
            self.watched.grafana.get_ref(),
            password.place()
        );
        Ok(())
    }

    /// Beside the processes, for a Prometheus that somebody else starts.
    fn write(&self) -> anyhow::Result<()> {
        let folder = self.folder();
        self.files(&Targets::of_processes(self.site.environment()))?.write(&folder)?;
        let shown = folder.strip_prefix(&self.site.project.root).unwrap_or(&folder).to_owned();
        if self.site.environment().proxy_metrics.is_none() {
            say!(
                "note: without its proxy, as `environments.{}.proxy_metrics` in {FILE} does not say where that tells its metrics",
                self.site.name
            );
        }
        out!("{} runs as processes; what Prometheus is to be told stands in {}", self.site.name, shown.display());
        out!("\n  {}", self.prometheus(&shown)?);
        Ok(())
    }

    fn folder(&self) -> PathBuf {
        self.site.project.root.join(FOLDER).join(&self.site.name).join("monitoring")
    }

    /// The command that starts a Prometheus with these files.
    fn prometheus(&self, folder: &Path) -> anyhow::Result<String> {
        // Whoever has none is told how to come by it.
        let program = tools::require(&tools::PROMETHEUS)?;
        let folder = folder.display();
        Ok(format!(
            "{} --config.file={folder}/prometheus.yml --storage.tsdb.path={folder}/data --web.listen-address={}",
            program.display(),
            self.watched.prometheus.get_ref()
        ))
    }
}
