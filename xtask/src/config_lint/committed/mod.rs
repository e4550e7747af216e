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

#[cfg(test)]
mod tests;

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

pub use kind::Kind;
pub use scan::{Found, scan};

use self::allowed::Allowed;
use crate::config_lint::finding::Finding;
use crate::delivery::FILE;
use crate::digest;
use crate::git;
use crate::project::Project;
use crate::say;
use crate::size::Size;

/// The largest file that is searched, in bytes; a larger one is data.
const LARGEST: u64 = 1 << 20;
/// Within which a NUL byte makes a file a binary one, as for git.
const HEAD: usize = 8000;
/// How much of a secret is shown, at the most: of the text, and as a share of it.
const SHOWN: usize = 4;

/// Every secret in the project's files that is not allowed, and every allowance that is not needed. Says on standard error
/// what was not searched.
///
/// # Errors
/// When git cannot list the files of a checkout.
pub fn findings(project: &Project) -> anyhow::Result<Vec<Finding>> {
    let root = &project.root;
    let files = match git::paths_of(root, &[]) {
        Ok(files) => files,
        Err(error) if root.ancestors().any(|folder| folder.join(".git").exists()) => return Err(error),
        Err(_) => {
            say!("note: this is no checkout of git, so its files were not searched for secrets");
            return Ok(Vec::new());
        }
    };
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
    tell(&unsearched);
    findings.extend(allowed.unneeded(root)?);
    Ok(findings)
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
    let tells = beginning.chars().all(|character| character.is_ascii_alphanumeric());
    if tells && !beginning.is_empty() { format!(", {beginning}…,") } else { String::new() }
}

/// Says what was not searched.
fn tell(unsearched: &[(PathBuf, String)]) {
    for (file, why) in unsearched {
        say!("note: {} was not searched for secrets: {why}", file.display());
    }
}
