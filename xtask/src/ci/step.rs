//! What a step of the pipeline is. Which there are, [`super::steps`] says.

use std::time::Duration;

use serde::Serialize;

use crate::tools::Tool;

/// One step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    /// Its name.
    pub(super) id: &'static str,
    /// What it belongs to; `--group` and the jobs on GitHub choose by it.
    pub(super) group: Group,
    /// What it verifies.
    pub(super) verifies: &'static str,
    /// The acceptance criteria it serves.
    pub(super) criteria: &'static [&'static str],
    /// The steps that have to have passed before it can say anything.
    pub(super) after: &'static [&'static str],
    /// What may run at the same time.
    pub(super) lane: Lane,
    /// What it runs; an argument with a `*` in its last part stands for every file of that name.
    pub(super) command: &'static [&'static str],
    /// What its command sees in its environment besides the caller's.
    pub(super) env: &'static [(&'static str, &'static str)],
    /// What else it needs than Rust.
    pub(super) needs: &'static [Tool],
    /// Whether it needs the tools of the compiler's LLVM.
    pub(super) llvm: bool,
    /// Whether it needs a Docker engine with all that containers take.
    pub(super) in_containers: bool,
    /// How it counts tests, where it runs any.
    pub(super) tests: Tests,
    /// Where its command leaves figures in Markdown, in the project's folder, for its completion report.
    pub(super) figures: Option<&'static str>,
    /// The step that has to have run as many tests as this one.
    pub(super) as_many_as: Option<&'static str>,
    /// The files that decide what it says, as git's pathspecs.
    pub(super) inputs: &'static [&'static str],
    /// What else decides it.
    pub(super) facts: &'static [Fact],
    /// How long it may take.
    pub(super) limit: Duration,
    /// What to do when it fails.
    pub(super) remedy: &'static str,
    /// What mends it without a person, where anything does.
    pub(super) fix: Option<&'static [&'static str]>,
}

/// What a step belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Group {
    /// Format, lints, documentation, scripts.
    Quality,
    /// Everything builds, and every test that needs no rollout.
    Test,
    /// Dependencies, workflows, container files.
    Security,
    /// What is configured, for every environment.
    Configuration,
    /// Whole rollouts under load, as processes and in containers: as many of the one as of the other.
    Rollout,
    /// What only containers have, and the image.
    Containers,
    /// How fast the service is.
    Performance,
}

impl Group {
    /// As the command line and the jobs on GitHub have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Group::Quality => "quality",
            Group::Test => "test",
            Group::Security => "security",
            Group::Configuration => "configuration",
            Group::Rollout => "rollout",
            Group::Containers => "containers",
            Group::Performance => "performance",
        }
    }
}

/// What may run at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Lane {
    /// One at a time: cargo locks its build directory.
    Cargo,
    /// Beside anything but a step that has to be alone.
    Beside,
    /// Beside nothing: it measures, or needs the machine's whole speed.
    Alone,
}

impl Lane {
    /// Whether what runs in this one and what runs in the other have to take turns.
    pub(super) fn excludes(self, other: Lane) -> bool {
        matches!((self, other), (Lane::Alone, _) | (_, Lane::Alone) | (Lane::Cargo, Lane::Cargo))
    }
}

/// How tests are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tests {
    /// It runs none.
    None,
    /// By the report nextest leaves.
    Nextest,
    /// By the lines the standard test harness prints.
    Harness,
}

/// What decides a step's outcome besides files, its command, its tools and the compiler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fact {
    /// The variables and the file by which a person changes what cargo does.
    Cargo,
    /// Which advisories are known, and which day it is: what they say holds for a while.
    Advisories,
    /// The revision the service's speed is held against.
    Baseline,
    /// The engine's version and the images that rollouts need.
    Engine,
}

/// What most steps have in common.
pub(super) const USUAL: Step = Step {
    id: "",
    group: Group::Quality,
    verifies: "",
    criteria: &[],
    after: &[],
    lane: Lane::Cargo,
    command: &[],
    env: &[],
    needs: &[],
    llvm: false,
    in_containers: false,
    tests: Tests::None,
    figures: None,
    as_many_as: None,
    inputs: EVERYTHING,
    facts: &[],
    limit: minutes(15),
    remedy: "",
    fix: None,
};

/// All that is not documentation: what compiles may read any file.
pub(super) const EVERYTHING: &[&str] = &[".", ":!docs/", ":!*.md", ":!.github/"];

pub(super) const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}
