//! Something that is wrong with a workflow, and where.

use std::fmt;

use serde::Serialize;

use super::yaml::Place;

/// What is wrong and what would be right, with the place to look at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Mistake {
    /// From the project's folder, with `/` between folders.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// A sentence or two.
    pub message: String,
}

impl Mistake {
    /// What is wrong at a place of a file.
    pub fn new(file: &str, place: Place, message: impl Into<String>) -> Mistake {
        Mistake { file: file.to_owned(), line: place.line, column: place.column, message: message.into() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)
    }
}
