use std::time::{Duration, Instant};

use crate::support::{DEADLINE, spawn_app, wait_for};

#[test]
fn a_client_that_dawdles_over_its_head_is_cut_off() {
    let app = spawn_app(&["server.header_read_timeout=100ms"]);
    let mut slow = app.client();
    let begun = Instant::now();
    slow.write(b"GET / HTTP/1.1\r\nhost: te").unwrap();
    let rest = slow.rest().unwrap();
    assert!(!rest.starts_with(b"HTTP/1.1 200"), "{rest:?}");
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(100), "{took:?}");
    assert!(took < DEADLINE, "{took:?}");
}

#[test]
fn an_idle_connection_is_closed_after_the_same_time() {
    let app = spawn_app(&["server.header_read_timeout=100ms"]);
    let mut client = app.client();
    assert_eq!(client.get("/livez").unwrap().status, 200);
    assert!(client.rest().unwrap().is_empty());
}

#[test]
fn a_slow_answer_is_not_a_slow_head() {
    let app = spawn_app(&["server.header_read_timeout=50ms", "faults.latency=300ms"]);
    assert_eq!(app.get("/").status, 200);
}

#[test]
fn connections_over_the_limit_wait_until_one_is_free() {
    let app = spawn_app(&["server.max_connections=2"]);
    let (mut first, mut second) = (app.client(), app.client());
    assert_eq!(first.get("/livez").unwrap().status, 200);
    assert_eq!(second.get("/livez").unwrap().status, 200);

    let mut third = app.client();
    third.send("GET", "/livez", &[], b"").unwrap();
    for _ in 0..50 {
        let metrics = first.get("/metrics").unwrap();
        let open = metrics.text().lines().find(|line| line.starts_with("http_connections{")).unwrap();
        assert!(open.ends_with(" 2"), "{open}");
        assert!(!third.has_answer(), "over the limit, yet answered");
    }

    drop(second);
    wait_for("the third to be answered", || third.has_answer().then_some(()));
    assert_eq!(third.receive().unwrap().status, 200);
}
