//! Coverage, measured for real on a small workspace: one crate, of whose lines half are run by its test.

use std::fs;
use std::process::Command;

use crate::support::{Fixture, On, Ran};

const FLOOR: &str = "floor = { half = 40.0 }";

/// Ten lines that can be run, of which the test runs five.
const LIBRARY: &str = "\
//! Half of it is tested.

/// Is tested.
pub fn tested(number: u32) -> u32 {
    let next = number + 1;
    let after = next + 1;
    after + next
}

/// Is not.
pub fn untested(number: u32) -> u32 {
    let next = number + 1;
    let after = next + 1;
    after + next
}
";

const TEST: &str = "#[test]\nfn it_counts() {\n    assert_eq!(half::tested(1), 5);\n}\n";

/// A project around that crate, with a floor of 40 that is committed.
fn workspace() -> Fixture {
    let fixture = Fixture::new(On::Process);
    let delivery = fixture.read("config/delivery.toml");
    let floor = delivery.lines().find(|line| line.starts_with("floor = ")).unwrap();
    fixture.edit_delivery(floor, FLOOR);
    let tests = delivery.lines().find(|line| line.starts_with("tests = ")).unwrap();
    fixture.edit_delivery(tests, "tests = \"binary(it)\"");
    for folder in [".config", "half/src", "half/tests"] {
        fs::create_dir_all(fixture.root().join(folder)).unwrap();
    }
    let package = "[package]\nname = \"half\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
    for (path, text) in [
        ("Cargo.toml", "[workspace]\nmembers = [\"half\"]\nresolver = \"3\"\n"),
        ("Cargo.lock", "version = 4\n\n[[package]]\nname = \"half\"\nversion = \"0.1.0\"\n"),
        (".config/nextest.toml", "[profile.ci.junit]\npath = \"junit.xml\"\n"),
        (".gitignore", "/target/\n"),
        ("half/Cargo.toml", package),
        ("half/src/lib.rs", LIBRARY),
        ("half/tests/it.rs", TEST),
    ] {
        fixture.write(path, text);
    }
    git(&fixture, &["init", "--quiet"]);
    commit(&fixture);
    fixture
}

#[track_caller]
fn git(fixture: &Fixture, args: &[&str]) {
    let identity = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"];
    let status = Command::new("git").args(identity).args(args).current_dir(fixture.root()).status().unwrap();
    assert!(status.success(), "{args:?}");
}

fn commit(fixture: &Fixture) {
    git(fixture, &["add", "--all"]);
    git(fixture, &["commit", "--quiet", "--message", "a state"]);
}

/// Without the variables by which the pipeline, or another measurement around this one, says what it is about.
fn coverage(fixture: &Fixture, args: &[&str], base: Option<&str>) -> Ran {
    let mut command = fixture.xtask(&[&["coverage"], args].concat());
    for name in ["GITHUB_BASE_REF", "CARGO_TARGET_DIR", "RUSTFLAGS"] {
        command.env_remove(name);
    }
    // A CI system has to have what it takes, and gets it.
    command.args(xtask::packages::is_ci().then_some("--yes"));
    Ran::from(command.envs(base.map(|base| ("GITHUB_BASE_REF", base))).output().unwrap())
}

fn floor(fixture: &Fixture) -> String {
    let delivery = fixture.read("config/delivery.toml");
    delivery.lines().find(|line| line.starts_with("floor = ")).unwrap().to_owned()
}

#[test]
fn coverage_is_held_against_a_floor_that_may_rise_and_not_fall() {
    let fixture = workspace();
    let ran = coverage(&fixture, &[], None);
    if ran.code == 69 && !xtask::packages::is_ci() {
        println!("skipped: {}", ran.stderr);
        return;
    }
    let table = ran.ok().stdout;
    let row = table.lines().find(|line| line.starts_with("half ")).unwrap();
    let row: Vec<_> = row.split_whitespace().collect();
    assert_eq!(row, ["half", "5", "10", "50.0", "40.0", "passed"], "{table}");
    assert!(table.contains("half: more than 2.0 points above the floor"), "{table}");
    let folder = fixture.root().join("target/xtask/coverage");
    assert!(fs::read_to_string(folder.join("html/index.html")).unwrap().contains("lib.rs"));
    let lcov = fs::read_to_string(folder.join("lcov.info")).unwrap();
    assert!(lcov.contains("half/src/lib.rs") && !lcov.contains("half/tests/it.rs"), "{lcov}");

    // A pull request starts from its base, whatever its own commits say; here both are the same.
    git(&fixture, &["update-ref", "refs/remotes/origin/main", "HEAD"]);
    fixture.edit_delivery(FLOOR, "floor = { half = 39.9 }");
    coverage(&fixture, &[], None)
        .refused(78, &["coverage.floor.half is 39.9, and 40.0 in HEAD", "next: git diff HEAD"]);
    commit(&fixture);
    coverage(&fixture, &[], Some("main")).refused(78, &["coverage.floor.half is 39.9, and 40.0 in origin/main"]);

    let cut_off = coverage(&fixture, &["--raise"], Some("elsewhere")).ok();
    assert!(cut_off.stderr.contains("not compared with origin/elsewhere"), "{}", cut_off.stderr);
    assert_eq!(floor(&fixture), "floor = { half = 49.5 }");
    fixture.edit_delivery("half = 49.5", "half = 90.0");
    let parts = ["50.0 % of the lines of half are covered, and 90.0 % is its floor", "5 of    10", "half/src/lib.rs"];
    coverage(&fixture, &["--raise", "--json"], None).refused(1, &parts);
    assert_eq!(floor(&fixture), "floor = { half = 90.0 }");

    fixture.write("half/tests/it.rs", &TEST.replace("5)", "6)"));
    // What has run the tests tells of its own errors before.
    let failed = coverage(&fixture, &[], None);
    let told = failed.stderr.contains("FAIL") && failed.stderr.contains("error: the tests do not pass");
    assert!(failed.code == 1 && told && failed.stderr.ends_with(" --filterset 'binary(it)'\n"), "{failed:?}");
    fixture.edit_delivery("half = 90.0", "halv = 90.0");
    coverage(&fixture, &[], None).refused(78, &["there is no crate `halv`; there are half"]);
}
