//! What `cargo xtask` costs whoever types it first.

use std::collections::BTreeSet;
use std::process::Command;

use crate::support::repository;

#[test]
fn xtask_compiles_at_most_80_crates() {
    const BUDGET: usize = 80;
    let tree =
        ["tree", "--package", "xtask", "--edges", "normal,build", "--prefix", "none", "--format", "{p}", "--locked"];
    let output = Command::new(xtask::cargo::program()).args(tree).current_dir(repository()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let crates: BTreeSet<_> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
    println!("xtask compiles {} crates, {BUDGET} at the most", crates.len());
    assert!(crates.contains("clap") && crates.contains("xtask"), "{crates:?}");
    assert!(crates.len() <= BUDGET, "{} crates: {crates:?}", crates.len());
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
        let code = text.split("#[cfg(test)]").next().unwrap();
        read += 1;
        for name in ["\"app\"", "app/", "/readyz", "/livez", "/api/", "x-colour", "x-release", "8080"] {
            let found = code.lines().find(|line| line.contains(name) && !line.trim_start().starts_with("//"));
            assert!(found.is_none(), "{}: {}", path.display(), found.unwrap());
        }
    }
    assert!(read > 30, "only {read} files were read");
}
