//! What the proxy is to those outside: how it proves who it is, what it grants them, and whom it believes.

use std::ops::Range;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::environment::{Environment, SecretSource};
use crate::rollout::policy::Span;
use crate::size::Size;

/// How the proxy proves who it is.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate with its chain and its key, in PEM.
    pub certificate: SecretSource,
    /// For how long a browser that was here once asks by TLS alone; `0s` for not at all.
    #[serde(default = "a_year")]
    pub hsts: Span,
}

/// The most that clients may ask of the proxy.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections at a time; further ones wait.
    #[serde(deserialize_with = "connections")]
    pub connections: u32,
    /// Connections of one address at a time; further ones are closed.
    #[serde(deserialize_with = "some_connections")]
    pub connections_per_client: Option<u32>,
    /// How long the headers of a request may take.
    #[serde(deserialize_with = "request_timeout")]
    pub request_timeout: Span,
    /// The longest body, by the length it is announced with.
    pub max_body: Option<Size>,
}

impl Limits {
    /// What the memory of the proxy's container is enough for.
    const CONNECTIONS: u32 = 4000;
    /// What the open files of the proxy's container are enough for.
    const MOST_CONNECTIONS: u32 = 8000;
    const REQUEST_TIMEOUT: Span = Span::secs(10);
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: Limits::CONNECTIONS,
            connections_per_client: None,
            request_timeout: Limits::REQUEST_TIMEOUT,
            max_body: None,
        }
    }
}

/// Where the proxy tells its metrics in containers: at the edge's address among the colours, which is never published.
pub const METRICS_PORT: u16 = 8404;
/// What it is asked for there.
pub const METRICS_PATH: &str = "/metrics";

impl Environment {
    pub(super) fn front_door_mistakes(&self, name: &str) -> Vec<(Range<usize>, String)> {
        let mut found = Vec::new();
        let mut mistake = |span: Range<usize>, key: &str, text: &str| {
            found.push((span, format!("environments.{name}.{key}: {text}")));
        };
        match (&self.listen_tls, &self.tls) {
            (Some(address), None) => mistake(
                address.span(),
                "listen_tls",
                "there is no certificate to listen with; add tls = { certificate = { env = \"VARIABLE\" } }",
            ),
            (None, Some(tls)) => mistake(tls.span(), "tls", "nothing listens with it; add a listen_tls"),
            _ => {}
        }
        if let Some(address) = self.proxy_metrics.as_ref().filter(|address| address.get_ref().ip().is_unspecified()) {
            mistake(address.span(), "proxy_metrics", "everybody could read them there; name one address");
        }
        for network in self.trusted_proxies.iter().filter(|network| network.get_ref().prefix_len() == 0) {
            mistake(network.span(), "trusted_proxies", "everybody would be believed; name the proxies");
        }
        let public = self.addresses().filter(|(key, _)| key.starts_with("listen"));
        for (key, address) in public.filter(|(_, address)| address.get_ref().port() == METRICS_PORT) {
            if self.containers.is_some() {
                mistake(address.span(), key, "in containers the proxy tells its metrics at port 8404; take another");
            }
        }
        found
    }
}

fn a_year() -> Span {
    const DAY: u64 = 24 * 60 * 60;
    Span::secs(365 * DAY)
}

fn connections<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let number = u32::deserialize(deserializer)?;
    let most = Limits::MOST_CONNECTIONS;
    if (1..=most).contains(&number) {
        return Ok(number);
    }
    Err(D::Error::custom(format!("{number} connections cannot be had; from 1 to {most} can")))
}

fn some_connections<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    connections(deserializer).map(Some)
}

fn request_timeout<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
    let span = Span::deserialize(deserializer)?;
    if (*Span::secs(1)..=*Span::secs(60)).contains(&span) {
        return Ok(span);
    }
    Err(D::Error::custom(format!("{span} is no time to wait for headers; from 1s to 1m is")))
}

#[cfg(test)]
mod tests {
    use crate::delivery::Delivery;
    use crate::testing::DELIVERY;

    const TLS: &str = "listen_tls = \"127.0.0.1:8443\"\ntls = { certificate = { env = \"PEM\" } }";

    fn parse(more: &str) -> Result<Delivery, Vec<String>> {
        Delivery::parse(&DELIVERY.replace("protected = true", &format!("protected = true\n{more}")))
    }

    #[test]
    fn what_is_not_said_is_plain_and_open_to_reason() {
        let delivery = parse("").unwrap();
        let environment = &delivery.environments["production"];
        assert_eq!(environment.url(), "http://127.0.0.1:8280");
        assert!(environment.tls.is_none() && !environment.access_log && environment.trusted_proxies.is_empty());
        assert_eq!((environment.limits.connections, environment.limits.max_body), (4000, None));
        assert_eq!(environment.limits.request_timeout.to_string(), "10s");
    }

    #[test]
    fn what_is_said_is_read() {
        let limits =
            "limits = { connections = 1, connections_per_client = 8000, request_timeout = \"1m\", max_body = \"1MB\" }";
        let more = format!(
            "{TLS}\nproxy_metrics = \"127.0.0.1:8404\"\naccess_log = true\ntrusted_proxies = [\"10.0.0.0/8\", \"fd00::/8\"]\n{limits}"
        );
        let delivery = parse(&more).unwrap();
        let environment = &delivery.environments["production"];
        assert_eq!(environment.url(), "https://127.0.0.1:8443");
        assert_eq!(environment.tls.as_ref().unwrap().get_ref().hsts.as_secs(), 31_536_000);
        assert_eq!(environment.addresses().count(), 5);
        assert_eq!(environment.limits.max_body.unwrap().bytes(), 1_000_000);
    }

    #[test]
    fn what_cannot_be_is_told_by_its_key_where_it_stands() {
        let containers = "containers = { subnet = \"10.1.2.0/27\", memory = \"1m\", cpus = 1.0, pids = 9 }";
        let taken = TLS.replace("8443", "8404");
        let cases = [
            ("listen_tls = \"127.0.0.1:8443\"", "production.listen_tls: there is no certificate"),
            ("tls = { certificate = { file = \"pem\" } }", "production.tls: nothing listens"),
            (&TLS.replace("8443", "8280"), "production.listen_tls is 127.0.0.1:8280, which"),
            (&format!("{containers}\n{taken}"), "production.listen_tls: in containers"),
            ("proxy_metrics = \"0.0.0.0:8404\"", "production.proxy_metrics: everybody"),
            ("proxy_metrics = \"127.0.0.1:8281\"", "production.proxy_metrics is 127.0.0.1:8281, which"),
            ("trusted_proxies = [\"0.0.0.0/0\"]", "production.trusted_proxies: everybody"),
            ("trusted_proxies = [\"lb.example\"]", "invalid IP address syntax"),
            ("limits = { connections = 0 }", "0 connections cannot be had"),
            ("limits = { connections_per_client = 8001 }", "8001 connections cannot be had"),
            ("limits = { request_timeout = \"0s\" }", "0s is no time to wait for headers"),
            ("limits = { max_body = \"1\" }", "is not a size"),
            ("limits = { conections = 1 }", "unknown field `conections`"),
        ];
        for (more, expected) in cases {
            let mistakes = parse(more).unwrap_err().join("\n");
            assert!(mistakes.contains(expected), "{more}: {mistakes}");
            let line = if expected.starts_with("production.") { "config/delivery.toml:3" } else { "line 3" };
            assert!(mistakes.contains(line), "{more}: {mistakes}");
        }
    }
}
