//! The steps of `cargo xtask ci`, top to bottom. Everything the pipeline does stands here and nowhere else.

use crate::tools::{DOCKER_REGISTRY, HAPROXY, PROMETHEUS, SHELLCHECK, SOCAT, Tool};

/// One step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    /// Its name.
    pub(super) id: &'static str,
    /// What it verifies, with the acceptance criterion it serves.
    pub(super) verifies: &'static str,
    /// What it runs; an argument `*.sh` stands for every script of the project.
    pub(super) command: &'static [&'static str],
    /// What else it needs than Rust.
    pub(super) needs: &'static [Tool],
    /// Whether it needs a Docker engine with all that containers take.
    pub(super) in_containers: bool,
    /// The step that has to have run as many tests as this one.
    pub(super) as_many_as: Option<&'static str>,
    /// What to do when it fails.
    pub(super) remedy: &'static str,
}

/// What most of them have in common.
const USUAL: Step =
    Step { id: "", verifies: "", command: &[], needs: &[], in_containers: false, as_many_as: None, remedy: "" };

/// The scenarios whose names have that in them, so many at a time. Most wait more than they compute, and take turns where
/// they need the machine's whole speed.
macro_rules! scenarios {
    ($filter:literal, $threads:literal) => {
        &[
            "cargo",
            "test",
            "--package",
            "xtask",
            "--test",
            "scenarios",
            "--locked",
            "--",
            "--show-output",
            $threads,
            $filter,
        ]
    };
}

/// All of them, in order.
pub(super) const STEPS: [Step; 12] = [
    Step {
        id: "format",
        verifies: "the code is formatted by rustfmt",
        command: &["cargo", "fmt", "--all", "--check"],
        remedy: "cargo fmt --all",
        ..USUAL
    },
    Step {
        id: "lint",
        verifies: "clippy has nothing to say, in any target",
        command: &["cargo", "clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"],
        remedy: "cargo clippy --workspace --all-targets --fix",
        ..USUAL
    },
    Step {
        id: "build",
        verifies: "everything builds (A1.3)",
        command: &["cargo", "build", "--workspace", "--all-targets", "--locked"],
        remedy: "cargo build --workspace --all-targets",
        ..USUAL
    },
    Step {
        id: "config",
        verifies: "the configuration of every environment is valid (A3.1, A3.3)",
        command: &["cargo", "xtask", "config-lint"],
        remedy: "cargo xtask config-lint",
        ..USUAL
    },
    Step {
        id: "scripts",
        verifies: "shellcheck has nothing to say about any script",
        command: &["shellcheck", "*.sh"],
        needs: &[SHELLCHECK],
        remedy: "shellcheck scripts/*.sh",
        ..USUAL
    },
    Step {
        id: "test",
        verifies: "every unit, and what needs no runtime or a certain one",
        command: &[
            "cargo",
            "test",
            "--workspace",
            "--all-targets",
            "--locked",
            "--",
            "--show-output",
            "--skip",
            "on_process",
            "--skip",
            "on_compose",
            "--skip",
            "containers::",
            "--skip",
            "images::",
        ],
        needs: &[HAPROXY],
        remedy: "cargo test --workspace",
        ..USUAL
    },
    Step {
        id: "process",
        verifies: "the whole of a rollout, under load, on real processes (A1.2, A4.1, A4.2, A4.3, A4.4)",
        command: scenarios!("on_process", "--test-threads=4"),
        needs: &[HAPROXY, PROMETHEUS],
        remedy: "cargo test --package xtask --test scenarios on_process",
        ..USUAL
    },
    Step {
        id: "compose",
        verifies: "the same in containers, with as many tests",
        command: scenarios!("on_compose", "--test-threads=4"),
        needs: &[PROMETHEUS],
        in_containers: true,
        as_many_as: Some("process"),
        remedy: "cargo test --package xtask --test scenarios on_compose",
    },
    Step {
        id: "containers",
        verifies: "what only containers have: lock, images, upgrades, limits",
        command: scenarios!("containers::", "--test-threads=4"),
        needs: &[DOCKER_REGISTRY, SOCAT],
        in_containers: true,
        remedy: "cargo test --package xtask --test scenarios containers::",
        ..USUAL
    },
    Step {
        id: "images",
        verifies: "the image: built both ways, small, hardened, and checked against the naive one (A1.3, A2.1)",
        command: scenarios!("images::", "--test-threads=1"),
        in_containers: true,
        remedy: "cargo test --package xtask --test scenarios images::",
        ..USUAL
    },
    Step {
        id: "doctest",
        verifies: "the examples in the documentation run",
        command: &["cargo", "test", "--workspace", "--doc", "--locked"],
        remedy: "cargo test --workspace --doc",
        ..USUAL
    },
    Step {
        id: "docs",
        verifies: "the documentation builds without a warning",
        command: &["cargo", "doc", "--workspace", "--no-deps", "--locked"],
        remedy: "cargo doc --workspace --no-deps",
        ..USUAL
    },
];
