//! The floors: whether they are of crates that exist, and no lower than they were.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::figures::Crate;
use crate::delivery::{Coverage, FILE, Share, place};
use crate::problem::{ExitCode, Problem};
use crate::{git, say, variable};

/// Holds the floors against the crates there are, and against earlier commits.
///
/// # Errors
/// A [`Problem`] with exit code 78 that shows each floor that is wrong where it stands.
pub(super) fn check(root: &Path, coverage: &Coverage, crates: &[Crate]) -> anyhow::Result<()> {
    let text = fs::read_to_string(root.join(FILE))?;
    let mistakes = strangers(&text, coverage, crates);
    if !mistakes.is_empty() {
        let message = format!("{FILE} has a floor for what is no crate of this workspace; nothing was measured.");
        return Err(Problem::new(ExitCode::Configuration, message).detail(mistakes).next("cargo metadata").into());
    }
    let mut fallen = Vec::new();
    for (name, commit) in earlier_commits(root) {
        match commit.and_then(|commit| git::file_in(root, &commit, FILE)) {
            Ok(before) => fallen.extend(lower(&text, coverage, crates, &name, &before.unwrap_or_default())),
            Err(_) => say!("note: the floors were not compared with {name}, which git does not have here"),
        }
    }
    if fallen.is_empty() {
        return Ok(());
    }
    let message = "a floor of coverage may rise and not fall; nothing was measured.";
    let problem = Problem::new(ExitCode::Configuration, message).detail(fallen);
    Err(problem.next(format!("git diff HEAD -- {FILE}")).into())
}

/// The floors of crates that do not exist.
pub(super) fn strangers(text: &str, coverage: &Coverage, crates: &[Crate]) -> Vec<String> {
    let known: Vec<_> = crates.iter().map(|it| it.name.as_str()).collect();
    let strangers = coverage.floor.keys().filter(|name| !known.contains(&name.get_ref().as_str()));
    let told = strangers.map(|name| {
        let (place, known) = (place(text, name.span().start), known.join(", "));
        format!("{place}: coverage.floor: there is no crate `{}`; there are {known}", name.get_ref())
    });
    told.collect()
}

/// What the floors are compared with: the last commit, and for a pull request the one that it starts from. Each with the
/// name people know it by.
fn earlier_commits(root: &Path) -> Vec<(String, anyhow::Result<String>)> {
    let base = variable::text("GITHUB_BASE_REF");
    let base = base.map(|base| format!("origin/{base}"));
    let base = base.map(|base| (base.clone(), git::merge_base(root, &base)));
    [("HEAD".to_owned(), Ok("HEAD".to_owned()))].into_iter().chain(base).collect()
}

/// The floors that are lower than in an earlier text of the file, or gone, though their crate is not.
fn lower(text: &str, coverage: &Coverage, crates: &[Crate], name: &str, before: &str) -> Vec<String> {
    let still_there = |(member, _): &(String, Share)| crates.iter().any(|it| it.name == *member);
    let fallen = floors_of(before).into_iter().filter(still_there).filter_map(|(member, before)| {
        match coverage.floor.get(member.as_str()) {
            Some(now) if *now.get_ref() >= before => None,
            Some(now) => {
                let (place, now) = (place(text, now.span().start), now.get_ref());
                Some(format!("{place}: coverage.floor.{member} is {now}, and {before} in {name}"))
            }
            None => Some(format!("{FILE}: coverage.floor.{member} is gone, and {before} in {name}")),
        }
    });
    fallen.collect()
}

/// The floors in a text of the file that may be older than everything else that is known about it.
fn floors_of(text: &str) -> BTreeMap<String, Share> {
    let table: toml::Table = toml::from_str(text).unwrap_or_default();
    let floors = table.get("coverage").and_then(|coverage| coverage.get("floor")).and_then(toml::Value::as_table);
    let share = |value: &toml::Value| value.clone().try_into::<Share>().ok();
    floors.into_iter().flatten().filter_map(|(name, value)| Some((name.clone(), share(value)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coverage::figures::tests::shop;
    use crate::delivery::Delivery;
    use crate::testing::{DELIVERY, Repository};

    fn text(floors: &str) -> String {
        format!("[coverage]\nfloor = {{ {floors} }}\n{DELIVERY}")
    }

    fn coverage(text: &str) -> Coverage {
        Delivery::parse(text).unwrap().coverage
    }

    #[test]
    fn a_floor_of_no_crate_is_shown_where_it_stands() {
        let text = text("shop = 1.0, shup = 2.0");
        let expected =
            ["config/delivery.toml:2:23: coverage.floor: there is no crate `shup`; there are shop, tool".to_owned()];
        assert_eq!(strangers(&text, &coverage(&text), &shop()), expected);
    }

    #[test]
    fn a_floor_may_rise_and_not_fall() {
        let fallen = |floors: &str, before: &str| {
            let now = text(floors);
            lower(&now, &coverage(&now), &shop(), "HEAD", before).join("\n")
        };
        for before in ["", "no toml", "[coverage]", "[coverage]\nfloor = 3", "[coverage]\nfloor = { gone = 50.0 }"] {
            assert_eq!(fallen("shop = 40.0", before), "", "{before}");
        }
        let before = "unknown = 1\n[coverage]\nfloor = { shop = 40.0, tool = 50 }";
        assert_eq!(fallen("shop = 40.0, tool = 50.1", before), "");
        assert_eq!(
            fallen("shop = 39.9", before),
            "config/delivery.toml:2:18: coverage.floor.shop is 39.9, and 40.0 in HEAD\n\
             config/delivery.toml: coverage.floor.tool is gone, and 50.0 in HEAD"
        );
    }

    #[test]
    fn the_last_commit_is_what_counts() {
        let committed = text("shop = 40.0");
        let repository = Repository::with(&[(FILE, &committed)]);
        let check = |floors: &str| {
            let text = text(floors);
            repository.write(FILE, &text);
            check(repository.root(), &coverage(&text), &shop()).map_err(|error| error.to_string())
        };
        assert_eq!(check("shop = 40.0"), Ok(()));
        assert_eq!(check("shop = 60.0"), Ok(()));
        assert!(check("shop = 30.0").unwrap_err().contains("may rise and not fall"));
        assert!(check("shop = 60.0, shup = 1.0").unwrap_err().contains("no crate `shup`"));
    }
}
