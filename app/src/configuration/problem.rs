//! What is wrong with a configuration, in words that a person can act on.

use std::{fmt, path::PathBuf};

use super::suggest;

/// Where a value was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The table of settings.
    Default,
    /// A file, with line and column from 1; the column counts characters.
    File {
        /// As it was opened.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// In characters, from 1.
        column: usize,
    },
    /// A file that holds this secret alone.
    SecretFile {
        /// As it was opened.
        path: PathBuf,
        /// The variable that names it; `None` in the folder of secret files.
        variable: Option<String>,
        /// Whether a line break at its end was left out.
        trimmed: bool,
    },
    /// The environment variable of this name.
    Variable(String),
    /// A command-line flag, without its value.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::File { path, line, column } => {
                write!(formatter, "{}:{line}:{column}", path.display())
            }
            Self::SecretFile { path, variable, .. } => {
                write!(formatter, "file {}", path.display())?;
                variable.iter().try_for_each(|name| write!(formatter, ", named by {name}"))
            }
            Self::Variable(name) => write!(formatter, "variable {name}"),
            Self::Flag(text) => write!(formatter, "flag {text}"),
        }
    }
}

/// One error: what, where, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    message: String,
    origin: Option<Origin>,
    valid: Option<String>,
    meant: Option<String>,
}

impl Problem {
    /// A problem with nothing known but its message.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), origin: None, valid: None, meant: None }
    }

    /// A value that is not valid at `path`.
    #[must_use]
    pub fn invalid(path: &str, value: &str) -> Self {
        Self::new(format!("{path}: {value} is not valid"))
    }

    /// A key, variable or flag that sets nothing, with the name among `candidates` that may be meant.
    #[must_use]
    pub fn unknown<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Self {
        Self::new(format!("{name}: no such setting")).meant(suggest::closest(name, candidates))
    }

    /// Adds where it was given.
    #[must_use]
    pub fn at(self, origin: Origin) -> Self {
        Self { origin: Some(origin), ..self }
    }

    /// Adds what would be valid.
    #[must_use]
    pub fn valid(self, valid: impl fmt::Display) -> Self {
        Self { valid: Some(valid.to_string()), ..self }
    }

    /// Adds the word that was probably meant.
    #[must_use]
    pub fn meant(self, meant: Option<&str>) -> Self {
        Self { meant: meant.map(str::to_owned), ..self }
    }

    /// Line and column, where it was given in a file.
    pub(super) fn position(&self) -> (usize, usize) {
        match self.origin {
            Some(Origin::File { line, column, .. }) => (line, column),
            _ => (0, 0),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "error: {}", self.message)?;
        if let Some(origin) = &self.origin {
            write!(formatter, "\n  --> {origin}")?;
        }
        if let Some(valid) = &self.valid {
            write!(formatter, "\n  valid: {valid}")?;
        }
        if let Some(meant) = &self.meant {
            write!(formatter, "\n  did you mean: {meant}")?;
        }
        Ok(())
    }
}

/// Everything that is wrong, never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(formatter, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}
