//! `docs/status.md`: the table of all criteria as it stands after a run that has met every one, and whether it still is that.

use std::fs;
use std::path::Path;

use super::table::{CRITERIA, Criterion};
use crate::host::{Host as _, Local};
use crate::markdown::{cell, code};
use crate::problem::{ExitCode, Problem};
use crate::{out, say};

/// Where it is, from the project's root.
pub(super) const PAGE: &str = "docs/status.md";
const WRITE: &str = "cargo xtask verify --write";

const HEAD: &str = "\
# Status

Every acceptance criterion and every deliverable of the directive, as the last whole run of `cargo xtask verify` has found
them. It measures each afresh and prints the figures, which differ from machine to machine and so do not stand here;
`cargo xtask verify --only A4.1` measures one. What cannot be measured on a machine, for want of a Docker engine above all,
is `unknown` and counts as falling short.

This page is written by `cargo xtask verify --write`, after a run that has met them all, and by no other hand; a test holds it
against the table in [`xtask/src/verify/table.rs`](../xtask/src/verify/table.rs), and `cargo xtask verify --check` does.
";

/// The page.
pub(super) fn page() -> String {
    let (acceptance, deliverables): (Vec<_>, Vec<_>) =
        CRITERIA.iter().partition(|criterion| criterion.id.starts_with('A'));
    [HEAD.to_owned(), section("Acceptance criteria", &acceptance), section("Deliverables", &deliverables)].join("\n")
}

fn section(title: &str, criteria: &[&Criterion]) -> String {
    let head =
        format!("## {title}\n\n| | Asks | Measured by | Stands in | Verdict |\n| --- | --- | --- | --- | --- |\n");
    let row = |criterion: &&Criterion| {
        let stands: Vec<_> = criterion.stands.iter().map(|path| format!("[{}](../{path})", code(path))).collect();
        let cells = [criterion.asks, criterion.how, &stands.join(", ")].map(cell);
        format!("| {} | {} | met |\n", criterion.id, cells.join(" | "))
    };
    head + &criteria.iter().map(row).collect::<String>()
}

/// Looks whether the page is what the table gives.
///
/// # Errors
/// A [`Problem`] with exit code 1 that shows the first line that is not.
pub(super) fn check(root: &Path) -> anyhow::Result<()> {
    let held = fs::read_to_string(root.join(PAGE)).unwrap_or_default();
    let Some((line, is, should)) = drift(&held, &page()) else {
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

/// Writes it anew.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write(root: &Path) -> anyhow::Result<()> {
    Local::new(root).replace(PAGE, &page())?;
    say!("wrote {PAGE}");
    Ok(())
}

#[cfg(test)]
mod tests {
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
        write(folder.path()).unwrap();
        check(folder.path()).unwrap();
        let text = page().replacen("| met |", "| missed |", 1);
        fs::write(folder.path().join(PAGE), &text).unwrap();
        let line = text.lines().position(|line| line.contains("| missed |")).unwrap() + 1;
        assert!(check(folder.path()).unwrap_err().to_string().contains(&format!("docs/status.md:{line} is not")));
    }

    #[test]
    fn the_first_difference_is_shown_where_a_text_ends_too_early_as_well() {
        assert_eq!(drift("a\nb\n", "a\nb\n"), None);
        assert_eq!(drift("a\nb", "a\nb\n"), Some((2, "\"b\"".into(), "\"b\\n\"".into())));
        assert_eq!(drift("a\n", "a\nb\n"), Some((2, "the end of the file".into(), "\"b\\n\"".into())));
    }
}
