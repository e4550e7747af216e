//! What `cargo xtask` costs whoever types it first.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use crate::support::repository;

#[test]
// Two of them read YAML with the place of everything, which no check of a workflow can do without.
fn xtask_compiles_at_most_72_crates() {
    const BUDGET: usize = 72;
    let tree =
        ["tree", "--package", "xtask", "--edges", "normal,build", "--prefix", "none", "--format", "{p}", "--locked"];
    let output = Command::new(xtask::cargo::program()).args(tree).current_dir(repository()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let crates: BTreeSet<_> = text.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    println!("xtask compiles {} crates, {BUDGET} at the most", crates.len());
    assert!(crates.iter().any(|name| name.starts_with("clap v")), "{crates:?}");
    assert!(crates.len() <= BUDGET, "{} crates: {crates:?}", crates.len());
}

#[test]
fn a_whole_rollout_takes_under_15_s_by_the_development_policy_and_longer_by_the_others() {
    let text = std::fs::read_to_string(repository().join("config/delivery.toml")).unwrap();
    let delivery = xtask::delivery::Delivery::parse(&text).unwrap();
    let bakes = |name: &str| {
        let policy = &delivery.environments[name].rollout;
        *policy.bake * u32::try_from(policy.weights().count()).unwrap()
    };
    assert!(bakes("development") < Duration::from_secs(10));
    assert!(bakes("development") < bakes("staging"));
    assert!(bakes("staging") < bakes("production"));
}

#[test]
fn no_name_of_the_reference_service_stands_in_xtask() {
    let mut files = vec![repository().join("xtask/src")];
    let mut read = 0;
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        if path.file_name().is_some_and(|name| name == "testing.rs" || name == "tests.rs") {
            continue;
        }
        let code = text.split("#[cfg(test)]").next().unwrap();
        read += 1;
        // Prometheus has an `/api/v1` of its own.
        let routes = ["/readyz", "/livez", "v1/info", "v1/echo", "v1/tunnel"];
        for name in ["\"app\"", "app/", "x-colour", "x-release", "8080"].into_iter().chain(routes) {
            let found = code.lines().find(|line| line.contains(name) && !line.trim_start().starts_with("//"));
            assert!(found.is_none(), "{}: {}", path.display(), found.unwrap());
        }
    }
    assert!(read > 30, "only {read} files were read");
}
