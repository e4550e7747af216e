use std::time::{Duration, Instant};

use crate::support::spawn_app;

#[test]
fn errors_strike_everything_but_probes() {
    let app = spawn_app(&["faults.error_rate=1.0"]);
    for path in ["/", "/api/v1/info", "/nope"] {
        let response = app.get(path);
        assert_eq!(response.status, 500, "{path}");
        assert_eq!(response.json()["error"], "faults.error_rate");
    }
    assert_eq!(app.post("/api/v1/echo", b"x").status, 500);
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(app.get(path).status, 200, "{path}");
    }
}

#[test]
fn a_share_of_errors_leaves_the_rest_alone() {
    let app = spawn_app(&["faults.error_rate=0.5"]);
    let mut client = app.client();
    let statuses: Vec<_> = (0..400).map(|_| client.get("/api/v1/info").unwrap().status).collect();
    let failed = statuses.iter().filter(|status| **status == 500).count();
    let good = statuses.iter().filter(|status| **status == 200).count();
    assert_eq!(failed + good, 400);
    // Ten standard deviations wide.
    assert!((100..=300).contains(&failed), "{failed} of 400 failed");
}

#[test]
fn latency_strikes_everything_but_probes() {
    let app = spawn_app(&["faults.latency=1s"]);
    let begun = Instant::now();
    let mut slow = app.client();
    slow.send("GET", "/api/v1/info", &[], b"").unwrap();
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(app.get(path).status, 200, "{path}");
    }
    assert!(!slow.has_answer(), "the probes waited as well");
    assert_eq!(slow.receive().unwrap().status, 200);
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[test]
fn never_ready_is_alive_and_says_why_it_is_not_ready() {
    let app = spawn_app(&["faults.never_ready=true"]);
    let response = app.get("/readyz");
    assert_eq!(response.status, 503);
    assert_eq!(response.text(), r#"{"status":"not ready","causes":["faults.never_ready"]}"#);
    assert_eq!(app.get("/livez").status, 200);
    assert_eq!(app.get("/").status, 200);
}

#[test]
fn a_late_start_does_not_even_listen_until_its_time_has_come() {
    let begun = Instant::now();
    let app = spawn_app(&["faults.start_delay=300ms"]);
    assert!(begun.elapsed() >= Duration::from_millis(300), "{:?}", begun.elapsed());
    assert_eq!(app.get("/readyz").status, 200);
}

#[cfg(target_os = "linux")]
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
}

#[cfg(target_os = "linux")]
#[test]
fn memory_is_taken_and_kept_beside_what_is_served() {
    // A whole number of pages and no whole number of pieces.
    const BYTES: u64 = 40 * 1024 * 1024 + 4096;
    let before = resident().unwrap();
    let app = spawn_app(&[&format!("faults.allocate={BYTES}")]);
    let deadline = Instant::now() + Duration::from_secs(30);
    while resident().unwrap() < before + BYTES {
        assert!(Instant::now() < deadline, "after {:?} of {BYTES} bytes", resident());
        assert_eq!(app.get("/readyz").status, 200);
    }
}

#[test]
fn a_crash_ends_serving_with_an_error() {
    let app = spawn_app(&["faults.crash_after=100ms"]);
    assert_eq!(app.get("/readyz").status, 200);
    let error = app.outcome().unwrap_err().to_string();
    assert!(error.contains("faults.crash_after is 100ms"), "{error}");
}
