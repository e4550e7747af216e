//! Whether a service that has become slower is found out, and one that has not is left alone.

use std::fs;
use std::process::Command;

use crate::support::{Fixture, On, Ran, service};

/// The least that shows a thing; the default takes twice as many.
const RUNS: [&str; 2] = ["--runs", "10"];

fn compare(fixture: &Fixture, more: &[&str]) -> Ran {
    let binary = service().to_str().unwrap();
    let args = ["bench", "service", "--check", "--binary", binary, "--baseline-binary", binary];
    fixture.run(&[&args[..], &RUNS, more].concat())
}

#[test]
fn a_service_is_not_slower_than_itself() {
    let fixture = Fixture::alone(On::Process);
    let told: serde_json::Value = serde_json::from_str(&compare(&fixture, &["--json"]).ok().stdout).unwrap();
    let figures = told["figures"].as_array().unwrap();
    assert!(figures.len() >= 3 && figures.iter().all(|figure| figure["verdict"] != "missed"), "{told}");
    assert!(figures.iter().all(|figure| figure["noise"]["ratio"]["median"].as_f64().unwrap() >= 1.0), "{told}");
    assert!(told["requests"]["sent"].as_u64().unwrap() > 1000, "{told}");
}

#[test]
fn a_slower_service_a_failing_one_and_one_that_dies_are_found_out() {
    // Here and below the one is so much slower that it shows beside others, too.
    let fixture = Fixture::new(On::Process);
    let slower = ["this revision is slower than", "performance.max_slowdown", "next: cargo xtask bench service"];
    compare(&fixture, &["--set", "faults.latency=20ms"]).refused(1, &slower);
    let failing = ["does not answer GET / well: HTTP 500", "next: cargo xtask bench service"];
    compare(&fixture, &["--set", "faults.error_rate=1.0"]).refused(1, &failing);
    compare(&fixture, &["--set", "faults.crash_after=1s"]).refused(1, &["this revision fails under load"]);
    compare(&fixture, &["--set", "log.level=loud"]).refused(1, &["does not become ready", "log.level"]);
}

#[test]
fn where_nobody_knows_what_came_before_a_person_is_told_so_and_a_ci_system_fails() {
    let fixture = Fixture::new(On::Process);
    let bench = ["bench", "service", "--check"];
    let told = fixture.run(&bench).ok();
    assert!(told.stdout.starts_with("nothing to compare with: nobody knows what came before"), "{}", told.stdout);
    Ran::from(fixture.xtask(&bench).env("CI", "true").output().unwrap())
        .refused(1, &["nothing to compare this revision with", "next: cargo xtask bench service --against REV"]);
    fixture.run(&["bench", "service", "--against", "nowhere"]).refused(2, &["no revision `nowhere`"]);
    fixture.run(&["bench", "service", "--binary", "nowhere"]).refused(2, &["no file nowhere"]);
}

/// A service that takes its time for each answer, and needs no crate.
fn shop(pause: &str) -> String {
    let server = r#"
        use std::io::{Read, Write};
        fn main() {
            let listener = std::net::TcpListener::bind(std::env::args().nth(1).unwrap()).unwrap();
            for stream in listener.incoming() {
                std::thread::spawn(move || {
                    let (mut stream, mut request) = (stream.unwrap(), [0; 4096]);
                    while stream.read(&mut request).unwrap_or(0) > 0 {
                        std::thread::sleep(std::time::Duration::PAUSE);
                        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
                    }
                });
            }
        }"#;
    server.replace("PAUSE", pause)
}

fn git(fixture: &Fixture, args: &[&str]) {
    let identity = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"];
    assert!(Command::new("git").args(identity).args(args).current_dir(fixture.root()).status().unwrap().success());
}

#[test]
fn what_came_before_is_built_from_its_commit() {
    const SLOW: &str = "from_millis(5)";
    let fixture = Fixture::new(On::Process);
    fixture.share_tools();
    fs::create_dir_all(fixture.root().join("shop/src")).unwrap();
    fixture.write("Cargo.toml", "[workspace]\nmembers = [\"shop\"]\nresolver = \"3\"\n");
    fixture.write("shop/Cargo.toml", "[package]\nname = \"shop\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
    let delivery = fixture.read("config/delivery.toml");
    let (_, rest) = delivery.split_once("[proxy]").unwrap();
    let service =
        "[service]\npackage = \"shop\"\nbinary = \"shop\"\nargs = [\"{address}\"]\nhealth = { ready = \"/\" }\n";
    fixture.write("config/delivery.toml", &format!("{service}[proxy]{rest}"));
    fixture.write(".gitignore", "target\n");
    let commit = |message| {
        git(&fixture, &["add", "--all"]);
        git(&fixture, &["commit", "--quiet", "--message", message]);
    };
    let bench = || fixture.run(&[&["bench", "service", "--check"][..], &RUNS].concat());

    git(&fixture, &["init", "--quiet"]);
    fixture.write("shop/src/main.rs", &shop("ZERO"));
    commit("first");
    let first = bench().ok();
    assert!(first.stdout.contains("nothing to compare with: shop has no earlier revision"), "{}", first.stdout);
    fixture.write("shop/src/main.rs", &shop(SLOW));
    bench().refused(1, &["slower than the last commit"]);
    commit("slower");
    bench().refused(1, &["slower than what was before the last change to shop"]);
    fixture.write("shop/src/main.rs", "fn main() { no rust }");
    commit("no rust");
    fixture.write("shop/src/main.rs", &shop(SLOW));
    let unbuildable = bench().ok();
    assert!(
        unbuildable.stdout.starts_with("nothing to compare with: the last commit: `shop`"),
        "{}",
        unbuildable.stdout
    );
    commit("slow again");
    git(&fixture, &["tag", "v1.0.0"]);
    fixture.write("shop/src/main.rs", &shop("ZERO"));
    commit("fast");
    let faster = bench().ok();
    assert!(faster.stdout.contains("against v1.0.0, 10 times; 0 of"), "{}", faster.stdout);
}
