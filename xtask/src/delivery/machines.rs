//! What the environments of one machine cannot share.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Range;

use ipnet::Ipv4Net;
use toml::Spanned;

use super::{DockerHost, Environment, Watched};

/// What an environment would have of its machine and cannot, above all what another has already. What is on one machine is
/// not on another.
pub(super) fn mistakes(environments: &BTreeMap<String, Environment>) -> Vec<(Range<usize>, String)> {
    let mut machines: BTreeMap<Option<&DockerHost>, Machine<'_>> = BTreeMap::new();
    let found = environments.iter().flat_map(|(name, environment)| {
        let machine = machines.entry(environment.docker_host.as_ref().map(Spanned::get_ref)).or_default();
        machine.mistakes(name, environment)
    });
    found.collect()
}

/// What the environments that were looked at have of one machine.
#[derive(Default)]
struct Machine<'a> {
    addresses: BTreeMap<SocketAddr, String>,
    networks: Vec<(&'a str, Ipv4Net)>,
}

impl<'a> Machine<'a> {
    fn mistakes(&mut self, name: &'a str, environment: &Environment) -> Vec<(Range<usize>, String)> {
        let mut found: Vec<_> = self.subnet_mistake(name, environment).into_iter().collect();
        let watched = environment.monitoring.iter().flat_map(Watched::addresses);
        for (key, address) in environment.addresses().chain(watched) {
            let key = format!("environments.{name}.{key}");
            if let Some(other) = self.addresses.insert(*address.get_ref(), key.clone()) {
                let text = format!("{key} is {}, which {other} has already", address.get_ref());
                found.push((address.span(), text));
            }
        }
        found
    }

    fn subnet_mistake(&mut self, name: &'a str, environment: &Environment) -> Option<(Range<usize>, String)> {
        let containers = environment.containers.as_ref()?;
        let subnet = *containers.subnet.get_ref();
        let mut others = self.networks.iter();
        let shared = others.find(|(_, other)| other.contains(&subnet) || subnet.contains(other));
        let shared = shared.map(|(other, net)| format!("{subnet} overlaps {net}, which {other} has already"));
        self.networks.push((name, subnet));
        let text = containers.mistake().or(shared)?;
        Some((containers.subnet.span(), format!("environments.{name}.containers.subnet: {text}")))
    }
}
