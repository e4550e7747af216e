//! What is known of the crates the service was made of, by its own word: what was built, and not what a lock file says today.

use super::Subject;
use super::contents::Entry;
use super::dependencies::metadata;
use super::row::{Row, Verdict};
use crate::advisories::{self, Known};
use crate::made_of::Package;
use crate::problem::{ExitCode, exit_code, reason};

const ID: &str = "vulnerabilities";
const REMEDY: &str = "update the crate as `cargo xtask advisories` says, and build the image anew";

/// One row for all programs in the image that say what they were made of; the service has to.
pub(super) fn rows(subject: &Subject<'_>) -> Vec<Row> {
    let least = subject.project.delivery.advisories.fail_on.get_ref();
    vec![row(subject).allowing(format!("none of severity {least} or above"))]
}

fn row(subject: &Subject<'_>) -> Row {
    let service = subject.image.config.command().first().and_then(|program| subject.tree.find(program));
    if let Some(why) = why_unknown(service) {
        let remedy = "build it by `cargo auditable`, as `cargo xtask docker-build` does";
        return Row::new(ID, Verdict::Failed, format!("unknown: {why}"), remedy);
    }
    let lists = subject.tree.entries().filter_map(|entry| Some((entry, entry.noted.made_of.as_ref()?.as_ref().ok()?)));
    let known = lists.map(|(entry, packages)| known(subject, entry, packages));
    match known.collect::<anyhow::Result<Vec<_>>>() {
        Ok(known) => judged(&known),
        Err(error) => {
            // Only what this machine does not have is skipped; a database that is too old says nothing, and is no such thing.
            let is_missing = exit_code(&error) == ExitCode::Unavailable;
            let verdict = if is_missing { Verdict::Skipped } else { Verdict::Failed };
            Row::new(ID, verdict, reason(&error), "cargo xtask advisories says what is missing")
        }
    }
}

fn why_unknown(service: Option<&Entry>) -> Option<String> {
    let Some(service) = service else { return Some("there is no program to start".into()) };
    match &service.noted.made_of {
        Some(Ok(_)) => None,
        Some(Err(why)) => Some(format!("of /{}, {why}", service.path)),
        None => Some(format!("/{} does not say what it was made of", service.path)),
    }
}

fn known(subject: &Subject<'_>, entry: &Entry, packages: &[Package]) -> anyhow::Result<(usize, Known)> {
    let program = format!("/{}", entry.path);
    let known = advisories::known(subject.project, &program, |manifest| metadata(packages, manifest))?;
    Ok((packages.len(), known))
}

fn judged(known: &[(usize, Known)]) -> Row {
    let crates: usize = known.iter().map(|(crates, _)| crates).sum();
    let (noted, ignored) =
        known.iter().fold((0, 0), |(noted, ignored), (_, one)| (noted + one.noted, ignored + one.ignored));
    let failing: Vec<_> = known.iter().flat_map(|(_, one)| one.failing.clone()).collect();
    let as_of = known.first().map(|(_, one)| format!(", as of {} from {}", one.as_of, one.origin)).unwrap_or_default();
    let found = format!("{} in {crates} crates, {noted} to know of, {ignored} let pass{as_of}", failing.len());
    let verdict = if failing.is_empty() { Verdict::Passed } else { Verdict::Failed };
    Row { detail: failing, ..Row::new(ID, verdict, found, REMEDY) }
}
