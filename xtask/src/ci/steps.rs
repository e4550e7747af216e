//! The steps of `cargo xtask ci`, top to bottom. Everything the pipeline does stands here and nowhere else.

use crate::tools::{SHELLCHECK, Tool};

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
    pub(super) needs: Option<&'static Tool>,
    /// Whether it needs a Docker engine with all that containers take.
    pub(super) in_containers: bool,
    /// The step that has to have run as many tests as this one.
    pub(super) as_many_as: Option<&'static str>,
    /// What to do when it fails.
    pub(super) remedy: &'static str,
}

/// All of them, in order.
pub(super) const STEPS: [Step; 11] = [
    Step {
        id: "format",
        verifies: "the code is formatted by rustfmt",
        command: &["cargo", "fmt", "--all", "--check"],
        needs: None,
        in_containers: false,
        as_many_as: None,
        remedy: "cargo fmt --all",
    },
    Step {
        id: "lint",
        verifies: "clippy has nothing to say, in any target",
        command: &["cargo", "clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"],
        needs: None,
        in_containers: false,
        as_many_as: None,
        remedy: "cargo clippy --workspace --all-targets --fix",
    },
    Step {
        id: "build",
        verifies: "everything builds (A1.3)",
        command: &["cargo", "build", "--workspace", "--all-targets", "--locked"],
        needs: None,
        in_containers: false,
        as_many_as: None,
        remedy: "cargo build --workspace --all-targets",
    },
    Step {
        id: "config",
        verifies: "the configuration of every environment is valid (A3.1, A3.3)",
        command: &["cargo", "xtask", "config-lint"],
        needs: None,
        in_containers: false,
        as_many_as: None,
        remedy: "cargo xtask config-lint",
    },
    Step {
        id: "scripts",
        verifies: "shellcheck has nothing to say about any script",
        command: &["shellcheck", "*.sh"],
        needs: Some(&SHELLCHECK),
        in_containers: false,
        as_many_as: None,
        remedy: "shellcheck scripts/*.sh",
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
        ],
        needs: Some(&crate::tools::HAPROXY),
        in_containers: false,
        as_many_as: None,
        remedy: "cargo test --workspace",
    },
    Step {
        id: "process",
        verifies: "the whole of a rollout, under load, on real processes (A1.2, A4.1, A4.2, A4.3, A4.4)",
        command: &[
            "cargo",
            "test",
            "--package",
            "xtask",
            "--test",
            "scenarios",
            "--locked",
            "--",
            "--show-output",
            "on_process",
        ],
        needs: Some(&crate::tools::HAPROXY),
        in_containers: false,
        as_many_as: None,
        remedy: "cargo test --package xtask --test scenarios on_process",
    },
    Step {
        id: "compose",
        verifies: "the same in containers, with as many tests",
        command: &[
            "cargo",
            "test",
            "--package",
            "xtask",
            "--test",
            "scenarios",
            "--locked",
            "--",
            "--show-output",
            "on_compose",
        ],
        needs: None,
        in_containers: true,
        as_many_as: Some("process"),
        remedy: "cargo test --package xtask --test scenarios on_compose",
    },
    Step {
        id: "containers",
        verifies: "what only containers have: lock, images, upgrades, limits",
        command: &[
            "cargo",
            "test",
            "--package",
            "xtask",
            "--test",
            "scenarios",
            "--locked",
            "--",
            "--show-output",
            "containers::",
        ],
        needs: None,
        in_containers: true,
        as_many_as: None,
        remedy: "cargo test --package xtask --test scenarios containers::",
    },
    Step {
        id: "doctest",
        verifies: "the examples in the documentation run",
        command: &["cargo", "test", "--workspace", "--doc", "--locked"],
        needs: None,
        in_containers: false,
        as_many_as: None,
        remedy: "cargo test --workspace --doc",
    },
    Step {
        id: "docs",
        verifies: "the documentation builds without a warning",
        command: &["cargo", "doc", "--workspace", "--no-deps", "--locked"],
        needs: None,
        in_containers: false,
        as_many_as: None,
        remedy: "cargo doc --workspace --no-deps",
    },
];
