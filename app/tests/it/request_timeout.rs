use std::time::{Duration, Instant};

use crate::support::{Client, DEADLINE, TestApp, spawn_app};

const TIMEOUT: Duration = Duration::from_millis(200);

fn hurried(more: &[&str]) -> TestApp {
    spawn_app(&[&["server.request_timeout=200ms"], more].concat())
}

/// A request whose body never comes, so that the handler waits for it.
const HANGING: &[u8] = b"POST /api/v1/echo HTTP/1.1\r\nhost: test\r\ncontent-length: 5\r\n\r\n";

#[test]
fn a_handler_that_takes_too_long_is_answered_503_for() {
    let app = hurried(&["cors.allowed_origins=https://shop.example"]);
    let mut client = app.client();
    let begun = Instant::now();
    client.write(HANGING).unwrap();
    let response = client.receive().unwrap();
    let took = begun.elapsed();
    assert!(took >= TIMEOUT && took < DEADLINE, "{took:?}");
    assert_eq!(response.status, 503);
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.text(), r#"{"error":"timed out"}"#);
    assert!(response.header("x-request-id").is_some() && response.header("x-release").is_some());
    let series = r#"http_requests_total{method="POST",route="/api/v1/echo",status="503"}"#;
    assert_eq!(app.metric(series), Some(1.0));
    assert_eq!(app.get("/api/v1/info").status, 200);
}

#[test]
fn an_injected_latency_is_outside_of_the_time_out() {
    let app = hurried(&["faults.latency=600ms"]);
    let begun = Instant::now();
    assert_eq!(app.get("/api/v1/info").status, 200);
    assert!(begun.elapsed() >= Duration::from_millis(600));
}

#[test]
fn an_open_tunnel_goes_on() {
    let app = hurried(&[]);
    let mut client = Client::connect(app.address).unwrap();
    let upgrade = [("connection", "upgrade"), ("upgrade", "echo")];
    assert_eq!(client.request("GET", "/api/v1/tunnel", &upgrade, b"").unwrap().status, 101);
    let begun = Instant::now();
    while begun.elapsed() < 3 * TIMEOUT {
        client.write(b"still there\n").unwrap();
        assert_eq!(client.line().unwrap(), "still there");
    }
}
