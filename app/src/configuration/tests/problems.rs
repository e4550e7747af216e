use super::{super::Environment, Trial};

#[test]
fn a_bad_value_in_a_file_has_line_and_column() {
    let problem =
        Trial::development().file("base.toml", "# A comment.\n[server]\nhost = \"::1\"\n  port = 70000\n").problem();
    assert_eq!(
        problem,
        "error: server.port: 70000 is not valid\n  --> base.toml:4:10\n  \
         valid: a whole number from 0 to 65535"
    );
}

#[test]
fn columns_count_characters_not_bytes() {
    let problem =
        Trial::development().file("base.toml", "server = { host = \"ü\", port = -1 }").problems().pop().unwrap();
    assert!(problem.contains("base.toml:1:31"), "{problem}");
}

#[test]
fn a_bad_value_in_a_variable_names_it() {
    let problem = Trial::development().variable("APP__LOG__LEVEL", "loud").problem();
    assert_eq!(
        problem,
        "error: log.level: \"loud\" is not valid\n  --> variable APP__LOG__LEVEL\n  \
         valid: one of error, warn, info, debug, trace"
    );
}

#[test]
fn a_bad_value_in_a_flag_names_it() {
    let problem = Trial::development().flag("faults.error_rate=1.5").problem();
    assert_eq!(
        problem,
        "error: faults.error_rate: \"1.5\" is not valid\n  --> flag --set faults.error_rate\n  \
         valid: a number from 0.0 to 1.0"
    );
}

#[test]
fn an_unknown_key_is_an_error_with_a_suggestion() {
    let problem = Trial::development().file("development.toml", "[server]\nprot = 1\n").problem();
    assert_eq!(problem, "error: server.prot: no such setting\n  --> development.toml:2:1\n  did you mean: server.port");
}

#[test]
fn an_unknown_section_is_one_error_with_a_suggestion() {
    let problem = Trial::development().file("base.toml", "[sevrer]\nport = 1\nhost = \"::1\"\n").problem();
    assert!(problem.starts_with("error: sevrer: no such setting\n  --> base.toml:1:2"), "{problem}");
    assert!(problem.ends_with("did you mean: server"), "{problem}");
}

#[test]
fn an_unknown_variable_is_an_error_with_a_suggestion() {
    let problem = Trial::development().variable("APP__SERVER_PORT", "1").problem();
    assert_eq!(
        problem,
        "error: APP__SERVER_PORT: no such setting\n  --> variable APP__SERVER_PORT\n  \
         did you mean: APP__SERVER__PORT"
    );
}

#[test]
fn a_flag_must_be_an_assignment_to_a_setting() {
    let problems = Trial::development().flag("server.port").flag("log.levle=info").problems();
    assert_eq!(problems.len(), 2, "{problems:#?}");
    assert!(problems[0].contains("KEY=VALUE"), "{}", problems[0]);
    assert!(problems[1].ends_with("did you mean: log.level"), "{}", problems[1]);
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
fn a_section_is_not_a_value() {
    let problem = Trial::development().file("base.toml", "server = 8081").problem();
    assert_eq!(problem, "error: server: 8081 is not valid\n  --> base.toml:1:10\n  valid: a section, [server]");
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
        ["  --> base.toml:2:8", "  --> base.toml:3:8", "  --> base.toml:4:5", "  --> base.toml:7:11"],
        "{problems:#?}"
    );
    assert!(problems[0].contains("in `port =`"), "{}", problems[0]);
}

#[test]
fn a_missing_file_is_an_error_with_its_path() {
    let mut trial = Trial::development();
    trial.sources.environment = Environment::Staging;
    let problem = trial.problem();
    assert!(problem.starts_with("error: staging.toml: "), "{problem}");
    assert!(problem.contains("APP_CONFIG_DIR"), "{problem}");
}

#[test]
fn every_layers_problems_come_at_once() {
    let problems = Trial::new(Environment::Production)
        .file("base.toml", "[server]\nport = 70000\n")
        .file("production.toml", "[lgo]\nlevel = \"info\"\n")
        .variable("APP__SERVER__HOST", "localhost")
        .flag("log.level=trace")
        .problems();
    let expected = [
        "error: server.port: 70000",
        "error: lgo: no such setting",
        "error: server.host: \"localhost\"",
        "error: log.level: trace is refused in production",
    ];
    assert_eq!(problems.len(), expected.len(), "{problems:#?}");
    for (problem, start) in problems.iter().zip(expected) {
        assert!(problem.starts_with(start), "{problem}");
    }
}

#[test]
fn production_refuses_every_fault() {
    let problems = Trial::new(Environment::Production)
        .file("production.toml", "[faults]\nerror_rate = 0.1\n")
        .variable("APP__FAULTS__LATENCY", "1ms")
        .flag("faults.never_ready=true")
        .flag("faults.crash_after=0s")
        .problems();
    assert_eq!(problems.len(), 4, "{problems:#?}");
    assert!(
        problems.contains(
            &"error: faults.error_rate: 0.1 is refused in production: faults are for rehearsals\n  \
              --> production.toml:2:14\n  valid: 0.0"
                .to_owned()
        ),
        "{problems:#?}"
    );
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
        assert!(problem.contains(&format!("refused in {environment}")), "{problem}");
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
