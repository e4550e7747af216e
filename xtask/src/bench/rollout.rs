//! `bench rollout`: what a rollout costs, each figure beside its goal.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use super::figures::{self, Figure, Noise, Series, Verdict};
use super::measure::{Bench, Shift};
use super::scratch::Scratch;
use crate::delivery::RuntimeChoice;
use crate::flags::{Source, Target};
use crate::interrupt::UnderWay;
use crate::packages::Consent;
use crate::problem::{ExitCode, Problem};
use crate::project::Project;
use crate::runtime::choice;
use crate::{cargo, out, say, tools};

const SHIFT_GOAL: f64 = 1.1;
const DEPLOY_GOAL: Duration = Duration::from_secs(2);
const LOCK_GOAL: Duration = Duration::from_secs(1);
/// Three steps of it are as long as both steady spans together.
const SHIFT_BAKE: &str = "1s";
/// Longer than anything is waited for.
const LOCK_BAKE: &str = "10m";

/// Flags of `bench rollout`.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    /// What runs the colours: `process` or `compose`.
    #[arg(long, value_enum, default_value = "process")]
    runtime: RuntimeChoice,
    /// A static binary that was built elsewhere, instead of building the service.
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// How often each thing is measured.
    #[arg(long, value_name = "COUNT", default_value = "5", value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    /// Installs what is missing, HAProxy above all, without asking.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    report: figures::Report,
}

/// Measures on a project of the benchmark's own, which is ended and removed after.
///
/// # Errors
/// When it cannot be measured; a [`Problem`] with exit code 1 for a goal that is missed, with `--check`, and with 130 when
/// a person asked for the end.
pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let source = Source { binary: args.binary.clone(), ..Source::default() };
    source.check()?;
    let project = Project::here()?;
    project.delivery.environment(&args.target.env)?;
    let goal = require(args, &project)?;
    let under_way = UnderWay::begin()?;
    let binary = match &args.binary {
        Some(binary) => binary.clone(),
        None => {
            say!("building {} with the profile release, static", project.delivery.service.package);
            cargo::build_static(&project, "release")?
        }
    };
    let measured = {
        let scratch = Scratch::new(&project, &args.target.env, args.runtime, &binary)?;
        measure(&scratch, args.runs, goal, &under_way)?
    };
    show(args, &measured)?;
    check(args, &measured.figures)
}

/// Looks whether the runtime can be had, and gives the goal of its rollbacks.
fn require(args: &Args, project: &Project) -> anyhow::Result<Duration> {
    match args.runtime {
        RuntimeChoice::Process => {
            tools::ensure(&tools::HAPROXY, Consent::from_flag(args.yes))?;
            Ok(Duration::from_millis(200))
        }
        RuntimeChoice::Compose => {
            choice::require_containers(&project.root)?;
            Ok(Duration::from_secs(1))
        }
        RuntimeChoice::Auto => {
            let message = "--runtime auto: each runtime has goals of its own, so a benchmark has to be told which.";
            let problem = Problem::new(ExitCode::Usage, message).next("cargo xtask bench rollout");
            Err(problem.next("cargo xtask bench rollout --runtime compose").into())
        }
    }
}

/// All that was measured.
struct Measured {
    figures: Vec<Figure>,
    sent: u64,
    failed: usize,
}

fn measure(scratch: &Scratch, runs: u32, rollback_goal: Duration, under_way: &UnderWay) -> anyhow::Result<Measured> {
    let going_on = || match under_way.is_cancelled() {
        true => Err(Problem::new(ExitCode::Interrupted, "the benchmark was ended, and all that it had started.")),
        false => Ok(()),
    };
    let (mut rollbacks, mut deploys, mut locks, mut shifts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let bench = Bench::begin(scratch)?;
    for run in 1..=runs {
        going_on()?;
        say!("run {run} of {runs}");
        scratch.set_bake("0s")?;
        deploys.push(bench.deploy(&format!("deploy-{run}"))?);
        rollbacks.push(bench.rollback()?);
        going_on()?;
        scratch.set_bake(SHIFT_BAKE)?;
        shifts.push(bench.shift(&format!("shift-{run}"))?);
        going_on()?;
        scratch.set_bake(LOCK_BAKE)?;
        locks.push(bench.lock(&format!("lock-{run}"))?);
    }
    let ratios = |of: fn(&Shift) -> f64| shifts.iter().map(of).collect();
    let noise = Noise { steady: Series::of(ratios(|it| it.steady)), ratio: Series::of(ratios(|it| it.noise)) };
    let figures = vec![
        Figure::seconds("rollback", "rollback of a warm colour, command to 100 %", &rollbacks, rollback_goal),
        Figure::seconds("deploy", "deploy without bake, beyond the service's start", &deploys, DEPLOY_GOAL),
        Figure::ratio("shift", "p99 during a shift / steady p99", ratios(|it| it.ratio), noise, SHIFT_GOAL),
        Figure::seconds("lock", "lock free after SIGKILL of its owner", &locks, LOCK_GOAL),
    ];
    let (sent, failed) = shifts.iter().fold((0, 0), |(sent, failed), it| (sent + it.sent, failed + it.failed));
    Ok(Measured { figures, sent, failed })
}

fn show(args: &Args, measured: &Measured) -> anyhow::Result<()> {
    let Measured { figures, sent, failed } = measured;
    if args.report.json {
        let runtime = args.runtime;
        let told = json!({ "runtime": runtime, "figures": figures, "requests": { "sent": sent, "failed": failed } });
        out!("{}", serde_json::to_string_pretty(&told)?);
    } else {
        figures::print(figures);
        out!("{failed} of {sent} requests failed");
    }
    Ok(())
}

fn check(args: &Args, figures: &[Figure]) -> anyhow::Result<()> {
    let missed: Vec<_> =
        figures.iter().filter(|figure| figure.verdict == Verdict::Missed).map(|figure| figure.what).collect();
    if missed.is_empty() || !args.report.check {
        return Ok(());
    }
    Err(Problem::new(ExitCode::Failed, format!("{} of {} goals are missed.", missed.len(), figures.len()))
        .detail(missed)
        .next("cargo xtask bench rollout")
        .into())
}
