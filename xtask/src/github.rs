//! What a program says to GitHub from within a job, and hears there: whose job and run it is, a step's outputs, the job's
//! summary, and commands in the log. The limits are those of
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::foreign::{first, plain};
use crate::{digest, variable};

/// How long the message of an annotation may be, in bytes.
const MESSAGE: usize = 4000;
/// How long a job's summary may be, in bytes; a longer one is dropped whole.
const SUMMARY: usize = 1 << 20;
/// The variable that names the file of a job's summary.
pub(crate) const SUMMARY_FILE: &str = "GITHUB_STEP_SUMMARY";
/// The variable that names the file of a step's outputs.
const OUTPUT_FILE: &str = "GITHUB_OUTPUT";

/// Whether this is a job on GitHub, whose log is read for commands.
pub(crate) fn is_here() -> bool {
    std::env::var("GITHUB_ACTIONS").is_ok_and(|value| value == "true")
}

/// Where the project is in what is checked out: GitHub counts from there.
pub(crate) fn below(root: &Path) -> PathBuf {
    let checkout = variable::path("GITHUB_WORKSPACE");
    let below = checkout.as_ref().and_then(|checkout| root.strip_prefix(checkout).ok());
    below.unwrap_or(Path::new("")).to_owned()
}

/// The page of the run this is a part of, where it is one.
pub(crate) fn run() -> Option<String> {
    let [server, repository, run] = ["GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID"].map(variable::text);
    Some(format!("{}/{}/actions/runs/{}", server?, repository?, run?))
}

/// Whose job this is, as GitHub's API knows it.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// The URL that the API's paths begin with.
    pub(crate) api: String,
    /// `OWNER/NAME`.
    pub(crate) repository: String,
    /// What it has checked out.
    pub(crate) commit: String,
}

impl Job {
    /// The job this is a part of, where it is one.
    pub(crate) fn here() -> Option<Job> {
        let [api, repository, commit] = ["GITHUB_API_URL", "GITHUB_REPOSITORY", "GITHUB_SHA"].map(variable::text);
        Some(Job { api: api?, repository: repository?, commit: commit? }).filter(|_| is_here())
    }
}

/// Adds to the job's summary, where there is one, what `text` makes of so many bytes of room; what is longer is cut.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn summarise(text: impl FnOnce(usize) -> String) -> anyhow::Result<()> {
    let Some(path) = variable::path(SUMMARY_FILE) else { return Ok(()) };
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().append(true).create(true).open(&path)?;
        let room = SUMMARY.saturating_sub(usize::try_from(file.metadata()?.len()).unwrap_or(SUMMARY));
        file.write_all(first(&text(room), room).as_bytes())
    };
    write().with_context(|| format!("writing {}", path.display()))
}

/// Gives later steps, and the jobs after this one, a value by a name; outside a job nobody is told. A name is one of letters,
/// digits, `_` and `-`; a value may be any text.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn output(name: &str, value: &str) -> anyhow::Result<()> {
    let Some(path) = variable::path(OUTPUT_FILE) else { return Ok(()) };
    let opened = OpenOptions::new().append(true).create(true).open(&path);
    let written = opened.and_then(|mut file| file.write_all(assignment(name, value).as_bytes()));
    written.with_context(|| format!("writing {}", path.display()))
}

fn assignment(name: &str, value: &str) -> String {
    if !value.contains(['\n', '\r']) {
        return format!("{name}={value}\n");
    }
    // What ends the value is no line of it: no text has its own digest within.
    let end = digest::of(value);
    format!("{name}<<{end}\n{value}\n{end}\n")
}

/// A remark that is shown at a line of a file, as far as it has a place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Annotation<'a> {
    /// `error`, `warning` or `notice`.
    pub(crate) level: &'a str,
    /// From what is checked out.
    pub(crate) file: Option<&'a Path>,
    /// From 1.
    pub(crate) line: Option<u64>,
    /// From 1.
    pub(crate) column: Option<u64>,
    /// What stands above the message.
    pub(crate) title: Option<&'a str>,
    /// What is to be said; one that is too long is cut.
    pub(crate) message: &'a str,
}

impl<'a> Annotation<'a> {
    /// An error without a place.
    pub(crate) fn new(message: &'a str) -> Annotation<'a> {
        Annotation { level: "error", file: None, line: None, column: None, title: None, message }
    }
}

impl fmt::Display for Annotation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |name, number: Option<u64>| Some((name, number?.to_string()));
        let file = self.file.map(|file| ("file", file.to_string_lossy().into_owned()));
        let title = self.title.map(|title| ("title", title.to_owned()));
        let properties = [file, number("line", self.line), number("col", self.column), title].into_iter().flatten();
        let properties: Vec<_> = properties.map(|(name, value)| format!("{name}={}", property(&value))).collect();
        let space = if properties.is_empty() { "" } else { " " };
        write!(f, "::{}{space}{}::{}", self.level, properties.join(","), data(self.message))
    }
}

/// A text as the last part of a command, which ends with its line.
pub(crate) fn data(text: &str) -> String {
    first(&plain(text), MESSAGE).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_an_annotation_ends_it_or_begins_another() {
        let file = Path::new("a,b:c.toml");
        let annotation = Annotation { file: Some(file), line: Some(3), ..Annotation::new("100 %\n::error::mine") };
        assert_eq!(annotation.to_string(), "::error file=a%2Cb%3Ac.toml,line=3::100 %25%0A::error::mine");
        assert_eq!(Annotation::new("no place").to_string(), "::error::no place");
        let long = "x".repeat(MESSAGE + 1);
        assert_eq!(Annotation::new(&long).to_string().len(), "::error::".len() + MESSAGE);
    }

    #[test]
    fn nothing_in_an_output_ends_it_or_sets_another() {
        assert_eq!(assignment("release", "v1.2.3<<x=y"), "release=v1.2.3<<x=y\n");
        let set = assignment("notes", "one\nother=two");
        let (first, rest) = set.split_once('\n').unwrap();
        let end = first.strip_prefix("notes<<").unwrap();
        assert_eq!((rest, end.len()), (format!("one\nother=two\n{end}\n").as_str(), 64));
        assert!(assignment("notes", "one\rother=two").starts_with("notes<<"));
    }
}
