//! A day in the life of an environment.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::{Fixture, On, Ran, docker, eventually, on_both, pid_at};

on_both! {
    status_says_who_serves_what_in_the_agreed_form,
    two_rollbacks_go_back_two_releases_and_the_second_starts_a_kept_one,
    what_was_set_for_a_release_comes_back_with_it,
    a_colour_kept_warm_past_its_time_is_called_overdue_and_stopped_by_the_next_verb,
    a_request_in_flight_outlives_the_rollback_that_moves_its_colour_away,
    a_tunnel_lives_until_its_colour_has_been_drained_for_long_enough,
    the_plan_is_shown_and_nothing_is_done,
    environments_stand_side_by_side_and_down_leaves_nothing_behind,
    a_preview_header_picks_a_colour_and_a_visitor_stays_with_the_draw,
    a_service_that_is_not_the_colour_it_answers_for_gets_no_traffic,
    a_release_comes_back_the_way_it_was_started_then,
    rejected_releases_do_not_push_out_those_one_can_go_back_to,
    looking_leaves_no_trace,
}

fn quick(fixture: &Fixture) {
    fixture.edit_delivery("bake = \"2s\"", "bake = \"100ms\"");
}

fn status_says_who_serves_what_in_the_agreed_form(on: On) {
    let fixture = Fixture::new(on);
    quick(&fixture);
    let status = fixture.status();
    assert_eq!(status["active"], serde_json::Value::Null);
    fixture.release("up", "v1", &[]).ok();
    fixture.release("deploy-blue-green", "v2", &[]).ok();
    let status = fixture.status();
    assert_eq!(status["environment"], "development");
    assert_eq!(status["runtime"], if on == On::Process { "process" } else { "compose" });
    assert_eq!(status["url"], format!("http://{}", fixture.address()));
    assert_eq!(status["split"], serde_json::json!({ "blue": 0, "green": 100 }));
    let green = serde_json::json!({
        "release": "v2", "state": "ready", "role": "active", "replicas": 1,
        "address": fixture.colour_address("green").to_string(),
    });
    assert_eq!(status["colours"]["green"], green);
    assert_eq!(status["colours"]["blue"]["role"], "warm");
    assert!(status["warm_until"].is_string());
    assert_eq!(status["rollout"], serde_json::Value::Null);
}

fn two_rollbacks_go_back_two_releases_and_the_second_starts_a_kept_one(on: On) {
    let fixture = Fixture::new(on);
    quick(&fixture);
    fixture.release("up", "v1", &[]).ok();
    fixture.release("deploy-blue-green", "v2", &[]).ok();
    let noted = fixture.release("deploy-blue-green", "v3", &[]).ok();
    assert!(noted.stderr.contains("note: blue still keeps v1 warm"), "{}", noted.stderr);
    let warm = fixture.run(&["rollback"]).ok();
    assert!(!warm.stderr.contains("start v2"), "a warm colour was started again: {}", warm.stderr);
    assert_eq!(fixture.status()["colours"]["green"]["release"], "v2");
    let cold = fixture.run(&["rollback"]).ok();
    assert!(cold.stderr.contains("start v1 as blue"), "{}", cold.stderr);
    assert_eq!(fixture.status()["active"], "blue");
    fixture.run(&["rollback"]).refused(2, &["no release before the one that serves", "--to can name v2, v3"]);
    fixture.run(&["rollback", "--to", "v3"]).ok();
    assert_eq!(fixture.status()["colours"]["green"]["release"], "v3");
    fixture
        .run(&["rollback", "--to", "v9"])
        .refused(2, &["`v9` never served development", "next: cargo xtask history"]);
    let history = fixture.run(&["history", "--json"]).ok().stdout;
    let history: Vec<serde_json::Value> = serde_json::from_str(&history).unwrap();
    let told: Vec<_> =
        history.iter().map(|entry| format!("{} {}", entry["change"], entry["launch"]["release"])).collect();
    let expected = ["deployed v1", "deployed v2", "deployed v3", "rolled_back v2", "rolled_back v1", "rolled_back v3"];
    assert_eq!(told.join(", ").replace('"', ""), expected.join(", "));
}

fn what_was_set_for_a_release_comes_back_with_it(on: On) {
    let fixture = Fixture::new(on);
    quick(&fixture);
    fixture.release("up", "v1", &["--json"]).ok();
    fixture.release("deploy-blue-green", "v2", &["--set", "faults.latency=5ms"]).ok();
    fixture.release("deploy-blue-green", "v3", &[]).ok();
    fixture.release("deploy-blue-green", "v4", &[]).ok();
    fixture.run(&["rollback", "--to", "v2"]).ok();
    let history = fixture.run(&["history"]).ok().stdout;
    assert!(history.lines().nth(1).unwrap().contains("with faults.latency=5ms"), "{history}");
}

fn a_colour_kept_warm_past_its_time_is_called_overdue_and_stopped_by_the_next_verb(on: On) {
    let fixture = Fixture::new(on);
    quick(&fixture);
    fixture.release("up", "v1", &[]).ok();
    fixture.release("deploy-blue-green", "v2", &[]).ok();
    fixture.let_warm_time_pass();
    assert!(fixture.run(&["status"]).ok().stdout.contains("blue is kept warm past its time"));
    fixture.run(&["up", "--binary", crate::support::service().to_str().unwrap()]).ok();
    assert_eq!(fixture.status()["colours"]["blue"]["state"], "stopped");
}

fn a_request_in_flight_outlives_the_rollback_that_moves_its_colour_away(on: On) {
    let fixture = Fixture::new(on);
    quick(&fixture);
    fixture.release("up", "v1", &[]).ok();
    fixture.edit_delivery("smoke = [\"/\", \"/api/v1/info\"]", "smoke = []");
    fixture.release("deploy-blue-green", "slow", &["--set", "faults.latency=10s"]).ok();
    let mut request = TcpStream::connect(fixture.address()).unwrap();
    request.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    request.write_all(b"GET /api/v1/info HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
    eventually("the request is at the slow release", || stat(&fixture, "green", "service", "scur") != "0");
    let rolled_back = fixture.run(&["rollback"]).ok();
    assert!(rolled_back.stderr.contains("1 requests in flight"), "{}", rolled_back.stderr);
    let mut answer = String::new();
    request.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("x-release: slow"), "{answer}");
}

fn a_tunnel_lives_until_its_colour_has_been_drained_for_long_enough(on: On) {
    let fixture = Fixture::new(on);
    quick(&fixture);
    fixture.edit_delivery("keep_warm = \"10m\"", "keep_warm = \"10m\"\ndrain_timeout = \"4s\"");
    fixture.release("up", "v1", &[]).ok();
    let mut tunnel = BufReader::new(TcpStream::connect(fixture.address()).unwrap());
    tunnel.get_ref().set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let request = "GET /api/v1/tunnel HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
    tunnel.get_mut().write_all(request.as_bytes()).unwrap();
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        assert!(tunnel.read_line(&mut line).unwrap() > 0, "it was closed");
    }
    let mut echoes = |word: &str| {
        line.clear();
        tunnel.get_mut().write_all(format!("{word}\n").as_bytes()).unwrap();
        tunnel.read_line(&mut line).unwrap();
        line.trim_end() == word
    };
    assert!(echoes("active"));
    fixture.release("deploy-blue-green", "v2", &[]).ok();
    assert!(echoes("warm"));
    let deploy = fixture.deploy_in_background("v3", &[]);
    eventually("its colour is drained", || fixture.status()["rollout"]["operation"] == "drain blue");
    assert!(echoes("drained"));
    let ran = Ran::from(deploy.wait_with_output().unwrap()).ok();
    assert!(
        ran.stderr.contains("blue is not drained after 4s and is stopped all the same: 1 requests"),
        "{}",
        ran.stderr
    );
    assert!(!echoes("stopped"));
}

/// What the proxy says of a server.
fn stat(fixture: &Fixture, backend: &str, server: &str, column: &str) -> String {
    let text = fixture.ask_proxy("haproxy.sock", "show stat -1 4 -1").unwrap();
    let names: Vec<_> = text.lines().next().unwrap().trim_start_matches("# ").split(',').collect();
    let number = names.iter().position(|name| *name == column).unwrap();
    let row = text.lines().find(|line| line.starts_with(&format!("{backend},{server},"))).unwrap();
    row.split(',').nth(number).unwrap().to_owned()
}

fn the_plan_is_shown_and_nothing_is_done(on: On) {
    let fixture = Fixture::new(on);
    fixture.release("up", "v1", &[]).ok();
    let plan = fixture.run(&["deploy-blue-green", "--release", "v2", "--plan"]).ok().stdout;
    for expected in
        ["deploy v2 in development:", "1. start v2 as green", "split traffic: blue 90 %, green 10 %", "promote green"]
    {
        assert!(plan.contains(expected), "{plan}");
    }
    let json = fixture.run(&["deploy-blue-green", "--release", "v2", "--plan", "--json"]).ok().stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["operations"][0]["op"], "start");
    let expect = json["expect"].as_str().unwrap();
    assert!(plan.contains(&format!("deploy-blue-green --expect {expect}")), "{plan}");
    assert_eq!(fixture.status()["colours"]["green"]["state"], "absent");
    quick(&fixture);
    fixture.release("deploy-blue-green", "v2", &["--expect", expect]).refused(1, &["the plan was made when"]);
    fixture.edit_delivery("bake = \"100ms\"", "bake = \"2s\"");
    fixture.release("deploy-blue-green", "v2", &["--expect", expect]).ok();
    fixture.release("deploy-blue-green", "v3", &["--expect", expect]).refused(1, &["the plan was made when"]);
    assert_eq!(fixture.status()["split"]["green"], 100);
}

fn environments_stand_side_by_side_and_down_leaves_nothing_behind(on: On) {
    let fixture = Fixture::new(on);
    for environment in ["development", "staging", "production"] {
        fixture.release("up", "v1", &["--env", environment]).ok();
    }
    for environment in ["development", "staging", "production"] {
        let healthy = fixture.run(&["health-check", "--env", environment]).ok();
        assert!(healthy.stdout.starts_with("healthy: http://127.0.0.1:"), "{}", healthy.stdout);
    }
    fixture
        .run(&["down", "--env", "production"])
        .refused(2, &["production is protected", "next: cargo xtask down --yes --env production"]);
    fixture.run(&["down", "--env", "production", "--yes"]).ok();
    fixture.run(&["health-check", "--env", "staging"]).ok();
    fixture.run(&["down", "--env", "staging"]).ok();
    fixture.run(&["down"]).ok();
    assert_eq!(fixture.left(), [""; 0]);
    assert_eq!([fixture.address(), fixture.blue_address(), fixture.green_address()].map(pid_at), [None; 3]);
    assert!(fixture.run(&["down"]).ok().stdout.contains("nothing runs"));
}

fn a_preview_header_picks_a_colour_and_a_visitor_stays_with_the_draw(on: On) {
    let fixture = Fixture::new(on);
    fixture.edit_delivery("bake = \"2s\"", "bake = \"20s\"");
    fixture.release("up", "v1", &[]).ok();
    let deploy = fixture.deploy_in_background("v2", &[]);
    eventually("the candidate gets traffic", || fixture.status()["split"]["green"] == 10);
    assert!(ask(&fixture, "x-switchyard-colour: green").contains("x-release: v2"));
    assert!(ask(&fixture, "Cookie: switchyard=9").contains("x-release: v2"));
    assert!(ask(&fixture, "Cookie: switchyard=10").contains("x-release: v1"));
    let first = ask(&fixture, "Accept: */*");
    assert!(first.to_lowercase().contains("set-cookie: switchyard="), "{first}");
    fixture.signal(deploy.id(), rustix::process::Signal::INT);
    deploy.wait_with_output().unwrap();
    preview_takes_a_key_where_one_is_set(&fixture);
    assert!(ask(&fixture, "Cookie: switchyard=9").contains("x-release: v1"));
    assert!(!ask(&fixture, "Accept: */*").to_lowercase().contains("set-cookie"));
}

fn preview_takes_a_key_where_one_is_set(fixture: &Fixture) {
    fixture.edit_delivery("bake = \"20s\"", "bake = \"100ms\"");
    fixture.edit_delivery("preview = true", "preview = true\npreview_key = { file = \"preview.key\" }");
    fixture.release("up", "v3", &[]).refused(78, &["environments.development.preview_key", "the file preview.key"]);
    fixture.write("preview.key", "open$esame\n");
    // v3 is active then, and v1 warm.
    fixture.release("up", "v3", &[]).ok();
    assert!(ask(fixture, "x-switchyard-colour: blue").contains("x-release: v3"));
    assert!(ask(fixture, "x-switchyard-colour: blue\r\nx-switchyard-key: wrong").contains("x-release: v3"));
    assert!(ask(fixture, "x-switchyard-colour: blue\r\nx-switchyard-key: open$esame").contains("x-release: v1"));
    fixture.run(&["rollback"]).ok();
}

fn ask(fixture: &Fixture, header: &str) -> String {
    let mut stream = TcpStream::connect(fixture.address()).unwrap();
    let request = format!("GET /api/v1/info HTTP/1.1\r\nHost: test\r\n{header}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_project_deeper_than_a_socket_path_may_be_long_works_all_the_same() {
    let fixture = Fixture::new(On::Process);
    let deep = fixture.root().join("deep-".repeat(30)).join("and-deeper".repeat(10));
    fs::create_dir_all(&deep).unwrap();
    for folder in ["config", "docker"] {
        fs::rename(fixture.root().join(folder), deep.join(folder)).unwrap();
    }
    let binary = crate::support::service().to_str().unwrap();
    let run = |args: &[&str]| Ran::from(fixture.xtask(args).current_dir(&deep).output().unwrap());
    run(&["up", "--release", "v1", "--binary", binary]).ok();
    run(&["health-check"]).ok();
    run(&["down"]).ok();
}

#[test]
fn doctor_says_what_is_there() {
    let fixture = Fixture::new(On::Process);
    let told = fixture.run(&["doctor"]).ok().stdout;
    assert!(
        told.contains("haproxy ")
            && told.contains("carries the traffic")
            && told.contains(&fixture.address().to_string()),
        "{told}"
    );
    fixture.release("up", "v1", &[]).ok();
    assert!(fixture.run(&["doctor"]).ok().stdout.contains("in use by this environment"));
}

fn a_service_that_is_not_the_colour_it_answers_for_gets_no_traffic(on: On) {
    let fixture = Fixture::new(on);
    fixture.release("up", "v1", &[]).ok();
    let mut impostor = impostor_of_green(&fixture, on);
    let mut impostor = impostor.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let checked = || ["L7RSP", "L7STS"].contains(&stat(&fixture, "green", "service", "check_status").as_str());
    eventually("the proxy has asked the impostor who it is", checked);
    assert_eq!(stat(&fixture, "green", "service", "status"), "DOWN");
    impostor.kill().unwrap();
    impostor.wait().unwrap();
    if on == On::Compose {
        docker(&["rm", "--force", &fixture.container("impostor")]).unwrap();
    }
}

/// A service that says it is blue, at the address of green.
fn impostor_of_green(fixture: &Fixture, on: On) -> Command {
    let (address, config) = (fixture.colour_address("green"), fixture.root().join("config"));
    let port = format!("APP__SERVER__PORT={}", address.port());
    let variables = ["APP_ENV=development", "APP__RELEASE__COLOUR=blue", "APP__SERVER__HOST=0.0.0.0", &port];
    if on == On::Process {
        let mut impostor = Command::new(crate::support::service());
        let variables = variables.iter().map(|variable| variable.split_once('=').unwrap());
        impostor.env_clear().envs(variables).env("APP_CONFIG_DIR", config);
        return impostor;
    }
    let mut impostor = Command::new("docker");
    let network = format!("--network={}_colours", fixture.stack("development"));
    impostor.args(["run", "--rm", "--name", &fixture.container("impostor"), &network, "--ip"]);
    impostor.arg(address.ip().to_string()).args(["--env", "APP_CONFIG_DIR=/release/config"]);
    variables.iter().for_each(|variable| {
        impostor.args(["--env", variable]);
    });
    impostor.arg(format!("{}/release:v1", fixture.stack("development")));
    impostor
}

fn a_release_comes_back_the_way_it_was_started_then(on: On) {
    let fixture = Fixture::new(on);
    quick(&fixture);
    fixture.release("up", "v1", &[]).ok();
    fixture.edit_delivery("args = [\"serve\"]", "args = [\"serve\", \"--set\", \"log.level=debug\"]");
    fixture.release("deploy-blue-green", "v2", &[]).ok();
    fixture.release("deploy-blue-green", "v3", &[]).ok();
    fixture.run(&["rollback", "--to", "v1"]).ok();
    let spec = |colour: &str| match on {
        On::Process => fixture.read(&format!(".switchyard/development/colours/{colour}/spec.json")),
        On::Compose => docker(&["inspect", &fixture.container(&format!("app-{colour}"))]).unwrap(),
    };
    let active = fixture.status()["active"].as_str().unwrap().to_owned();
    assert!(!spec(&active).contains("log.level=debug"), "{}", spec(&active));
}

fn rejected_releases_do_not_push_out_those_one_can_go_back_to(on: On) {
    let fixture = Fixture::new(on);
    quick(&fixture);
    fixture.edit_delivery("preview = true", "preview = true\nkeep_releases = 3");
    fixture.release("up", "v1", &[]).ok();
    fixture.release("deploy-blue-green", "v2", &[]).ok();
    for bad in ["bad1", "bad2", "bad3", "bad4"] {
        assert_eq!(fixture.release("deploy-blue-green", bad, &["--set", "faults.crash_after=0s"]).code, 1);
    }
    fixture.run(&["rollback", "--to", "bad4"]).refused(2, &["`bad4` never served development", "--to can name v1"]);
    fixture.run(&["rollback"]).ok();
    assert_eq!(fixture.status()["colours"]["blue"]["release"], "v1");
}

fn looking_leaves_no_trace(on: On) {
    let fixture = Fixture::new(on);
    for verb in ["status", "history"] {
        fixture.run(&[verb]).ok();
    }
    fixture.run(&["deploy-blue-green", "--plan"]).ok();
    assert_eq!(fixture.left(), [""; 0]);
}

#[test]
fn config_lint_tells_once_what_is_wrong_everywhere() {
    let fixture = Fixture::new(On::Process);
    fixture.ask_the_service_nothing();
    fixture.run(&["config-lint"]).ok();
    let path = "docker/haproxy/haproxy.cfg";
    fixture.write(path, &fixture.read(path).replace("option redispatch 1", "option redispach 1"));
    fixture.edit_delivery("APP_ENV = \"{environment}\"", "APP_ENV = \"{enviroment}\"");
    let ran = fixture.run(&["config-lint"]).refused(78, &["in development, production, staging:", "{enviroment}"]);
    assert_eq!(ran.stderr.matches("redispach").count(), 1, "{}", ran.stderr);
}
