use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{TOKEN, app, run};

#[test]
fn everything_is_explained_with_file_and_line() {
    let (code, output, problems) = run(&mut app(&["config", "explain", "--env", "development"]));
    assert_eq!((code, problems.as_str()), (0, ""));
    assert!(output.contains("config/development.toml:5:10\n    over json, from "), "{output}");
    assert!(output.contains("\nmetrics.token = unset\n"), "{output}");
}

#[test]
fn one_setting_is_explained_with_its_variable_and_meaning() {
    let mut command = app(&["config", "explain", "server.port", "--env", "development"]);
    let (code, output, _) = run(command.env("APP__SERVER__PORT", "9000"));
    assert_eq!(code, 0);
    assert!(output.starts_with("server.port = 9000\n    TCP port to listen on;"), "{output}");
    assert!(output.contains("    from variable APP__SERVER__PORT\n    over 8081, from "), "{output}");
    assert!(!output.contains("server.host"), "{output}");
}

#[test]
fn an_unknown_key_is_a_mistake_of_usage_and_tells_what_was_meant() {
    for (key, meant) in [("server.prot", "server.port"), ("sevrer", "server")] {
        let (code, output, problems) = run(&mut app(&["config", "explain", key]));
        assert_eq!((code, output.as_str()), (2, ""));
        assert!(problems.starts_with(&format!("error: {key}: no such setting\n")), "{problems}");
        assert!(problems.split_once("did you mean").is_some_and(|(_, words)| words.contains(meant)), "{problems}");
    }
}

#[test]
fn problems_follow_what_is_valid_and_exit_78() {
    let mut command = app(&["config", "explain", "server", "--env", "production", "--set", "server.port=0"]);
    command.env("APP__METRICS__TOKEN", TOKEN).env("APP__SERVER__HOST", "localhost");
    let (code, output, problems) = run(&mut command);
    assert_eq!(code, 78);
    assert!(output.contains("server.host = (not valid)\n    from variable APP__SERVER__HOST\n"), "{output}");
    assert!(output.contains("    refused: a proxy must know the port beforehand\n"), "{output}");
    assert!(output.contains("server.max_connections = 4096 connections\n"), "{output}");
    assert_eq!(problems.matches("error: ").count(), 2, "{problems}");
}

#[test]
fn a_required_secret_that_is_missing_is_told_and_exits_78() {
    let (code, output, problems) = run(&mut app(&["config", "explain", "metrics", "--env", "staging"]));
    assert_eq!(code, 78);
    assert_eq!(output, "metrics.token = unset\n    required in staging and production, and nothing gives it\n");
    assert!(problems.starts_with("error: metrics.token: required in staging"), "{problems}");
}

#[test]
fn json_has_values_in_their_types_and_no_secret() {
    let secrets = TempDir::new().unwrap();
    fs::write(secrets.path().join("metrics.token"), format!("{TOKEN}\n")).unwrap();
    let mut command = app(&["config", "explain", "--json", "--env", "staging"]);
    let (code, output, problems) = run(command.env("APP_SECRETS_DIR", secrets.path()));
    assert_eq!((code, problems.as_str()), (0, ""));
    assert!(!output.contains(TOKEN), "{output}");
    let explained: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(explained["environment"], "staging");
    assert_eq!(explained["problems"].as_array().unwrap().len(), 0);
    let settings = &explained["settings"];
    assert_eq!(settings["server.max_connections"]["value"], 4096);
    assert_eq!(settings["server.drain_delay"]["value"], "1s");
    assert!(settings["cors.allowed_origins"]["value"].is_array());
    let token = &settings["metrics.token"];
    assert_eq!((token["value"].as_str(), token["origin"]["trimmed"].as_bool()), (Some("(secret)"), Some(true)));
}
