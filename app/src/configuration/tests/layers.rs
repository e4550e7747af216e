use std::time::Duration;

use super::{
    super::{Colour, Environment, LogLevel},
    Trial,
};

#[test]
fn defaults_alone_are_a_configuration() {
    let settings = Trial::new(Environment::Production).settings();
    assert_eq!(settings.environment, Environment::Production);
    assert_eq!(settings.server.host.to_string(), "127.0.0.1");
    assert_eq!(settings.server.port, 8081);
    assert_eq!(settings.server.drain_delay, Duration::from_secs(1));
    assert_eq!(settings.server.shutdown_grace, Duration::from_secs(10));
    assert_eq!(settings.server.max_connections, 4096);
    assert_eq!(settings.release.name, "unreleased");
    assert_eq!(settings.release.colour, Colour::None);
    assert_eq!(settings.faults.crash_after, None);
}

#[test]
fn each_layer_beats_the_ones_below() {
    let port = |trial: &Trial| trial.settings().server.port;
    let trial = Trial::development();
    assert_eq!(port(&trial), 8081);
    let trial = trial.file("base.toml", "[server]\nport = 1001");
    assert_eq!(port(&trial), 1001);
    let trial = trial.file("development.toml", "server.port = 1002");
    assert_eq!(port(&trial), 1002);
    let trial = trial.variable("APP__SERVER__PORT", "1003");
    assert_eq!(port(&trial), 1003);
    let trial = trial.flag("server.port=1004");
    assert_eq!(port(&trial), 1004);
    let trial = trial.flag("server.port=1005");
    assert_eq!(port(&trial), 1005);
}

#[test]
fn layers_merge_key_by_key() {
    let settings = Trial::development()
        .file("base.toml", "[server]\nport = 1001\nhost = \"::1\"")
        .file("development.toml", "[server]\nport = 1002")
        .variable("APP__LOG__LEVEL", "warn")
        .settings();
    assert_eq!(settings.server.host.to_string(), "::1");
    assert_eq!(settings.server.port, 1002);
    assert_eq!(settings.log.level, LogLevel::Warn);
}

#[test]
fn another_environments_file_is_not_read() {
    let settings = Trial::development().file("staging.toml", "[server]\nport = 1001").settings();
    assert_eq!(settings.server.port, 8081);
}

#[test]
fn variables_are_typed_by_the_definition() {
    let settings = Trial::development()
        .variable("APP__RELEASE__NAME", "20261122")
        .variable("APP__FAULTS__ERROR_RATE", "1")
        .variable("APP__FAULTS__NEVER_READY", "true")
        .variable("APP__FAULTS__CRASH_AFTER", "1m 30s")
        .settings();
    assert_eq!(settings.release.name, "20261122");
    assert!((settings.faults.error_rate - 1.0).abs() < f64::EPSILON);
    assert!(settings.faults.never_ready);
    assert_eq!(settings.faults.crash_after, Some(Duration::from_secs(90)));
}

#[test]
fn toml_writes_numbers_in_its_own_ways() {
    let settings = Trial::development()
        .file("base.toml", "server.port = 0x1F91\nserver.max_connections = 1_000\nfaults.error_rate = 5e-1")
        .settings();
    assert_eq!(settings.server.port, 8081);
    assert_eq!(settings.server.max_connections, 1000);
    assert!((settings.faults.error_rate - 0.5).abs() < f64::EPSILON);
}

#[test]
fn variables_without_the_prefix_are_none_of_our_business() {
    let trial = Trial::development()
        .variable("APP_ENV", "whatever")
        .variable("SERVER__PORT", "1")
        .variable("MYAPP__SERVER__PORT", "1");
    assert_eq!(trial.settings().server.port, 8081);
}

#[test]
fn a_stronger_layer_lifts_a_refusal() {
    let settings = Trial::new(Environment::Production)
        .file("base.toml", "[log]\nlevel = \"debug\"")
        .file("production.toml", "[log]\nlevel = \"info\"")
        .settings();
    assert_eq!(settings.log.level, LogLevel::Info);
}
