//! `bench pipeline`: what `cargo xtask` and its runner cost, each figure beside its goal.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use super::figures::{self, Figure, Verdict, interleaved};
use crate::interrupt::UnderWay;
use crate::problem::{ExitCode, Problem};
use crate::{cargo, ci, git, out, program, project, say};

const FRESH_GOAL: Duration = Duration::from_secs(3);
const OVERHEAD_GOAL: f64 = 1.02;
const DISPATCH_GOAL: Duration = Duration::from_millis(100);
const COLD_GOAL: Duration = Duration::from_secs(25);
/// The steps by which the runner is compared with a shell: they take most of a minute with everything to compile, one after
/// the other in either.
const COMPARED: [&str; 2] = ["lint", "docs"];
const FOLDER: &str = "target/xtask/bench/pipeline";
/// A machine with more to do than this, in processes that want to run, is not quiet.
const QUIET: f64 = 1.0;
const AGAIN: &str = "cargo xtask bench pipeline";

/// Flags of `bench pipeline`.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// How often each thing is measured, but for the build, which is measured once.
    #[arg(long, value_name = "COUNT", default_value = "5", value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    #[command(flatten)]
    report: figures::Report,
}

/// Measures in a folder of the benchmark's own, which is removed after; the steps of the comparison run here.
///
/// # Errors
/// When it cannot be measured; a [`Problem`] with exit code 1 for a goal that is missed, with `--check`, and with 130 when
/// a person asked for the end.
pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let load = load();
    let bench = Bench { scratch: Scratch::new(&project::root()?)?, runs: args.runs, under_way: UnderWay::begin()? };
    // Only a miss is excused: what is met beside other work is met.
    let is_busy = load.is_some_and(|load| load > QUIET);
    // At once, since the next one may take minutes, and whoever ends it then has this one.
    let told = |figure: Figure| {
        let figure = if is_busy { figure.unclear_if_missed() } else { figure };
        say!("{}", figure.brief());
        figure
    };
    let figures = [told(bench.cold()?), told(bench.fresh()?), told(bench.dispatch()?), told(bench.overhead()?)];
    if args.report.json {
        out!("{}", serde_json::to_string_pretty(&json!({ "figures": figures, "load": load }))?);
    } else {
        figures::print(&figures);
        load.iter().for_each(|load| out!("processes that wanted to run in the minute before: {load}"));
    }
    let missed: Vec<_> = figures.iter().filter(|figure| figure.verdict == Verdict::Missed).collect();
    if missed.is_empty() || !args.report.check {
        return Ok(());
    }
    let message = format!("{} of {} goals are missed.", missed.len(), figures.len());
    Err(Problem::new(ExitCode::Failed, message).detail(missed.iter().map(|figure| figure.what)).next(AGAIN).into())
}

/// How many processes wanted to run in the last minute; none where the system does not say.
fn load() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

/// The folder everything is measured in; it is gone when it goes out of scope.
struct Scratch {
    root: PathBuf,
    folder: PathBuf,
}

impl Scratch {
    fn new(root: &Path) -> anyhow::Result<Scratch> {
        let scratch = Scratch { root: root.to_owned(), folder: root.join(FOLDER) };
        scratch.clear();
        fs::create_dir_all(&scratch.folder).with_context(|| format!("making {}", scratch.folder.display()))?;
        Ok(scratch)
    }

    fn clear(&self) {
        // The first time there is none.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.clear();
    }
}

struct Bench {
    scratch: Scratch,
    runs: u32,
    under_way: UnderWay,
}

impl Bench {
    /// How long it takes to compile xtask and all it stands on, the crates being there.
    fn cold(&self) -> anyhow::Result<Figure> {
        say!("building xtask from nothing");
        let root = &self.scratch.root;
        self.time(cargo_in(root).args(["fetch", "--locked", "--quiet"]))?;
        let target = self.scratch.folder.join("cold");
        let mut build = cargo_in(root);
        build.args(["build", "--package", "xtask", "--locked", "--quiet"]).env("CARGO_TARGET_DIR", &target);
        let took = self.time(&mut build)?;
        fs::remove_dir_all(&target).with_context(|| format!("removing {}", target.display()))?;
        Ok(Figure::seconds("cold", "build of xtask from nothing", &[took], COLD_GOAL))
    }

    /// How long a run takes for which nothing has changed: of a copy of this commit, each of whose steps counts as passed.
    fn fresh(&self) -> anyhow::Result<Figure> {
        let clone = self.scratch.folder.join("clone");
        fs::create_dir_all(&clone)?;
        git::export(&self.scratch.root, "HEAD", &clone)?;
        git::init(&clone)?;
        let steps = ci::take_for_passed(&clone)?;
        let mut runs = Vec::new();
        for _ in 0..self.runs {
            runs.push(self.time(xtask_in(&clone)?.args(["ci", "--cache"]))?);
            require_fresh(&clone.join("target/xtask/ci.json"), steps)?;
        }
        Ok(Figure::seconds("fresh", "run of every step with nothing changed", &runs, FRESH_GOAL))
    }

    /// How much longer `cargo xtask` takes to do nothing than `cargo run` of a program that does nothing.
    fn dispatch(&self) -> anyhow::Result<Figure> {
        say!("comparing cargo xtask with a program that does nothing");
        let hello = self.scratch.folder.join("hello");
        fs::create_dir_all(hello.join("src"))?;
        fs::write(hello.join("Cargo.toml"), "[package]\nname = \"hello\"\nedition = \"2024\"\n\n[workspace]\n")?;
        fs::write(hello.join("src/main.rs"), "fn main() {}\n")?;
        let bare = || self.time(cargo_in(&hello).args(["run", "--quiet"]));
        let ours = || self.time(cargo_in(&self.scratch.root).args(["xtask", "ci", "--list"]));
        // What they compile they compile here.
        bare()?;
        ours()?;
        let rounds = self.rounds(self.runs * 2, bare, ours)?;
        let more = rounds.iter().map(|[first, second, third, last]| (second + third - first - last) / 2.0);
        let more: Vec<_> = more.map(|seconds| Duration::from_secs_f64(seconds.max(0.0))).collect();
        Ok(Figure::seconds(
            "dispatch",
            "cargo xtask, beyond cargo run of a program that does nothing",
            &more,
            DISPATCH_GOAL,
        ))
    }

    /// How much longer the runner takes for the commands of steps than a shell does, with everything to be compiled.
    fn overhead(&self) -> anyhow::Result<Figure> {
        let rounds = self.runs.div_ceil(2);
        say!("comparing the runner with a shell: {}, from nothing, {} times in each", COMPARED.join(", "), rounds * 2);
        let only: Vec<_> = COMPARED.iter().flat_map(|step| ["--only", step]).collect();
        let root = &self.scratch.root;
        let lines = xtask_in(root)?.args(["ci", "--dry-run"]).args(&only).output()?.stdout;
        let script = format!("set -e\n{}", String::from_utf8(lines)?);
        let target = self.scratch.folder.join("compared");
        let cold = |command: &mut Command| {
            // It is not there the first time.
            let _ = fs::remove_dir_all(&target);
            self.time(command.env("CARGO_TARGET_DIR", &target))
        };
        let shell = || cold(command("sh", root).args(["-c", &script]));
        let runner = || cold(xtask_in(root)?.args(["ci", "--no-cache"]).args(&only));
        let (ratios, noise) = interleaved(&self.rounds(rounds, shell, runner)?);
        Ok(Figure::ratio("overhead", "steps by the runner / their commands in a shell", ratios, noise, OVERHEAD_GOAL))
    }

    /// Two things in turn, four runs a round: one, other, other, one; in seconds.
    fn rounds(
        &self,
        count: u32,
        one: impl Fn() -> anyhow::Result<Duration>,
        other: impl Fn() -> anyhow::Result<Duration>,
    ) -> anyhow::Result<Vec<[f64; 4]>> {
        let round = |_| Ok([one()?, other()?, other()?, one()?].map(|took| took.as_secs_f64()));
        (0..count).map(round).collect()
    }

    /// How long a command takes, which has to succeed.
    fn time(&self, command: &mut Command) -> anyhow::Result<Duration> {
        let began = Instant::now();
        let output = command.output().with_context(|| format!("running {command:?}"))?;
        let took = began.elapsed();
        if self.under_way.is_cancelled() {
            return Err(Problem::new(ExitCode::Interrupted, "the benchmark was ended.").next(AGAIN).into());
        }
        if !output.status.success() {
            let said = [output.stdout, output.stderr].concat();
            bail!("{command:?} failed:\n{}", String::from_utf8_lossy(&said).trim_end());
        }
        Ok(took)
    }
}

fn command(program: impl AsRef<std::ffi::OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).stdin(Stdio::null());
    cargo::foreign_variables().iter().for_each(|name| {
        command.env_remove(name);
    });
    command
}

fn cargo_in(folder: &Path) -> Command {
    command(cargo::program(), folder)
}

fn xtask_in(folder: &Path) -> anyhow::Result<Command> {
    Ok(command(program::own()?, folder))
}

/// A run that has run something, or does not say why it has not, shows nothing.
fn require_fresh(report: &Path, steps: usize) -> anyhow::Result<()> {
    let report: Value = serde_json::from_slice(&fs::read(report)?)?;
    let reports = report["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_fresh = |report: &&Value| report["verdict"] == "fresh" && report["reason"].is_string();
    let fresh = reports.iter().filter(is_fresh).count();
    if fresh != steps {
        let others = reports.iter().filter(|report| !is_fresh(report));
        let others: Vec<_> = others.map(|report| format!("{}: {}", report["id"], report["reason"])).collect();
        bail!("only {fresh} of {steps} steps are fresh with nothing changed:\n{}", others.join("\n"));
    }
    Ok(())
}
