//! Gates of one's own: a real Prometheus that scrapes both colours, and one that is not there.

use std::net::TcpListener;
use std::process::Command;

use xtask::tools;

use crate::support::prometheus::Server;
use crate::support::{Background, Fixture, On, Ran, eventually, on_both};

on_both! {
    a_candidate_that_passes_its_query_is_promoted_and_one_that_breaks_it_is_taken_back,
    a_metrics_source_that_is_not_there_takes_the_rollout_back_after_the_limit,
    a_metrics_source_that_dies_half_way_takes_the_rollout_back,
}

/// How long half of the candidate's answers take.
const MEDIAN: &str = r#"histogram_quantile(0.5, sum by (le) (rate(http_request_duration_seconds_bucket{colour="{candidate}",route="/api/v1/info"}[{window}])))"#;

/// A project whose rollouts are held against a query, and nothing else about how long answers take.
fn with_query(on: On, more: &str) -> Fixture {
    let fixture = Fixture::new(on);
    let policy = format!(
        "bake = \"3s\"\nanalysis.max_slow_increase = 1.0\nanalysis.prometheus.url = \"http://{}\"\n\
         analysis.prometheus.queries = [{{ name = \"median\", query = '{MEDIAN}', max = 0.05 }}]\n{more}",
        fixture.metrics_address()
    );
    fixture.edit_delivery("bake = \"2s\"", &policy);
    fixture.release("up", "v1", &[]).ok();
    fixture
}

/// Starts a Prometheus that scrapes both colours, and ends with what this gives.
fn start_prometheus(fixture: &Fixture) -> Background {
    let target = |colour| {
        let address = fixture.colour_address(colour);
        format!("      - {{ targets: [\"{address}\"], labels: {{ colour: {colour} }} }}\n")
    };
    let config = format!(
        "global: {{ scrape_interval: 500ms, scrape_timeout: 500ms }}\nscrape_configs:\n  - job_name: app\n    static_configs:\n{}{}",
        target("blue"),
        target("green")
    );
    fixture.write("prometheus.yml", &config);
    let mut command = Command::new(tools::require(&tools::PROMETHEUS).unwrap());
    command.current_dir(fixture.root()).args(["--config.file=prometheus.yml", "--storage.tsdb.path=prometheus"]);
    let server = Server { address: fixture.metrics_address() };
    let running = server.start(command.arg(format!("--web.listen-address={}", server.address)));
    eventually("the active colour was scraped", || !server.query("up == 1").is_empty());
    running
}

/// The verdicts of a rollout, of the events it has printed.
fn judgements(ran: &Ran) -> Vec<serde_json::Value> {
    let lines = ran.lines().into_iter().filter(|line| line["event"] == "judged");
    lines.map(|line| line["judgement"].clone()).collect()
}

fn a_candidate_that_passes_its_query_is_promoted_and_one_that_breaks_it_is_taken_back(on: On) {
    let fixture = with_query(on, "");
    let _prometheus = start_prometheus(&fixture);
    let load = fixture.load_beside_two();
    let ran = fixture.release("deploy-blue-green", "v2", &["--json"]).ok();
    load.stop().assert_nothing_lost("a deploy that passes its query");
    let judgements = judgements(&ran);
    assert_eq!(judgements.len(), 3, "{}", ran.stdout);
    for judgement in &judgements {
        println!("{}", judgement["reason"]);
        assert_eq!(judgement["verdict"], "pass");
        let measured = &judgement["queries"][0];
        assert_eq!(
            (&measured["query"], &measured["max"], &measured["values"]),
            (&"median".into(), &0.05.into(), &1.into())
        );
        assert!(measured["value"].as_f64().unwrap() <= 0.05, "{measured}");
    }
    assert_eq!(fixture.status()["split"]["green"], 100);

    let load = fixture.load_beside_two();
    let ran = fixture.release("deploy-blue-green", "slow", &["--set", "faults.latency=60ms"]);
    load.stop().assert_nothing_lost("a deploy that breaks its query");
    let ran = ran.refused(
        1,
        &["verdict  fail: `median` is 0.0", "where 0.05 or less is asked for", "on green (v2), as before."],
    );
    println!("{}", ran.stderr.lines().find(|line| line.contains("verdict")).unwrap());
    let error = ran.stderr.lines().find(|line| line.starts_with("error:")).unwrap();
    assert!(error.contains("`median` is 0.0"), "{error}");
    assert_eq!(fixture.status()["split"]["green"], 100);
}

fn a_metrics_source_that_is_not_there_takes_the_rollout_back_after_the_limit(on: On) {
    let fixture = with_query(on, "analysis.error_limit = 1");
    let load = fixture.load_beside_two();
    let ran = fixture.release("deploy-blue-green", "v2", &["--json"]);
    load.stop().assert_nothing_lost("a deploy without its metrics source");
    let told = format!("error: `median` has no answer: http://{}: Connection refused", fixture.metrics_address());
    let ran = ran.refused(1, &[&told, "; a window before it went the same way", "on blue (v1), as before."]);
    let verdicts: Vec<_> = judgements(&ran).iter().map(|judgement| judgement["verdict"].clone()).collect();
    assert_eq!(verdicts, ["error", "error"]);
    assert_eq!(fixture.status()["split"]["blue"], 100);
}

fn a_metrics_source_that_dies_half_way_takes_the_rollout_back(on: On) {
    let fixture = with_query(on, "analysis.error_limit = 0");
    let prometheus = start_prometheus(&fixture);
    let load = fixture.load_beside_two();
    let deploy = fixture.deploy_in_background("v2", &["--json"]);
    eventually("the candidate has passed its first window", || fixture.status()["split"]["green"] == 50);
    drop(prometheus);
    let ran = Ran::from(deploy.wait_with_output().unwrap());
    load.stop().assert_nothing_lost("a deploy whose metrics source dies");
    let ran = ran.refused(1, &["error: `median` has no answer: ", "Connection refused", "on blue (v1), as before."]);
    let verdicts: Vec<_> = judgements(&ran).iter().map(|judgement| judgement["verdict"].clone()).collect();
    assert_eq!(verdicts, ["pass", "error"]);
    assert_eq!(fixture.status()["split"]["blue"], 100);
}

#[test]
fn a_query_that_waits_does_not_keep_a_dead_candidate() {
    let fixture = with_query(On::Process, "analysis.prometheus.timeout = \"30s\"");
    let silent = TcpListener::bind(fixture.metrics_address()).unwrap();
    silent.set_nonblocking(true).unwrap();
    let deploy = fixture.deploy_in_background("v2", &[]);
    let mut asked = None;
    eventually("the metrics source is asked", || {
        asked = silent.accept().ok();
        asked.is_some()
    });
    fixture.kill(fixture.pid("green").unwrap());
    let ran = Ran::from(deploy.wait_with_output().unwrap());
    let ran = ran.refused(1, &["could not judge", "signal 9 (SIGKILL)", "on blue (v1), as before."]);
    // Whoever waits for the answer finds the candidate dead only after a verdict.
    assert!(!ran.stderr.contains("verdict"), "{}", ran.stderr);
    assert_eq!(fixture.status()["split"]["blue"], 100);
}
