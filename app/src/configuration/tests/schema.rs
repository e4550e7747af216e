use std::collections::BTreeSet;

use regex_lite::Regex;
use serde_json::{Map, Value, json};

use super::super::{DEFINITION, derived};

fn schema() -> Value {
    serde_json::from_str(&derived::schema(&DEFINITION)).unwrap()
}

/// Whether `value` is valid by those keywords of JSON Schema that ours uses; any other keyword fails the test.
pub(super) fn accepts(schema: &Value, value: &Value) -> bool {
    schema.as_object().unwrap().iter().all(|(keyword, rule)| match keyword.as_str() {
        "type" => is_of(rule.as_str().unwrap(), value),
        "minimum" => value.as_f64() >= rule.as_f64(),
        "maximum" => value.as_f64() <= rule.as_f64(),
        "enum" => rule.as_array().unwrap().contains(value),
        "pattern" => value.as_str().is_some_and(|text| Regex::new(rule.as_str().unwrap()).unwrap().is_match(text)),
        "items" => value.as_array().is_some_and(|items| items.iter().all(|item| accepts(rule, item))),
        "not" => !accepts(rule, value),
        "properties" => members(value).all(|(key, member)| rule.get(key).is_none_or(|schema| accepts(schema, member))),
        "additionalProperties" => {
            assert_eq!(*rule, json!(false));
            members(value).all(|(key, _)| schema["properties"].get(key).is_some())
        }
        "$schema" | "title" | "description" | "default" => true,
        extension => extension.strip_prefix("x-").map(|_| true).unwrap(),
    })
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        _ => panic!("{kind} is no type of JSON Schema"),
    }
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

/// A TOML text as the JSON that editors check.
pub(super) fn as_json(text: &str) -> Value {
    serde_json::to_value(toml::from_str::<toml::Table>(text).unwrap()).unwrap()
}

#[test]
fn the_shipped_files_are_valid_by_the_schema() {
    for text in [
        include_str!("../../../../config/base.toml"),
        include_str!("../../../../config/development.toml"),
        include_str!("../../../../config/staging.toml"),
        include_str!("../../../../config/production.toml"),
    ] {
        assert!(accepts(&schema(), &as_json(text)), "{text}");
        assert!(text.starts_with("#:schema ./schema.json\n"), "no editor knows the schema of {text}");
    }
}

#[test]
fn what_the_loader_refuses_in_a_file_the_schema_refuses() {
    for text in [
        "server = 1",
        "[sever]",
        "server.prot = 1",
        "server.port = 65536",
        "server.port = \"8081\"",
        "server.host = \"localhost\"",
        "server.drain_delay = 10",
        "server.drain_delay = \"10\"",
        "server.drain_delay = \"10 parsecs\"",
        "server.max_connections = 0",
        "cors.allowed_origins = [\"shop.example\"]",
        "cors.allowed_origins = \"https://shop.example\"",
        "cors.allow_credentials = \"true\"",
        "log.level = \"loud\"",
        "metrics.token = \"whatever\"",
        "release.name = \"a b\"",
        "release.name = \"\"",
        "faults.error_rate = 1.5",
    ] {
        assert!(!accepts(&schema(), &as_json(text)), "{text}");
        assert!(super::Trial::development().file("base.toml", text).load().is_err(), "{text}");
    }
}

#[test]
fn the_schema_tells_every_variable_and_every_secret_file() {
    let schema = schema();
    let leaves: Vec<_> =
        members(&schema["properties"]).flat_map(|(_, section)| members(&section["properties"])).collect();
    let variables: BTreeSet<_> =
        leaves.iter().map(|(_, leaf)| leaf["x-variable"].as_str().unwrap().to_owned()).collect();
    assert_eq!(variables, DEFINITION.settings.iter().map(super::super::Setting::variable).collect());
    let secrets: Vec<_> = leaves.iter().filter(|(_, leaf)| leaf.get("x-secret").is_some()).collect();
    assert_eq!(secrets.len(), 1);
    for (_, secret) in secrets {
        assert_eq!(secret["x-file-variable"], "APP__METRICS__TOKEN_FILE");
        assert_eq!(secret["x-secret-file"], "metrics.token");
        assert_eq!(secret["x-required-in"], json!(["staging", "production"]));
        assert_eq!(secret["not"], json!({}));
    }
    assert_eq!(schema["x-variable-prefix"], "APP__");
    assert_eq!(schema["x-variables"], json!(["APP_ENV", "APP_CONFIG_DIR", "APP_SECRETS_DIR"]));
}
