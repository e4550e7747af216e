use serde_json::{Value, json};

use super::{super::Environment, Trial};

const TOKEN: &str = "nobody-would-ever-guess-this-one-in-a-test";

fn text(trial: &Trial, key: &str, is_detailed: bool) -> String {
    trial.shown(&trial.explanation().only(key).text(is_detailed))
}

fn json(trial: &Trial) -> Value {
    serde_json::from_str(&trial.shown(&trial.explanation().json())).unwrap()
}

#[test]
fn each_value_tells_what_gives_it_and_what_it_overrides() {
    let trial = Trial::development()
        .file("base.toml", "[server]\nport = 1001")
        .file("development.toml", "server.port = 1002")
        .variable("APP__SERVER__PORT", "1003")
        .flag("server.port=1004");
    assert_eq!(
        text(&trial, "server.port", false),
        "server.port = 1004\n    \
             from flag --set server.port\n    \
             over 1003, from variable APP__SERVER__PORT\n    \
             over 1002, from development.toml:1:15\n    \
             over 1001, from base.toml:2:8\n    \
             over 8081, from default\n"
    );
    let port = &json(&trial)["settings"]["server.port"];
    assert_eq!(port["value"], 1004);
    assert_eq!(port["origin"], json!({ "layer": "flag", "flag": "--set server.port" }));
    let weaker: Vec<_> = port["overrides"].as_array().unwrap().iter().map(|layered| &layered["value"]).collect();
    assert_eq!(weaker, [1003, 1002, 1001, 8081]);
    assert_eq!(
        port["overrides"][1]["origin"],
        json!({ "layer": "file", "path": "development.toml", "line": 1, "column": 15 })
    );
}

#[test]
fn one_setting_is_explained_with_what_it_is() {
    let trial = Trial::new(Environment::Production).flag("server.max_connections=7");
    assert_eq!(
        text(&trial, "server.max_connections", true),
        "server.max_connections = 7 connections\n    \
             How many connections are open at once; further ones wait in the kernel's queue.\n    \
             from flag --set server.max_connections\n    \
             over 4096, from default\n    \
             valid: a whole number from 1 to 1000000\n    \
             variable: APP__SERVER__MAX_CONNECTIONS\n"
    );
    let strict = text(&trial, "log.level", true);
    assert!(strict.contains("production refuses debug and trace: it floods"), "{strict}");
}

#[test]
fn a_section_is_explained_without_the_others() {
    let text = text(&Trial::development(), "cors", false);
    assert!(text.starts_with("cors.allowed_origins = (empty)\n    from default\n"), "{text}");
    let settings = text.lines().filter(|line| !line.starts_with(' ')).count();
    assert_eq!(settings, 2, "{text}");
}

#[test]
fn a_secret_is_masked_in_every_layer_and_its_trimmed_line_break_is_told() {
    let trial = Trial::new(Environment::Staging)
        .secret_file("metrics.token", &format!("{TOKEN}\n"))
        .variable("APP__METRICS__TOKEN", "another-one-that-nobody-would-ever-guess");
    assert_eq!(
        text(&trial, "metrics.token", false),
        "metrics.token = (secret)\n    \
             from variable APP__METRICS__TOKEN\n    \
             over (secret), from file secrets/metrics.token; the line break at its end was left out\n"
    );
    let token = &json(&trial)["settings"]["metrics.token"];
    assert_eq!((&token["value"], &token["secret"]), (&json!("(secret)"), &json!(true)));
    assert_eq!(
        token["overrides"][0]["origin"],
        json!({ "layer": "secret-file", "path": "secrets/metrics.token", "variable": null, "trimmed": true })
    );
}

#[test]
fn what_nothing_gives_is_unset_or_missing() {
    let development = Trial::development();
    assert_eq!(
        text(&development, "metrics.token", false),
        "metrics.token = unset\n    optional, and nothing gives it\n"
    );
    assert_eq!(json(&development)["settings"]["metrics.token"]["status"], "unset");
    let staging = Trial::new(Environment::Staging);
    assert_eq!(
        text(&staging, "metrics.token", false),
        "metrics.token = unset\n    required in staging and production, and nothing gives it\n"
    );
    assert_eq!(json(&staging)["settings"]["metrics.token"]["status"], "missing");
}

#[test]
fn what_is_wrong_does_not_hide_what_is_right() {
    let trial = Trial::new(Environment::Production)
        .file("base.toml", "server.port = 0")
        .variable("APP__SERVER__HOST", "localhost")
        .flag("log.format=pretty");
    let explained = json(&trial);
    let status = |path: &str| explained["settings"][path]["status"].as_str().unwrap().to_owned();
    assert_eq!(status("server.port"), "refused");
    assert_eq!(explained["settings"]["server.port"]["refused"], "a proxy must know the port beforehand");
    assert_eq!(status("server.host"), "invalid");
    assert_eq!(explained["settings"]["server.host"]["value"], Value::Null);
    assert_eq!(status("log.format"), "set");
    assert_eq!(explained["problems"].as_array().unwrap().len(), 2, "{explained}");
    let text = text(&trial, "server.host", false);
    assert!(
        text.starts_with("server.host = (not valid)\n    from variable APP__SERVER__HOST\n    over 127.0.0.1"),
        "{text}"
    );
}

#[test]
fn json_keeps_the_order_of_the_definition() {
    let json = Trial::development().explanation().json();
    let mut places = super::DEFINITION.paths().map(|path| json.find(&format!("    \"{path}\": {{")).unwrap());
    let first = places.next().unwrap();
    assert!(places.try_fold(first, |before, place| (before < place).then_some(place)).is_some());
}
