//! The Compose file as Compose reads it for one environment: what each service may take, how long it may take to end, how it
//! is watched and restarted, and what it reaches.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::Value;

use super::stack;
use crate::rollout::colour::Colour;

/// Every service, and every network and volume.
#[derive(Debug, Clone, Deserialize)]
pub struct Resolved {
    services: BTreeMap<String, Service>,
    #[serde(default)]
    networks: BTreeMap<String, Value>,
    #[serde(default)]
    volumes: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Service {
    deploy: Deploy,
    mem_limit: Value,
    cpus: Value,
    pids_limit: Value,
    stop_grace_period: Option<String>,
    healthcheck: Option<Healthcheck>,
    restart: Option<String>,
    networks: Option<BTreeMap<String, Value>>,
    ports: Option<Vec<Value>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Healthcheck {
    test: Vec<String>,
    disable: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Deploy {
    resources: Resources,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Resources {
    limits: Amounts,
    reservations: Amounts,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Amounts {
    memory: Value,
    cpus: Value,
    pids: Value,
}

/// What one service may take at the most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Bytes.
    pub memory: u64,
    /// Processors.
    pub cpus: f64,
    /// Processes and threads.
    pub pids: u64,
}

impl Resolved {
    /// Reads what `docker compose config --format json` prints.
    ///
    /// # Errors
    /// When that is something else.
    pub fn parse(json: &str) -> anyhow::Result<Resolved> {
        serde_json::from_str(json).context("reading what Compose makes of its file")
    }

    /// How many services there are.
    pub fn services(&self) -> usize {
        self.services.len()
    }

    /// What a colour may take; none where one of it has no limit.
    pub fn limits_of(&self, colour: Colour) -> Option<Limits> {
        self.services.get(&stack::Service::Colour(colour).to_string())?.limits()
    }

    /// How long the engine gives a colour to end by itself; none where the file does not say.
    pub fn stop_grace_of(&self, colour: Colour) -> Option<Duration> {
        let service = self.services.get(&stack::Service::Colour(colour).to_string())?;
        humantime::parse_duration(service.stop_grace_period.as_ref()?).ok()
    }

    /// The services that have no health check of their own and take that of their image: `app-blue`.
    pub fn unchecked(&self) -> Vec<&str> {
        let is_check = |check: &Healthcheck| !check.test.is_empty() && !check.disable;
        self.named(|service| !service.healthcheck.as_ref().is_some_and(is_check))
    }

    /// Whether a service is a colour.
    pub fn is_colour(name: &str) -> bool {
        Colour::BOTH.into_iter().any(|colour| stack::Service::Colour(colour).to_string() == name)
    }

    /// The services that stay down once they have ended.
    pub fn unrestarted(&self) -> Vec<&str> {
        self.named(|service| !matches!(service.restart.as_deref(), Some("always" | "unless-stopped")))
    }

    /// The networks of a colour that lead out of the engine.
    pub fn open_networks_of(&self, colour: Colour) -> Vec<&str> {
        let service = self.services.get(&stack::Service::Colour(colour).to_string());
        let joined = service.and_then(|service| service.networks.as_ref()).into_iter().flat_map(BTreeMap::keys);
        let is_internal = |network: &Value| network.get("internal").and_then(Value::as_bool).unwrap_or(false);
        let is_open = |name: &&str| !self.networks.get(*name).is_some_and(is_internal);
        joined.map(String::as_str).filter(is_open).collect()
    }

    /// Whether a colour is in a network of its own and not in the machine's or another service's.
    pub fn is_in_a_network(&self, colour: Colour) -> bool {
        let service = self.services.get(&stack::Service::Colour(colour).to_string());
        service.and_then(|service| service.networks.as_ref()).is_some_and(|networks| !networks.is_empty())
    }

    /// Whether a colour is reached at a port of the machine, past the proxy.
    pub fn is_published(&self, colour: Colour) -> bool {
        let service = self.services.get(&stack::Service::Colour(colour).to_string());
        service.and_then(|service| service.ports.as_ref()).is_some_and(|ports| !ports.is_empty())
    }

    /// How many networks and how many volumes there are.
    pub fn networks_and_volumes(&self) -> (usize, usize) {
        (self.networks.len(), self.volumes.len())
    }

    fn named(&self, is_meant: impl Fn(&Service) -> bool) -> Vec<&str> {
        self.services.iter().filter(|(_, service)| is_meant(service)).map(|(name, _)| name.as_str()).collect()
    }

    /// What could take all there is, for each service: `edge lacks cpus and pids`.
    pub fn lacking(&self) -> Vec<String> {
        let lacking = self.services.iter().filter_map(|(name, service)| {
            let [memory, cpus, pids] = service.amounts();
            let missing = [("memory", memory), ("cpus", cpus), ("pids", pids)];
            let missing: Vec<_> =
                missing.iter().filter(|(_, amount)| amount.is_none()).map(|(name, _)| *name).collect();
            (!missing.is_empty()).then(|| format!("{name} lacks {}", missing.join(" and ")))
        });
        lacking.collect()
    }

    /// What is reserved beyond what may be taken, or not at all: `edge reserves more memory than it may have`.
    pub fn misreserved(&self) -> Vec<String> {
        let told = self.services.iter().flat_map(|(name, service)| {
            let [memory, cpus, _] = service.amounts();
            let reserved = &service.deploy.resources.reservations;
            let pairs = [("memory", number(&reserved.memory), memory), ("cpus", number(&reserved.cpus), cpus)];
            pairs.into_iter().filter_map(move |(what, reserved, limit)| match (reserved, limit) {
                (None, _) => Some(format!("{name} reserves no {what}")),
                (Some(reserved), Some(limit)) if reserved > limit => {
                    Some(format!("{name} reserves more {what} than it may have"))
                }
                _ => None,
            })
        });
        told.collect()
    }
}

impl Service {
    /// Memory, processors and processes, in either of the two spellings that Compose has for them.
    fn amounts(&self) -> [Option<f64>; 3] {
        let limits = &self.deploy.resources.limits;
        [(&limits.memory, &self.mem_limit), (&limits.cpus, &self.cpus), (&limits.pids, &self.pids_limit)]
            .map(|(new, old)| number(new).or(number(old)))
    }

    fn limits(&self) -> Option<Limits> {
        let [memory, cpus, pids] = self.amounts();
        Some(Limits { memory: memory? as u64, cpus: cpus?, pids: pids? as u64 })
    }
}

/// Compose prints some numbers as such and some as texts, others from version to version; what is not above zero limits
/// nothing.
fn number(value: &Value) -> Option<f64> {
    let number = value.as_f64().or_else(|| value.as_str()?.parse().ok());
    number.filter(|number| *number > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Compose 2.26 prints it, less what is not read.
    const TOLD: &str = r#"{ "name": "x", "services": {
        "app-blue": { "stop_grace_period": "1m30s", "deploy": { "resources": {
            "limits": { "cpus": 1.5, "memory": "268435456", "pids": 128 },
            "reservations": { "cpus": 0.1, "memory": "16777216" } }, "placement": {} } },
        "edge": { "cpus": "0.5", "mem_limit": "67108864", "pids_limit": 64, "deploy": { "resources": {
            "reservations": { "cpus": "0.6", "memory": "67108865" } } } } } }"#;

    fn of(text: &str) -> Resolved {
        Resolved::parse(text).unwrap()
    }

    #[test]
    fn limits_are_found_in_either_spelling() {
        let told = of(TOLD);
        let expected = Limits { memory: 268_435_456, cpus: 1.5, pids: 128 };
        assert_eq!((told.limits_of(Colour::Blue), told.limits_of(Colour::Green)), (Some(expected), None));
        assert_eq!((told.services(), told.lacking()), (2, Vec::new()));
        assert_eq!(told.stop_grace_of(Colour::Blue), Some(Duration::from_secs(90)));
    }

    #[test]
    fn a_limit_that_is_missing_or_no_limit_is_named_with_its_service() {
        let told =
            of(&TOLD.replace("\"memory\": \"268435456\", ", "").replace("\"pids_limit\": 64", "\"pids_limit\": -1"));
        assert_eq!(told.lacking(), ["app-blue lacks memory", "edge lacks pids"]);
        assert_eq!(told.limits_of(Colour::Blue), None);
        let told = of(r#"{ "services": { "tool": {} } }"#);
        assert_eq!(told.lacking(), ["tool lacks memory and cpus and pids"]);
    }

    #[test]
    fn more_than_there_may_be_cannot_be_reserved() {
        let expected = ["edge reserves more memory than it may have", "edge reserves more cpus than it may have"];
        assert_eq!(of(TOLD).misreserved(), expected);
        let told = of(r#"{ "services": { "tool": {} } }"#);
        assert_eq!(told.misreserved(), ["tool reserves no memory", "tool reserves no cpus"]);
    }

    #[test]
    fn what_nobody_watches_or_restarts_is_named_and_a_way_out_of_a_colour_too() {
        let told = of(r#"{ "services": {
            "app-blue": { "restart": "unless-stopped", "networks": { "inner": null }, "ports": null },
            "app-green": { "restart": "no", "networks": { "inner": {}, "outer": {} }, "healthcheck": { "test": ["CMD", "x"] },
                "ports": [{ "mode": "ingress", "target": 8080, "published": "8080", "protocol": "tcp" }] },
            "edge": { "restart": "always", "healthcheck": { "test": ["CMD", "x"], "disable": true } } },
            "networks": { "inner": { "internal": true }, "outer": {} }, "volumes": { "data": {} } }"#);
        assert_eq!(told.unchecked(), ["app-blue", "edge"]);
        assert_eq!(told.unrestarted(), ["app-green"]);
        assert!(told.open_networks_of(Colour::Blue).is_empty());
        assert_eq!(told.open_networks_of(Colour::Green), ["outer"]);
        assert_eq!(told.networks_and_volumes(), (2, 1));
        assert_eq!(Colour::BOTH.map(|colour| told.is_published(colour)), [false, true]);
        assert_eq!(Colour::BOTH.map(|colour| told.is_in_a_network(colour)), [true, true]);
        let told = of(r#"{ "services": { "app-blue": { "network_mode": "host", "networks": {} } } }"#);
        assert_eq!(Colour::BOTH.map(|colour| told.is_in_a_network(colour)), [false, false]);
        assert!(Resolved::is_colour("app-green") && !Resolved::is_colour("edge"));
    }
}
