//! What watches an environment, as containers beside it.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::bail;

use super::stack::{Service, Stack};
use crate::delivery::Watched;
use crate::scratch::Scratch;
use crate::{docker, docker_host, port};

/// How long each may take until it answers.
const START: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(100);
/// Where a container that is only made, to be copied into, has the volume.
const AT: &str = "/config";

/// Prometheus and Grafana of one environment.
#[derive(Debug, Clone, Copy)]
pub struct Watchers<'a> {
    /// The environment's containers, networks and volumes.
    pub stack: &'a Stack,
}

impl Watchers<'_> {
    /// Looks whether their addresses are free; those that run may have them.
    ///
    /// # Errors
    /// A [`crate::problem::Problem`] with exit code 69 when one is taken by something else.
    pub fn preflight(&self, environment: &str, watched: &Watched) -> anyhow::Result<()> {
        if docker_host::elsewhere().is_some() {
            return Ok(());
        }
        let addresses = [(Service::Prometheus, &watched.prometheus), (Service::Grafana, &watched.grafana)];
        for (service, address) in addresses {
            if self.stack.inspect(service)?.is_none() {
                port::require_free(*address.get_ref(), &format!("environments.{environment}.monitoring.{service}"))?;
            }
        }
        Ok(())
    }

    /// Removes both, and what they were told; what they have recorded stays.
    ///
    /// # Errors
    /// When the engine refuses.
    pub fn stop(&self) -> anyhow::Result<()> {
        for service in [Service::Grafana, Service::Prometheus] {
            if self.stack.inspect(service)?.is_some() {
                docker::read_at_once(&["rm", "--force", &self.stack.container(service)])?;
            }
            let config = self.config(service);
            if self.stack.watching_volumes()?.contains(&config) {
                docker::read(&["volume", "rm", &config])?;
            }
        }
        Ok(())
    }

    /// Starts Prometheus with the files that are written into a folder, and waits until it answers.
    ///
    /// # Errors
    /// When it does not.
    pub fn start_prometheus(&self, image: &str, write: impl Fn(&Path) -> anyhow::Result<()>) -> anyhow::Result<()> {
        self.start(Service::Prometheus, image, write)?;
        // The images differ in what else is in them; this is in each.
        let asked = ["/bin/promtool", "query", "instant", "http://127.0.0.1:9090", "1"];
        self.wait(Service::Prometheus, &asked)
    }

    /// The same for Grafana.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn start_grafana(&self, image: &str, write: impl Fn(&Path) -> anyhow::Result<()>) -> anyhow::Result<()> {
        self.start(Service::Grafana, image, write)?;
        self.wait(Service::Grafana, &["wget", "-q", "-O", "/dev/null", "http://127.0.0.1:3000/api/health"])
    }

    /// A secret as the colours have it. The edge, from which everything else is looked at, sees none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn secret(&self, name: &str) -> anyhow::Result<String> {
        let (volume, image) = (format!("{}:/secrets:ro", self.stack.volume("secrets")), self.stack.names().image);
        let hardened =
            ["run", "--rm", "--network=none", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges:true"];
        let path = format!("/secrets/{name}");
        docker::read(&[&hardened[..], &["--pull=never", "--volume", &volume, &image, "cat", &path]].concat())
    }

    fn config(&self, service: Service) -> String {
        self.stack.volume(&format!("{service}-config"))
    }

    fn start(&self, service: Service, image: &str, write: impl Fn(&Path) -> anyhow::Result<()>) -> anyhow::Result<()> {
        // Compose asks for those of the whole profile, whatever of it is started.
        self.stack.make_watching_volumes()?;
        // Everybody in the container may read what is in it, and nobody on this machine.
        let folder = Scratch::new(&service.to_string())?;
        write(&folder.path().join("files"))?;
        self.fill(&self.config(service), image, &folder.path().join("files"))?;
        self.stack.up(service, None, "--force-recreate")
    }

    /// Copies a folder into a volume, through the engine: it may be another machine's.
    fn fill(&self, volume: &str, image: &str, folder: &Path) -> anyhow::Result<()> {
        let mount = format!("{volume}:{AT}:nocopy");
        let made = docker::read(&["create", "--network=none", "--volume", &mount, image])?;
        let made = made.trim();
        let copied = docker::read(&["cp", &format!("{}/.", folder.display()), &format!("{made}:{AT}")]);
        docker::read_at_once(&["rm", made])?;
        copied.map(drop)
    }

    fn wait(&self, service: Service, asked: &[&str]) -> anyhow::Result<()> {
        let container = self.stack.container(service);
        let deadline = Instant::now() + START;
        while docker::read(&[&["exec", &container], asked].concat()).is_err() {
            if Instant::now() >= deadline {
                let log = crate::runtime::tail(self.stack.log(service).map(|log| log as Box<_>), 10);
                bail!("{service} does not answer within {START:?}; its last lines:\n  | {}", log.join("\n  | "));
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }
}
