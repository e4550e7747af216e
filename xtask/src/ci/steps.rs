//! The steps of `cargo xtask ci`, top to bottom. Everything the pipeline does stands here and nowhere else: what runs, what
//! `--list` and `--dry-run` print, what is skipped as fresh and what a job on GitHub runs are views of this table.

use super::step::{Fact, Group, Lane, Step, Tests, USUAL, minutes};
use crate::coverage;
use crate::tools::{
    CARGO_AUDITABLE, CARGO_DENY, CARGO_LLVM_COV, CARGO_NEXTEST, CARGO_SHEAR, COMPOSE_LINT, CURL, DOCKER_REGISTRY, GIT,
    HADOLINT, HAPROXY, OPENSSL, PROMETHEUS, PROMTOOL, SHELLCHECK, SOCAT, SSH, SSHD, ZIZMOR,
};

/// The scenarios that a filter chooses. Most wait more than they compute, and take turns where they need the machine's whole
/// speed; so there are more at a time than processors.
macro_rules! scenarios {
    ($filter:literal, $at_a_time:literal) => {
        &[
            "cargo",
            "nextest",
            "run",
            "--package",
            "xtask",
            "--test",
            "scenarios",
            "--locked",
            "--profile",
            "ci",
            "--test-threads",
            $at_a_time,
            "--filterset",
            $filter,
        ]
    };
}

/// The simulator makes errors by the hundred thousand, and a backtrace of each takes longer than all the rest.
const SIMULATED: &[(&str, &str)] = &[("RUST_LIB_BACKTRACE", "0")];

/// All of them, in order.
pub(super) const STEPS: &[Step] = &[
    Step {
        id: "format",
        group: Group::Quality,
        verifies: "the code is formatted by rustfmt",
        command: &["cargo", "fmt", "--all", "--check"],
        lane: Lane::Beside,
        inputs: &["*.rs", "*Cargo.toml", "rustfmt.toml", ".rustfmt.toml", "rust-toolchain.toml"],
        limit: minutes(2),
        remedy: "cargo fmt --all",
        fix: Some(&["cargo", "fmt", "--all"]),
        ..USUAL
    },
    Step {
        id: "scripts",
        group: Group::Quality,
        verifies: "shellcheck has nothing to say about any script",
        command: &["shellcheck", ".ci/*", "scripts/*.sh", "xtask/src/host/*.sh"],
        needs: &[SHELLCHECK],
        lane: Lane::Beside,
        inputs: &[".ci/", "*.sh", ".shellcheckrc"],
        limit: minutes(2),
        remedy: "shellcheck .ci/* scripts/*.sh xtask/src/host/*.sh",
        ..USUAL
    },
    Step {
        id: "dockerfiles",
        group: Group::Security,
        verifies: "hadolint has nothing to say about any Dockerfile",
        command: &["hadolint", "--config", ".hadolint.yaml", "docker/Dockerfile*", "docker/haproxy/Dockerfile*"],
        needs: &[HADOLINT],
        lane: Lane::Beside,
        inputs: &["docker/*Dockerfile*", ".hadolint.yaml"],
        limit: minutes(2),
        remedy: "mend the line, or put `# hadolint ignore=RULE` above it, with the reason",
        ..USUAL
    },
    Step {
        id: "compose-file",
        group: Group::Security,
        verifies: "compose-lint has nothing to say about the Compose file",
        command: &[
            "compose-lint",
            "check",
            "--config",
            ".compose-lint.yml",
            "--strict-config",
            "--fail-on",
            "low",
            "docker/docker-compose.yml",
        ],
        needs: &[COMPOSE_LINT],
        lane: Lane::Beside,
        inputs: &["docker/*.yml", "docker/*.yaml", "docker/.env", ".compose-lint.yml"],
        limit: minutes(2),
        remedy: "mend the service, or except it in .compose-lint.yml, with the reason",
        ..USUAL
    },
    Step {
        id: "monitoring",
        group: Group::Configuration,
        verifies: "promtool accepts what Prometheus is told in every environment, and the tests of its rules pass",
        command: &["cargo", "xtask", "monitoring", "--check"],
        needs: &[PROMTOOL],
        inputs: &["docker/prometheus/", "config/delivery.toml", "xtask/src/"],
        facts: &[Fact::Cargo],
        limit: minutes(5),
        remedy: "cargo xtask monitoring --check",
        ..USUAL
    },
    Step {
        id: "workflows",
        group: Group::Security,
        verifies: "zizmor has nothing to say about any workflow",
        command: &["zizmor", "--offline", "--persona", "pedantic", ".github"],
        needs: &[ZIZMOR],
        lane: Lane::Beside,
        inputs: &[".github/"],
        limit: minutes(2),
        remedy: "cargo xtask ci --only workflows --fix",
        fix: Some(&["zizmor", "--offline", "--persona", "pedantic", "--fix=safe", ".github"]),
        ..USUAL
    },
    Step {
        id: "workflow-check",
        group: Group::Security,
        verifies: "every workflow calls what there is, by the rules, and misses nothing that it is there for",
        criteria: &["A1.1", "A1.2", "A1.4"],
        command: &["cargo", "xtask", "workflows", "--check"],
        inputs: &[".github/", "config/delivery.toml", "xtask/src/", "*Cargo.toml", "Cargo.lock", "rust-toolchain.toml"],
        facts: &[Fact::Cargo],
        limit: minutes(5),
        remedy: "cargo xtask workflows --check",
        ..USUAL
    },
    Step {
        id: "unused",
        group: Group::Security,
        verifies: "every dependency is used",
        command: &["cargo-shear", "--locked", "--deny-warnings"],
        needs: &[CARGO_SHEAR],
        lane: Lane::Beside,
        inputs: &["*.rs", "*Cargo.toml", "Cargo.lock", ".cargo/", ":!fuzz/"],
        limit: minutes(5),
        remedy: "cargo xtask ci --only unused --fix",
        // It fails after mending, too, and leaves Cargo.lock as it was.
        fix: Some(&["sh", "-c", "cargo-shear --fix; cargo update --workspace"]),
        ..USUAL
    },
    Step {
        id: "dependencies",
        group: Group::Security,
        verifies: "licences, sources and versions of the dependencies are those that deny.toml allows",
        command: &["cargo-deny", "--locked", "check", "licenses", "bans", "sources"],
        needs: &[CARGO_DENY],
        lane: Lane::Beside,
        inputs: &["*Cargo.toml", "Cargo.lock", ".cargo/", "deny.toml", ":!fuzz/"],
        limit: minutes(5),
        remedy: "do without the crate, or decide otherwise in deny.toml, with the reason",
        ..USUAL
    },
    Step {
        id: "advisories",
        group: Group::Security,
        verifies: "no high or critical vulnerability is known of any dependency",
        criteria: &["A2.2"],
        command: &["cargo", "xtask", "advisories"],
        needs: &[GIT, CARGO_DENY],
        lane: Lane::Beside,
        inputs: &["*Cargo.toml", "*Cargo.lock", ".cargo/", "config/delivery.toml", "xtask/src/"],
        facts: &[Fact::Advisories],
        limit: minutes(10),
        remedy: "cargo xtask advisories",
        ..USUAL
    },
    Step {
        id: "config",
        group: Group::Configuration,
        verifies: "the configuration of every environment is valid, and no secret is committed",
        criteria: &["A3.1", "A3.3"],
        command: &["cargo", "xtask", "config-lint"],
        // Workflows name variables too, and documentation is generated from the settings.
        inputs: &["."],
        facts: &[Fact::Cargo, Fact::Engine],
        remedy: "cargo xtask config-lint --fix",
        fix: Some(&["cargo", "xtask", "config-lint", "--fix"]),
        ..USUAL
    },
    Step {
        id: "lint",
        group: Group::Quality,
        verifies: "clippy has nothing to say, in any target",
        command: &[
            "cargo",
            "clippy",
            "--workspace",
            "--all-targets",
            "--all-features",
            "--locked",
            "--",
            "-D",
            "warnings",
        ],
        facts: &[Fact::Cargo],
        remedy: "cargo xtask ci --only lint --fix",
        fix: Some(&["cargo", "clippy", "--workspace", "--all-targets", "--all-features", "--fix", "--allow-dirty"]),
        ..USUAL
    },
    Step {
        id: "build",
        group: Group::Test,
        verifies: "everything builds",
        criteria: &["A1.3"],
        command: &["cargo", "build", "--workspace", "--all-targets", "--locked"],
        facts: &[Fact::Cargo],
        remedy: "cargo build --workspace --all-targets",
        ..USUAL
    },
    Step {
        id: "docs",
        group: Group::Quality,
        verifies: "the documentation builds without a warning",
        command: &["cargo", "doc", "--workspace", "--no-deps", "--locked"],
        env: &[("RUSTDOCFLAGS", "-D warnings")],
        facts: &[Fact::Cargo],
        remedy: "cargo doc --workspace --no-deps",
        ..USUAL
    },
    Step {
        id: "test",
        group: Group::Test,
        verifies: "every unit, and what needs no runtime or a certain one",
        criteria: &["A1.2"],
        after: &["build"],
        command: &[
            "cargo",
            "nextest",
            "run",
            "--workspace",
            "--locked",
            "--profile",
            "ci",
            "--test-threads",
            "4",
            "--filterset",
            "not test(/on_process|on_compose|^containers::|^images::/)",
        ],
        env: SIMULATED,
        needs: &[CARGO_NEXTEST, HAPROXY],
        tests: Tests::Nextest,
        // Tests hold the pages and the workflows as well.
        inputs: &["."],
        facts: &[Fact::Cargo],
        remedy: "cargo nextest run --workspace",
        ..USUAL
    },
    Step {
        id: "doctest",
        group: Group::Test,
        verifies: "the examples in the documentation run",
        after: &["build"],
        command: &["cargo", "test", "--workspace", "--doc", "--locked"],
        tests: Tests::Harness,
        facts: &[Fact::Cargo],
        remedy: "cargo test --workspace --doc",
        ..USUAL
    },
    Step {
        id: "coverage",
        group: Group::Test,
        verifies: "the tests run as much of each crate as they have to",
        after: &["build"],
        command: &["cargo", "xtask", "coverage"],
        env: SIMULATED,
        needs: &[CARGO_NEXTEST, CARGO_LLVM_COV],
        llvm: true,
        tests: Tests::Nextest,
        figures: Some(coverage::FIGURES),
        facts: &[Fact::Cargo],
        remedy: "cargo xtask coverage",
        ..USUAL
    },
    Step {
        id: "process",
        group: Group::Rollout,
        verifies: "the whole of a rollout, under load, on real processes",
        criteria: &["A1.2", "A4.1", "A4.2", "A4.3", "A4.4"],
        after: &["build"],
        command: scenarios!("test(/on_process/)", "8"),
        needs: &[CARGO_NEXTEST, HAPROXY, PROMETHEUS, CURL, OPENSSL],
        lane: Lane::Alone,
        tests: Tests::Nextest,
        facts: &[Fact::Cargo],
        limit: minutes(30),
        remedy: "cargo nextest run --package xtask --test scenarios on_process",
        ..USUAL
    },
    Step {
        id: "compose",
        group: Group::Rollout,
        verifies: "the same in containers, with as many tests",
        criteria: &["A1.2", "A2.4", "A4.1", "A4.2", "A4.3", "A4.4"],
        after: &["build"],
        command: scenarios!("test(/on_compose/)", "8"),
        needs: &[CARGO_NEXTEST, PROMETHEUS, CURL, OPENSSL],
        in_containers: true,
        lane: Lane::Alone,
        tests: Tests::Nextest,
        as_many_as: Some("process"),
        facts: &[Fact::Cargo, Fact::Engine],
        limit: minutes(40),
        remedy: "cargo nextest run --package xtask --test scenarios on_compose",
        ..USUAL
    },
    Step {
        id: "containers",
        group: Group::Containers,
        verifies: "what only containers have: lock, images, upgrades, limits, other hosts",
        criteria: &["A2.4"],
        after: &["build"],
        command: scenarios!("test(/^containers::/)", "6"),
        needs: &[CARGO_NEXTEST, DOCKER_REGISTRY, SOCAT, SSH, SSHD],
        in_containers: true,
        lane: Lane::Alone,
        tests: Tests::Nextest,
        facts: &[Fact::Cargo, Fact::Engine],
        limit: minutes(20),
        remedy: "cargo nextest run --package xtask --test scenarios containers::",
        ..USUAL
    },
    Step {
        id: "image",
        group: Group::Containers,
        verifies: "the image that is released is small and hardened, holds no secret, starts in time, and its limits hold",
        criteria: &["A1.3", "A2.1", "A2.2", "A2.3", "A2.4"],
        after: &["build"],
        command: &["cargo", "xtask", "image-check"],
        needs: &[GIT, CARGO_DENY, CARGO_AUDITABLE],
        in_containers: true,
        lane: Lane::Alone,
        facts: &[Fact::Cargo, Fact::Engine, Fact::Advisories],
        remedy: "cargo xtask image-check",
        ..USUAL
    },
    Step {
        id: "images",
        group: Group::Containers,
        verifies: "the image: built both ways, small, hardened, fast to start, and checked; a spoiled one is caught",
        criteria: &["A1.3", "A2.1", "A2.3", "A2.4"],
        after: &["build"],
        command: scenarios!("test(/^images::/)", "3"),
        needs: &[CARGO_NEXTEST, GIT, CARGO_DENY, CARGO_AUDITABLE],
        in_containers: true,
        lane: Lane::Alone,
        tests: Tests::Nextest,
        facts: &[Fact::Cargo, Fact::Engine],
        limit: minutes(20),
        remedy: "cargo nextest run --package xtask --test scenarios images::",
        ..USUAL
    },
    Step {
        id: "performance",
        group: Group::Performance,
        verifies: "the service is about as fast as the last release",
        after: &["build"],
        command: &["cargo", "xtask", "bench", "service", "--check"],
        lane: Lane::Alone,
        facts: &[Fact::Cargo, Fact::Baseline],
        remedy: "cargo xtask bench service",
        ..USUAL
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_says_what_it_verifies_and_how_it_is_mended_and_builds_only_on_those_before_it() {
        for (place, step) in STEPS.iter().enumerate() {
            let said = [step.id, step.verifies, step.remedy];
            assert!(said.iter().all(|text| !text.is_empty()) && !step.command.is_empty(), "{}", step.id);
            let before = |id: &str| STEPS[..place].iter().any(|other| other.id == id);
            assert!(step.after.iter().copied().chain(step.as_many_as).all(before), "{}", step.id);
            // A job runs one group: what is compared has to be in the same.
            let of_group = |id: &str| STEPS.iter().any(|other| other.id == id && other.group == step.group);
            assert!(step.as_many_as.is_none_or(of_group), "{}", step.id);
            assert!(!STEPS[place + 1..].iter().any(|other| other.id == step.id), "{}", step.id);
        }
    }
}
