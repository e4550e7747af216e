use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::spawn_app;

#[test]
fn requests_are_counted_by_method_route_and_status() {
    let app = spawn_app(&[]);
    for _ in 0..3 {
        app.get("/api/v1/info");
    }
    app.post("/api/v1/echo", b"x");
    app.get("/api/v1/echo");
    app.get("/one");
    app.get("/another");
    for (labels, count) in [
        (r#"method="GET",route="/api/v1/info",status="200""#, 3.0),
        (r#"method="POST",route="/api/v1/echo",status="200""#, 1.0),
        (r#"method="GET",route="/api/v1/echo",status="405""#, 1.0),
        // Paths that no route matches share one series: a scanner must not make millions.
        (r#"method="GET",route="unmatched",status="404""#, 2.0),
    ] {
        let series = format!("http_requests_total{{{labels}}}");
        assert_eq!(app.metric(&series), Some(count), "{series}");
    }
}

#[test]
fn durations_are_in_a_histogram() {
    let app = spawn_app(&["faults.latency=20ms"]);
    app.get("/api/v1/info");
    let labels = r#"method="GET",route="/api/v1/info""#;
    let bucket = |bound| {
        let series = format!("http_request_duration_seconds_bucket{{le=\"{bound}\",{labels}}}");
        app.metric(&series)
    };
    assert_eq!(bucket("0.01"), Some(0.0));
    assert_eq!(bucket("10.0"), Some(1.0));
    let count = format!("http_request_duration_seconds_count{{{labels}}}");
    assert_eq!(app.metric(&count), Some(1.0));
}

#[test]
fn an_invented_method_makes_no_series_of_its_own() {
    let app = spawn_app(&[]);
    app.client().request("BREW", "/", &[], b"").unwrap();
    let series = r#"http_requests_total{method="other",route="/",status="405"}"#;
    assert_eq!(app.metric(series), Some(1.0));
}

#[test]
fn the_build_is_labelled_with_release_and_colour() {
    let app = spawn_app(&["release.name=v7", "release.colour=green"]);
    let version = env!("CARGO_PKG_VERSION");
    let series =
        format!(r#"app_build_info{{version="{version}",release="v7",colour="green",environment="development"}}"#);
    assert_eq!(app.metric(&series), Some(1.0));
}

#[test]
fn every_series_says_which_release_and_colour_it_is_of() {
    let app = spawn_app(&["release.name=v7", "release.colour=green"]);
    app.get("/");
    let response = app.get("/metrics");
    let series: Vec<_> = response.text().lines().filter(|line| !line.starts_with('#')).collect();
    assert!(series.len() > 20, "{series:#?}");
    for line in series {
        assert_eq!(line.matches(r#"colour="green",release="v7""#).count(), 1, "{line}");
        assert_eq!((line.matches("colour=").count(), line.matches("release=").count()), (1, 1), "{line}");
    }
}

#[test]
fn the_process_is_told_of_under_the_usual_names() {
    let app = spawn_app(&[]);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    let started = app.metric("process_start_time_seconds").unwrap();
    assert!((now - started).abs() < 60.0, "{started}");
    for (name, least, most) in [
        ("process_resident_memory_bytes", 1e6, 1e9),
        ("process_open_fds", 4.0, 1_000.0),
        ("process_max_fds", 64.0, f64::MAX),
        ("process_cpu_seconds_total", 0.000_1, 60.0),
    ] {
        let value = app.metric(name).unwrap();
        assert!((least..=most).contains(&value), "{name} {value}");
    }
    let before = app.metric("process_open_fds").unwrap();
    let _clients: Vec<_> = (0..5).map(|_| app.client()).collect();
    crate::support::wait_for("the connections to be counted", || {
        (app.metric("process_open_fds")? >= before + 5.0).then_some(())
    });
}

#[test]
fn the_format_is_openmetrics() {
    let response = spawn_app(&[]).get("/metrics");
    let content_type = response.header("content-type").unwrap();
    assert!(content_type.starts_with("application/openmetrics-text; version=1.0.0"));
    assert!(response.text().ends_with("# EOF\n"));
}

#[test]
fn gauges_fall_when_clients_go_away() {
    let app = spawn_app(&["faults.latency=1m"]);
    let mut clients = [app.client(), app.client()];
    for client in &mut clients {
        client.send("GET", "/", &[], b"").unwrap();
    }
    app.wait_for_in_flight(2.0);
    assert!(app.metric("http_connections").unwrap() >= 3.0);
    drop(clients);
    crate::support::wait_for("the gauges to fall", || {
        let in_flight = app.metric("http_requests_in_flight")?;
        let connections = app.metric("http_connections")?;
        // The question itself is one of each.
        (in_flight <= 1.0 && connections <= 1.0).then_some(())
    });
}
