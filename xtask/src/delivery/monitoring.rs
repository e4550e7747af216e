//! What watches the environments.

use std::net::SocketAddr;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::SecretSource;

/// What is the same for every environment.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Monitoring {
    /// The folder with `prometheus.yml`, `rules/` and `tests/`, relative to the root.
    pub prometheus: String,
    /// The image it runs from.
    pub prometheus_image: String,
    /// The folder with `provisioning/` and `dashboards/`, relative to the root.
    pub grafana: String,
    /// The image it runs from.
    pub grafana_image: String,
}

/// Where what watches one environment is reached, on the machine of its containers alone: Prometheus asks nobody who he is.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Watched {
    /// Prometheus.
    pub prometheus: Spanned<SocketAddr>,
    /// Grafana.
    pub grafana: Spanned<SocketAddr>,
    /// What opens Grafana to `admin`.
    pub grafana_password: SecretSource,
}

impl Watched {
    /// The keys of the addresses that something is to listen at.
    pub(super) fn addresses(&self) -> [(&'static str, &Spanned<SocketAddr>); 2] {
        [("monitoring.prometheus", &self.prometheus), ("monitoring.grafana", &self.grafana)]
    }

    pub(super) fn mistakes(&self, name: &str) -> Vec<(Range<usize>, String)> {
        let open = self.addresses().into_iter().filter(|(_, address)| !address.get_ref().ip().is_loopback());
        let told = open.map(|(key, address)| {
            let text = format!(
                "environments.{name}.{key} is {}, where others reach it; it has to be an address of the loopback, such as \
                 127.0.0.1:{}",
                address.get_ref(),
                address.get_ref().port()
            );
            (address.span(), text)
        });
        told.collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::delivery::Delivery;
    use crate::testing::DELIVERY;

    fn with(prometheus: &str) -> Result<Delivery, Vec<String>> {
        let watched = format!(
            "monitoring = {{ prometheus = \"{prometheus}\", grafana = \"127.0.0.1:3000\", grafana_password = {{ env = \"P\" }} }}"
        );
        Delivery::parse(&DELIVERY.replace("profile = \"dev\"", &format!("profile = \"dev\"\n{watched}")))
    }

    #[test]
    fn what_asks_nobody_who_he_is_is_reached_on_this_machine_alone_and_at_an_address_of_its_own() {
        for address in ["127.0.0.1:9090", "127.0.0.2:9090", "[::1]:9090"] {
            assert!(with(address).is_ok(), "{address}");
        }
        for (address, expected) in [
            ("0.0.0.0:9090", "monitoring.prometheus is 0.0.0.0:9090, where others reach it"),
            ("10.0.0.1:9090", "such as 127.0.0.1:9090"),
            ("127.0.0.1:8080", "has already"),
            ("127.0.0.1:3000", "has already"),
        ] {
            let mistakes = with(address).unwrap_err();
            assert_eq!(mistakes.len(), 1, "{mistakes:?}");
            assert!(mistakes[0].starts_with("config/delivery.toml:") && mistakes[0].contains(expected), "{mistakes:?}");
        }
    }
}
