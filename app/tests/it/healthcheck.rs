use std::net::TcpListener;

use crate::support::{TestApp, app, run, spawn_app, wait_for};

/// The exit code and the one line it comes with.
fn healthcheck(args: &[&str], port: &str) -> (i32, String) {
    let mut command = app(&[&["healthcheck"], args].concat());
    command.env("APP_ENV", "staging").env("APP__SERVER__PORT", port);
    let (code, output, error) = run(&mut command);
    let line = output + &error;
    assert_eq!(line.lines().count(), 1, "{line}");
    (code, line)
}

fn of(app: &TestApp) -> (i32, String) {
    healthcheck(&[], &app.address.port().to_string())
}

#[test]
fn a_ready_service_is_0() {
    let app = spawn_app(&[]);
    assert_eq!(of(&app), (0, "ready\n".to_owned()));
}

#[test]
fn an_unready_service_is_1_with_its_causes() {
    let (code, line) = of(&spawn_app(&["faults.never_ready=true"]));
    assert_eq!(code, 1);
    assert!(line.contains("answered 503") && line.contains("faults.never_ready"), "{line}");
}

#[test]
fn a_draining_service_is_1() {
    let mut app = spawn_app(&[]);
    app.stop();
    wait_for("readiness to turn", || {
        let (code, line) = of(&app);
        (code == 1 && line.contains("draining")).then_some(())
    });
}

#[test]
fn nobody_there_is_1() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    drop(listener);
    let (code, line) = healthcheck(&[], &port);
    assert_eq!(code, 1);
    assert!(line.contains("refused"), "{line}");
}

#[test]
fn somebody_silent_is_1_in_the_end() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let (code, line) = healthcheck(&[], &port);
    assert_eq!(code, 1, "{line}");
    drop(listener);
}

#[test]
fn a_bad_configuration_is_1_and_points_to_the_check() {
    let (code, line) = healthcheck(&[], "many");
    assert_eq!(code, 1);
    assert!(line.contains("app config check"), "{line}");
}

#[test]
fn a_url_is_asked_instead_of_the_configuration() {
    let app = spawn_app(&["faults.never_ready=true"]);
    let url = |path| format!("http://{}{path}", app.address);
    assert_eq!(healthcheck(&["--url", &url("/livez")], "many").0, 0);
    assert_eq!(healthcheck(&["--url", &url("/readyz")], "many").0, 1);
    assert_eq!(healthcheck(&["--url", &url("/nope")], "many").0, 1);
}

#[test]
fn a_name_that_needs_a_resolver_is_refused() {
    let (code, line) = healthcheck(&["--url", "http://localhost:1/readyz"], "8081");
    assert_eq!(code, 1);
    assert!(line.contains("http://IP:PORT/PATH"), "{line}");
}
