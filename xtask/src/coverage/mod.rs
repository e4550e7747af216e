//! `coverage`: how many of each crate's lines the tests run, and whether that is as many as it has to be.

mod figures;
mod floor;
pub(crate) mod llvm;
mod measure;
mod raise;

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;

use crate::delivery::{Coverage, FILE, Share};
use crate::markdown::code;
use crate::packages::Consent;
use crate::problem::{ExitCode, Problem};
use crate::project::Project;
use crate::tools::{CARGO_LLVM_COV, CARGO_NEXTEST, Tool, Toolbox};
use crate::{out, say};
use figures::Crate;
use llvm::Llvm;
use measure::{FOLDER, HTML, LCOV, LlvmCov};

/// Flags of `coverage`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Raises each floor in config/delivery.toml to what was measured, less half a point.
    #[arg(long)]
    raise: bool,
    /// Installs what is missing without asking; what CI systems get in any case.
    #[arg(long)]
    yes: bool,
    /// Prints the figures as JSON.
    #[arg(long)]
    json: bool,
}

/// What runs the tests, and what makes them count.
const TOOLS: [Tool; 2] = [CARGO_NEXTEST, CARGO_LLVM_COV];
/// Where the table of the last run is kept as Markdown, from the project's folder.
pub(crate) const FIGURES: &str = "target/xtask/coverage/coverage.md";
/// How far above its floor a crate may be before it is said.
const ROOM: Share = Share::tenths(20);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Passed,
    Failed,
    /// It has no floor.
    Unjudged,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Verdict::Passed => "passed",
            Verdict::Failed => "FAILED",
            Verdict::Unjudged => "no floor",
        }
    }
}

/// A crate's figures beside its floor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Row<'a> {
    name: &'a str,
    covered: u64,
    lines: u64,
    percent: Option<Share>,
    floor: Option<Share>,
    verdict: Verdict,
}

impl<'a> Row<'a> {
    fn of(member: &'a Crate, coverage: &Coverage) -> Row<'a> {
        let (percent, floor) = (member.share(), coverage.floor.get(member.name.as_str()).map(|it| *it.get_ref()));
        let verdict = match floor {
            None => Verdict::Unjudged,
            // Where there is nothing to run, nothing has been looked at.
            Some(floor) if percent.is_some_and(|percent| percent >= floor) => Verdict::Passed,
            Some(_) => Verdict::Failed,
        };
        Row { name: &member.name, covered: member.covered(), lines: member.lines(), percent, floor, verdict }
    }
}

/// Runs the tests that count, prints how much of each crate they run, and holds that against the floors.
///
/// # Errors
/// A [`Problem`] with exit code 1 when a test fails or a crate is below its floor, with 69 when a tool cannot be had, and
/// with 78 when a floor has fallen or is that of no crate.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let project = Project::here()?;
    let Project { root, delivery } = &project;
    let crates = Crate::of_workspace(root)?;
    floor::check(root, &delivery.coverage, &crates)?;
    let (consent, toolbox) = (Consent::from_flag(args.yes), Toolbox::of(&project));
    for tool in TOOLS {
        toolbox.ensure(&tool, consent)?;
    }
    let llvm = Llvm::ensure(consent)?;
    let llvm_cov = LlvmCov::new(root, toolbox.environment(&TOOLS)?, &llvm);
    llvm_cov.test(delivery.coverage.tests.as_deref())?;
    let crates = figures::assign(crates, &llvm_cov.report()?)?;
    let rows: Vec<_> = crates.iter().map(|member| Row::of(member, &delivery.coverage)).collect();
    let figures = root.join(FIGURES);
    fs::write(&figures, markdown(&rows)).with_context(|| format!("writing {}", figures.display()))?;
    if args.json {
        let ok = rows.iter().all(|row| row.verdict != Verdict::Failed);
        let [html, lcov] = [format!("{FOLDER}/{HTML}/index.html"), format!("{FOLDER}/{LCOV}")];
        out!("{}", serde_json::json!({ "ok": ok, "crates": rows, "html": html, "lcov": lcov }));
    } else {
        print(&rows);
    }
    if args.raise {
        raise(root, &rows)?;
    } else if !args.json {
        print_room(&rows);
    }
    conclude(root, &crates, &rows)
}

/// What is wrong with the floors, for `config-lint`; a folder that is no workspace has no crates to compare them with.
pub(crate) fn findings(project: &Project) -> anyhow::Result<Vec<String>> {
    let coverage = &project.delivery.coverage;
    let Ok(crates) = Crate::of_workspace(&project.root) else { return Ok(Vec::new()) };
    Ok(floor::strangers(&fs::read_to_string(project.root.join(FILE))?, coverage, &crates))
}

fn print(rows: &[Row<'_>]) {
    let width = rows.iter().map(|row| row.name.len()).chain(["crate".len()]).max().unwrap_or_default();
    out!("{:<width$}  {:>8}  {:>8}  {:>7}  {:>6}  verdict", "crate", "covered", "lines", "percent", "floor");
    for row in rows {
        let (name, covered, lines) = (row.name, row.covered, row.lines);
        let (percent, floor, verdict) = (or_dash(row.percent), or_dash(row.floor), row.verdict.word());
        out!("{name:<width$}  {covered:>8}  {lines:>8}  {percent:>7}  {floor:>6}  {verdict}");
    }
    out!("\nhtml  {FOLDER}/{HTML}/index.html\nlcov  {FOLDER}/{LCOV}");
}

/// The same table for a report.
fn markdown(rows: &[Row<'_>]) -> String {
    let head =
        "| Crate | Lines covered | of | Percent | Floor | Verdict |\n| --- | ---: | ---: | ---: | ---: | --- |\n";
    let line = |row: &Row<'_>| {
        let (percent, floor) = (or_dash(row.percent), or_dash(row.floor));
        let (name, covered, lines, verdict) = (code(row.name), row.covered, row.lines, row.verdict.word());
        format!("| {name} | {covered} | {lines} | {percent} | {floor} | {verdict} |\n")
    };
    head.to_owned() + &rows.iter().map(line).collect::<String>()
}

fn or_dash(share: Option<Share>) -> String {
    share.map_or("-".into(), |share| share.to_string())
}

/// Says which floors could be higher.
fn print_room(rows: &[Row<'_>]) {
    let above = |row: &&Row<'_>| row.percent.zip(row.floor).is_some_and(|(percent, floor)| percent.less(ROOM) > floor);
    let names: Vec<_> = rows.iter().filter(above).map(|row| row.name).collect();
    if !names.is_empty() {
        let names = names.join(", ");
        out!("\n{names}: more than {ROOM} points above the floor; raise it with cargo xtask coverage --raise");
    }
}

fn raise(root: &Path, rows: &[Row<'_>]) -> anyhow::Result<()> {
    let path = root.join(FILE);
    let text = fs::read_to_string(&path)?;
    let measured = rows.iter().filter_map(|row| Some((row.name, row.percent?))).collect();
    let (text, raised) = raise::raise(&text, &measured)?;
    if !raised.is_empty() {
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    raised.iter().for_each(|it| say!("{FILE}: coverage.floor.{} raised from {} to {}", it.name, it.from, it.to));
    if raised.is_empty() {
        say!("no floor can be raised: none is more than {} points below what was measured", raise::SLACK);
    }
    Ok(())
}

fn conclude(root: &Path, crates: &[Crate], rows: &[Row<'_>]) -> anyhow::Result<()> {
    let failed: Vec<_> = crates.iter().zip(rows).filter(|(_, row)| row.verdict == Verdict::Failed).collect();
    if failed.is_empty() {
        return Ok(());
    }
    let told = failed.iter().map(|(_, row)| {
        let floor = row.floor.map(|floor| floor.to_string()).unwrap_or_default();
        match row.percent {
            Some(percent) => {
                format!("{percent} % of the lines of {} are covered, and {floor} % is its floor", row.name)
            }
            None => format!("no line of {} was seen, and {floor} % is its floor", row.name),
        }
    });
    let message = format!("{}.", told.collect::<Vec<_>>().join("; "));
    let worst = failed.iter().flat_map(|(member, _)| member.worst(5)).map(|file| {
        let path = file.path.strip_prefix(root).unwrap_or(&file.path).display();
        format!("{:>5} of {:>5} lines not covered: {path}", file.uncovered(), file.lines)
    });
    let problem = Problem::new(ExitCode::Failed, message).detail(worst);
    Err(problem.next(format!("xdg-open {FOLDER}/{HTML}/index.html")).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Delivery;
    use crate::testing::DELIVERY;
    use figures::tests::{shop, unseen};

    fn rows<'a>(crates: &'a [Crate], floors: &str) -> Vec<Row<'a>> {
        let text = format!("[coverage]\nfloor = {{ {floors} }}\n{DELIVERY}");
        let coverage = Delivery::parse(&text).unwrap().coverage;
        crates.iter().map(|member| Row::of(member, &coverage)).collect()
    }

    #[test]
    fn a_crate_passes_at_its_floor_and_fails_below() {
        let crates = shop();
        for (floors, expected) in [
            ("shop = 30.0, tool = 100.0", [Verdict::Passed, Verdict::Passed]),
            ("shop = 30.1", [Verdict::Failed, Verdict::Unjudged]),
        ] {
            assert_eq!(rows(&crates, floors).iter().map(|row| row.verdict).collect::<Vec<_>>(), expected, "{floors}");
        }
    }

    #[test]
    fn a_report_has_the_same_table() {
        let table = markdown(&rows(&shop(), "shop = 30.1"));
        assert!(table.starts_with("| Crate | Lines covered | of | Percent | Floor | Verdict |\n"), "{table}");
        assert!(table.contains("| `shop` | 3 | 10 | 30.0 | 30.1 | FAILED |\n| `tool` | "), "{table}");
        assert!(table.ends_with(" | - | no floor |\n"), "{table}");
    }

    #[test]
    fn a_crate_of_which_nothing_was_seen_is_below_any_floor() {
        let crates = unseen();
        let rows = rows(&crates, "shop = 0.0");
        assert_eq!(rows[0].verdict, Verdict::Failed);
        let error = conclude(Path::new("/shop"), &crates, &rows).unwrap_err().to_string();
        assert!(error.starts_with("no line of shop was seen, and 0.0 % is its floor."), "{error}");
    }

    #[test]
    fn what_failed_is_told_with_figure_floor_and_worst_files() {
        let crates = shop();
        let error = conclude(Path::new("/shop"), &crates, &rows(&crates, "shop = 90.0, tool = 9.0")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "30.0 % of the lines of shop are covered, and 90.0 % is its floor.\n  \
             |     4 of     4 lines not covered: src/main.rs\n  |     3 of     6 lines not covered: src/cart.rs\n  \
             next: xdg-open target/xtask/coverage/html/index.html"
        );
    }
}
