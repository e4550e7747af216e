use std::process;

use crate::support::{Client, spawn_app};

#[test]
fn a_tunnel_gives_back_what_comes_and_is_opened_for_nothing_else() {
    let app = spawn_app(&[]);
    let mut client = Client::connect(app.address).unwrap();
    assert_eq!(client.get("/api/v1/tunnel").unwrap().status, 426);
    let upgrade = [("connection", "upgrade"), ("upgrade", "echo")];
    assert_eq!(client.request("GET", "/api/v1/tunnel", &upgrade, b"").unwrap().status, 101);
    for word in ["one\n", "two\n"] {
        client.write(word.as_bytes()).unwrap();
        assert_eq!(client.line().unwrap(), word.trim_end());
    }
}

#[test]
fn the_page_shows_release_colour_and_environment() {
    let app = spawn_app(&["release.name=v7", "release.colour=green"]);
    let page = app.get("/");
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    for shown in [
        "<title>v7 (green, development)</title>",
        "<h1 id=\"release\">v7</h1>",
        "<dd id=\"colour\">green</dd>",
        "<dd id=\"environment\">development</dd>",
        "fetch(\"/api/v1/info\"",
    ] {
        assert!(page.text().contains(shown), "{shown}");
    }
}

#[test]
fn the_page_loads_nothing_from_elsewhere() {
    let page = spawn_app(&[]).get("/");
    for outside in ["http:", "https:", "//", "src=", "@import", "{release}"] {
        assert!(!page.text().contains(outside), "{outside}");
    }
}

#[test]
fn info_tells_who_answers() {
    let app = spawn_app(&["release.name=v7", "release.colour=blue"]);
    let response = app.get("/api/v1/info");
    assert_eq!(response.status, 200);
    assert_eq!(response.header("cache-control"), Some("no-store"));
    let info = response.json();
    assert_eq!(info["release"], "v7");
    assert_eq!(info["colour"], "blue");
    assert_eq!(info["environment"], "development");
    assert_eq!(info["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(info["pid"], process::id());
    assert!(!info["hostname"].as_str().unwrap().is_empty());
    assert!(info["uptime_seconds"].as_u64().unwrap() < 60);
    let started_at = info["started_at"].as_str().unwrap();
    assert_eq!(started_at.len(), "2026-11-22T21:00:00Z".len());
    assert!(started_at.ends_with('Z'));
}

#[test]
fn echo_gives_the_body_back_up_to_its_limit() {
    let app = spawn_app(&[]);
    for body in [&b""[..], b"hello", &[0xff; 4096], &vec![b'x'; 1024 * 1024]] {
        let response = app.post("/api/v1/echo", body);
        assert_eq!(response.status, 200);
        assert!(response.body == body, "{} bytes", body.len());
    }
    let too_long = vec![b'x'; 1024 * 1024 + 1];
    assert_eq!(app.post("/api/v1/echo", &too_long).status, 413);
}

#[test]
fn a_healthy_service_is_alive_and_ready() {
    let app = spawn_app(&[]);
    let alive = app.get("/livez");
    assert_eq!((alive.status, alive.text()), (200, r#"{"status":"alive"}"#));
    let ready = app.get("/readyz");
    assert_eq!((ready.status, ready.text()), (200, r#"{"status":"ready"}"#));
}

#[test]
fn what_is_not_there_is_404_and_what_is_not_allowed_405() {
    let app = spawn_app(&[]);
    let missing = app.get("/nope");
    assert_eq!(missing.status, 404);
    assert_eq!(missing.json()["error"], "not found");
    assert_eq!(app.post("/api/v1/info", b"").status, 405);
    assert_eq!(app.get("/api/v1/echo").status, 405);
}
