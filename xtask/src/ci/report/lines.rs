//! The lines in which tools complain, each as one of them writes it.

use std::path::Path;

use super::issue::{Issue, Level, Place};
use crate::foreign::{self, relative};

/// What a compiler says after all its errors. None of these lines is one.
const SUMMARIES: [&str; 8] = [
    "could not compile ",
    "aborting due to ",
    "could not document ",
    "build failed",
    "test failed, to rerun",
    "test run failed",
    "process didn't exit successfully",
    "no matching ",
];

pub(super) fn issue(level: Level, code: Option<&str>, place: Option<Place>, message: &str) -> Issue {
    Issue { level, code: code.map(str::to_owned), test: None, place, message: message.trim().to_owned() }
}

fn level(word: &str) -> Option<Level> {
    match word {
        "error" | "fatal error" => Some(Level::Error),
        "warning" | "warn" | "info" | "style" | "note" | "informational" => Some(Level::Warning),
        _ => None,
    }
}

/// `error[E0308]: mismatched types`.
pub(super) fn heading(line: &str) -> Option<Issue> {
    let (head, message) = line.split_once(": ")?;
    let (word, code) = match head.split_once('[') {
        Some((word, code)) => (word, Some(code.strip_suffix(']')?)),
        None => (head, None),
    };
    // Of the other words this way, `note` and `help` tell more about what is told already.
    let level = level(word).filter(|_| code.is_some() || matches!(word, "error" | "warning"))?;
    let is_summary = SUMMARIES.iter().any(|summary| message.starts_with(summary));
    (!is_summary && !message.starts_with('`')).then(|| issue(level, code, None, message))
}

/// `  --> src/main.rs:3:5` and `  ┌─ Cargo.lock:12:1`.
pub(super) fn arrow(line: &str, root: &Path) -> Option<Place> {
    let line = line.trim_start();
    let told = line.strip_prefix("--> ").or_else(|| line.strip_prefix("┌─ "))?;
    place(told, root).map(|(place, _)| place)
}

/// `thread 'main' (12) panicked at src/main.rs:3:5:`.
pub(super) fn panicked_at(line: &str, root: &Path) -> Option<Place> {
    let told = line.trim_start().strip_prefix("thread '")?.split_once(" panicked at ")?.1;
    place(told, root).filter(|(_, rest)| *rest == ":").map(|(place, _)| place)
}

/// `Diff in src/main.rs:3:`, or `at line 3` as rustfmt says elsewhere.
pub(super) fn unformatted(line: &str, root: &Path) -> Option<Issue> {
    let told = line.strip_prefix("Diff in ")?.replace(" at line ", ":");
    let (place, rest) = place(&told, root)?;
    (rest == ":").then(|| issue(Level::Error, Some("rustfmt"), Some(place), "not formatted as rustfmt formats it"))
}

/// `In .ci/run line 3:`.
pub(super) fn script(line: &str, root: &Path) -> Option<Place> {
    let (file, line) = line.strip_prefix("In ")?.strip_suffix(':')?.rsplit_once(" line ")?;
    Some(Place { file: relative(file, root), line: Some(line.parse().ok()?), column: None })
}

/// `   ^---^ SC2086 (info): Double quote to prevent globbing and word splitting.`
pub(super) fn remark(line: &str) -> Option<Issue> {
    let told = line.trim_start();
    let (code, rest) = told.strip_prefix('^')?.trim_start_matches(['-', '^']).trim_start().split_once(" (")?;
    let (word, message) = rest.split_once("): ")?;
    Some(issue(level(word)?, Some(code), None, message)).filter(|_| code.starts_with("SC"))
}

/// `docker/Dockerfile:3 DL3008 warning: Pin versions in apt get install.`
pub(super) fn hadolint(line: &str, root: &Path) -> Option<Issue> {
    let (place, rest) = place(line, root)?;
    let (code, rest) = rest.strip_prefix(' ')?.split_once(' ')?;
    let (word, message) = rest.split_once(": ")?;
    Some(issue(level(word)?, Some(code), Some(place), message))
}

/// `file:line:column: message`, where there is such a file; much else looks like it.
pub(super) fn generic(line: &str, root: &Path) -> Option<Issue> {
    let (place, rest) = place(line, root)?;
    let message = rest.strip_prefix(':').filter(|_| is_there(&place, root))?.trim();
    let told = message.split_once(": ").and_then(|(word, message)| Some((level(word)?, message)));
    let (level, message) = told.unwrap_or((Level::Error, message));
    (!message.is_empty()).then(|| issue(level, None, Some(place), message))
}

/// A file with a line and perhaps a column, and what follows.
fn place<'a>(text: &'a str, root: &Path) -> Option<(Place, &'a str)> {
    let (file, line, column, rest) = foreign::place(text)?;
    Some((Place { file: relative(file, root), line: Some(line), column }, rest))
}

pub(super) fn is_there(place: &Place, root: &Path) -> bool {
    root.join(&place.file).is_file()
}
