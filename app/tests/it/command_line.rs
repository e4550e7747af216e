use std::{ffi::OsStr, fs, io::pipe, os::unix::ffi::OsStrExt};

use tempfile::TempDir;

use crate::support::{app, run};

#[test]
fn the_shipped_configuration_is_good_everywhere() {
    let (code, output, problems) = run(&mut app(&["config", "check", "--all"]));
    assert_eq!(problems, "");
    assert_eq!(output, "ok development\nok staging\nok production\n");
    assert_eq!(code, 0);
}

#[test]
fn a_check_is_of_the_chosen_environment() {
    let (code, output, _) = run(app(&["config", "check", "--without-secrets"]).env("APP_ENV", "staging"));
    assert_eq!((code, output.as_str()), (0, "ok staging\n"));
    let mut command = app(&["config", "check", "--without-secrets", "--env", "production"]);
    let (code, output, _) = run(command.env("APP_ENV", "staging"));
    assert_eq!((code, output.as_str()), (0, "ok production\n"));
}

#[test]
fn a_check_reports_every_problem_and_exits_78() {
    let mut command = app(&["config", "check", "--without-secrets", "--set", "log.level=debug"]);
    command.env("APP_ENV", "production").env("APP__SERVER__PROT", "1").env("APP__FAULTS__NEVER_READY", "true");
    let (code, output, problems) = run(&mut command);
    assert_eq!((code, output.as_str()), (78, ""));
    let starts: Vec<_> = problems.lines().filter(|line| line.starts_with("error")).collect();
    assert_eq!(
        starts,
        [
            "error: APP__SERVER__PROT: no such setting",
            "error: faults.never_ready: true is refused in production: faults are for rehearsals",
            "error: log.level: debug is refused in production: \
             it floods the log and slows every request",
        ]
    );
}

#[test]
fn checking_all_is_of_the_files_and_tells_each_problem_once() {
    let folder = TempDir::new().unwrap();
    for (file, text) in [
        ("base.toml", "[server]\nport = 70000\n"),
        ("development.toml", "[log]\nlevel = \"debug\"\n"),
        ("staging.toml", ""),
        ("production.toml", "[log]\nlevel = \"debug\"\n"),
    ] {
        fs::write(folder.path().join(file), text).unwrap();
    }
    let mut command = app(&["config", "check", "--all", "--config-dir"]);
    command.arg(folder.path()).env("APP__SERVER__HOST", "not even an address");
    let (code, _, problems) = run(&mut command);
    assert_eq!(code, 78);
    assert_eq!(problems.matches("error: ").count(), 2, "{problems}");
    assert_eq!(problems.matches("base.toml:2:8").count(), 1, "{problems}");
    assert_eq!(problems.matches("production.toml:2:9").count(), 1, "{problems}");
}

#[test]
fn serving_refuses_what_the_check_refuses() {
    let (code, _, problems) = run(&mut app(&["--env", "production", "--set", "server.port=0"]));
    assert_eq!(code, 78);
    assert!(problems.starts_with("error: server.port: 0 is refused"), "{problems}");
}

#[test]
fn a_server_without_an_environment_exits_78_naming_the_variable() {
    let (code, _, problems) = run(&mut app(&["serve"]));
    assert_eq!(code, 78);
    assert!(problems.contains("APP_ENV"), "{problems}");
    let (code, _, problems) = run(app(&["serve"]).env("APP_ENV", "prod"));
    assert_eq!(code, 78);
    assert!(problems.contains("did you mean `production`?"), "{problems}");
}

#[test]
fn flags_count_in_front_of_the_subcommand_and_behind() {
    let (code, _, problems) =
        run(&mut app(&["--set", "server.port=x", "--env", "staging", "config", "check", "--set", "log.level=x"]));
    assert_eq!(code, 78);
    for path in ["server.port", "log.level"] {
        assert!(problems.contains(&format!("error: {path}")), "{problems}");
    }
}

#[test]
fn a_variable_that_is_not_unicode_is_an_error_like_any_other() {
    let mut command = app(&["config", "check", "--env", "staging"]);
    command.env("APP__RELEASE__NAME", OsStr::from_bytes(b"v\xff"));
    let (code, _, problems) = run(&mut command);
    assert_eq!(code, 78);
    assert!(problems.contains("variable APP__RELEASE__NAME"), "{problems}");
}

#[test]
fn a_closed_standard_output_changes_nothing() {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let output = app(&["config", "check", "--all"]).stdout(writer).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
