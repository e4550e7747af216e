use crate::support::{Response, spawn_app};

#[track_caller]
fn assert_signed(response: &Response, what: &str) {
    assert_eq!(response.header("x-colour"), Some("blue"), "{what}");
    assert_eq!(response.header("x-release"), Some("v7"), "{what}");
    let request_id = response.header("x-request-id");
    assert!(request_id.is_some_and(|id| !id.is_empty()), "{what}");
}

#[test]
fn every_response_names_colour_and_release() {
    let app = spawn_app(&["release.name=v7", "release.colour=blue"]);
    for (path, status) in [
        ("/", 200),
        ("/api/v1/info", 200),
        ("/livez", 200),
        ("/readyz", 200),
        ("/metrics", 200),
        ("/nope", 404),
        ("/api/v1/echo", 405),
    ] {
        let response = app.get(path);
        assert_eq!(response.status, status, "{path}");
        assert_signed(&response, path);
    }
    assert_signed(&app.post("/api/v1/echo", b"x"), "POST");
    let too_long = app.post("/api/v1/echo", &vec![0; 1024 * 1024 + 1]);
    assert_eq!(too_long.status, 413);
    assert_signed(&too_long, "413");
}

#[test]
fn failing_and_unready_responses_name_them_too() {
    let app =
        spawn_app(&["release.name=v7", "release.colour=blue", "faults.error_rate=1.0", "faults.never_ready=true"]);
    for (path, status) in [("/", 500), ("/readyz", 503)] {
        let response = app.get(path);
        assert_eq!(response.status, status);
        assert_signed(&response, path);
    }
}

#[test]
fn a_sane_request_id_is_kept() {
    let app = spawn_app(&[]);
    let longest = "x".repeat(128);
    for id in ["abc-123", "a/b:c=d+e@f._", &longest] {
        let headers = [("X-Request-Id", id)];
        let response = app.client().request("GET", "/livez", &headers, b"");
        assert_eq!(response.unwrap().header("x-request-id"), Some(id));
    }
}

#[test]
fn any_other_request_id_is_replaced_by_a_new_one() {
    let app = spawn_app(&[]);
    let too_long = "x".repeat(129);
    let mut made = Vec::new();
    for id in ["", "a b", "a\"b", "ü", "{}", &too_long] {
        let headers = [("x-request-id", id)];
        let response = app.client().request("GET", "/livez", &headers, b"");
        let response = response.unwrap();
        let new = response.header("x-request-id").unwrap().to_owned();
        assert_ne!(new, id);
        assert_eq!(new.len(), 16, "{new}");
        made.push(new);
    }
    made.sort();
    made.dedup();
    assert_eq!(made.len(), 6, "{made:?}");
}
