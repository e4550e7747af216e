//! What the proxy's configuration takes from outside: values of `delivery.toml`, as lines before the project's own.

use std::collections::BTreeMap;

use super::certificate;
use super::config::Addresses;
use crate::delivery::{Environment, Limits, Service};

/// The variables that hold addresses, and the keys in `delivery.toml` they come from.
pub(super) const ADDRESSES: [(&str, &str); 4] = [
    ("PROXY_PUBLISHED", "listen"),
    ("PROXY_PUBLISHED_TLS", "listen_tls"),
    ("PROXY_BLUE", "colours.blue"),
    ("PROXY_GREEN", "colours.green"),
];
/// Those that may be missing.
const OPTIONAL: [&str; 15] = [
    "PROXY_COLOUR_HEADER",
    "PROXY_RELEASE_HEADER",
    "PROXY_PREVIEW",
    "PROXY_PREVIEW_KEY",
    "PROXY_HANDOVER",
    "PROXY_LISTEN_TLS",
    "PROXY_PUBLISHED_TLS",
    "PROXY_CERTIFICATE",
    "PROXY_TLS_PORT",
    "PROXY_HSTS",
    "PROXY_INTERNAL",
    "PROXY_ACCESS_LOG",
    "PROXY_TRUSTED",
    "PROXY_CONNECTIONS_PER_CLIENT",
    "PROXY_MAX_BODY",
];
/// Connections that only what is within can have.
const INTERNAL_CONNECTIONS: u32 = 32;
/// The port that no URL has to name.
const HTTPS: u16 = 443;

type Variables = BTreeMap<&'static str, String>;

/// All of them.
pub(super) fn of(
    service: &Service,
    environment: &Environment,
    addresses: &Addresses,
    preview_key: Option<String>,
) -> Variables {
    let mut variables = BTreeMap::from([
        ("PROXY_LISTEN", addresses.listen.clone()),
        // Where that is reached from outside, which the proxy itself has no use for.
        ("PROXY_PUBLISHED", environment.listen.get_ref().to_string()),
        ("PROXY_BLUE", addresses.colours.blue.clone()),
        ("PROXY_GREEN", addresses.colours.green.clone()),
        ("PROXY_READY_PATH", service.health.ready.clone()),
        ("PROXY_DRAIN_TIMEOUT", format!("{}ms", environment.rollout.drain_timeout.as_millis())),
    ]);
    let health = &service.health;
    let preview = environment.previews().then(|| match preview_key {
        Some(key) => ("PROXY_PREVIEW_KEY", key),
        None => ("PROXY_PREVIEW", "1".into()),
    });
    variables.extend(health.colour_header.clone().map(|header| ("PROXY_COLOUR_HEADER", header)));
    variables.extend(health.release_header.clone().map(|header| ("PROXY_RELEASE_HEADER", header)));
    variables.extend(preview);
    variables.extend(addresses.handover.then(|| ("PROXY_HANDOVER", "1".into())));
    variables.extend(addresses.internal.clone().map(|address| ("PROXY_INTERNAL", address)));
    variables.extend(environment.access_log.then(|| ("PROXY_ACCESS_LOG", "1".into())));
    variables.extend(tls(environment, addresses));
    variables.extend(limits(&environment.limits));
    let trusted: Vec<_> = environment.trusted_proxies.iter().map(|network| network.get_ref().to_string()).collect();
    variables.extend((!trusted.is_empty()).then(|| ("PROXY_TRUSTED", trusted.join(" "))));
    variables
}

fn tls(environment: &Environment, addresses: &Addresses) -> Variables {
    let (Some(tls), Some(published), Some(listen)) = (&environment.tls, &environment.listen_tls, &addresses.listen_tls)
    else {
        return Variables::new();
    };
    let published = published.get_ref();
    let port = if published.port() == HTTPS { String::new() } else { format!(":{}", published.port()) };
    let hsts = tls.get_ref().hsts.as_secs();
    let all = [
        ("PROXY_LISTEN_TLS", listen.clone()),
        ("PROXY_PUBLISHED_TLS", published.to_string()),
        ("PROXY_CERTIFICATE", format!("crt {}", certificate::NAME)),
        ("PROXY_TLS_PORT", port),
    ];
    all.into_iter().chain((hsts > 0).then(|| ("PROXY_HSTS", hsts.to_string()))).collect()
}

fn limits(limits: &Limits) -> Variables {
    let mut variables = BTreeMap::from([
        ("PROXY_CONNECTIONS", limits.connections.to_string()),
        ("PROXY_ALL_CONNECTIONS", limits.connections.saturating_add(INTERNAL_CONNECTIONS).to_string()),
        ("PROXY_REQUEST_TIMEOUT", format!("{}ms", limits.request_timeout.as_millis())),
    ]);
    let per_client = limits.connections_per_client;
    variables.extend(per_client.map(|connections| ("PROXY_CONNECTIONS_PER_CLIENT", connections.to_string())));
    variables.extend(limits.max_body.map(|size| ("PROXY_MAX_BODY", size.bytes().to_string())));
    variables
}

/// The lines that set them.
pub(super) fn preamble(variables: &Variables) -> Vec<String> {
    let set = variables.iter().map(|(name, value)| format!("  setenv {name} {}", quoted(value)));
    // A master that starts itself anew for a reload hands its environment on.
    let unset = OPTIONAL.iter().filter(|name| !variables.contains_key(*name)).map(|name| format!("  unsetenv {name}"));
    let head =
        ["# Written by cargo xtask; what follows the variables is the project's own.", "global"].map(str::to_owned);
    head.into_iter().chain(set).chain(unset).collect()
}

/// A line of the preamble as it is where no certificate is at hand: HAProxy then takes a listener that has none.
pub(super) fn without_certificate(line: &str) -> String {
    let name = "  setenv PROXY_CERTIFICATE ";
    if line.starts_with(name) { format!("{name}\"strict-sni\"") } else { line.to_owned() }
}

/// As HAProxy reads it: nothing within is expanded.
fn quoted(value: &str) -> String {
    let escaped: String = value
        .chars()
        .flat_map(|letter| match letter {
            '"' | '\\' | '$' => vec!['\\', letter],
            letter => vec![letter],
        })
        .collect();
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Delivery;
    use crate::testing::DELIVERY;

    fn of_production(more: &str) -> Variables {
        let delivery = Delivery::parse(&DELIVERY.replace("protected = true", &format!("protected = true\n{more}")));
        let delivery = delivery.unwrap();
        let environment = &delivery.environments["production"];
        of(&delivery.service, environment, &Addresses::of_processes(environment), None)
    }

    #[test]
    fn a_value_is_never_expanded() {
        assert_eq!(quoted(r#"/a?b="$c"\"#), r#""/a?b=\"\$c\"\\""#);
    }

    #[test]
    fn what_is_not_configured_is_unset() {
        let variables = of_production("");
        let lines = preamble(&variables);
        for name in OPTIONAL.iter().filter(|name| **name != "PROXY_COLOUR_HEADER") {
            assert!(!variables.contains_key(name) && lines.contains(&format!("  unsetenv {name}")), "{name}");
        }
    }

    #[test]
    fn a_url_names_the_port_of_tls_unless_it_is_the_usual_one() {
        let with = |port: u16, hsts: &str| {
            of_production(&format!(
                "listen_tls = \"127.0.0.1:{port}\"\ntls = {{ certificate = {{ env = \"PEM\" }}, hsts = \"{hsts}\" }}"
            ))
        };
        let (usual, other) = (with(443, "0s"), with(8443, "1h"));
        assert_eq!((usual["PROXY_TLS_PORT"].as_str(), usual.get("PROXY_HSTS")), ("", None));
        assert_eq!((other["PROXY_TLS_PORT"].as_str(), other["PROXY_HSTS"].as_str()), (":8443", "3600"));
        let line = preamble(&other).into_iter().find(|line| line.contains("PROXY_CERTIFICATE")).unwrap();
        assert_eq!(line, "  setenv PROXY_CERTIFICATE \"crt certificates/site.pem\"");
        assert_eq!(without_certificate(&line), "  setenv PROXY_CERTIFICATE \"strict-sni\"");
    }

    #[test]
    fn clients_leave_room_for_what_is_within() {
        let variables = of_production("limits = { connections = 100, max_body = \"1kB\" }");
        assert_eq!(
            (variables["PROXY_CONNECTIONS"].as_str(), variables["PROXY_ALL_CONNECTIONS"].as_str()),
            ("100", "132")
        );
        assert_eq!(variables["PROXY_MAX_BODY"], "1000");
    }
}
