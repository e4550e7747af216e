//! `docs/status.md`: the table of all criteria with what was last found of each, and whether it still is that table.

use std::fs;
use std::path::Path;

use super::report::Finding;
use super::table::{CRITERIA, Criterion};
use super::verdict::Verdict;
use crate::host::{Host as _, Local};
use crate::markdown::{cell, code};
use crate::problem::{ExitCode, Problem};
use crate::{out, say};

/// Where it is, from the project's root.
pub(super) const PAGE: &str = "docs/status.md";
const WRITE: &str = "cargo xtask verify --write";

const HEAD: &str = "\
# Status

Every acceptance criterion and every deliverable that was asked of this project, each as the last `cargo xtask verify --write`
that has measured it has found it: `met`, `missed`, or `unknown` where nobody has measured it yet or a machine could not, for
want of a Docker engine above all. `cargo xtask verify` measures each afresh and prints the figures, which differ from machine
to machine and so do not stand here; `cargo xtask verify --only A4.1` measures one.

No other hand writes this page. A test holds all of it but the verdicts against the table in
[`xtask/src/verify/table.rs`](../xtask/src/verify/table.rs), and so does `cargo xtask verify --check`.
";

/// The page, with a verdict for each criterion.
fn page(verdict: &dyn Fn(&Criterion) -> Verdict) -> String {
    let (acceptance, deliverables): (Vec<_>, Vec<_>) =
        CRITERIA.iter().partition(|criterion| criterion.id.starts_with('A'));
    let sections = [("Acceptance criteria", acceptance), ("Deliverables", deliverables)];
    let sections = sections.map(|(title, criteria)| section(title, &criteria, verdict));
    [&[HEAD.to_owned()], sections.as_slice()].concat().join("\n")
}

fn section(title: &str, criteria: &[&Criterion], verdict: &dyn Fn(&Criterion) -> Verdict) -> String {
    let head =
        format!("## {title}\n\n| | Asks | Measured by | Stands in | Verdict |\n| --- | --- | --- | --- | --- |\n");
    let row = |criterion: &&Criterion| {
        let stands: Vec<_> = criterion.stands.iter().map(|path| format!("[{}](../{path})", code(path))).collect();
        let cells = [criterion.asks, criterion.how, &stands.join(", ")].map(cell);
        format!("| {} | {} | {} |\n", criterion.id, cells.join(" | "), verdict(criterion).word())
    };
    head + &criteria.iter().map(row).collect::<String>()
}

/// What a page says of a criterion: nobody knows, where it says nothing.
fn held_verdict(held: &str, id: &str) -> Verdict {
    let row = held.lines().find(|line| line.starts_with(&format!("| {id} |")));
    let word = row.and_then(|row| row.strip_suffix(" |")?.rsplit(" | ").next());
    let verdict = Verdict::ALL.into_iter().find(|verdict| word == Some(verdict.word()));
    verdict.unwrap_or(Verdict::Unknown)
}

/// Looks whether the page is what the table gives.
///
/// # Errors
/// A [`Problem`] with exit code 1 that shows the first line that is not.
pub(super) fn check(root: &Path) -> anyhow::Result<()> {
    let held = fs::read_to_string(root.join(PAGE)).unwrap_or_default();
    let wanted = page(&|criterion| held_verdict(&held, criterion.id));
    let Some((line, is, should)) = drift(&held, &wanted) else {
        out!("{PAGE} is what the table of criteria gives");
        return Ok(());
    };
    let message = format!("{PAGE}:{line} is not what the table of criteria gives.");
    let problem =
        Problem::new(ExitCode::Failed, message).detail([format!("is:     {is}"), format!("should: {should}")]);
    Err(problem.next(WRITE).into())
}

/// The first line, from 1, in which two texts differ, and what it is in each.
fn drift(held: &str, wanted: &str) -> Option<(usize, String, String)> {
    if held == wanted {
        return None;
    }
    let (mut is, mut should) = (held.split_inclusive('\n'), wanted.split_inclusive('\n'));
    let shown = |line: Option<&str>| line.map_or("the end of the file".into(), |line| format!("{line:?}"));
    (1..).find_map(|number| match (is.next(), should.next()) {
        (is, should) if is == should => None,
        (is, should) => Some((number, shown(is), shown(should))),
    })
}

/// Writes it anew, with what was found; of what was not measured it goes on saying what it said.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write(root: &Path, findings: &[Finding]) -> anyhow::Result<()> {
    let held = fs::read_to_string(root.join(PAGE)).unwrap_or_default();
    let found = |criterion: &Criterion| findings.iter().find(|finding| finding.id == criterion.id);
    let verdict = |criterion: &Criterion| {
        found(criterion).map_or_else(|| held_verdict(&held, criterion.id), |finding| finding.verdict)
    };
    Local::new(root).replace(PAGE, &page(&verdict))?;
    say!("wrote {PAGE}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::verdict::Short;
    use super::*;
    use crate::testing::TempDir;

    #[test]
    fn the_page_in_the_repository_is_what_the_table_gives() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        check(root).unwrap();
    }

    #[test]
    fn a_page_that_says_something_else_is_told_of_at_its_line() {
        let folder = TempDir::new();
        assert!(check(folder.path()).unwrap_err().to_string().contains("docs/status.md:1 is not"));
        write(folder.path(), &[]).unwrap();
        check(folder.path()).unwrap();
        let text = page(&|_| Verdict::Met);
        let asks = cell(CRITERIA[1].asks);
        fs::write(folder.path().join(PAGE), text.replacen(&asks, "something else", 1)).unwrap();
        let line = text.lines().position(|line| line.contains(&asks)).unwrap() + 1;
        assert!(check(folder.path()).unwrap_err().to_string().contains(&format!("docs/status.md:{line} is not")));
    }

    #[test]
    fn what_was_found_is_written_and_of_the_rest_what_was_known_stays() {
        let folder = TempDir::new();
        let held = || fs::read_to_string(folder.path().join(PAGE)).unwrap();
        let finding = |number: usize, shown| Finding::of(&CRITERIA[number], shown, 0.0);
        write(folder.path(), &[finding(0, Ok(Vec::new())), finding(1, Err(Short::missed("no")))]).unwrap();
        let verdicts = || [0, 1, 2].map(|number| held_verdict(&held(), CRITERIA[number].id));
        assert_eq!(verdicts(), [Verdict::Met, Verdict::Missed, Verdict::Unknown]);
        write(folder.path(), &[finding(1, Ok(Vec::new()))]).unwrap();
        assert_eq!(verdicts(), [Verdict::Met, Verdict::Met, Verdict::Unknown]);
        check(folder.path()).unwrap();
    }

    #[test]
    fn the_first_difference_is_shown_where_a_text_ends_too_early_as_well() {
        assert_eq!(drift("a\nb\n", "a\nb\n"), None);
        assert_eq!(drift("a\nb", "a\nb\n"), Some((2, "\"b\"".into(), "\"b\\n\"".into())));
        assert_eq!(drift("a\n", "a\nb\n"), Some((2, "the end of the file".into(), "\"b\\n\"".into())));
    }
}
