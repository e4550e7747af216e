//! What decides a step's outcome besides files: its command, its tools, the compiler, the environment.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::Path;

use super::step::{Fact, Step};
use crate::delivery::Delivery;
use crate::tools::{Tool, Toolbox};
use crate::{advisories, bench, cargo, digest, docker};

/// The variables by which a person changes what cargo does, by their beginning.
const OF_CARGO: [&str; 8] = [
    "CARGO_BUILD_",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_PROFILE_",
    "CARGO_TARGET_",
    "CARGO_UNSTABLE_",
    "CC",
    "RUSTC",
    "RUSTFLAGS",
];

type Facts = BTreeMap<String, String>;

/// What was asked for once is not asked for again in the same run.
#[derive(Debug, Default)]
pub(super) struct Known {
    compiler: OnceCell<String>,
    engine: OnceCell<Facts>,
}

impl Known {
    /// All of a step's, by name.
    pub(super) fn of(&self, step: &Step, root: &Path, tools: Toolbox<'_>) -> Facts {
        let mut facts = Facts::from([("the command".to_owned(), step.command.join(" "))]);
        facts.extend(step.env.iter().map(|(name, value)| variable(name, value)));
        facts.insert("rustc".into(), self.compiler().to_owned());
        facts.extend(step.needs.iter().map(|tool| (tool.name.to_owned(), found(tool, tools))));
        for fact in step.facts {
            match fact {
                Fact::Cargo => facts.extend(of_cargo()),
                Fact::Advisories => facts.extend(advisories::facts(root)),
                Fact::Baseline => {
                    facts.insert("the revision to compare with".into(), bench::baseline_of(root));
                }
                Fact::Engine => facts.extend(self.engine.get_or_init(|| of_engine(root)).clone()),
            }
        }
        facts
    }

    /// What the compiler says about itself, in one line.
    pub(super) fn compiler(&self) -> &str {
        self.compiler.get_or_init(compiler)
    }
}

fn variable(name: &str, value: &str) -> (String, String) {
    (format!("the variable {name}"), value.to_owned())
}

/// One that does not answer will be told of by the step.
fn compiler() -> String {
    cargo::compiler().map_or("not found".into(), |told| told.trim().replace('\n', ", "))
}

fn found(tool: &Tool, tools: Toolbox<'_>) -> String {
    tools.find(tool).map_or("not found".into(), |found| {
        let version = found.version.map(|version| version.to_string()).unwrap_or_default();
        format!("{version} at {}", found.path.display())
    })
}

fn of_cargo() -> Facts {
    let ours = |name: &str| OF_CARGO.iter().any(|beginning| name.starts_with(beginning));
    let variables = std::env::vars().filter(|(name, _)| ours(name));
    let mut facts: Facts = variables.map(|(name, value)| variable(&name, &value)).collect();
    for name in ["config.toml", "config"] {
        if let Ok(content) = std::fs::read(cargo::home().join(name)) {
            facts.insert(format!("cargo's {name}"), digest::of(&content));
        }
    }
    facts
}

/// What containers stand on: the engine, and the images nobody builds from these files at every run.
fn of_engine(root: &Path) -> Facts {
    let engine = docker::engine().map_or("not there".into(), |engine| engine.version);
    let mut facts = Facts::from([("the engine".to_owned(), engine)]);
    let Ok(delivery) = Delivery::load(root) else { return facts };
    for name in [Some(&delivery.proxy.base_image), delivery.image.builder_image.as_ref()].into_iter().flatten() {
        let id = docker::image(name).ok().flatten().map_or("not there".into(), |image| image.id);
        facts.insert(format!("the image {name}"), id);
    }
    facts
}
