//! Secrets in the project's files: keys and tokens of known formats, passwords in URLs, and random values under keys whose
//! names say that they are secret. Looks at the working tree as it stands, at what git tracks and at what it would if it
//! were added; not at the history. No secret is printed.

mod allowed;
mod assignment;
mod encoding;
mod entropy;
mod formats;
mod kind;
mod placeholder;
mod private_key;
mod scan;
mod url;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

pub(crate) use assignment::names_a_secret;
pub use kind::Kind;
pub use scan::{Found, scan};

use self::allowed::Allowed;
use crate::config_lint::finding::Finding;
use crate::delivery::FILE;
use crate::digest;
use crate::git;
use crate::problem::{ExitCode, Problem};
use crate::project::Project;
use crate::say;
use crate::size::Size;

/// The largest file that is searched, in bytes; a larger one is data.
pub(crate) const LARGEST: u64 = 1 << 20;
/// Within which a NUL byte makes a file a binary one, as for git.
pub(crate) const HEAD: usize = 8000;
/// How many files a note names.
const NAMED: usize = 3;
/// How much of a secret is shown, at the most: of the text, and as a share of it.
const SHOWN: usize = 4;

/// Every secret in the project's files that is not allowed, and every allowance that is not needed. Says on standard error
/// what was not searched.
///
/// # Errors
/// A [`Problem`] with exit code 69 when git cannot list the files of a checkout, and one with exit code 78 when an allowance
/// has a path that git cannot read.
pub fn findings(project: &Project) -> anyhow::Result<Vec<Finding>> {
    let root = &project.root;
    let Some(files) = listed(root)? else { return Ok(Vec::new()) };
    let mut allowed = Allowed::of(project)?;
    let mut findings = Vec::new();
    let mut unsearched = Vec::new();
    for file in files {
        match read(&root.join(&file)) {
            Ok(Content::Text(text)) => findings.extend(in_file(&file, &text, &mut allowed)),
            Ok(Content::None) => {}
            Ok(Content::Unsearched(why)) => unsearched.push((file, why)),
            Err(error) => unsearched.push((file, error.to_string())),
        }
    }
    notes(&unsearched).iter().for_each(|note| say!("note: {note}"));
    findings.extend(allowed.unneeded(root)?);
    Ok(findings)
}

/// The files to search; none, with a note, where git cannot tell.
fn listed(root: &Path) -> anyhow::Result<Option<Vec<PathBuf>>> {
    let error = match git::paths_of(root, &[]) {
        Ok(files) => return Ok(Some(files)),
        Err(error) => error,
    };
    let why = match which::which("git") {
        Err(_) => "git is not installed",
        Ok(_) if !root.ancestors().any(|folder| folder.join(".git").exists()) => "this is no checkout of git",
        Ok(_) => {
            let message = "git cannot list the project's files, so they cannot be searched for secrets.";
            let problem = Problem::new(ExitCode::Unavailable, message).next("git status");
            return Err(problem.detail([format!("{error:#}")]).into());
        }
    };
    say!("note: {why}, so no file was searched for secrets");
    Ok(None)
}

/// What there is of a file to search.
enum Content {
    Text(Vec<u8>),
    /// Nothing: a link, a folder with a repository of its own, or a file that is gone.
    None,
    Unsearched(String),
}

fn read(path: &Path) -> io::Result<Content> {
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Content::None);
        }
        metadata => metadata?,
    };
    if !metadata.is_file() {
        return Ok(Content::None);
    }
    if metadata.len() > LARGEST {
        return Ok(Content::Unsearched(format!("larger than {}", Size::from(LARGEST))));
    }
    let text = fs::read(path)?;
    if text.iter().take(HEAD).any(|byte| *byte == 0) {
        return Ok(Content::Unsearched("binary".into()));
    }
    Ok(Content::Text(text))
}

fn in_file(file: &Path, text: &[u8], allowed: &mut Allowed<'_>) -> Vec<Finding> {
    let name = file.to_string_lossy();
    let (mut line, mut counted) = (1, 0);
    let mut findings = Vec::new();
    for found in scan(text) {
        line += text[counted..found.range.start].iter().filter(|byte| **byte == b'\n').count();
        counted = found.range.start;
        let secret = &text[found.range];
        let digest = digest::of(secret);
        if !allowed.allows(file, found.kind, &digest) {
            findings.push(Finding::at(name.as_ref(), line, message(&name, found.kind, secret, &digest)));
        }
    }
    findings
}

fn message(file: &str, kind: Kind, secret: &[u8], digest: &str) -> String {
    let path = toml::Value::from(file);
    format!(
        "{}{} stands here ({}).\n\
         Revoke it where it was issued, take it out of the history, and give its successor through environments.NAME.secrets.\n\
         If it opens nothing, allow it in {FILE}, with the reason:\n\
         [[committed_secrets.allow]]\npath = {path}\nsha256 = \"{digest}\"\nreason = \"\"",
        kind.what(),
        shown(secret),
        kind.name(),
    )
}

/// The beginning of a secret, by which its owner knows it: four characters, or less of a short one.
fn shown(secret: &[u8]) -> String {
    let length = SHOWN.min(secret.len() / SHOWN);
    let beginning: String = secret.iter().take(length).map(|byte| char::from(*byte)).collect();
    // Hyphens alone begin every key in PEM.
    let tells = beginning.chars().all(|it| it.is_ascii_graphic()) && beginning.contains(char::is_alphanumeric);
    if tells { format!(", {beginning}…,") } else { String::new() }
}

/// What was not searched, in a line for each reason.
fn notes(unsearched: &[(PathBuf, String)]) -> Vec<String> {
    let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (file, why) in unsearched {
        reasons.entry(why).or_default().push(file.display().to_string());
    }
    let note = |(why, files): (&str, Vec<String>)| {
        let more = files.len().saturating_sub(NAMED);
        let named = files.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        format!("not searched for secrets, {why}: {named}{more}")
    };
    reasons.into_iter().map(note).collect()
}

#[cfg(test)]
mod tests;
