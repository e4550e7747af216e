//! `config-lint` on projects whose service is real, and small: what it finds, mends and tells GitHub.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::pipeline::{Scratch, step};
use crate::support::{Fixture, On, Ran, repository};

const DELIVERY: &str = r#"[service]
package = "tiny"
binary = "tiny"
setting_variable = "TINY__{KEY}"
env = { TINY_ENV = "{environment}", TINY__PORT = "{port}" }
health = { ready = "/" }

[service.commands]
config_check = ["check", "--with-secrets"]
config_lint = ["check"]
config_schema = ["schema"]

[service.generated]
"docs/settings.md" = ["reference"]

[proxy]
config = "haproxy.cfg"
image = "tiny-proxy"
dockerfile = "haproxy.Dockerfile"
base_image = "haproxy"

[image]
repository = "tiny"
dockerfile = "Dockerfile"

[environments.production]
runtime = "process"
profile = "release"
listen = "127.0.0.1:1"
colours = { blue = "127.0.0.1:2", green = "127.0.0.1:3" }
rollout = { steps = [{ set_weight = 100 }], bake = "1s", keep_warm = "1m" }

[environments.production.secrets]
"metrics.token" = { env = "TINY__METRICS__TOKEN" }
"#;

const MAIN: &str = r##"//! Tiny.

const SCHEMA: &str = r#"{
    "x-variable-prefix": "TINY__",
    "x-variables": ["TINY_ENV"],
    "properties": {
        "port": { "x-variable": "TINY__PORT" },
        "metrics": { "properties": { "token": {
            "x-variable": "TINY__METRICS__TOKEN", "x-secret": true, "x-file-variable": "TINY__METRICS__TOKEN_FILE",
            "x-secret-file": "metrics.token", "x-required-in": ["production"]
        } } }
    }
}"#;

fn main() {
    let args: Vec<_> = std::env::args().skip(1).collect();
    match args.join(" ").as_str() {
        "check" => assert_eq!(std::env::var("TINY_ENV").as_deref(), Ok("production")),
        "schema" => println!("{SCHEMA}"),
        "reference" => println!("# Settings\n\nTINY__PORT"),
        other => panic!("{other}"),
    }
}
"##;

/// A project that everything is right with.
fn tiny() -> Scratch {
    let scratch = Scratch::new();
    let haproxy = "defaults\n  mode http\n  timeout connect 1s\n  timeout client 1s\n  timeout server 1s\nfrontend tiny\n  bind 127.0.0.1:9\n";
    for (path, text) in [
        ("config/delivery.toml", DELIVERY),
        ("src/main.rs", MAIN),
        ("Cargo.lock", "version = 4\n\n[[package]]\nname = \"tiny\"\nversion = \"0.1.0\"\n"),
        ("docs/settings.md", "# Settings\n\nTINY__PORT\n"),
        ("haproxy.cfg", haproxy),
        ("Dockerfile", "FROM scratch\nENV TINY__PORT=1\n"),
        ("scripts/hello.sh", "#!/bin/sh\necho \"$TINY__PORT\"\n"),
    ] {
        scratch.write(path, text);
    }
    scratch
}

fn command(root: &std::path::Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg("config-lint").args(args).current_dir(root).stdin(Stdio::null());
    ["GITHUB_ACTIONS", "GITHUB_WORKSPACE", "CARGO_TARGET_DIR"].iter().for_each(|name| {
        command.env_remove(name);
    });
    command
}

fn lint(scratch: &Scratch, args: &[&str]) -> Ran {
    Ran::from(command(scratch.root(), args).output().unwrap())
}

#[test]
fn a_file_that_has_drifted_is_told_at_its_line_and_mended_when_asked() {
    let scratch = tiny();
    lint(&scratch, &[]).ok();
    scratch.write("docs/settings.md", "# Settings\n\nTINY__PROT\n");
    let told = ["docs/settings.md:3: is not what `tiny reference` prints: cargo xtask config-lint --fix"];
    lint(&scratch, &[]).refused(78, &told);
    assert_eq!(scratch.read("docs/settings.md"), "# Settings\n\nTINY__PROT\n");
    // What is left is told as ever.
    scratch.write("scripts/hello.sh", "#!/bin/sh\necho \"$TINY__PROT\"\n");
    let ran = lint(&scratch, &["--fix"]).refused(78, &["wrote docs/settings.md, which `tiny reference` prints"]);
    assert!(ran.stderr.contains("scripts/hello.sh:2: TINY__PROT") && !ran.stderr.contains("is not what"), "{ran:?}");
    assert_eq!(scratch.read("docs/settings.md"), "# Settings\n\nTINY__PORT\n");
    scratch.write("scripts/hello.sh", "#!/bin/sh\n");
    lint(&scratch, &[]).ok();
}

#[test]
fn every_file_that_is_wrong_about_a_variable_or_a_secret_is_told_in_one_run() {
    let scratch = tiny();
    scratch.write(
        "config/delivery.toml",
        &DELIVERY.replace("metrics.token", "metrics.tokn").replace("TINY__PORT", "TINY__PROT"),
    );
    scratch.write("Dockerfile", "FROM scratch\nARG TINY__METRICS__TOKEN\n");
    scratch.write("scripts/hello.sh", "#!/bin/sh\necho \"$TINY__HOST\"\n");
    scratch.write("deploy/compose.yml", "services:\n  tiny:\n    environment:\n      TINY__METRICS__TOKEN: ${TOKEN}\n");
    scratch.write(".github/workflows/a.yml", "env:\n  TINY__METRICS__TOKEN: geheim\n");
    let ran = lint(&scratch, &["--json"]).refused(78, &["did you mean: TINY__PORT", "did you mean: metrics.token"]);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(told["ok"], false);
    let places = told["findings"].as_array().unwrap().iter().map(|finding| {
        let place = &finding["place"];
        format!("{}:{}", place["file"].as_str().unwrap(), place["line"])
    });
    let mut places: Vec<_> = places.collect();
    places.sort();
    let expected = [
        ".github/workflows/a.yml:2",
        "Dockerfile:2",
        // The secret that is missing, and the one that is nearly it.
        "config/delivery.toml:33",
        "config/delivery.toml:34",
        "config/delivery.toml:5",
        "deploy/compose.yml:4",
        "scripts/hello.sh:2",
    ];
    assert_eq!(places, expected, "{}", ran.stdout);
}

#[test]
fn github_is_shown_each_finding_once_whoever_has_run_it() {
    let scratch = tiny();
    scratch.write("scripts/hello.sh", "#!/bin/sh\necho \"$TINY__PROT\"\n");
    let begins = "::error file=scripts/hello.sh,line=2,title=";
    let message = "::TINY__PROT is no variable the service reads%0Adid you mean: TINY__PORT";
    let shown = |ran: &Ran| {
        let lines: Vec<_> = ran.stderr.lines().filter(|line| line.contains("::error")).map(str::to_owned).collect();
        assert!(lines.iter().all(|line| line.starts_with("::error ")), "{}", ran.stderr);
        let of_it: Vec<_> = lines.into_iter().filter(|line| line.starts_with(begins)).collect();
        let [line] = &of_it[..] else { panic!("{}", ran.stderr) };
        assert!(line.ends_with(message), "{line}");
    };
    let mut alone = command(scratch.root(), &[]);
    let alone = alone.env("GITHUB_ACTIONS", "true").env("GITHUB_WORKSPACE", scratch.root());
    shown(&Ran::from(alone.output().unwrap()).refused(78, &[]));
    let mut ci = scratch.ci(&["--only", "config"]);
    let ci = ci.env("GITHUB_ACTIONS", "true").env("GITHUB_WORKSPACE", scratch.root());
    let ran = Ran::from(ci.output().unwrap());
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    shown(&ran);
    let report = scratch.report();
    let place = &step(&report, "config")["issues"][0]["place"];
    assert_eq!((&place["file"], &place["line"]), (&"scripts/hello.sh".into(), &2.into()), "{report}");
}

#[test]
fn a_change_of_a_workflow_or_of_what_is_generated_makes_the_step_run_again() {
    let scratch = tiny();
    let verdict = || {
        scratch.run(&["--only", "config"]);
        step(&scratch.report(), "config")["verdict"].as_str().unwrap().to_owned()
    };
    assert_eq!(verdict(), "passed");
    assert_eq!(verdict(), "fresh");
    scratch.write(".github/workflows/a.yml", "env:\n  TINY__PROT: 1\n");
    assert_eq!(verdict(), "failed");
    scratch.write(".github/workflows/a.yml", "env:\n  TINY__PORT: 1\n");
    assert_eq!(verdict(), "passed");
    scratch.write("docs/settings.md", "drifted\n");
    assert_eq!(verdict(), "failed");
    scratch.run(&["--only", "config", "--fix"]).ok();
    assert_eq!(scratch.read("docs/settings.md"), "# Settings\n\nTINY__PORT\n");
}

#[test]
fn a_mistake_in_delivery_toml_itself_is_told_as_any_other() {
    let scratch = tiny();
    scratch.write("config/delivery.toml", &DELIVERY.replace("\"metrics.token\"", "\"../token\""));
    let ran = lint(&scratch, &["--json"])
        .refused(78, &["config/delivery.toml:34: environments.production.secrets: `../token`"]);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(told["findings"][0]["place"]["line"], 34, "{told}");
}

/// The reference service's own check, in a project that builds nothing of it.
#[test]
fn what_the_reference_service_refuses_is_told_at_the_line_of_its_file() {
    let fixture = Fixture::new(On::Process);
    let service = xtask::cargo::build(repository(), "app", "app", "dev").unwrap();
    let main = format!(
        "//! Passes everything on.\nuse std::os::unix::process::CommandExt as _;\nfn main() {{\n    let error = \
         std::process::Command::new({service:?}).args(std::env::args_os().skip(1)).exec();\n    panic!(\"{{error}}\");\n}}\n"
    );
    std::fs::create_dir(fixture.root().join("src")).unwrap();
    fixture.write("src/main.rs", &main);
    fixture.write("Cargo.toml", "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n");
    let delivery = fixture.read("config/delivery.toml");
    let floor = delivery.lines().find(|line| line.starts_with("floor = ")).unwrap();
    fixture.edit_delivery(floor, "floor = {}");
    let base = fixture.read("config/base.toml");
    fixture.write("config/base.toml", &format!("{base}\n[sever]\nport = 1\n"));
    let mut told = command(fixture.root(), &[]);
    let ran =
        Ran::from(told.output().unwrap()).refused(78, &["in development, production, staging: sever: no such setting"]);
    let line = base.lines().count() + 2;
    assert!(ran.stderr.contains(&format!("  | config/base.toml:{line}: in ")), "{}", ran.stderr);
}
