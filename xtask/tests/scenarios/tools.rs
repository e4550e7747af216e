//! Pinned tools, fetched from their registries into a project of the test's own.

use std::fs;
use std::process::{Command, Stdio};

use xtask::delivery::Delivery;
use xtask::packages::Consent;
use xtask::project::Project;
use xtask::tools::{COMPOSE_LINT, Toolbox, ZIZMOR};

use crate::support::{Fixture, On, Ran, stand_in_for};

/// A project that pins one tool alone, as this one does.
fn pinning(tool: &str) -> Fixture {
    let fixture = Fixture::new(On::Process);
    let mut is_kept = true;
    let delivery = fixture.read("config/delivery.toml");
    let kept = delivery.lines().filter(|line| {
        if line.starts_with('[') {
            is_kept = !line.starts_with("[tools.") || line.starts_with(&format!("[tools.{tool}"));
        }
        is_kept
    });
    let kept: String = kept.map(|line| format!("{line}\n")).collect();
    assert!(kept.contains(&format!("[tools.{tool}]")), "this project pins no {tool}");
    fixture.write("config/delivery.toml", &kept);
    fixture
}

/// As if somebody had put other files in the place of those that are pinned.
fn with_other_checksums(fixture: &Fixture) {
    let delivery = fixture.read("config/delivery.toml");
    let changed = delivery.lines().map(|line| match line.split_once("\" = \"") {
        Some((file, checksum)) => {
            format!("{file}\" = \"{}\"\n", checksum.trim_end_matches('"').chars().rev().collect::<String>())
        }
        None => format!("{line}\n"),
    });
    fixture.write("config/delivery.toml", &changed.collect::<String>());
}

/// What is installed, whole or half-way.
fn installed(fixture: &Fixture) -> Vec<String> {
    let entries = fs::read_dir(fixture.root().join("target/tools")).into_iter().flatten();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !name.ends_with(".lock")).collect()
}

fn project(fixture: &Fixture) -> Project {
    Project { root: fixture.root().to_owned(), delivery: Delivery::load(fixture.root()).unwrap() }
}

#[test]
fn a_tool_is_installed_once_and_then_found_without_anybody_s_help() {
    let fixture = pinning("cargo-shear");
    let told = fixture.run(&["setup", "--tools"]).ok();
    assert!(told.stderr.contains("installing cargo-shear 1."), "{}", told.stderr);
    let program = told.stdout.split_whitespace().last().unwrap();
    let version = told.stdout.split_whitespace().nth(1).unwrap();
    let says = Command::new(program).arg("--version").output().unwrap();
    assert!(String::from_utf8(says.stdout).unwrap().contains(version), "{program}");

    // Without a Python, or anything else.
    let again = Ran::from(fixture.xtask(&["setup", "--tools"]).env("PATH", "").output().unwrap()).ok();
    assert_eq!((again.stdout, again.stderr.as_str()), (told.stdout.clone(), ""));
    let doctor = fixture.run(&["doctor", "--json"]).ok().stdout;
    let findings: Vec<serde_json::Value> = serde_json::from_str(&doctor).unwrap();
    let shear = findings.iter().find(|finding| finding["what"] == "cargo-shear").unwrap();
    assert_eq!((&shear["found"], &shear["wanted"]), (&program.into(), &version.into()), "{shear}");
    let loose = findings.iter().find(|finding| finding["what"] == ZIZMOR.name).unwrap();
    assert!(loose["found"].as_str().unwrap().contains("delivery.toml pins none"), "{loose}");
}

#[test]
fn what_is_installed_half_way_or_for_another_pin_is_not_used() {
    let fixture = pinning("cargo-shear");
    fixture.run(&["setup", "--tools"]).ok();
    let [folder] = installed(&fixture).try_into().unwrap();
    let tools = fixture.root().join("target/tools");
    fs::rename(tools.join(&folder), tools.join(format!(".{folder}.partial"))).unwrap();
    let again = fixture.run(&["setup", "--tools"]).ok();
    assert!(again.stderr.contains("installing"), "{}", again.stderr);
    assert_eq!(installed(&fixture), [folder]);
    with_other_checksums(&fixture);
    fixture.run(&["setup", "--tools"]).refused(1, &["not the one that config/delivery.toml pins"]);
}

#[test]
fn a_wheel_that_is_not_the_pinned_one_is_refused_and_nothing_of_it_stays() {
    let fixture = pinning("cargo-shear");
    with_other_checksums(&fixture);
    let parts = [
        "a file of cargo-shear 1.",
        "config/delivery.toml pins",
        ".whl: pinned as ",
        "found instead: ",
        "next: git log",
    ];
    fixture.run(&["setup", "--tools"]).refused(1, &parts);
    assert_eq!(installed(&fixture), [""; 0]);
}

#[test]
fn a_crate_that_is_not_the_pinned_one_is_refused_before_it_is_compiled() {
    let fixture = pinning("cargo-auditable");
    with_other_checksums(&fixture);
    let parts = [".crate is not the one that config/delivery.toml pins", "pinned as ", "found instead: "];
    fixture.run(&["setup", "--tools"]).refused(1, &parts);
    assert_eq!(installed(&fixture), [""; 0]);
}

#[test]
fn of_two_who_install_at_once_both_get_the_tool() {
    let fixture = pinning("cargo-shear");
    let start = || fixture.xtask(&["setup", "--tools"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let both = [start(), start()].map(|child| Ran::from(child.wait_with_output().unwrap()).ok());
    assert_eq!(both[0].stdout, both[1].stdout);
    assert_eq!(both.iter().filter(|ran| ran.stderr.contains("installing cargo-shear")).count(), 1, "{both:?}");
    assert_eq!(installed(&fixture).len(), 1);
}

#[test]
fn without_a_pip_one_is_told_how_to_get_it() {
    let fixture = pinning("cargo-shear");
    let bin = fixture.root().join("bin");
    // A package manager to be named; without consent it is not called.
    stand_in_for("apt-get", "exit 99", &bin);
    let ran = fixture.xtask(&["setup", "--tools"]).env("PATH", &bin).output().unwrap();
    Ran::from(ran)
        .refused(69, &["`python3-pip`, which installs the tools that are pinned", "next: ", "apt-get install"]);
    assert_eq!(installed(&fixture), [""; 0]);
}

#[test]
fn without_an_engine_there_are_the_tools_and_a_word_about_the_images() {
    let fixture = pinning("cargo-shear");
    let setup = |more: &[&str]| {
        let mut setup = fixture.xtask(&[&["setup"], more].concat());
        Ran::from(setup.env("DOCKER_HOST", "unix:///nowhere.sock").output().unwrap())
    };
    let told = setup(&[]).ok();
    assert!(told.stdout.starts_with("cargo-shear") && told.stderr.contains("note: no image was made"), "{told:?}");
    setup(&["--builder"]).refused(69, &["next: "]);
    setup(&["--tools", "--builder"]).refused(2, &["cannot be used with"]);
}

#[test]
fn a_tool_written_in_python_finds_its_modules() {
    let fixture = pinning("compose-lint");
    let project = project(&fixture);
    let toolbox = Toolbox::of(&project);
    let found = toolbox.ensure(&COMPOSE_LINT, Consent::Unavailable).unwrap();
    let mut lint = Command::new(COMPOSE_LINT.name);
    lint.arg("--version").envs(toolbox.environment(&[COMPOSE_LINT, ZIZMOR]).unwrap());
    let output = lint.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains(&found.version.unwrap().to_string()), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_pins_are_what_the_registries_have_for_every_kind_of_machine() {
    for tool in ["cargo-shear", "compose-lint", "cargo-auditable"] {
        let fixture = pinning(tool);
        let version = &project(&fixture).delivery.tools[tool].version;
        let before = fixture.read("config/delivery.toml");
        with_other_checksums(&fixture);
        fixture.run(&["setup", "--update-pin", tool, version]).ok();
        let is_own = |line: &&str| !line.contains("pyyaml");
        let after = fixture.read("config/delivery.toml");
        assert_eq!(after.lines().filter(is_own).collect::<Vec<_>>(), before.lines().filter(is_own).collect::<Vec<_>>());
        assert_eq!(installed(&fixture), [""; 0]);
        fixture.run(&["setup", "--update-pin", tool, "0.0.0"]).refused(69, &["0.0.0 cannot be fetched"]);
        assert_eq!(fixture.read("config/delivery.toml"), after);
    }
}
