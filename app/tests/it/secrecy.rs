//! A secret is planted, and everything that the service says is searched for it.

use std::{
    fs::{self, File},
    net::Ipv4Addr,
    process::Stdio,
};

use app::configuration::Environment;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::support::{Client, TOKEN, app, spawn_app_in, wait_for};

/// Everything that the service writes at its most talkative, from start to end, while it is asked this and that.
fn log_of_a_run(format: &str) -> String {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("log");
    let log = File::create(&path).unwrap();
    let mut child = app(&["--env", "development", "--set", "server.port=0", "--set", "server.drain_delay=0s"])
        .env("APP__METRICS__TOKEN", TOKEN)
        .env("APP__LOG__FORMAT", format)
        .env("APP__LOG__LEVEL", "trace")
        .stdout(Stdio::from(log.try_clone().unwrap()))
        .stderr(Stdio::from(log))
        .spawn()
        .unwrap();
    let address = wait_for("the address", || {
        let log = fs::read_to_string(&path).unwrap();
        let (line, _) = log.split_once('\n')?;
        let (_, port) = line.split_once("127.0.0.1:")?;
        let port: String = port.chars().take_while(char::is_ascii_digit).collect();
        Some((Ipv4Addr::LOCALHOST, port.parse().unwrap()).into())
    });
    let mut client = Client::connect(address).unwrap();
    for presented in [TOKEN, "wrong"] {
        client.request("GET", "/metrics", &[("authorization", &format!("Bearer {presented}"))], b"").unwrap();
    }
    client.get("/api/v1/config").unwrap();
    client.get(&format!("/nope?token={TOKEN}")).unwrap();
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert!(wait_for("the exit", || child.try_wait().unwrap()).success());
    fs::read_to_string(path).unwrap()
}

#[test]
fn the_log_never_shows_a_secret() {
    for format in ["json", "pretty"] {
        let log = log_of_a_run(format);
        assert!(log.contains("/metrics") && log.contains("SIGTERM"), "too little was logged: {log}");
        assert!(!log.contains(TOKEN), "{log}");
    }
}

#[test]
fn development_shows_where_settings_come_from_and_no_secret() {
    let app = spawn_app_in(Environment::Development, &["server.drain_delay=2s"]);
    let answer = app.get("/api/v1/config");
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(!answer.text().contains(TOKEN), "{}", answer.text());
    let settings = &answer.json()["settings"];
    let token = &settings["metrics.token"];
    assert_eq!((token["value"].as_str(), token["secret"].as_bool()), (Some("(secret)"), Some(true)));
    assert_eq!(token["origin"]["name"], "APP__METRICS__TOKEN");
    assert_eq!(settings["server.drain_delay"]["value"], "2s");
    assert_eq!(settings["server.drain_delay"]["overrides"][0]["origin"]["layer"], "file");
}

#[test]
fn elsewhere_the_configuration_is_as_unknown_as_any_other_path() {
    for environment in [Environment::Staging, Environment::Production] {
        let app = spawn_app_in(environment, &[]);
        let (shown, unknown) = (app.get("/api/v1/config"), app.get("/api/v1/nope"));
        assert_eq!((shown.status, &shown.body), (404, &unknown.body));
        assert_eq!(app.post("/api/v1/config", b"").status, 404);
    }
}
