use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::{Running, TOKEN, app, run};

#[test]
fn sigterm_and_sigint_drain_and_exit_0() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut running = Running::start(&["serve", "--set", "server.drain_delay=300ms"]);
        assert_eq!(running.client().get("/readyz").unwrap().status, 200);
        let begun = Instant::now();
        running.signal(signal);
        running.logged("the drain", |event| event["message"] == "draining");
        let unready = running.client().get("/readyz").unwrap();
        assert_eq!(unready.status, 503);
        assert!(unready.closes());
        assert_eq!(running.exit_code(), Some(0));
        assert!(begun.elapsed() >= Duration::from_millis(300));
    }
}

#[test]
fn serve_is_what_no_subcommand_means() {
    let running = Running::start(&["--set", "release.name=v9"]);
    let info = running.client().get("/api/v1/info").unwrap().json();
    assert_eq!(info["release"], "v9");
}

#[test]
fn the_log_names_each_request_by_its_id() {
    let running = Running::start(&[]);
    let headers = [("x-request-id", "trace-me")];
    let mut client = running.client();
    let path = "/api/v1/echo?token=private";
    client.request("POST", path, &headers, b"x").unwrap();
    let event = running.logged("the request", |event| event["request_id"] == "trace-me");
    assert_eq!(event["level"], "INFO");
    assert_eq!(event["method"], "POST");
    assert_eq!(event["path"], "/api/v1/echo");
    assert_eq!(event["status"], 200);
    assert!(event["duration_ms"].is_number(), "{event}");
}

#[test]
fn a_crash_exits_1_and_says_so() {
    let mut running = Running::start(&["--set", "faults.crash_after=200ms"]);
    assert_eq!(running.exit_code(), Some(1));
    running.logged("the crash", |event| {
        let message = event["message"].as_str().unwrap_or_default();
        event["level"] == "ERROR" && message.contains("faults.crash_after is 200ms")
    });
}

#[test]
fn a_crash_at_start_never_listens() {
    let mut command = app(&["--set", "faults.crash_after=0s"]);
    command.env("APP_ENV", "staging").env("APP__METRICS__TOKEN", TOKEN);
    let (code, _, log) = run(&mut command);
    assert_eq!(code, 1);
    assert!(log.contains("faults.crash_after is 0"), "{log}");
    assert!(!log.contains("listening"), "{log}");
}

#[test]
fn a_port_in_use_exits_1_and_names_it() {
    let running = Running::start(&[]);
    let port = format!("server.port={}", running.address.port());
    let (code, _, log) = run(app(&["--env", "staging", "--set", &port]).env("APP__METRICS__TOKEN", TOKEN));
    assert_eq!(code, 1);
    assert!(log.contains(&format!("cannot listen on {}", running.address)), "{log}");
}

#[test]
fn a_closed_standard_error_does_not_stop_the_service() {
    let mut running = Running::start_unread(&["--set", "server.drain_delay=0s"]);
    let mut client = running.client();
    for _ in 0..20 {
        assert_eq!(client.get("/").unwrap().status, 200);
    }
    running.signal(Signal::TERM);
    assert_eq!(running.exit_code(), Some(0));
}
