//! The proxy as a container. A container of its own, the edge, owns the network namespace and the published port, so that
//! one proxy can take over from another: both listen, the newer is asked for everything, the older finishes what it has.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::json;

use super::stack::{self, Inspected, Service, Stack};
use crate::delivery::{Environment, METRICS_PORT};
use crate::docker;
use crate::docker_host;
use crate::host::Container;
use crate::port;
use crate::rollout::colour::PerColour;
use crate::rollout::world::Router as _;
use crate::router::config::Addresses;
use crate::router::haproxy::HaProxy;
use crate::runtime::{Log, ProxyHome};

const SLOTS: [Service; 2] = [Service::ProxyA, Service::ProxyB];
/// How long a newer proxy may take until it answers.
const START: Duration = Duration::from_secs(20);
/// What the older one may take beyond its own limit for what it has.
const SLACK: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(50);

/// HAProxy in a container of its own.
pub struct ProxyContainer<'a> {
    /// The environment's name.
    pub name: &'a str,
    /// Where to.
    pub environment: &'a Environment,
    /// Its containers and networks.
    pub stack: &'a Stack,
    /// Its files and sockets.
    pub host: &'a Container,
}

struct Slot {
    service: Service,
    found: Inspected,
}

impl Slot {
    fn is_running(&self) -> bool {
        matches!(self.found.state.status.as_str(), "running" | "restarting")
    }
}

impl ProxyContainer<'_> {
    /// Those there are, the newest first: it has taken the sockets over from the other.
    fn slots(&self) -> anyhow::Result<Vec<Slot>> {
        let slots = SLOTS.into_iter().zip(self.stack.inspect_all(SLOTS)?);
        let mut slots: Vec<_> = slots.filter_map(|(service, found)| Some(Slot { service, found: found? })).collect();
        slots.sort_by_key(|slot| std::cmp::Reverse(stack::time(&slot.found.state.started_at).ok()));
        Ok(slots)
    }

    fn wait(&self, what: &str, limit: Duration, mut is_so: impl FnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
        let deadline = Instant::now() + limit;
        while !is_so()? {
            if Instant::now() >= deadline {
                bail!("{what} within {limit:?}; the proxy's last lines:\n  | {}", self.log_tail(10).join("\n  | "));
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// Ends a proxy that another has taken over from, once it has finished what it has.
    fn retire(&self, old: &Slot) -> anyhow::Result<()> {
        self.host.require_held()?;
        let id = &old.found.id;
        if old.is_running() {
            // Or the engine would start it again when it ends.
            docker::read_at_once(&["update", "--restart=no", id])?;
            docker::read_at_once(&["kill", "--signal=USR1", id])?;
            let limit = *self.environment.rollout.drain_timeout + SLACK;
            self.wait("the proxy that was taken over from has not ended", limit, || {
                Ok(self.stack.inspect(old.service)?.is_none_or(|now| now.state.status == "exited"))
            })?;
            // That may have taken long.
            self.host.require_held()?;
        }
        docker::read_at_once(&["rm", "--force", id]).map(drop)
    }

    /// Starts a proxy beside the one that runs, and waits until it is the one that is asked.
    fn take_over(&self, old: &Slot, new: Service, router: &HaProxy<'_>) -> anyhow::Result<()> {
        self.host.require_held()?;
        let wanted = router.observe()?;
        self.stack.up(new, None, "--force-recreate")?;
        self.wait("the newer proxy does not answer", START, || {
            let answers = router.node().is_ok_and(|node| node == new.to_string());
            let routing = router.observe()?;
            Ok(answers && routing.running == wanted.running && routing.up == wanted.up)
        })
        .inspect_err(|_| {
            // Whoever has the lock by now may have made another of that name.
            if self.host.require_held().is_err() {
                return;
            }
            // The older one never stopped listening; it only has to be found at its sockets again.
            let _ = docker::read_at_once(&["rm", "--force", &self.stack.container(new)]);
            let _ = docker::read_at_once(&["kill", "--signal=USR2", &old.found.id]);
        })
    }
}

impl ProxyHome for ProxyContainer<'_> {
    fn addresses(&self) -> Addresses {
        Addresses {
            listen: format!(":{}", self.environment.listen.get_ref().port()),
            listen_tls: self.environment.listen_tls.as_ref().map(|address| format!(":{}", address.get_ref().port())),
            internal: self.environment.containers.as_ref().map(|it| format!("{}:{METRICS_PORT}", it.edge())),
            colours: PerColour::from_fn(|colour| self.stack.address(colour).to_string()),
            handover: true,
        }
    }

    fn checker(&self) -> anyhow::Result<String> {
        Ok("haproxy".into())
    }

    fn is_alive(&self) -> anyhow::Result<bool> {
        Ok(self.slots()?.iter().any(Slot::is_running))
    }

    fn preflight(&self) -> anyhow::Result<()> {
        if docker_host::elsewhere().is_some() || self.stack.inspect(Service::Edge)?.is_some() {
            return Ok(());
        }
        let public = self.environment.addresses().filter(|(key, _)| key.starts_with("listen"));
        for (key, address) in public {
            port::require_free(*address.get_ref(), &format!("environments.{}.{key}", self.name))?;
        }
        Ok(())
    }

    fn start(&self) -> anyhow::Result<()> {
        self.host.require_held()?;
        let edge = self.stack.inspect(Service::Edge)?;
        // What is one more port beside that of the file cannot stand in the file.
        let with_tls = self.environment.listen_tls.as_ref().map(|address| {
            let address = address.get_ref();
            json!({ "services": { "edge": { "ports": [format!("{address}:{}", address.port())] } } })
        });
        let started = self.stack.up(Service::Edge, with_tls.as_ref(), "--no-recreate");
        if started.is_err() && edge.is_none() {
            // It was made and could not be started; the next one must not find half of it.
            let _ = self.stack.down();
        }
        started.map_err(|error| stack::explain(error, self.name))?;
        let slots = self.slots()?;
        let service = slots.first().map_or(Service::ProxyA, |newest| newest.service);
        // Not one that still runs in the network namespace of an edge that is gone.
        self.stack.up(service, None, "--force-recreate").map_err(|error| stack::explain(error, self.name))
    }

    fn follow_image(&self, router: &HaProxy<'_>) -> anyhow::Result<Option<String>> {
        let slots = self.slots()?;
        let [current, older @ ..] = slots.as_slice() else { return Ok(None) };
        older.iter().try_for_each(|old| self.retire(old))?;
        let image = &self.stack.names().image;
        let wanted = docker::image(image)?.with_context(|| format!("image {image} is not there"))?;
        if current.found.image == wanted.id || router.observe()?.running.is_none() {
            return Ok(None);
        }
        let other = if current.service == Service::ProxyA { Service::ProxyB } else { Service::ProxyA };
        self.take_over(current, other, router)?;
        self.retire(current)?;
        Ok(Some(format!("a proxy of the image {image} has taken over from the one before")))
    }

    fn stop(&self) -> anyhow::Result<()> {
        // With everything else, when nothing needs its network any more.
        Ok(())
    }

    fn log(&self) -> Option<Box<dyn Log + '_>> {
        // A proxy that cannot be looked at has nothing to show.
        let newest = self.slots().ok()?.into_iter().next()?;
        self.stack.log(newest.service)
    }
}
