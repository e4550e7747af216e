//! Dependencies held against advisories, with a database and a workspace of the test's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::support::{Fixture, On, repository};

/// A crate that this project depends on too, so that nothing has to be fetched for it.
const CRATE: &str = "itoa";

fn git(folder: &Path, args: &[&str], at: &str) {
    let identity = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"];
    let mut command = Command::new("git");
    command.args(identity).args(args).current_dir(folder);
    command.env("GIT_COMMITTER_DATE", at).env("GIT_AUTHOR_DATE", at);
    assert!(command.status().unwrap().success(), "git {args:?}");
}

/// The version of the crate in this project's own lock file.
fn version() -> String {
    let lock = fs::read_to_string(repository().join("Cargo.lock")).unwrap();
    let entry = lock.split("[[package]]").find(|entry| entry.contains(&format!("name = \"{CRATE}\"\n"))).unwrap();
    entry.split("version = \"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

/// A workspace that depends on one crate, in a folder that has this project's configuration.
pub fn project() -> Fixture {
    let fixture = Fixture::new(On::Process);
    fs::create_dir(fixture.root().join("src")).unwrap();
    // Those of this project are not installed anew for every test.
    let tools = repository().join("target/tools");
    fs::create_dir_all(&tools).unwrap();
    fs::create_dir(fixture.root().join("target")).unwrap();
    std::os::unix::fs::symlink(tools, fixture.root().join("target/tools")).unwrap();
    fixture.write("src/lib.rs", "//! Nothing.\n");
    let manifest = format!(
        "[package]\nname = \"shop\"\nversion = \"0.1.0\"\nedition = \"2024\"\nlicense = \"MIT\"\n\n[dependencies]\n{CRATE} = \"={}\"\n",
        version()
    );
    fixture.write("Cargo.toml", &manifest);
    fixture.write("deny.toml", &fs::read_to_string(repository().join("deny.toml")).unwrap());
    lock(&fixture);
    git(fixture.root(), &["init", "--quiet"], "");
    fixture
}

fn lock(fixture: &Fixture) {
    let mut command = Command::new(xtask::cargo::program());
    command.args(["generate-lockfile", "--quiet"]).current_dir(fixture.root());
    xtask::cargo::foreign_variables().iter().for_each(|name| {
        command.env_remove(name);
    });
    assert!(command.status().unwrap().success());
}

/// A database with one advisory, which was committed so many days ago.
pub fn database(fixture: &Fixture, days: u32, versions: &str) -> PathBuf {
    let folder = fixture.root().join(format!("database-{days}"));
    let crates = folder.join("crates").join(CRATE);
    fs::create_dir_all(&crates).unwrap();
    let advisory = format!(
        "```toml\n[advisory]\nid = \"RUSTSEC-2026-9999\"\npackage = \"{CRATE}\"\ndate = \"2026-01-01\"\ncvss = \"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H\"\n\n[versions]\n{versions}\n```\n\n# An invented hole\n\nIt does not exist.\n"
    );
    fs::write(crates.join("RUSTSEC-2026-9999.md"), advisory).unwrap();
    let at = xtask::time::format(SystemTime::now() - Duration::from_secs(u64::from(days) * 24 * 60 * 60));
    git(&folder, &["init", "--quiet"], &at);
    git(&folder, &["add", "--all"], &at);
    git(&folder, &["commit", "--quiet", "--message", "advisories"], &at);
    folder
}

/// One that a later version mends, and one that nothing mends yet.
pub const MENDED: &str = "patched = [\">= 1.999.0\"]";
const HARMLESS: &str = "patched = [\">= 0.1.0\"]";

fn advisories(fixture: &Fixture, database: &Path, more: &[&str]) -> crate::support::Ran {
    fixture.run(&[&["advisories", "--database", database.to_str().unwrap()], more].concat())
}

#[test]
fn a_known_vulnerability_fails_with_its_severity_its_way_in_and_what_mends_it() {
    let fixture = project();
    let database = database(&fixture, 0, MENDED);
    let (version, ran) = (version(), advisories(&fixture, &database, &[]));
    for part in [
        format!("CRITICAL  RUSTSEC-2026-9999  {CRATE} {version}: An invented hole"),
        "CVSS 9.8; mended in >=1.999.0".into(),
        format!("shop 0.1.0 > {CRATE} {version}, in Cargo.lock"),
        "1 to mend, 0 to know of, 0 let pass".into(),
    ] {
        assert!(ran.stdout.contains(&part), "`{part}` is not in:\n{}\n{}", ran.stdout, ran.stderr);
    }
    let remedy = format!("next: cargo update --package {CRATE}@{version} --precise 1.999.0");
    ran.refused(1, &["one advisory of at least high", "critical: RUSTSEC-2026-9999", &remedy]);

    let ran = advisories(&fixture, &database, &["--json"]);
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&report["ok"], &report["findings"][0]["severity"]), (&false.into(), &"critical".into()), "{report}");
    let step =
        fixture.xtask(&["ci", "--only", "advisories"]).env("SWITCHYARD_ADVISORY_DB", &database).output().unwrap();
    assert_eq!(step.status.code(), Some(1), "{}", String::from_utf8_lossy(&step.stderr));
}

#[test]
fn an_old_database_is_an_error_and_no_pass() {
    let fixture = project();
    let old = database(&fixture, 9, HARMLESS);
    let parts = ["the advisory database is 9 days old, and at most 7 days will do", "Nothing was checked", "--fetch"];
    advisories(&fixture, &old, &[]).refused(1, &parts);
    let aged = |variable: &str| {
        let mut command = fixture.xtask(&["advisories", "--database", old.to_str().unwrap()]);
        crate::support::Ran::from(command.env("SWITCHYARD_ADVISORY_MAX_AGE", variable).output().unwrap())
    };
    aged("8d").refused(1, &["at most 8 days"]);
    aged("10d").ok();
    aged("a while").refused(78, &["SWITCHYARD_ADVISORY_MAX_AGE", "`a while` is not a span of time"]);

    // As a bundle it is as old as it was.
    let bundle = fixture.root().join("bundle");
    advisories(&fixture, &old, &["--max-age", "10d", "--save", bundle.to_str().unwrap()]).ok();
    advisories(&fixture, &bundle, &[]).refused(1, &["is 9 days old"]);
    assert!(advisories(&fixture, &bundle, &["--max-age", "10d"]).ok().stdout.contains("0 to mend"));
}

#[test]
fn what_is_fetched_is_that_of_the_configured_repository() {
    let fixture = project();
    let nowhere = fixture.root().join("nowhere");
    let delivery = fixture.read("config/delivery.toml");
    fixture.write("config/delivery.toml", &format!("{delivery}\n[advisories]\nurl = \"{}\"\n", nowhere.display()));
    fixture.run(&["advisories"]).refused(69, &["cannot be fetched from", "nowhere", "SWITCHYARD_ADVISORY_DB=PATH"]);
    fs::rename(database(&fixture, 0, HARMLESS), &nowhere).unwrap();
    fixture.run(&["advisories"]).ok();
    // Afterwards the copy will do.
    fs::remove_dir_all(&nowhere).unwrap();
    fixture.run(&["advisories"]).ok();
    fixture.run(&["advisories", "--fetch"]).refused(69, &["cannot be fetched from"]);
}

#[test]
fn an_advisory_is_let_pass_for_a_reason_until_a_day() {
    let fixture = project();
    let database = database(&fixture, 0, MENDED);
    let delivery = fixture.read("config/delivery.toml");
    let ignore = |until: &str| {
        let entry = format!("{{ id = \"RUSTSEC-2026-9999\", reason = \"not called\", until = \"{until}\" }}");
        fixture.write("config/delivery.toml", &format!("{delivery}\n[advisories]\nignore = [{entry}]\n"));
        advisories(&fixture, &database, &[])
    };
    let passes = ignore("9999-12-31").ok();
    assert!(passes.stdout.contains("let pass until 9999-12-31: not called"), "{}", passes.stdout);
    ignore("2026-01-01")
        .refused(1, &["what advisories.ignore in config/delivery.toml says of RUSTSEC-2026-9999 has run out"]);
}

#[test]
fn a_licence_that_is_not_allowed_and_a_dependency_that_nobody_uses_fail_their_steps() {
    let fixture = project();
    let failing = |step: &str, parts: &[&str]| {
        fixture.run(&["ci", "--only", step]).refused(1, &[&format!("1 of 1 steps failed: {step}")]);
        let log = fixture.read(&format!("target/xtask/ci/logs/{step}.log"));
        parts.iter().for_each(|part| assert!(log.contains(part), "`{part}` is not in:\n{log}"));
    };
    let rules = fixture.read("deny.toml");
    fixture.write("deny.toml", "[licenses]\nallow = [\"BSD-3-Clause\", \"MIT\"]\nunused-allowed-license = \"allow\"\n");
    fixture.run(&["ci", "--only", "dependencies"]).ok();
    fixture.write("deny.toml", "[licenses]\nallow = [\"BSD-3-Clause\"]\n");
    failing("dependencies", &["license is not explicitly allowed", CRATE]);
    fixture.write("deny.toml", &rules);
    // Here nothing needs the licences that this project allows.
    failing("dependencies", &["license-not-encountered"]);

    failing("unused", &["unused dependency", CRATE]);
    fixture.run(&["ci", "--only", "unused", "--fix"]).ok();
    assert!(!fixture.read("Cargo.toml").contains(CRATE));
}
