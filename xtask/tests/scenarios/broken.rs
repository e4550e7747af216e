//! One project in which everything is broken that a step looks at: each step says so, in one run.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::advisories::{MENDED, database, project};
use crate::support::{Ran, repository};

/// Badly formatted, with a lint, a link to nowhere, an example and a test that fail, and no use of what it depends on.
const LIBRARY: &str = "//! Shop.

/// One, as [`nothing`] says.
///
/// ```
/// assert_eq!(shop::one(), 2);
/// ```
pub fn one()->u8{
    return 1;
}

#[test]
fn two() {
    assert_eq!(one(), 2);
}
";
const UNQUOTED: &str = "#!/bin/sh\necho $1\n";
const UNPINNED: &str =
    "on: push\njobs:\n  test:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v4\n";

/// What takes a service, an engine or minutes has scenarios of its own.
const ELSEWHERE: [&str; 6] = ["process", "compose", "containers", "image", "images", "performance"];

#[test]
fn every_step_finds_what_is_broken_for_it_and_one_run_tells_of_all() {
    let shop = project();
    shop.write("src/lib.rs", LIBRARY);
    shop.write("deny.toml", "[licenses]\nallow = [\"BSD-3-Clause\"]\n");
    for folder in [".ci", "scripts", "xtask/src/host", ".github/workflows", ".config"] {
        fs::create_dir_all(shop.root().join(folder)).unwrap();
    }
    for script in [".ci/run", "scripts/hello.sh", "xtask/src/host/agent.sh"] {
        shop.write(script, UNQUOTED);
        fs::set_permissions(shop.root().join(script), fs::Permissions::from_mode(0o755)).unwrap();
    }
    shop.write(".github/workflows/test.yml", UNPINNED);
    for file in [".config/nextest.toml", ".hadolint.yaml", ".compose-lint.yml"] {
        shop.write(file, &fs::read_to_string(repository().join(file)).unwrap());
    }
    shop.write("docker/Dockerfile", "FROM debian\nRUN apt-get install curl\n");
    shop.write("docker/docker-compose.yml", "services:\n  shop:\n    image: shop\n    privileged: true\n");
    // What was rehearsed in staging would not be true in production.
    shop.edit_delivery("bake = \"15s\"", "bake = \"15s\"\non_failure = \"freeze\"");
    let known = database(&shop, 0, MENDED);

    let skipped = ELSEWHERE.iter().flat_map(|step| ["--skip", *step]);
    // On a CI system every step has to run; nobody's machine is given packages by a test.
    let yes = xtask::packages::is_ci().then_some("--yes");
    let args: Vec<_> = ["ci", "--keep-going"].into_iter().chain(yes).chain(skipped).collect();
    let ran = Ran::from(shop.xtask(&args).env("SWITCHYARD_ADVISORY_DB", known).output().unwrap());
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    let report: serde_json::Value = serde_json::from_str(&shop.read("target/xtask/ci.json")).unwrap();
    for step in report["steps"].as_array().unwrap() {
        let (id, verdict) = (step["id"].as_str().unwrap(), step["verdict"].as_str().unwrap());
        match (id, verdict) {
            // The others cannot be told of without it.
            ("build", "passed") => {}
            (_, "skipped") if !xtask::packages::is_ci() => println!("skipped: {id}: {}", step["reason"]),
            (_, "failed") => {
                let remedy = format!("next: {}", step["remedy"].as_str().unwrap());
                assert!(ran.stderr.contains(&remedy), "{id}: `{remedy}` is not in:\n{}", ran.stderr);
            }
            _ => panic!("{id} {verdict}: {}", step["reason"]),
        }
    }
}
