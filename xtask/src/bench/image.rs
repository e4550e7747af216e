//! `bench image`: what a change of one line costs whoever builds in a container, by this project's Dockerfile, as an
//! environment has it built, and by the one that one would write first, in turn.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use serde_json::json;

use super::figures::{self, Figure, Series, Verdict};
use crate::delivery::{Delivery, FILE, Naive};
use crate::flags::Target;
use crate::image::{self, Options, Place};
use crate::problem::{ExitCode, Problem, command};
use crate::project::Project;
use crate::{cargo, docker, git, out, say};

/// Of what the naive image takes.
const GOAL: f64 = 0.2;
const FOLDER: &str = "target/xtask/bench/image";

/// Flags of `bench image`.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    /// How often both are built, after once to begin with.
    #[arg(long, value_name = "COUNT", default_value = "3", value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    #[command(flatten)]
    report: figures::Report,
}

/// Measures on a copy of the project, which is removed after with the images that were made of it.
///
/// # Errors
/// When it cannot be measured; a [`Problem`] with exit code 1 when the goal is missed, with `--check`, 78 where there is no
/// naive image to compare with, and 130 when a person asked for the end.
pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let project = Project::here()?;
    let naive = project.delivery.image.naive.clone().ok_or_else(nothing_to_compare)?;
    let profile = &project.delivery.environment(&args.target.env)?.profile;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    {
        let copy = Copy::of(&project, naive)?;
        say!("building both once, so that what can be kept is kept");
        copy.build_naive()?;
        copy.build(profile)?;
        for run in 1..=args.runs {
            say!("run {run} of {}", args.runs);
            copy.change_a_line()?;
            ours.push(copy.build(profile)?);
            theirs.push(copy.build_naive()?);
        }
    }
    let ratios = ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs).collect();
    let figure = Figure::share("change", "image after a change of one line / the naive image", ratios, GOAL);
    let (ours, theirs) = (Series::of(ours), Series::of(theirs));
    if args.report.json {
        let told = json!({ "figures": [figure], "profile": profile, "ours": ours, "naive": theirs });
        out!("{}", serde_json::to_string_pretty(&told)?);
    } else {
        figures::print(std::slice::from_ref(&figure));
        let name = format!("this one, with the profile {profile} of {}", args.target.env);
        for (name, Series { median, worst, .. }) in [(name.as_str(), &ours), ("the naive one", &theirs)] {
            out!("{name}: {median:.1} s, {worst:.1} s at the worst");
        }
    }
    if figure.verdict == Verdict::Met || !args.report.check {
        return Ok(());
    }
    Err(Problem::new(ExitCode::Failed, format!("{} misses its goal.", figure.what))
        .next(command("bench image", &args.target.env))
        .into())
}

fn nothing_to_compare() -> Problem {
    let message = format!("image.naive of {FILE} names no Dockerfile to compare with.");
    Problem::new(ExitCode::Configuration, message).next("git log --patch -- config/delivery.toml")
}

/// A copy of the project; it is gone when it goes out of scope, with its images.
struct Copy {
    project: Project,
    naive: Naive,
    /// The service's source that a line is added to.
    source: PathBuf,
}

impl Copy {
    fn of(project: &Project, naive: Naive) -> anyhow::Result<Copy> {
        let root = project.root.join(FOLDER);
        // Of a benchmark that was killed.
        let _ = fs::remove_dir_all(&root);
        for name in image::files(&project.root)? {
            copy(&project.root.join(&name), &root.join(&name))?;
        }
        // In a folder that git ignores it would see no file.
        git::init(&root)?;
        let source = source_of(&root, project)?;
        Ok(Copy { project: Project { delivery: Delivery::load(&root)?, root }, naive, source })
    }

    /// Another one each time, or the engine would remember.
    fn change_a_line(&self) -> anyhow::Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
        let appended = fs::File::options().append(true).open(&self.source);
        let written = appended.and_then(|mut file| writeln!(file, "\nconst _: u128 = {now};"));
        written.with_context(|| format!("changing {}", self.source.display()))
    }

    fn reference(&self, which: &str) -> String {
        format!("{}:bench-{which}-{}", self.project.delivery.image.repository, std::process::id())
    }

    fn build(&self, profile: &str) -> anyhow::Result<f64> {
        let (profile, tag) = (profile.to_owned(), Some(self.reference("ours")));
        let options = Options { profile, tag, place: Place::Container, ..Options::default() };
        timed(|| image::build(&self.project, &options).map(drop))
    }

    fn build_naive(&self) -> anyhow::Result<f64> {
        timed(|| image::build_naive(&self.project, &self.naive, &self.reference("naive")))
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // What could not be built is not there.
        let _ = docker::read(&["rmi", &self.reference("ours"), &self.reference("naive")]);
        let _ = fs::remove_dir_all(&self.project.root);
    }
}

fn timed(build: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let began = Instant::now();
    build()?;
    let took = began.elapsed().as_secs_f64();
    say!("took {took:.1} s");
    Ok(took)
}

/// The file that the service's binary begins in.
fn source_of(root: &Path, project: &Project) -> anyhow::Result<PathBuf> {
    let service = &project.delivery.service;
    let package = cargo::package(root, &service.package);
    let targets = package.into_iter().flat_map(|package| package.targets);
    let mut binaries = targets.filter(|target| target.is_bin() && target.name == service.binary);
    let binary = binaries.next().with_context(|| format!("{} has no binary {}", service.package, service.binary))?;
    Ok(binary.src_path.into_std_path_buf())
}

fn copy(source: &Path, target: &Path) -> anyhow::Result<()> {
    let folder = target.parent().map_or(Ok(()), fs::create_dir_all);
    folder.and_then(|()| fs::copy(source, target)).with_context(|| format!("copying {}", source.display()))?;
    Ok(())
}
