//! What is wrong with a configuration, in words that a person can act on.

pub(super) mod excerpt;
pub(super) mod render;
pub(super) mod spelling;
pub(super) mod suggest;

use std::{fmt, path::PathBuf};

use self::{excerpt::Excerpt, render::render};
use crate::configuration::setting::Setting;

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

/// Where something was given, and what stands there, as far as anybody may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) origin: Origin,
    pub(crate) excerpt: Option<Excerpt>,
}

impl Place {
    /// Whether it shows a line that has a number.
    pub(crate) fn has_line(&self) -> bool {
        matches!(self.origin, Origin::File { .. }) && self.excerpt.is_some()
    }
}

/// One error: what, where, and what would be right. No part of it holds what nobody may see.
///
/// Displayed, it is laid out as rustc's errors are; `{:#}` colours it for a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem(Box<Parts>);

/// What a problem is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) message: String,
    pub(crate) place: Option<Place>,
    /// Other places that have to do with it, and what they are.
    pub(crate) related: Vec<(String, Place)>,
    pub(crate) valid: Option<String>,
    pub(crate) notes: Vec<String>,
    pub(crate) meant: Option<String>,
    pub(crate) helps: Vec<String>,
    /// The path of the setting it is about.
    pub(crate) setting: Option<&'static str>,
}

impl Problem {
    /// A problem with nothing known but its message.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self(Box::new(Parts { message: message.into(), ..Parts::default() }))
    }

    /// A value that is not valid at `path`.
    #[must_use]
    pub fn invalid(path: &str, value: &str) -> Self {
        Self::new(format!("{path}: {value} is not valid"))
    }

    /// A key, variable or flag that sets nothing, with the name among `candidates` that may be meant.
    #[must_use]
    pub fn unknown<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Self {
        let problem = Self::new(format!("{name}: no such setting")).meant(suggest::closest(name, candidates));
        if problem.has_meant() { problem } else { problem.help("`app config explain` lists every setting") }
    }

    /// Adds where it was given.
    #[must_use]
    pub fn at(mut self, origin: Origin) -> Self {
        self.0.place = Some(Place { origin, excerpt: None });
        self
    }

    /// Adds what stands where it was given.
    #[must_use]
    pub(crate) fn showing(mut self, excerpt: impl Into<Option<Excerpt>>) -> Self {
        if let Some(place) = &mut self.0.place {
            place.excerpt = excerpt.into();
        }
        self
    }

    /// Adds another place that has to do with it, and what it is.
    #[must_use]
    pub(crate) fn and(mut self, what: String, origin: Origin, excerpt: Option<Excerpt>) -> Self {
        self.0.related.push((what, Place { origin, excerpt }));
        self
    }

    /// Adds what would be valid.
    #[must_use]
    pub fn valid(mut self, valid: impl fmt::Display) -> Self {
        self.0.valid = Some(valid.to_string());
        self
    }

    /// Adds the word that was probably meant.
    #[must_use]
    pub fn meant(mut self, meant: Option<&str>) -> Self {
        self.0.meant = meant.map(str::to_owned);
        self
    }

    /// Whether a word was found that was probably meant.
    pub(crate) fn has_meant(&self) -> bool {
        self.0.meant.is_some()
    }

    /// Adds what else there is to know.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.0.notes.push(note.into());
        self
    }

    /// Adds what can be done.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.0.helps.push(help.into());
        self
    }

    /// Adds the setting it is about.
    #[must_use]
    pub fn about(mut self, setting: &Setting) -> Self {
        self.0.setting = Some(setting.path);
        self
    }

    /// Line and column, where it was given in a file.
    pub(crate) fn position(&self) -> (usize, usize) {
        match &self.0.place {
            Some(Place { origin: Origin::File { line, column, .. }, .. }) => (*line, *column),
            _ => (0, 0),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&render(&self.0, formatter.alternate()))
    }
}

/// Everything that is wrong, never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                formatter.write_str("\n\n")?;
            }
            fmt::Display::fmt(problem, formatter)?;
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
