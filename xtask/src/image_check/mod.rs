//! `image-check`: holds the service's image against its budget, and looks into it for what nobody should ship.

pub mod contents;
pub mod dependencies;
mod growth;
mod hardening;
mod kernel;
mod limits;
mod row;
mod running;
pub mod scanner;
mod secrets;
mod settings;
mod size;
mod start;
mod table;
mod vulnerabilities;

use std::path::{Path, PathBuf};

use crate::delivery::Environment;
use crate::docker::{self, Image};
use crate::github;
use crate::image::{self, Baseline, Options, Place};
use crate::problem::{DEFAULT_ENVIRONMENT, ExitCode, Problem};
use crate::project::Project;
use crate::{out, packages, say};
use contents::{Contents, Tree};
use growth::Measured;
use row::Row;
use table::Table;

/// Flags of `image-check`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The images, by name or digest; they are pulled if need be. Without any, one is built as `docker-build` does.
    #[arg(value_name = "IMAGE")]
    images: Vec<String>,
    /// The environment whose profile it is built with. Without it, the first that is protected: that is what is released.
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// Keeps the image's size, for later ones to be compared with: in FILE, or else in .config/image-size.json.
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = growth::KEPT)]
    save: Option<PathBuf>,
    /// Compares with the size that was kept in FILE. Without it, with that in .config/image-size.json, where there is one.
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// Prints the result as JSON, a line for each image.
    #[arg(long)]
    json: bool,
}

/// An image that is looked at.
struct Subject<'a> {
    project: &'a Project,
    reference: &'a str,
    image: &'a Image,
    contents: &'a Contents,
    tree: Tree<'a>,
    /// The size that is compared with.
    before: Option<&'a Measured>,
    /// The naive image, or why there is none; not where none is configured.
    baseline: Option<&'a anyhow::Result<Baseline>>,
}

impl Subject<'_> {
    fn measured(&self) -> Measured {
        Measured::of(self)
    }
}

/// What gives rows, in the order in which they are printed.
const CHECKS: &[fn(&Subject<'_>) -> Vec<Row>] = &[
    // How large it is.
    size::rows,
    growth::rows,
    // What it says of itself, and what is in it.
    settings::rows,
    hardening::rows,
    secrets::rows,
    // What is known of what is in it.
    vulnerabilities::rows,
    scanner::rows,
];

/// Prints a verdict for each row.
///
/// # Errors
/// A [`Problem`] with exit code 1 when one of them fails, 69 when there is no image to look at.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let project = Project::here()?;
    let delivery = &project.delivery;
    let protected = delivery.environments.iter().find(|(_, environment)| environment.protected);
    let released = protected.map_or(DEFAULT_ENVIRONMENT, |(name, _)| name.as_str());
    let name = args.env.as_deref().unwrap_or(released);
    let environment = delivery.environment(name)?;
    if args.images.len() > 1 && (args.save.is_some() || args.compare.is_some()) {
        let message = "--save and --compare are about one image.";
        return Err(Problem::new(ExitCode::Usage, message).next("cargo xtask image-check --help").into());
    }
    let before = before(&project.root, args.compare.as_deref())?;
    let (references, baseline) = obtain(&project, &args.images, &environment.profile)?;
    let mut failed = Vec::new();
    for reference in &references {
        let image = docker::obtain(reference)?;
        let contents = Contents::of(&image, reference)?;
        let tree = Tree::of(&contents);
        let (before, baseline) = (before.as_ref(), baseline.as_ref());
        let subject =
            Subject { project: &project, reference, image: &image, contents: &contents, tree, before, baseline };
        let rows = check(&subject, (name, environment), args)?;
        failed.extend(rows.into_iter().map(|row| (reference.as_str(), row)));
    }
    conclude(&failed, references.len())
}

/// The images to look at, and the naive one to hold them against. Where both are to be built, they are built at the same
/// time: for half of it each has work for one processor, as the whole program is optimised at once.
fn obtain(
    project: &Project,
    named: &[String],
    profile: &str,
) -> anyhow::Result<(Vec<String>, Option<anyhow::Result<Baseline>>)> {
    let naive = project.delivery.image.naive.as_ref();
    std::thread::scope(|scope| {
        let baseline = naive.map(|naive| scope.spawn(|| Baseline::obtain(project, naive)));
        let references = if named.is_empty() {
            let options = Options { profile: profile.to_owned(), place: Place::Auto, ..Options::default() };
            vec![image::build(project, &options)?.reference]
        } else {
            named.to_vec()
        };
        let baseline = baseline.map(|it| it.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        Ok((references, baseline))
    })
}

/// The size to compare with. One that was asked for has to be there.
fn before(root: &Path, named: Option<&Path>) -> anyhow::Result<Option<Measured>> {
    let found = Measured::load(named.unwrap_or(&root.join(growth::KEPT)))?;
    match (found, named) {
        (None, Some(named)) => {
            let message = format!("there is no {} to compare with.", named.display());
            let problem = Problem::new(ExitCode::Usage, message);
            Err(problem.next(format!("cargo xtask image-check --save {}", named.display())).into())
        }
        (found, _) => Ok(found),
    }
}

/// Tells of one image, and gives the rows that fail.
fn check(subject: &Subject<'_>, (name, environment): (&str, &Environment), args: &Args) -> anyhow::Result<Vec<Row>> {
    let is_ci = packages::is_ci();
    let mut rows: Vec<_> = CHECKS.iter().flat_map(|rows| rows(subject)).collect();
    rows.extend(running::rows(subject.project, name, environment, subject.reference)?);
    let measured = subject.measured();
    let table = Table { reference: subject.reference, rows: &rows, measured: &measured, is_ci };
    if args.json {
        let largest = measured.largest(table::FILES).into_iter();
        let report = serde_json::json!({
            "image": subject.reference,
            "id": subject.image.id,
            "ok": !rows.iter().any(|row| row.fails(is_ci)),
            "rows": rows,
            "layers": measured.layers,
            "largest": largest.map(|(path, bytes)| serde_json::json!({ "path": path, "bytes": bytes })).collect::<Vec<_>>(),
        });
        out!("{report}");
    } else {
        table.print();
    }
    github::summarise(|_| table.markdown())?;
    if let Some(path) = &args.save {
        // A place that was not named is the project's.
        let path = if path == Path::new(growth::KEPT) { subject.project.root.join(path) } else { path.clone() };
        measured.save(&path)?;
        say!("kept the size of {} in {}", subject.reference, path.display());
    }
    Ok(rows.into_iter().filter(|row| row.fails(is_ci)).collect())
}

/// Tells all that fails, `looked_at` images together.
fn conclude(failed: &[(&str, Row)], looked_at: usize) -> anyhow::Result<()> {
    let mut images: Vec<_> = failed.iter().map(|(reference, _)| *reference).collect();
    images.dedup();
    let [first, ..] = images[..] else { return Ok(()) };
    let message = match looked_at {
        1 => {
            let ids: Vec<_> = failed.iter().map(|(_, row)| row.id).collect();
            format!("{first} does not pass: {}.", ids.join(", "))
        }
        _ => format!("{} of {looked_at} images do not pass: {}.", images.len(), images.join(", ")),
    };
    let lines = failed.iter().map(|(reference, row)| {
        let of = if looked_at == 1 { String::new() } else { format!("{reference}: ") };
        let allowed = if row.allowed.is_empty() { String::new() } else { format!(", {} allowed", row.allowed) };
        format!("{of}{}: {}{allowed}; {}", row.id, row.found, row.remedy)
    });
    let problem = Problem::new(ExitCode::Failed, message).detail(lines);
    Err(problem.next(format!("docker history {first}")).into())
}
