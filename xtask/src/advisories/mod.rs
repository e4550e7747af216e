//! `advisories`: whether a vulnerability is known of any crate that is depended on.

mod database;
mod finding;
mod git;
mod listed;
mod place;
mod scan;
mod severity;
mod verdict;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::delivery::{Advisories, Delivery, FILE};
use crate::packages::Consent;
use crate::problem::{ExitCode, Problem};
use crate::project::Project;
use crate::rollout::policy::Span;
use crate::time::{self, Day};
use crate::tools::{self, CARGO_DENY, GIT, Toolbox};
use crate::{out, say, variable};
use database::{DATABASE, Database, Source, in_days};
pub(crate) use listed::{Known, known};
pub use severity::Severity;
use verdict::{Judged, Verdict};

/// The variable that says how old the database may be.
const MAX_AGE: &str = "SWITCHYARD_ADVISORY_MAX_AGE";

/// Flags of `advisories`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// A checkout, a bare repository or a bundle of the database, instead of the one that is configured or fetched.
    #[arg(long, value_name = "PATH")]
    database: Option<PathBuf>,
    /// How old the database's newest commit may be, such as `7d`, whatever is configured.
    #[arg(long, value_name = "SPAN")]
    max_age: Option<Span>,
    /// Fetches the database anew, and does nothing else.
    #[arg(long, conflicts_with_all = ["database", "max_age", "save", "json"])]
    fetch: bool,
    /// Writes the database into a git bundle, for where there is no network, and does nothing else.
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    save: Option<PathBuf>,
    /// Installs what is missing without asking.
    #[arg(long)]
    yes: bool,
    /// Prints the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Prints what is known of the dependencies in every `Cargo.lock` of the project.
///
/// # Errors
/// A [`Problem`]: with exit code 1 when something counts against them, when the database is too old, or what was let pass has
/// run out; with exit code 69 when there is no database.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let project = Project::here()?;
    let settings = &project.delivery.advisories;
    let consent = Consent::from_flag(args.yes);
    tools::ensure(&GIT, consent)?;
    let source = match args.fetch {
        true => Source::Fetched { url: settings.url.clone() },
        false => source(args.database.as_deref(), &project.root, settings)?,
    };
    let database = Database::open(&source, &project.root, args.fetch)?;
    let (now, limit) = (SystemTime::now(), limit(args.max_age, settings)?);
    let day = Day::of(database.at);
    let days = in_days(Span::secs(database.age(now).as_secs() / database::DAY * database::DAY));
    let known = format!("advisories as of {day}, {days} ago, from {}", database.origin);
    if let Some(note) = &database.note {
        say!("note: {note}");
    }
    if args.fetch {
        out!("{known}");
        return Ok(());
    }
    database.check_age(limit, now)?;
    if let Some(file) = &args.save {
        database.save(file)?;
        out!("{known}, in {}", file.display());
        return Ok(());
    }
    let deny = Toolbox::of(&project).ensure(&CARGO_DENY, consent)?;
    let found = scan::run(&deny.path, &database, &project.root)?;
    let judged = verdict::judge(found, settings, &Day::today());
    if args.json {
        out!("{}", report(&database, limit, now, &judged));
    } else {
        out!("{known}");
        print(&judged);
    }
    conclude(&judged, settings)
}

/// What decides the outcome besides files: the database, how old it may be, and the day on which its age is judged.
pub(crate) fn facts(root: &Path) -> [(String, String); 2] {
    let known = || -> anyhow::Result<String> {
        let settings = Delivery::load(root)?.advisories;
        let (source, limit) = (source(None, root, &settings)?, limit(None, &settings)?);
        let commit = source.known(root).unwrap_or_else(|| "nothing".into());
        Ok(format!("{commit} from {}, at most {} old", source.origin(), in_days(limit)))
    };
    let known = known().unwrap_or_else(|error| format!("{error:#}"));
    [("the advisory database".into(), known), ("the day".into(), Day::today().to_string())]
}

fn source(flag: Option<&Path>, root: &Path, settings: &Advisories) -> anyhow::Result<Source> {
    let flag = flag.map(std::path::absolute).transpose()?;
    let variable = variable::path(DATABASE);
    Ok(Source::choose(flag.as_deref(), variable.as_deref(), root, settings))
}

fn limit(flag: Option<Span>, settings: &Advisories) -> anyhow::Result<Span> {
    let variable = variable::text(MAX_AGE);
    let variable = variable.map(|span| span.parse::<Span>()).transpose().map_err(|error| {
        Problem::new(ExitCode::Configuration, format!("{MAX_AGE}: {error}")).next(format!("unset {MAX_AGE}"))
    })?;
    Ok(flag.or(variable).unwrap_or(settings.max_age))
}

fn report(database: &Database, limit: Span, now: SystemTime, judged: &Judged) -> serde_json::Value {
    serde_json::json!({
        "ok": judged.is_ok(),
        "database": {
            "origin": database.origin,
            "commit": database.commit,
            "at": time::format(database.at),
            "age_seconds": database.age(now).as_secs(),
            "max_age_seconds": limit.as_secs(),
        },
        "locks": judged.locks,
        "findings": judged.rows,
        "expired": judged.expired,
    })
}

fn print(judged: &Judged) {
    for row in &judged.rows {
        let finding = &row.finding;
        let verdict = match &row.verdict {
            Verdict::Fails => finding.severity.name().to_uppercase(),
            Verdict::Noted | Verdict::Ignored { .. } => finding.severity.name().to_owned(),
        };
        out!("\n{verdict:<8}  {}  {} {}: {}", finding.id, finding.name, finding.version, finding.title);
        let fixed = finding.fixed.as_deref().unwrap_or("no version");
        out!("{:<8}  {}; mended in {fixed}", "", finding.basis);
        out!("{:<8}  {}, in {}", "", finding.path.join(" > "), row.lock);
        match &row.verdict {
            Verdict::Ignored { reason, until } => out!("{:<8}  let pass until {until}: {reason}", ""),
            Verdict::Fails | Verdict::Noted => out!("{:<8}  {}", "", finding.remedy),
        }
    }
    let count = |is: fn(&Verdict) -> bool| judged.rows.iter().filter(|row| is(&row.verdict)).count();
    let failing = count(|verdict| *verdict == Verdict::Fails);
    let ignored = count(|verdict| matches!(verdict, Verdict::Ignored { .. }));
    let locks = judged.locks.join(", ");
    let noted = judged.rows.len() - failing - ignored;
    out!("\n{locks}: {failing} to mend, {noted} to know of, {ignored} let pass");
    for id in &judged.idle {
        say!("note: nothing is found of {id} any more; take it out of advisories.ignore in {FILE}");
    }
}

fn conclude(judged: &Judged, settings: &Advisories) -> anyhow::Result<()> {
    if judged.is_ok() {
        return Ok(());
    }
    let failing: Vec<_> =
        judged.rows.iter().filter(|row| row.verdict == Verdict::Fails).map(|row| &row.finding).collect();
    let found = (!failing.is_empty()).then(|| match failing.len() {
        1 => format!("one advisory of at least {} stands against the dependencies", settings.fail_on.get_ref()),
        count => {
            format!("{count} advisories of at least {} stand against the dependencies", settings.fail_on.get_ref())
        }
    });
    let expired = (!judged.expired.is_empty())
        .then(|| format!("what advisories.ignore in {FILE} says of {} has run out", judged.expired.join(", ")));
    let message = found.into_iter().chain(expired).collect::<Vec<_>>().join("; and ");
    let lines = failing
        .iter()
        .map(|finding| format!("{}: {} {} {}", finding.severity, finding.id, finding.name, finding.version));
    let problem = Problem::new(ExitCode::Failed, format!("{message}.")).detail(lines);
    let mut remedies: Vec<_> = failing.iter().map(|finding| finding.remedy.clone()).collect();
    remedies.dedup();
    let problem = remedies.into_iter().fold(problem, Problem::next);
    Err(problem
        .next(format!("an entry in advisories.ignore of {FILE}, with reason and last day, where it does no harm"))
        .into())
}
