//! The same database and the same rules, for a program that says itself what it was made of.

use std::fs;
use std::time::SystemTime;

use anyhow::Context as _;

use super::database::Database;
use super::scan::Found;
use super::verdict::{Verdict, judge};
use super::{finding, limit, scan, source};
use crate::packages::Consent;
use crate::project::Project;
use crate::time::Day;
use crate::tools::{self, CARGO_DENY, GIT, Toolbox};

/// A package in whose place the program's own is looked up, since cargo-deny asks cargo about it.
const STUB: &str = "[package]\nname = \"program\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[lib]\npath = \"Cargo.toml\"\n\n[workspace]\n";

/// What is known of the crates that a program was made of.
#[derive(Debug)]
pub(crate) struct Known {
    /// What has to be mended, a line each, the most severe first.
    pub(crate) failing: Vec<String>,
    /// How many advisories are only to be known of, and how many are let pass.
    pub(crate) noted: usize,
    pub(crate) ignored: usize,
    /// The day the database is of.
    pub(crate) as_of: Day,
    /// Where it comes from.
    pub(crate) origin: String,
}

/// Looks it up. `metadata` gives what cargo would say of the program, for the path of a manifest.
///
/// # Errors
/// A [`crate::problem::Problem`]: with exit code 1 when the database is too old, 69 when there is none, or nothing to look
/// into it with.
pub(crate) fn known(
    project: &Project,
    program: &str,
    metadata: impl FnOnce(&str) -> serde_json::Value,
) -> anyhow::Result<Known> {
    let settings = &project.delivery.advisories;
    let consent = Consent::from_flag(false);
    tools::ensure(&GIT, consent)?;
    let database = Database::open(&source(None, &project.root, settings)?, &project.root, false)?;
    database.check_age(limit(None, settings)?, SystemTime::now())?;
    let deny = Toolbox::of(project).ensure(&CARGO_DENY, consent)?;
    let folder = database.folder().join("program");
    let manifest = folder.join("Cargo.toml");
    let written = || -> std::io::Result<()> {
        fs::create_dir_all(&folder)?;
        fs::write(&manifest, STUB)
    };
    written().with_context(|| format!("writing {}", manifest.display()))?;
    let metadata = metadata(&manifest.to_string_lossy()).to_string();
    let printed = scan::check(&deny.path, &database, metadata.as_bytes(), &folder)?;
    let findings = finding::parse(&printed, None).with_context(|| program.to_owned())?;
    let judged = judge(vec![Found { lock: program.to_owned(), findings }], settings, &Day::today());
    let count = |is: fn(&Verdict) -> bool| judged.rows.iter().filter(|row| is(&row.verdict)).count();
    let failing = judged.rows.iter().filter(|row| row.verdict == Verdict::Fails).map(|row| {
        let finding = &row.finding;
        let way = finding.path.join(" > ");
        format!("{}: {} {way}: {}; {}", finding.severity, finding.id, finding.title, finding.remedy)
    });
    Ok(Known {
        failing: failing.collect(),
        noted: count(|verdict| *verdict == Verdict::Noted),
        ignored: count(|verdict| matches!(verdict, Verdict::Ignored { .. })),
        as_of: Day::of(database.at),
        origin: database.origin.clone(),
    })
}
