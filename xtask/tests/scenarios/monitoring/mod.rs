//! What is watched: real colours and a real proxy, scraped by a real Prometheus that is told what the project says.

mod files;

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

mod on_process {
    use super::*;

    /// A project whose proxy tells its metrics at an address of its own.
    fn with_exporter() -> Fixture {
        let fixture = Fixture::new(On::Process);
        let exporter = fixture.spare_address();
        let frontend = format!(
            "\nfrontend internal\n  bind {exporter}\n  http-request use-service prometheus-exporter if {{ path /metrics }}\n"
        );
        let config = "docker/haproxy/haproxy.cfg";
        fixture.write(config, &(fixture.read(config) + &frontend));
        let password = "grafana_password = { env = \"DEVELOPMENT_GRAFANA_PASSWORD\" }";
        fixture.edit_delivery(password, &format!("{password}\nproxy = \"{exporter}\""));
        hurry(&fixture);
        fixture
    }

    /// The last line of what `monitoring` prints, as a command.
    fn printed_command(fixture: &Fixture) -> Command {
        let told = fixture.run(&["monitoring"]).ok().stdout;
        let mut words = told.lines().last().unwrap().split_whitespace();
        let mut command = Command::new(words.next().unwrap());
        command.args(words).current_dir(fixture.root());
        command
    }

    fn assert_rules_find_something(server: Server) {
        let groups = |kind: &str| list(&server.api(&format!("rules?type={kind}")).unwrap(), "groups").to_vec();
        let rules =
            |kind: &str| groups(kind).iter().flat_map(|group| list(group, "rules").to_vec()).collect::<Vec<_>>();
        let records = rules("record");
        let is_number = |series: &Value| series["value"][1] != "NaN";
        for rule in &records {
            let name = rule["name"].as_str().unwrap();
            assert_eq!(rule["health"], "ok", "{rule}");
            eventually(&format!("{name} is recorded"), || server.query(name).iter().any(is_number));
        }
        let known = server.api("label/__name__/values").unwrap();
        let known: BTreeSet<_> = known.as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let alerts = rules("alert");
        for alert in &alerts {
            assert_eq!((&alert["health"], &alert["lastError"]), (&"ok".into(), &Value::Null), "{alert}");
            assert_ne!(alert["state"], "firing", "{alert}");
            for metric in metrics(alert["query"].as_str().unwrap()) {
                assert!(known.contains(metric), "{} asks for {metric}, which nobody tells", alert["name"]);
            }
        }
        println!("{} recording rules and {} alerts", records.len(), alerts.len());
    }

    #[test]
    fn every_rule_and_every_query_of_a_dashboard_finds_something() {
        let fixture = with_exporter();
        fixture.release("up", "v1", &[]).ok();
        let began = SystemTime::now();
        let server = Server { address: fixture.metrics_address() };
        let _running = server.start(&mut printed_command(&fixture));
        let gone = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let _host = Host(&gone);
            scope.spawn(|| visit(fixture.address(), &gone));
            fixture.release("deploy-blue-green", "v2", &[]).ok();
            eventually("all is scraped", || server.query("up == 1").len() == 3);
            assert_rules_find_something(server);
            let queries = queries();
            for (place, query) in &queries {
                eventually(&format!("{place} finds something by {query}"), || {
                    server.samples_since(began, query).unwrap_or_else(|| panic!("{query} is refused")) > 0
                });
            }
            println!("{} queries of the dashboards", queries.len());
        });
        let colours = server.query("sum by (environment, colour, release) (http_requests_total{job=\"service\"})");
        let seen = |key: &str| colours.iter().map(|it| it["metric"][key].as_str().unwrap()).collect::<BTreeSet<_>>();
        let seen = ["environment", "colour", "release"].map(seen);
        assert_eq!(
            seen,
            [BTreeSet::from(["development"]), BTreeSet::from(["blue", "green"]), BTreeSet::from(["v1", "v2"])]
        );
        assert_eq!(server.query("{exported_colour!=\"\"}"), [Value::Null; 0]);
    }
}

mod on_compose {
    use super::*;

    /// An image of the Prometheus that this machine has, with the folder that its makers' image has.
    fn image(fixture: &Fixture) -> String {
        let name = format!("{}/prometheus:test", fixture.stack("image"));
        let folder = "RUN install --directory --owner=65534 --group=65534 /prometheus";
        let base = build(&format!("{name}-base"), &format!("FROM {PROXY_IMAGE}\nUSER 0\n{folder}\n"), &[]);
        let made = docker(&["create", &base]).unwrap();
        for program in [tools::PROMETHEUS, tools::PROMTOOL] {
            let path = tools::require(&program).unwrap();
            docker(&["cp", path.to_str().unwrap(), &format!("{}:/usr/bin/{}", made.trim(), program.name)]).unwrap();
        }
        docker(&["commit", made.trim(), &name]).unwrap();
        docker(&["rm", made.trim()]).unwrap();
        name
    }

    #[test]
    fn prometheus_sees_both_colours_by_their_token_and_down_leaves_nothing_of_it() {
        if !containers_are_here() {
            return;
        }
        let fixture = Fixture::new(On::Compose);
        fixture.edit_delivery("bake = \"15s\"", "bake = \"0s\"");
        fixture.edit_delivery("prom/prometheus:v3.5.0", "127.0.0.1:1/prometheus:none");
        fixture.edit_delivery("grafana/grafana:12.0.2", "127.0.0.1:1/grafana:none");
        hurry(&fixture);
        let staging = |args: &[&str]| fixture.run(&[args, &["--env", "staging"]].concat());
        staging(&["monitoring"]).refused(2, &["nothing has been deployed to staging yet"]);
        for (verb, name) in [("up", "v1"), ("deploy-blue-green", "v2")] {
            fixture.release(verb, name, &["--env", "staging"]).ok();
        }
        let missing =
            "the image 127.0.0.1:1/prometheus:none, which [monitoring] of config/delivery.toml names, cannot be had";
        staging(&["monitoring"]).refused(69, &[missing, "next: cargo xtask setup --air-gapped --monitoring"]);

        fixture.edit_delivery("127.0.0.1:1/prometheus:none", &image(&fixture));
        let ran = staging(&["monitoring"]).ok();
        assert!(ran.stderr.contains("without Grafana, whose image 127.0.0.1:1/grafana:none"), "{}", ran.stderr);
        let server = Server { address: fixture.staging_metrics_address() };
        assert!(ran.stdout.contains(&format!("http://{}", server.address)), "{}", ran.stdout);
        let up = "up{job=\"service\",environment=\"staging\"} == 1";
        eventually("both colours are scraped", || server.query(up).len() == 2);
        // It is told where the proxy would tell its own, and what the policy is.
        let proxy = "up{job=\"proxy\",instance=~\".*:8404\"}";
        eventually("it knows of the proxy", || server.query(proxy).len() == 1);
        let keep_warm = "environment:keep_warm:seconds{environment=\"staging\"} == 30 * 60";
        eventually("it knows of the policy", || server.query(keep_warm).len() == 1);

        staging(&["monitoring", "--down"]).ok();
        assert_eq!(server.get("/-/ready"), None);
        staging(&["monitoring"]).ok();
        eventually("what was recorded is there", || server.query("count_over_time(up[1h]) > 5").len() == 3);
        fixture.end();
        assert_eq!(fixture.left(), [""; 0]);
    }
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
