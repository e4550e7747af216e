//! `bench service`: how much slower this revision's service is than the last release's.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::json;

use super::baseline::{self, Nothing, Revision};
use super::figures::{self, Figure, Verdict, interleaved};
use super::scratch::free_addresses;
use super::served::{Place, Served, Side};
use super::windows::{Client, Window};
use crate::flags::{self, Source, Target};
use crate::host::{Host as _, Local, Session};
use crate::http::{self, Probe};
use crate::interrupt::UnderWay;
use crate::packages::is_ci;
use crate::problem::{ExitCode, Problem, reason};
use crate::project::Project;
use crate::rollout::colour::Colour;
use crate::{cargo, git, out, say, secrets};

/// Everything that is kept: what was built of the last release, and what both have written.
const FOLDER: &str = "target/xtask/bench";
const LOCK: &str = "lock";
/// How many windows of each come before those that count.
const WARM_UP: u32 = 3;
const PROBE: Duration = Duration::from_secs(5);
const AGAIN: &str = "cargo xtask bench service";

/// Flags of `bench service`.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    /// What it is held against: a revision, instead of the last release.
    #[arg(long, value_name = "REV")]
    against: Option<String>,
    /// A binary of this revision that was built elsewhere, instead of building the service.
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// A binary to hold it against that was built elsewhere.
    #[arg(long, value_name = "PATH", conflicts_with = "against")]
    baseline_binary: Option<PathBuf>,
    /// One setting for this revision alone, such as `faults.latency=5ms`; can be given more than once.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = flags::setting)]
    settings: Vec<(String, String)>,
    /// How often they are compared, each time in four windows of a quarter of a second.
    #[arg(long, value_name = "COUNT", default_value = "24", value_parser = clap::value_parser!(u32).range(10..=1000))]
    runs: u32,
    #[command(flatten)]
    report: figures::Report,
}

/// Runs both as plain processes under the same load in turn, and compares them.
///
/// # Errors
/// When it cannot be measured; a [`Problem`] with exit code 1 where a request to this revision fails, with `--check` where
/// it is slower than it may be, and on a CI system where nobody knows what to compare it with; with 75 while another such
/// benchmark runs; with 130 when a person asked for the end.
pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let project = Project::here()?;
    let environment = project.delivery.environment(&args.target.env)?;
    for binary in [&args.binary, &args.baseline_binary] {
        Source { binary: binary.clone(), ..Source::default() }.check()?;
    }
    secrets::require(&secrets::of(&project.root, &args.target.env, environment))?;
    let folder = project.root.join(FOLDER);
    let _lock = lock(&folder)?;
    let under_way = UnderWay::begin()?;
    let baseline = match baseline(args, &project, &folder)? {
        Ok(baseline) => baseline,
        Err(nothing) => return conclude_without(args, nothing),
    };
    let candidate = candidate(args, &project)?;
    let place = Place { name: &args.target.env, environment, folder: &folder };
    let compared = {
        let _secrets = Secrets::place(&project, &place)?;
        Comparison::of([&baseline, &candidate], &place, args.runs, &under_way)?
    };
    let max = project.delivery.performance.max_slowdown.ratio();
    conclude(args, &compared, &compared.figures(max), &baseline)
}

fn lock(folder: &Path) -> anyhow::Result<Session> {
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    Local::new(folder).try_lock(LOCK)?.ok_or_else(|| {
        let message = "another `bench service` runs in this project, and two would slow each other down.";
        Problem::new(ExitCode::Busy, message).next(AGAIN).into()
    })
}

/// What it is held against, ready to be started.
fn baseline(args: &Args, project: &Project, folder: &Path) -> anyhow::Result<Result<Side, Nothing>> {
    if let Some(program) = &args.baseline_binary {
        return Ok(Ok(side(project, program.display().to_string(), program)?));
    }
    let folder = folder.join("baseline");
    if let Some(revision) = &args.against {
        let revision = Revision { name: revision.clone(), commit: git::require_commit(&project.root, revision)? };
        return revision.build(project, &folder).map(Ok);
    }
    Ok(baseline::find(&project.root, &project.delivery.service.package).and_then(|revision| {
        let built = revision.build(project, &folder);
        built.map_err(|error| Nothing { reason: format!("{}: {}", revision.name, reason(&error)), is_excuse: false })
    }))
}

fn candidate(args: &Args, project: &Project) -> anyhow::Result<Side> {
    let service = &project.delivery.service;
    let program = match &args.binary {
        Some(binary) => binary.clone(),
        None => {
            // As it is released.
            say!("building {} of this revision with the profile {}, static", service.package, baseline::PROFILE);
            cargo::build_static(project, baseline::PROFILE)?
        }
    };
    Ok(Side { settings: args.settings.clone(), ..side(project, "this revision".into(), &program)? })
}

fn side(project: &Project, name: String, program: &Path) -> anyhow::Result<Side> {
    let program = fs::canonicalize(program).with_context(|| format!("looking for {}", program.display()))?;
    let (release_dir, service) = (project.root.clone(), project.delivery.service.clone());
    Ok(Side { name, program, release_dir, service, settings: Vec::new() })
}

/// The environment's secrets, which are gone when it goes out of scope.
struct Secrets(PathBuf);

impl Secrets {
    fn place(project: &Project, place: &Place<'_>) -> anyhow::Result<Secrets> {
        let folder = Secrets(place.folder.join(secrets::FOLDER));
        let (host, wanted) = (Local::new(place.folder), secrets::of(&project.root, place.name, place.environment));
        secrets::place(&wanted, &host, &|path, value| host.replace(path, value))?;
        Ok(folder)
    }
}

impl Drop for Secrets {
    fn drop(&mut self) {
        // Most environments have none.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What the windows have shown, four in each round: baseline, candidate, candidate, baseline.
struct Comparison {
    rounds: Vec<[Window; 4]>,
}

impl Comparison {
    fn of(sides: [&Side; 2], place: &Place<'_>, rounds: u32, under_way: &UnderWay) -> anyhow::Result<Comparison> {
        let [baseline, candidate] = sides;
        let [first, second] = free_addresses()?;
        let before = Served::start(baseline, Colour::Blue, first, place)?;
        let now = Served::start(candidate, Colour::Green, second, place)?;
        let paths = paths(candidate, first, second)?;
        let (mut before, mut now) = (Client::of(before, &paths), Client::of(now, &paths));
        for _ in 0..WARM_UP {
            before.window().require(baseline)?;
            now.window().require(candidate)?;
        }
        say!("comparing this revision with {}, {rounds} times", baseline.name);
        let mut compared = Comparison { rounds: Vec::new() };
        for _ in 0..rounds {
            if under_way.is_cancelled() {
                let message = "the benchmark was ended, and all that it had started.";
                return Err(Problem::new(ExitCode::Interrupted, message).next(AGAIN).into());
            }
            let round = [before.window(), now.window(), now.window(), before.window()];
            for (window, side) in round.iter().zip([baseline, candidate, candidate, baseline]) {
                window.require(side)?;
            }
            compared.rounds.push(round);
        }
        Ok(compared)
    }

    fn figures(&self, max: f64) -> Vec<Figure> {
        let figure = |id, what, value: fn(&Window) -> Option<f64>| {
            let rounds = self.rounds.iter().map(|round| round.each_ref().map(value));
            let rounds: Vec<_> = rounds.map(|[a, b, c, d]| Some([a?, b?, c?, d?])).collect::<Option<_>>()?;
            let (ratios, noise) = interleaved(&rounds);
            Some(Figure::slowdown(id, what, ratios, noise, max))
        };
        let figures = [
            figure("pace", "time for each answer at full load, of the throughput", |window| Some(window.pace)),
            figure("p50", "median of how long an answer takes", |window| Some(window.p50)),
            figure("p99", "99th percentile of how long an answer takes", |window| Some(window.p99)),
            figure("processor", "processor time for each answer", |window| window.processor),
        ];
        figures.into_iter().flatten().collect()
    }

    fn sent(&self) -> u64 {
        self.rounds.iter().flatten().map(|window| window.sent).sum()
    }
}

impl Window {
    /// Ends the measurement where a request has failed: an error is answered soon.
    fn require(&self, side: &Side) -> Result<(), Problem> {
        let Some(failure) = self.failures.first() else { return Ok(()) };
        let message = format!("{} fails under load; how fast it does says nothing.", side.name);
        Err(Problem::new(ExitCode::Failed, message).detail([failure]).next(AGAIN))
    }
}

/// What both are asked for: the smoke paths, but for those that the baseline did not have yet.
fn paths(candidate: &Side, before: std::net::SocketAddr, now: std::net::SocketAddr) -> anyhow::Result<Vec<String>> {
    let health = &candidate.service.health;
    let paths = if health.smoke.is_empty() { std::slice::from_ref(&health.ready) } else { &health.smoke };
    let is_well = |probe: &Probe| matches!(probe, Probe::Answered(answer) if (200..300).contains(&answer.status));
    let mut known = Vec::new();
    for path in paths {
        let probe = http::get(now, path, PROBE);
        if !is_well(&probe) {
            let message = format!("this revision does not answer GET {path} well: {probe}");
            return Err(Problem::new(ExitCode::Failed, message).next(AGAIN).into());
        }
        match http::get(before, path, PROBE) {
            probe if is_well(&probe) => known.push(path.clone()),
            probe => say!("{path} is left out: what came before answers {probe}"),
        }
    }
    anyhow::ensure!(!known.is_empty(), "there is no path that both answer; service.health.smoke names those to try");
    Ok(known)
}

/// Where there is nothing to compare with, nothing is slower. Where nobody knows what there would be, a CI system must not
/// take that for an answer.
fn conclude_without(args: &Args, Nothing { reason, is_excuse }: Nothing) -> anyhow::Result<()> {
    if args.report.check && is_ci() && !is_excuse {
        let message = format!("there is nothing to compare this revision with: {reason}.");
        return Err(Problem::new(ExitCode::Failed, message).next("cargo xtask bench service --against REV").into());
    }
    if args.report.json {
        out!("{}", serde_json::to_string_pretty(&json!({ "nothing_to_compare_with": reason }))?);
    } else {
        out!("nothing to compare with: {reason}");
    }
    Ok(())
}

fn conclude(args: &Args, compared: &Comparison, figures: &[Figure], baseline: &Side) -> anyhow::Result<()> {
    let sent = compared.sent();
    if args.report.json {
        let told = json!({ "against": baseline.name, "figures": figures, "requests": { "sent": sent, "failed": 0 } });
        out!("{}", serde_json::to_string_pretty(&told)?);
    } else {
        figures::print(figures);
        out!("against {}, {} times; 0 of {sent} requests failed", baseline.name, compared.rounds.len());
    }
    let slower: Vec<_> = figures.iter().filter(|figure| figure.verdict == Verdict::Missed).collect();
    if slower.is_empty() || !args.report.check {
        return Ok(());
    }
    let lines = slower.iter().map(|figure| {
        let noise = figure.noise.as_ref().map_or(1.0, |noise| noise.ratio.median);
        format!("{}: {:.2} times, noise {noise:.2}", figure.what, figure.series.median)
    });
    let message = format!(
        "this revision is slower than {}, by more than the factor {} that performance.max_slowdown allows.",
        baseline.name,
        figures.first().map_or(1.0, |figure| figure.goal)
    );
    let problem = Problem::new(ExitCode::Failed, message).detail(lines);
    Err(problem.next(AGAIN).into())
}
