use super::{super::Environment, Trial};

#[test]
fn columns_count_characters_not_bytes() {
    let problem =
        Trial::development().file("base.toml", "server = { host = \"ü\", port = -1 }").problems().pop().unwrap();
    assert!(problem.contains("base.toml:1:31"), "{problem}");
}

#[test]
fn columns_are_those_of_the_file_behind_what_is_covered() {
    let problem = Trial::development().file("base.toml", "server = { tokn = \"hunter2\", port = -1 }").problems();
    assert!(problem[1].contains("base.toml:1:37"), "{}", problem[1]);
    assert!(problem[1].contains("server = { tokn = ***, port = -1 }"), "{}", problem[1]);
}

#[test]
fn a_value_of_another_toml_type_is_not_converted() {
    let problems = Trial::development()
        .file(
            "base.toml",
            r#"
                [server]
                port = "8081"
                host = 1
                drain_delay = 1
                [faults]
                never_ready = "true"
                error_rate = true
                latency = ["1s"]
                [log.level]
                x = 1
            "#,
        )
        .problems();
    for written in [
        "server.port: \"8081\" is",
        "server.host: 1 is",
        "server.drain_delay: 1 is",
        "faults.never_ready: \"true\" is",
        "faults.error_rate: true is",
        "faults.latency: [\"1s\"] is",
        "log.level: a table is",
    ] {
        let found = problems.iter().any(|problem| problem.contains(written));
        assert!(found, "{written} not in {problems:#?}");
    }
    assert_eq!(problems.len(), 7, "{problems:#?}");
}

#[test]
fn bounds_are_kept_at_both_ends() {
    for (good, bad) in [
        ("server.port=65535", "server.port=65536"),
        ("server.max_connections=1", "server.max_connections=0"),
        ("server.drain_delay=1m", "server.drain_delay=60001ms"),
        ("server.header_read_timeout=10ms", "server.header_read_timeout=9ms"),
        ("server.shutdown_grace=10m", "server.shutdown_grace=-1s"),
        ("server.host=::", "server.host=localhost"),
        ("faults.error_rate=1.0", "faults.error_rate=NaN"),
        ("faults.error_rate=0", "faults.error_rate=-0.1"),
        ("faults.latency=250ms", "faults.latency=250"),
        ("faults.never_ready=false", "faults.never_ready=no"),
        ("release.name=v1.2.3+g0abc", "release.name=<b>"),
        ("release.colour=green", "release.colour=Green"),
        ("release.name=a", "release.name="),
    ] {
        let trial = Trial::development().flag(good);
        assert!(trial.load().is_ok(), "{good}");
        let trial = Trial::development().flag(bad);
        assert!(trial.problem().contains("is not valid"), "{bad}");
    }
    let longest = format!("release.name={}", "x".repeat(128));
    assert!(Trial::development().flag(&longest).load().is_ok());
    assert!(Trial::development().flag(&(longest + "x")).load().is_err());
}

#[test]
fn every_syntax_error_is_reported_and_nothing_that_follows_from_it() {
    let problems = Trial::development()
        .file("base.toml", "[server]\nport = \nhost = 3\n[log\nlevel = \"info\"\n[faults]\nlatency = \"10\"\n")
        .problems();
    let places: Vec<_> =
        problems.iter().filter_map(|problem| problem.lines().find(|line| line.contains("-->"))).collect();
    assert_eq!(
        places,
        [" --> base.toml:2:7", " --> base.toml:3:8", " --> base.toml:4:5", " --> base.toml:7:11"],
        "{problems:#?}"
    );
}

#[test]
fn behind_a_broken_header_weaker_layers_are_not_judged() {
    let trial = Trial::new(Environment::Production)
        .file("base.toml", "[log]\nlevel = \"debug\"\n")
        .file("production.toml", "[log\nlevel = \"info\"\n");
    assert!(trial.problem().contains("production.toml:1:5"), "{}", trial.problem());
    let trial = trial.variable("APP__SERVER__PORT", "0");
    assert!(trial.problems()[1].contains("0 is refused"), "{:?}", trial.problems());
}

#[test]
fn production_refuses_every_fault() {
    let problems = Trial::new(Environment::Production)
        .file("production.toml", "[faults]\nerror_rate = 0.1\n")
        .variable("APP__FAULTS__LATENCY", "1ms")
        .flag("faults.never_ready=true")
        .flag("faults.start_delay=8s")
        .flag("faults.allocate=1")
        .flag("faults.crash_after=0s")
        .problems();
    assert_eq!(problems.len(), 6, "{problems:#?}");
    let defaults = Trial::new(Environment::Production)
        .flag("faults.error_rate=0")
        .flag("faults.latency=0ms")
        .flag("faults.never_ready=false");
    assert!(defaults.load().is_ok());
}

#[test]
fn only_development_takes_any_port() {
    for environment in [Environment::Staging, Environment::Production] {
        let problem = Trial::new(environment).flag("server.port=0").problem();
        assert!(problem.contains("refused in staging and production"), "{problem}");
    }
    let settings = Trial::development().flag("server.port=0").settings();
    assert_eq!(settings.server.port, 0);
}

#[test]
fn only_production_refuses_a_chatty_log() {
    for level in ["debug", "trace"] {
        let flag = format!("log.level={level}");
        let staging = Trial::new(Environment::Staging).flag(&flag);
        assert!(staging.load().is_ok());
        let production = Trial::new(Environment::Production).flag(&flag);
        assert!(production.problem().contains("refused in production"));
    }
}

#[test]
fn an_invalid_value_hides_the_weaker_one_it_replaces() {
    let problem = Trial::new(Environment::Production)
        .file("base.toml", "[server]\nport = 0\n")
        .variable("APP__SERVER__PORT", "many")
        .problem();
    assert!(problem.contains("\"many\" is not valid"), "{problem}");
}

#[test]
fn a_problem_is_coloured_only_when_asked_to_be() {
    let problems = Trial::development().flag("server.port=80a").load().unwrap_err();
    assert!(!problems.to_string().contains('\u{1b}'), "{problems}");
    let coloured = format!("{problems:#}");
    assert!(coloured.starts_with("\u{1b}["), "{coloured:?}");
}
