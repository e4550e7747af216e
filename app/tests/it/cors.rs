use crate::support::{Response, TestApp, spawn_app};

const SHOP: &str = "https://shop.example";
const TILL: &str = "http://localhost:3000";

fn from_both(more: &[&str]) -> TestApp {
    let origins = format!("cors.allowed_origins={SHOP}, {TILL}");
    spawn_app(&[&[origins.as_str()], more].concat())
}

/// What a browser asks before a POST that sends JSON.
fn preflight(app: &TestApp, path: &str, origin: &str) -> Response {
    let headers = [
        ("origin", origin),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type"),
    ];
    app.ask("OPTIONS", path, &headers)
}

fn simple(app: &TestApp, path: &str, origin: &str) -> Response {
    app.ask("GET", path, &[("origin", origin)])
}

#[track_caller]
fn assert_says_nothing(response: &Response) {
    let told = response.headers().find(|(name, _)| name.starts_with("access-control-"));
    assert_eq!(told, None, "{response:?}");
}

#[test]
fn an_origin_on_the_list_may_call_and_is_told_so_by_name() {
    let app = from_both(&[]);
    for origin in [SHOP, TILL] {
        let response = simple(&app, "/api/v1/info", origin);
        assert_eq!(response.status, 200);
        assert_eq!(response.header("access-control-allow-origin"), Some(origin));
        assert_eq!(response.header("vary"), Some("origin"));
        assert_eq!(response.header("access-control-allow-credentials"), None);
    }
}

#[test]
fn a_preflight_is_answered_without_asking_the_route() {
    let app = from_both(&["faults.error_rate=1.0"]);
    let response = preflight(&app, "/api/v1/echo", SHOP);
    assert_eq!(response.status, 200);
    assert_eq!(response.body, b"");
    assert_eq!(response.header("access-control-allow-origin"), Some(SHOP));
    assert_eq!(response.header("access-control-allow-methods"), Some("GET,HEAD,POST"));
    assert_eq!(response.header("access-control-allow-headers"), Some("content-type,x-request-id"));
    assert_eq!(response.header("access-control-max-age"), Some("600"));
    assert_eq!(response.header("vary"), Some("origin"));
    assert!(response.header("x-release").is_some());
}

#[test]
fn any_other_origin_is_told_nothing() {
    let app = from_both(&["cors.allow_credentials=true"]);
    for origin in [
        "https://evil.example",
        "http://shop.example",
        "https://shop.example:8443",
        "https://shop.example.evil.example",
        "https://SHOP.example",
        "null",
        "*",
    ] {
        for response in [simple(&app, "/api/v1/info", origin), preflight(&app, "/api/v1/echo", origin)] {
            assert_eq!(response.status, 200, "{origin}");
            assert_says_nothing(&response);
            // A cache must not give this answer to one that may.
            assert_eq!(response.header("vary"), Some("origin"), "{origin}");
        }
    }
    let without = app.get("/api/v1/info");
    assert_says_nothing(&without);
    assert_eq!(without.header("vary"), Some("origin"));
}

#[test]
fn a_star_lets_every_origin_call() {
    let app = spawn_app(&["cors.allowed_origins=*"]);
    for response in [simple(&app, "/api/v1/info", SHOP), preflight(&app, "/api/v1/echo", "https://any.example")] {
        assert_eq!(response.status, 200);
        assert_eq!(response.header("access-control-allow-origin"), Some("*"));
        assert_eq!(response.header("access-control-allow-credentials"), None);
    }
}

#[test]
fn cookies_may_come_along_where_that_is_set() {
    let app = from_both(&["cors.allow_credentials=true"]);
    for response in [simple(&app, "/api/v1/info", SHOP), preflight(&app, "/api/v1/echo", SHOP)] {
        assert_eq!(response.header("access-control-allow-origin"), Some(SHOP));
        assert_eq!(response.header("access-control-allow-credentials"), Some("true"));
    }
}

#[test]
fn a_page_can_read_what_went_wrong() {
    let app = from_both(&["faults.error_rate=1.0"]);
    let failed = simple(&app, "/api/v1/info", SHOP);
    assert_eq!(failed.status, 500);
    assert_eq!(failed.header("access-control-allow-origin"), Some(SHOP));
    let missing = simple(&from_both(&[]), "/nope", SHOP);
    assert_eq!(missing.status, 404);
    assert_eq!(missing.header("access-control-allow-origin"), Some(SHOP));
}

#[test]
fn probes_are_for_no_page() {
    for app in [from_both(&[]), spawn_app(&["cors.allowed_origins=*"])] {
        for path in ["/livez", "/readyz", "/metrics"] {
            let response = simple(&app, path, SHOP);
            assert_eq!(response.status, 200, "{path}");
            assert_says_nothing(&response);
            let response = preflight(&app, path, SHOP);
            assert_eq!(response.status, 405, "{path}");
            assert_says_nothing(&response);
        }
    }
}

#[test]
fn without_a_list_nobody_is_told_anything() {
    let app = spawn_app(&[]);
    let response = simple(&app, "/api/v1/info", SHOP);
    assert_eq!(response.header("vary"), None);
    assert_says_nothing(&response);
    let response = preflight(&app, "/api/v1/echo", SHOP);
    assert_eq!(response.status, 405);
    assert_says_nothing(&response);
}
