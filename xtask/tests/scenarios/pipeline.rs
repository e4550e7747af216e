//! The pipeline on projects that are broken on purpose: each step says so, and everything that tells of a run tells it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use crate::support::{Ran, repository};

/// A workspace of one small package that every step is content with which needs no service, in a repository of its own.
pub struct Scratch(PathBuf);

const FILES: [(&str, &str); 5] = [
    ("config/delivery.toml", ""),
    ("Cargo.toml", "[package]\nname = \"tiny\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n"),
    ("src/lib.rs", "//! Tiny.\n"),
    (".ci/run", "#!/bin/sh\nset -eu\n"),
    ("scripts/hello.sh", "#!/bin/sh\necho hello\n"),
];

/// A script that shellcheck objects to, and the format that rustfmt does.
const UNQUOTED: &str = "#!/bin/sh\necho $1\n";
const UNFORMATTED: &str = "//! Tiny.\n\n/// One.\npub fn one()->u8{1}\n";

impl Scratch {
    pub fn new() -> Scratch {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("switchyard-pipeline-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let scratch = Scratch(std::env::temp_dir().join(name));
        FILES.iter().for_each(|(path, text)| scratch.write(path, text));
        scratch.write("xtask/src/host/agent.sh", "#!/bin/sh\ntrue\n");
        scratch.write(".gitignore", "target/\n");
        scratch.commit();
        scratch
    }

    pub fn root(&self) -> &Path {
        &self.0
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.0.join(path)).unwrap()
    }

    /// What the last run has left for programs.
    pub fn report(&self) -> Value {
        serde_json::from_str(&self.read("target/xtask/ci.json")).unwrap()
    }

    fn commit(&self) {
        let identity = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"];
        for args in [&["init", "--quiet"][..], &["add", "--all"], &["commit", "--quiet", "--message", "first"]] {
            assert!(Command::new("git").args(identity).args(args).current_dir(&self.0).status().unwrap().success());
        }
    }

    /// `cargo xtask ci`, as on a person's machine whatever the tests themselves run on.
    pub fn ci(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.arg("ci").args(args).current_dir(&self.0).stdin(Stdio::null());
        let variables = ["CI", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE", "CARGO_TARGET_DIR"];
        variables.iter().for_each(|name| {
            command.env_remove(name);
        });
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::from(self.ci(args).output().unwrap())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The report on one step, of those of a run.
pub fn step<'a>(report: &'a Value, id: &str) -> &'a Value {
    report["steps"].as_array().unwrap().iter().find(|step| step["id"] == id).unwrap()
}

/// Fails unless a parser of XML takes it, and the root's counts are these; where Python is there to parse it.
#[track_caller]
fn assert_junit(path: &Path, tests: &str, failures: &str) {
    let script =
        "import json, sys, xml.etree.ElementTree as tree; print(json.dumps(tree.parse(sys.argv[1]).getroot().attrib))";
    let Ok(parsed) = Command::new("python3").args(["-c", script]).arg(path).output() else {
        println!("skipped: there is no `python3` to parse {}", path.display());
        return;
    };
    assert!(parsed.status.success(), "{}", String::from_utf8_lossy(&parsed.stderr));
    let root: Value = serde_json::from_slice(&parsed.stdout).unwrap();
    assert_eq!((&root["tests"], &root["failures"]), (&tests.into(), &failures.into()), "{root}");
}

/// Whether scripts can be checked here. On a CI system the step `scripts` has seen to it.
fn shellcheck_is_here() -> bool {
    let is_here = Command::new("shellcheck").arg("--version").output().is_ok();
    assert!(is_here || !xtask::packages::is_ci(), "there is no `shellcheck`");
    if !is_here {
        println!("skipped: there is no `shellcheck`");
    }
    is_here
}

const FORMAT_AND_SCRIPTS: [&str; 5] = ["--only", "format", "--only", "scripts", "--keep-going"];

fn broken() -> Scratch {
    let scratch = Scratch::new();
    scratch.write("src/lib.rs", UNFORMATTED);
    scratch.write("scripts/hello.sh", UNQUOTED);
    scratch
}

#[test]
fn what_fails_is_told_to_people_and_to_programs_with_place_and_remedy() {
    if !shellcheck_is_here() {
        return;
    }
    let scratch = broken();
    let ran = scratch.run(&FORMAT_AND_SCRIPTS).refused(
        1,
        &["2 of 2 steps failed: format, scripts.", "next: cargo fmt --all", "next: shellcheck", "Diff in ", "SC2086"],
    );
    for part in ["FAILED   format ", "FAILED   scripts", "critical path: ", "2 failed", "target/xtask/ci/report.md"] {
        assert!(ran.stdout.contains(part), "`{part}` is not in:\n{}", ran.stdout);
    }

    let report = scratch.report();
    let (run, format, scripts) = (&report["run"], step(&report, "format"), step(&report, "scripts"));
    assert_eq!((&run["verdict"], &run["clean"]), (&"failed".into(), &false.into()), "{run}");
    assert_eq!((&format["verdict"], &scripts["verdict"]), (&"failed".into(), &"failed".into()));
    let place = &format["issues"][0]["place"];
    assert_eq!((&place["file"], place["line"].is_u64()), (&"src/lib.rs".into(), true), "{format}");
    let issue = &scripts["issues"][0];
    assert_eq!((&issue["code"], &issue["place"]["file"]), (&"SC2086".into(), &"scripts/hello.sh".into()), "{scripts}");
    assert_eq!((&format["fix"], &format["files"]), (&"cargo fmt --all".into(), &2.into()), "{format}");

    let markdown = scratch.read("target/xtask/ci/report.md");
    for part in
        ["# Project status: 2 of ", "## format: failed", "`src/lib.rs:4", "`scripts/hello.sh:2`", "`cargo fmt --all`"]
    {
        assert!(markdown.contains(part), "`{part}` is not in:\n{markdown}");
    }
    assert_junit(&scratch.root().join("target/xtask/ci/junit.xml"), "2", "2");
    let alone: Value = serde_json::from_str(&scratch.read("target/xtask/ci/reports/format.json")).unwrap();
    assert_eq!((&alone["run"]["commit"], &alone["step"]), (&run["commit"], format));
    assert!(scratch.read("target/xtask/ci/reports/format.md").starts_with("## format: failed"));
}

#[test]
fn the_project_s_status_knows_what_earlier_runs_have_found_out() {
    if !shellcheck_is_here() {
        return;
    }
    let scratch = Scratch::new();
    scratch.run(&FORMAT_AND_SCRIPTS).ok();
    scratch.write("scripts/hello.sh", UNQUOTED);
    let printed: Value = serde_json::from_str(&scratch.run(&["--only", "format", "--json"]).ok().stdout).unwrap();
    let report = scratch.report();
    assert_eq!(printed, report);
    assert_eq!(step(&report, "format")["verdict"], "fresh");
    let standing = |id: &str| {
        let steps = report["status"]["steps"].as_array().unwrap();
        steps.iter().find(|step| step["id"] == id).unwrap()
    };
    assert_eq!(standing("format")["stands"], "holds");
    let scripts = standing("scripts");
    assert_eq!((&scripts["stands"], &scripts["reason"]), (&"outdated".into(), &"scripts/hello.sh has changed".into()));
    assert!(scripts["at"].is_string(), "{scripts}");
    assert_eq!(standing("lint")["stands"], "unknown");

    scratch.run(&["--only", "scripts"]).refused(1, &["SC2086"]);
    let changed = step(&scratch.report(), "scripts")["changed"]["files"].clone();
    assert_eq!(changed, Value::from(vec!["scripts/hello.sh"]));
    scratch.run(&["--only", "format", "--since", "HEAD"]).ok();
    assert_eq!(scratch.report()["steps"], Value::from(Vec::<Value>::new()));
    assert_eq!(scratch.report()["status"]["stands"], "failed");
}

#[test]
fn github_is_told_where_and_gets_a_summary_within_its_limits() {
    if !shellcheck_is_here() {
        return;
    }
    let scratch = broken();
    scratch.write("scripts/hello.sh", &format!("#!/bin/sh\n{}# ::error::mine\n", "echo $1\n".repeat(30)));
    let summary = scratch.root().join("target/summary.md");
    let mut ci = scratch.ci(&FORMAT_AND_SCRIPTS);
    ci.env("CI", "true").env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", &summary);
    let ran = Ran::from(ci.env("GITHUB_WORKSPACE", scratch.root()).output().unwrap()).refused(1, &["2 of 2 steps"]);

    let lines: Vec<_> = ran.stderr.lines().collect();
    let count = |start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
    assert_eq!((count("::group::"), count("::endgroup::"), count("::stop-commands::")), (2, 2, 2), "{}", ran.stderr);
    let format = "::error file=src/lib.rs,line=";
    assert_eq!(count(format), 1, "{}", ran.stderr);
    assert_eq!(count("::error title=scripts::shellcheck "), 1, "{}", ran.stderr);
    assert_eq!((count("::warning file=scripts/hello.sh,line="), count("::notice ")), (10, 1), "{}", ran.stderr);
    let summary = fs::read_to_string(summary).unwrap();
    assert!(summary.starts_with("# Project status: 2 of ") && summary.len() < 1 << 20, "{summary}");
}

#[test]
fn a_summary_that_would_be_too_long_leaves_out_what_matters_least() {
    if !shellcheck_is_here() {
        return;
    }
    let scratch = broken();
    let summary = scratch.root().join("summary.md");
    let earlier = "x".repeat((1 << 20) - 8000);
    fs::write(&summary, &earlier).unwrap();
    // Twenty long messages for the report, and a log that is longer.
    scratch.write("scripts/hello.sh", &format!("#!/bin/sh\n{}", format!("echo $1 {}\n", "y".repeat(300)).repeat(60)));
    let mut ci = scratch.ci(&FORMAT_AND_SCRIPTS);
    ci.env("CI", "true").env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", &summary);
    Ran::from(ci.output().unwrap()).refused(1, &["2 of 2 steps"]);
    let written = fs::read_to_string(&summary).unwrap();
    assert!(written.len() <= 1 << 20, "{}", written.len());
    let added = written.strip_prefix(&earlier).unwrap();
    assert!(added.contains("Left out here, for want of room") && added.contains("| `scripts` | **failed**"), "{added}");
}

#[test]
fn tests_that_fail_are_told_by_name_with_the_line_and_the_message() {
    let scratch = Scratch::new();
    let test = "#[test]\nfn bad() {\n    assert_eq!(1, 2, \"<&> one, two: \u{1b}[1m%\");\n}\n";
    scratch.write("tests/tiny.rs", &format!("{test}#[test]\nfn good() {{\n    println!(\"::error::mine\");\n}}\n"));
    let nextest = fs::read_to_string(repository().join(".config/nextest.toml")).unwrap();
    scratch.write(".config/nextest.toml", &nextest);
    assert!(Command::new("cargo").arg("generate-lockfile").current_dir(scratch.root()).status().unwrap().success());
    let mut ci = scratch.ci(&["--only", "test"]);
    let ran = Ran::from(ci.env("GITHUB_ACTIONS", "true").output().unwrap());
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    let annotation = "::error file=tests/tiny.rs,line=3,col=5,title=test%3A tiny%3A%3Atiny bad::assertion `left == right` \
                      failed: <&> one, two: %25%0A  left: 1%0A right: 2\n";
    assert!(ran.stderr.contains(annotation), "{}", ran.stderr);

    let report = scratch.report();
    let step = step(&report, "test");
    assert_eq!((&step["tests"], &step["failed_tests"]), (&1.into(), &Value::from(vec!["tiny::tiny bad"])), "{step}");
    let junit = scratch.root().join("target/xtask/ci/junit.xml");
    assert_junit(&junit, "2", "1");
    assert!(fs::read_to_string(junit).unwrap().contains("<testsuite name=\"test: tiny::tiny\""));
}

/// What `--why` says of a step.
fn why(command: &mut Command, step: &str) -> String {
    let ran = Ran::from(command.arg("--why").output().unwrap()).ok();
    ran.stdout.lines().find_map(|line| line.strip_prefix(step)).unwrap().trim().to_owned()
}

#[test]
fn a_change_of_each_kind_makes_a_step_run_again_and_nothing_else_does() {
    if !shellcheck_is_here() {
        return;
    }
    let scratch = Scratch::new();
    assert!(Command::new("cargo").arg("generate-lockfile").current_dir(scratch.root()).status().unwrap().success());
    let steps = ["--only", "scripts", "--only", "build"];
    let verdicts = |args: &[&str]| {
        scratch.run(&[&steps, args].concat()).ok();
        let report = scratch.report();
        ["scripts", "build"].map(|id| step(&report, id)["verdict"].as_str().unwrap().to_owned())
    };
    assert_eq!(verdicts(&[]), ["passed", "passed"]);
    assert_eq!(verdicts(&[]), ["fresh", "fresh"]);
    assert_eq!(verdicts(&["--no-cache"]), ["passed", "passed"]);
    let on_ci = |args: &[&str]| {
        let mut ci = scratch.ci(&[&["--only", "build", "--json"], args].concat());
        let report: Value =
            serde_json::from_str(&Ran::from(ci.env("CI", "true").output().unwrap()).ok().stdout).unwrap();
        step(&report, "build")["verdict"].clone()
    };
    assert_eq!((on_ci(&[]), on_ci(&["--cache"])), ("passed".into(), "fresh".into()));

    scratch.write("README.md", "Read me.\n");
    assert_eq!(verdicts(&[]), ["fresh", "fresh"]);
    scratch.write("src/lib.rs", "//! Tiny, and changed.\n");
    assert_eq!(verdicts(&[]), ["fresh", "passed"]);
    scratch.write("scripts/hello.sh", "#!/bin/sh\necho changed\n");
    assert_eq!(verdicts(&[]), ["passed", "passed"]);

    let mut ci = scratch.ci(&steps);
    assert_eq!(
        why(ci.env("RUSTFLAGS", "--cfg other"), "build"),
        "runs   the variable RUSTFLAGS was nothing, is --cfg other"
    );
    let program = |name: &str, says: &str| {
        let path = scratch.root().join("target/other").join(name).join(name);
        scratch.write(&format!("target/other/{name}/{name}"), &format!("#!/bin/sh\necho '{says}'\n"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    };
    let said = why(scratch.ci(&steps).env("RUSTC", program("rustc", "rustc 9.9.9")), "build");
    assert!(said.contains("rustc was rustc 1.") && said.contains(", is rustc 9.9.9"), "{said}");
    let other = program("shellcheck", "version: 9.9.9");
    let path = format!("{}:{}", other.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let said = why(scratch.ci(&steps).env("PATH", path), "scripts");
    assert!(said.contains("shellcheck was ") && said.contains(", is 9.9.9 at "), "{said}");
    scratch.write("target/other/home/config.toml", "[build]\njobs = 1\n");
    let said = why(scratch.ci(&steps).env("CARGO_HOME", scratch.root().join("target/other/home")), "build");
    assert!(said.contains("cargo's config.toml was "), "{said}");
    assert_eq!(verdicts(&[]), ["fresh", "fresh"]);
}

#[test]
fn a_person_at_a_terminal_sees_what_runs_until_it_has_ended() {
    let scratch = Scratch::new();
    let xtask = env!("CARGO_BIN_EXE_xtask");
    let mut script = Command::new("script");
    script.args(["-qec", &format!("stty cols 60; exec '{xtask}' ci --only format --no-cache"), "/dev/null"]);
    script.current_dir(scratch.root()).stdin(Stdio::null()).env("TERM", "xterm").env_remove("CI");
    let Ok(output) = script.env_remove("GITHUB_ACTIONS").output() else {
        println!("skipped: there is no `script` of util-linux to make a terminal");
        return;
    };
    let seen = Ran::from(output).ok().stdout;
    let (drawn, taken_back) = (seen.matches("\n   format 0s\r\n").count(), seen.matches("\u{1b}[1A\r\u{1b}[J").count());
    assert!(drawn >= 1 && taken_back >= drawn, "{seen:?}");
    assert!(seen.contains("\u{1b}[1A\r\u{1b}[J-- format: passed after"), "{seen:?}");
}
