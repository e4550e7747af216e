use crate::support::{Response, Running, TOKEN, TestApp, spawn_app, spawn_app_with_token};

fn present(app: &TestApp, authorization: &str) -> Response {
    app.ask("GET", "/metrics", &[("authorization", authorization)])
}

#[test]
fn the_token_opens_the_metrics_however_the_scheme_is_written() {
    let app = spawn_app_with_token();
    for scheme in ["Bearer", "bearer", "BEARER", "Bearer ", "bEaReR  "] {
        let response = present(&app, &format!("{scheme} {TOKEN}"));
        assert_eq!(response.status, 200, "{scheme}");
        assert!(response.text().ends_with("# EOF\n"));
    }
}

#[test]
fn whoever_presents_anything_else_is_asked_for_the_token() {
    let app = spawn_app_with_token();
    let (short, upper) = (&TOKEN[..TOKEN.len() - 1], TOKEN.to_uppercase());
    for wrong in [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        "Bearer wrong".to_owned(),
        format!("Bearer {short}"),
        format!("Bearer {TOKEN}x"),
        format!("Bearer {upper}"),
        format!("Bearer{TOKEN}"),
        format!("Basic {TOKEN}"),
        format!("Bearer \"{TOKEN}\""),
        TOKEN.to_owned(),
        "ü".to_owned(),
    ] {
        assert_refused(&present(&app, &wrong), &wrong);
    }
    assert_refused(&app.get("/metrics"), "nothing");
    let in_query = format!("/metrics?token={TOKEN}&access_token={TOKEN}");
    assert_refused(&app.get(&in_query), "in the query");
}

#[track_caller]
fn assert_refused(response: &Response, what: &str) {
    assert_eq!(response.status, 401, "{what}");
    assert_eq!(response.header("www-authenticate"), Some("Bearer"), "{what}");
    assert!(!format!("{response:?}").contains(TOKEN), "{what}");
}

#[test]
fn everything_else_is_open_without_it() {
    let app = spawn_app_with_token();
    for path in ["/", "/api/v1/info", "/livez", "/readyz"] {
        assert_eq!(app.get(path).status, 200, "{path}");
    }
}

#[test]
fn without_a_token_the_metrics_are_open() {
    let app = spawn_app(&[]);
    assert_eq!(app.get("/metrics").status, 200);
    assert_eq!(present(&app, "Bearer whatever").status, 200);
}

#[test]
fn the_token_is_neither_in_the_log_nor_in_an_answer() {
    let running = Running::start_with(&["--set", "log.level=trace"], &[("APP__METRICS__TOKEN", TOKEN)]);
    let mut client = running.client();
    let query = format!("/metrics?token={TOKEN}");
    let mut present =
        |authorization: &str| client.request("GET", "/metrics", &[("authorization", authorization)], b"").unwrap();
    let answers = [
        present(&format!("Bearer {TOKEN}")),
        present(&format!("Basic {TOKEN}")),
        client.get(&query).unwrap(),
        client.get("/").unwrap(),
        client.get("/api/v1/info").unwrap(),
        client.request("GET", "/livez", &[("x-request-id", "the-last")], b"").unwrap(),
    ];
    assert_eq!(answers.each_ref().map(|answer| answer.status), [200, 401, 401, 200, 200, 200]);
    for answer in &answers {
        let body = String::from_utf8_lossy(&answer.body);
        assert!(!format!("{answer:?}").contains(TOKEN) && !body.contains(TOKEN), "{answer:?}");
    }
    running.logged("the last request", |event| event["request_id"] == "the-last");
    let log = running.log();
    assert!(log.contains("/metrics") && !log.contains(TOKEN), "{log}");
}
