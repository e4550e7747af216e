//! What an engine is given, and what it is not asked for in vain.

use std::fs;
use std::process::Command;

use super::shop::listing;
use crate::support::{Fixture, On, containers_are_here, docker, repository};

/// The files of this repository that git tracks or would track.
fn tracked() -> Vec<String> {
    let args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let listed = Command::new("git").args(args).current_dir(repository()).output().unwrap().stdout;
    let names = String::from_utf8(listed).unwrap();
    names.split_terminator('\0').filter(|name| repository().join(name).is_file()).map(str::to_owned).collect()
}

#[test]
fn who_builds_by_hand_gives_the_engine_what_cargo_compiles_and_nothing_else() {
    const JUNK: [&str; 9] = [
        ".env",
        ".git/config",
        ".switchyard/development/journal",
        "target/debug/app",
        "secrets/metrics.token",
        "app/.env",
        "app/.env.local",
        "app/target/debug/app",
        "xtask/.git/config",
    ];
    let Some(fixture) = containers_are_here().then(|| Fixture::new(On::Compose)) else { return };
    let project = fixture.root().join("project");
    let tracked = tracked();
    for name in &tracked {
        fs::create_dir_all(project.join(name).parent().unwrap()).unwrap();
        fs::copy(repository().join(name), project.join(name)).unwrap();
    }
    for name in JUNK {
        fs::create_dir_all(project.join(name).parent().unwrap()).unwrap();
        fs::write(project.join(name), "nobody is to see this").unwrap();
    }
    let dockerfile = fixture.root().join("Dockerfile");
    fs::write(&dockerfile, "FROM scratch\nCOPY . /\nCMD [\"x\"]\n").unwrap();
    let image = format!("{}/app:given", fixture.stack("test"));
    let build =
        ["build", "--quiet", "--tag", &image, "--file", dockerfile.to_str().unwrap(), project.to_str().unwrap()];
    docker(&build).unwrap();
    let given = listing(&image).into_iter().filter(|entry| !entry.starts_with('d'));
    let mut given: Vec<_> = given.map(|entry| entry.split(' ').nth(2).unwrap().to_owned()).collect();
    given.sort();
    let is_wanted = |name: &&String| {
        let file = ["Cargo.toml", "Cargo.lock", ".cargo/config.toml"].contains(&name.as_str());
        file || name.starts_with("app/") || name.starts_with("xtask/")
    };
    let mut wanted: Vec<_> = tracked.iter().filter(is_wanted).cloned().collect();
    wanted.sort();
    assert!(wanted.len() > 100, "{wanted:?}");
    assert_eq!(given, wanted);
}

#[test]
fn a_platform_that_cannot_be_had_is_refused_with_what_is_missing() {
    let Some(fixture) = containers_are_here().then(|| Fixture::new(On::Compose)) else { return };
    let build =
        |platform: &str, more: &[&str]| fixture.run(&[&["docker-build", "--platform", platform], more].concat());
    build("arm64", &[]).refused(2, &["not of the form OS/ARCH"]);
    let elsewhere =
        ["is compiled in a container alone", "next: cargo xtask docker-build --builder container --platform"];
    build("linux/m68k", &["--builder", "host"]).refused(69, &elsewhere);
    fixture.write("given", "");
    build("linux/m68k", &["--binary", "given"]).refused(69, &elsewhere);
    if xtask::docker::plugin("buildx").is_none() {
        return;
    }
    build("linux/m68k", &[]).refused(69, &["can emulate no linux/m68k", "binfmt_misc", "next: docker buildx inspect"]);
    if cfg!(target_arch = "x86_64") {
        let delivery = fixture.read("config/delivery.toml");
        let named = delivery.lines().find(|line| line.starts_with("builder_image = ")).unwrap();
        fixture.edit_delivery(named, "builder_image = \"127.0.0.1:9/no/rust:1\"");
        let missing =
            ["cannot be had for linux/386", "as 127.0.0.1:9/no/rust:1-386", "next: docker pull --platform linux/386"];
        build("linux/386", &[]).refused(69, &missing);
    }
}
