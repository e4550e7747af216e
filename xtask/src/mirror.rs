//! Whether an environment that is to mirror another does: what was rehearsed in the one is then true of the other.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::delivery::{Delivery, Environment, FILE};

/// What two such environments may differ in: their names, addresses and sizes, who may act on them, and how patiently a
/// release is rolled out. What runs, how it was built and which secrets it is given is the same.
const MAY_DIFFER: [&str; 16] = [
    "docker_host",
    "url",
    "listen",
    "listen_tls",
    "tls",
    "proxy_metrics",
    "trusted_proxies",
    "colours",
    "containers",
    "monitoring",
    "protected",
    "preview",
    "preview_key",
    "keep_releases",
    "secrets",
    "rollout",
];

/// A gate of one's own that was never rehearsed is none.
const QUERIES: &str = "rollout.analysis.prometheus.queries";

/// One key with what it is in the mirror and in what is mirrored; none where it does not stand there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The key, with dots between its parts.
    pub key: String,
    /// Its value in the environment that mirrors.
    pub here: Option<String>,
    /// Its value in the environment that is mirrored.
    pub there: Option<String>,
}

impl Difference {
    /// A value may be another where its key is one of names and sizes, but a key that is missing on one side, a secret
    /// above all, or a door, is a part that was never rehearsed.
    fn is_allowed(&self) -> bool {
        // Patience is one thing and the question another: where a metrics source is asked is an address.
        if self.key == QUERIES {
            return false;
        }
        let top = self.key.split('.').next().unwrap_or_default();
        let optional = !matches!(top, "containers" | "secrets" | "listen_tls" | "tls");
        MAY_DIFFER.contains(&top) && (optional || (self.here.is_some() && self.there.is_some()))
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = |side: &Option<String>| side.clone().unwrap_or_else(|| "not set".into());
        write!(f, "{:<36} {:<32} {}", self.key, shown(&self.here), shown(&self.there))
    }
}

/// All keys by which two environments differ.
///
/// # Errors
/// When an environment cannot be put into JSON.
pub fn differences(here: &Environment, there: &Environment) -> anyhow::Result<Vec<Difference>> {
    let (here, there) = (flat(here)?, flat(there)?);
    let keys: BTreeSet<_> = here.keys().chain(there.keys()).collect();
    let differing = keys.into_iter().filter(|key| *key != "mirrors" && here.get(*key) != there.get(*key));
    let get = |side: &BTreeMap<String, String>, key: &String| side.get(key).cloned();
    Ok(differing.map(|key| Difference { key: key.clone(), here: get(&here, key), there: get(&there, key) }).collect())
}

/// What an environment that mirrors another has differently and must not.
///
/// # Errors
/// When an environment cannot be put into JSON.
pub fn findings(delivery: &Delivery) -> anyhow::Result<Vec<String>> {
    let mut findings = Vec::new();
    for (name, mirrored, differences) in pairs(delivery)? {
        let wrong = differences.into_iter().filter(|difference| !difference.is_allowed());
        findings.extend(wrong.map(|Difference { key, here, there }| {
            let shown = |side: Option<String>| side.unwrap_or_else(|| "not set".into());
            format!(
                "{FILE}: environments.{name} mirrors {mirrored}, and `{key}` is {} there and {} here; let both have the same",
                shown(there),
                shown(here)
            )
        }));
    }
    Ok(findings)
}

/// Each environment that mirrors another, that other's name, and the differences.
///
/// # Errors
/// When an environment cannot be put into JSON.
pub fn pairs(delivery: &Delivery) -> anyhow::Result<Vec<(&str, &str, Vec<Difference>)>> {
    let mirrors = delivery.environments.iter().filter_map(|(name, environment)| {
        let mirrored = environment.mirrors.as_ref()?.get_ref();
        Some((name, environment, mirrored, delivery.environments.get(mirrored)?))
    });
    mirrors
        .map(|(name, here, mirrored, there)| Ok((name.as_str(), mirrored.as_str(), differences(here, there)?)))
        .collect()
}

fn flat(environment: &Environment) -> anyhow::Result<BTreeMap<String, String>> {
    let mut keys = BTreeMap::new();
    flatten("", &serde_json::to_value(environment)?, &mut keys);
    Ok(keys)
}

/// Lists are compared whole: a rollout's steps are one thing.
fn flatten(prefix: &str, value: &Value, keys: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(table) => table.iter().for_each(|(key, value)| {
            let key = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
            flatten(&key, value, keys);
        }),
        Value::Null => {}
        value => {
            keys.insert(prefix.to_owned(), in_short(value));
        }
    }
}

/// `[{ set_weight = 5 }, { set_weight = 100 }]` as `set_weight 5, set_weight 100`.
fn in_short(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(in_short).collect::<Vec<_>>().join(", "),
        Value::Object(table) => {
            let pairs = table.iter().map(|(key, value)| format!("{key} {}", in_short(value)));
            pairs.collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::DELIVERY;

    fn delivery(change: impl Fn(String) -> String) -> Delivery {
        let text = DELIVERY.replace("profile = \"dev\"", "profile = \"release\"\nmirrors = \"production\"");
        Delivery::parse(&change(text)).unwrap()
    }

    #[test]
    fn names_addresses_and_patience_may_differ_and_are_told() {
        let delivery = delivery(|text| text);
        assert_eq!(findings(&delivery).unwrap(), [""; 0]);
        let pairs = pairs(&delivery).unwrap();
        let (name, mirrored, differences) = &pairs[0];
        assert_eq!((*name, *mirrored), ("development", "production"));
        let keys: Vec<_> = differences.iter().map(|difference| difference.key.as_str()).collect();
        let expected = ["colours.blue", "colours.green", "listen", "protected", "rollout.bake", "rollout.keep_warm"];
        assert_eq!(keys, expected);
    }

    #[test]
    fn a_metrics_source_may_be_elsewhere_and_is_asked_the_same() {
        let asks = |host: &str, timeout: &str, max: f64| {
            let query = format!("{{ name = \"errors\", query = \"up\", max = {max} }}");
            format!(
                ", analysis.prometheus = {{ url = \"http://{host}\", timeout = \"{timeout}\", queries = [{query}] }} }}"
            )
        };
        let findings = |here: &str, there: &str| {
            let with =
                |text: String, warm: &str, more: &str| text.replace(&format!("{warm} }}"), &format!("{warm}{more}"));
            let both = |text| with(with(text, "keep_warm = \"1m\"", here), "keep_warm = \"1h\"", there);
            findings(&delivery(both)).unwrap()
        };
        let there = asks("there", "2s", 0.5);
        assert_eq!(findings(&asks("here", "1s", 0.5), &there), [""; 0]);
        for (here, told) in [(asks("there", "2s", 1.5).as_str(), "max 1.5 name errors query up"), (" }", "not set")] {
            let expected = format!("queries` is max 0.5 name errors query up there and {told} here");
            let found = findings(here, &there);
            assert!(found.iter().any(|finding| finding.contains(&expected)), "{found:?}");
        }
    }

    #[test]
    fn another_build_runtime_or_secret_is_a_finding() {
        let door = "protected = true\nlisten_tls = \"127.0.0.1:8443\"\ntls = { certificate = { env = \"PEM\" } }";
        let cases: [(&str, &str, &str); 5] = [
            ("profile = \"release\"\nmirrors", "profile = \"dev\"\nmirrors", "`profile` is release there and dev here"),
            (
                "runtime = \"process\"\nprofile = \"release\"\nlisten = \"127.0.0.1:8280\"",
                "runtime = \"auto\"\nprofile = \"release\"\nlisten = \"127.0.0.1:8280\"",
                "`runtime` is auto there",
            ),
            (
                "protected = true",
                "protected = true\nsecrets = { token = { env = \"TOKEN\" } }",
                "`secrets.token.env` is TOKEN there and not set here",
            ),
            ("protected = true", door, "`listen_tls` is 127.0.0.1:8443 there and not set here"),
            ("protected = true", "protected = true\naccess_log = true", "`access_log` is true there and false here"),
        ];
        for (from, to, expected) in cases {
            let findings = findings(&delivery(|text| text.replace(from, to))).unwrap();
            assert!(findings.iter().any(|finding| finding.contains(expected)), "{expected} in {findings:?}");
        }
    }
}
