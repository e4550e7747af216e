//! What a person is told when something goes wrong: the cause, the place, what would be right, and what to type next.

use std::fmt;
use std::io;

/// The exit code of the command, so that scripts can tell the kinds of failure apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitCode {
    /// 1: the thing that was asked for was tried and did not succeed; what ran before still runs.
    Failed,
    /// 2: the command line asks for something that does not exist or does not fit together.
    Usage,
    /// 69: something this machine must provide is missing (`EX_UNAVAILABLE` of sysexits.h).
    Unavailable,
    /// 75: another deployer is at work; the same command can succeed later (`EX_TEMPFAIL`).
    Busy,
    /// 78: a configuration file or setting is wrong (`EX_CONFIG`).
    Configuration,
    /// 130: ended by Ctrl-C or a signal, after everything was put back.
    Interrupted,
}

impl ExitCode {
    /// The number a shell sees.
    pub fn number(self) -> u8 {
        match self {
            ExitCode::Failed => 1,
            ExitCode::Usage => 2,
            ExitCode::Unavailable => 69,
            ExitCode::Busy => 75,
            ExitCode::Configuration => 78,
            ExitCode::Interrupted => 130,
        }
    }
}

/// An error a person can cause or meet, complete enough to act on.
#[derive(Debug, Clone)]
pub struct Problem {
    code: ExitCode,
    message: String,
    detail: Vec<String>,
    next: Vec<String>,
}

impl Problem {
    /// A problem with one sentence or two that name the cause, the place and what would be right.
    pub fn new(code: ExitCode, message: impl Into<String>) -> Self {
        Problem { code, message: message.into(), detail: Vec::new(), next: Vec::new() }
    }

    /// Evidence below the message, such as a log's last lines; shown indented, one entry a line.
    #[must_use]
    pub fn detail<L: Into<String>>(mut self, lines: impl IntoIterator<Item = L>) -> Self {
        self.detail.extend(lines.into_iter().map(Into::into));
        self
    }

    /// A command to type next. More than one call adds an alternative.
    #[must_use]
    pub fn next(mut self, command: impl Into<String>) -> Self {
        self.next.push(command.into());
        self
    }

    /// The exit code this problem ends the command with.
    pub fn code(&self) -> ExitCode {
        self.code
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)?;
        for line in &self.detail {
            write!(f, "\n  | {line}")?;
        }
        for command in &self.next {
            write!(f, "\n  next: {command}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

/// A command to type in an environment; the one that is meant when none is named is not named.
pub fn command(verb: &str, environment: &str) -> String {
    if environment == DEFAULT_ENVIRONMENT {
        return format!("cargo xtask {verb}");
    }
    format!("cargo xtask {verb} --env {environment}")
}

/// The environment a command is about when it does not say.
pub const DEFAULT_ENVIRONMENT: &str = "development";

/// The exit code of any error: that of the [`Problem`] in its chain, else 69 for a full disk and 1 for the rest.
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    let otherwise = if is_disk_full(error) { ExitCode::Unavailable } else { ExitCode::Failed };
    error.chain().find_map(|cause| cause.downcast_ref::<Problem>()).map_or(otherwise, Problem::code)
}

/// The first line of an error, as the end of a sentence.
pub fn reason(error: &anyhow::Error) -> String {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    first.split(". ").next().unwrap_or(first).trim_end_matches(['.', ';']).to_owned()
}

/// What goes to standard error for any error, `error:` first.
pub fn render(error: &anyhow::Error) -> String {
    if is_disk_full(error) {
        return format!("error: the disk is full: {error:#}\n  next: df -h");
    }
    format!("error: {error:#}")
}

fn is_disk_full(error: &anyhow::Error) -> bool {
    let kinds = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    kinds.into_iter().any(|kind| matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn a_problem_keeps_its_exit_code_under_context() {
        let error = Err::<(), _>(Problem::new(ExitCode::Busy, "held")).context("deploying").unwrap_err();
        assert_eq!(exit_code(&error), ExitCode::Busy);
        assert_eq!(exit_code(&anyhow::anyhow!("plain")), ExitCode::Failed);
    }

    #[test]
    fn a_problem_shows_cause_evidence_and_the_next_command() {
        let problem = Problem::new(ExitCode::Failed, "v2 died").detail(["line 1"]).next("cargo xtask logs");
        assert_eq!(problem.to_string(), "v2 died\n  | line 1\n  next: cargo xtask logs");
    }

    #[test]
    fn a_full_disk_is_named_as_such() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let error = anyhow::Error::from(full).context("writing history.jsonl");
        assert!(render(&error).starts_with("error: the disk is full: writing history.jsonl"));
    }
}
