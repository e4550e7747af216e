//! What is watched: real colours and a real proxy, scraped by a real Prometheus that is told what the project says.

mod files;
mod on_compose;
mod on_process;

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use serde_json::Value;
use xtask::{http, tools};

use self::files::{list, metrics, queries};
use crate::support::prometheus::Server;
use crate::support::{Fixture, On, PROXY_IMAGE, build, containers_are_here, docker, eventually, repository};

/// Asks the service for something now and then, until whoever waits for it has gone.
fn visit(address: SocketAddr, gone: &AtomicBool) {
    while !gone.load(Ordering::Relaxed) {
        for path in ["/", "/api/v1/info", "/no-such"] {
            http::get(address, path, Duration::from_secs(1));
        }
        std::thread::sleep(Duration::from_millis(30));
    }
}

/// Goes when it is dropped, by a failure too.
struct Host<'a>(&'a AtomicBool);

impl Drop for Host<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn edit(fixture: &Fixture, path: &str, changes: &[(&str, &str)]) {
    let mut text = fixture.read(path);
    for (from, to) in changes {
        assert!(text.contains(from), "`{from}` is not in {path}");
        text = text.replace(from, to);
    }
    fixture.write(path, &text);
}

/// Prometheus looks each second, so that a test need not wait for minutes.
fn hurry(fixture: &Fixture) {
    let changes = ["scrape_interval: 15s", "scrape_timeout: 10s", "evaluation_interval: 15s"];
    let changes = changes.map(|line| (line, format!("{}: 1s", line.split(':').next().unwrap())));
    edit(fixture, "docker/prometheus/prometheus.yml", &changes.each_ref().map(|(from, to)| (*from, to.as_str())));
}

#[test]
fn what_prometheus_is_told_follows_the_project_and_a_broken_rule_is_shown() {
    let fixture = Fixture::new(On::Process);
    let tests = Path::new("docker/prometheus/tests");
    fs::create_dir_all(fixture.root().join(tests)).unwrap();
    fs::copy(repository().join(tests).join("colours.yml"), fixture.root().join(tests).join("colours.yml")).unwrap();
    let ran = fixture.run(&["monitoring", "--check"]).ok();
    assert!(ran.stdout.contains("the tests of its rules have passed: 1 files"), "{}", ran.stdout);
    edit(
        &fixture,
        "docker/prometheus/rules/state.yml",
        &[("environment_colour:up:bool == 0", "environment_colour:up:bool == 2")],
    );
    fixture.run(&["monitoring", "--check"]).refused(78, &["promtool does not accept", "alertname: ColourDown"]);
    edit(&fixture, "docker/prometheus/rules/state.yml", &[("== 2", "== = 2")]);
    fixture.run(&["monitoring", "--check"]).refused(78, &["promtool does not accept", "could not parse expression"]);
}
