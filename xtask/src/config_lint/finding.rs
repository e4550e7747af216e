//! One thing that is wrong, and where: as a person reads it, as JSON has it, and as GitHub shows it at its line.

use std::fmt;

use serde::Serialize;

/// Something that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// Where, as far as it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// What is wrong and what would be right; may have several lines.
    pub message: String,
}

/// A place in a file of the project.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// From the project's root, with `/` between folders.
    pub file: String,
    /// From 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
}

impl Finding {
    /// Something that no one place is to blame for.
    pub fn new(message: impl Into<String>) -> Finding {
        Finding { place: None, message: message.into() }
    }

    /// Something that is wrong with a file as a whole.
    pub fn of(file: impl Into<String>, message: impl Into<String>) -> Finding {
        Finding { place: Some(Place { file: file.into(), line: None }), message: message.into() }
    }

    /// Something that is wrong at a line, from 1, of a file.
    pub fn at(file: impl Into<String>, line: usize, message: impl Into<String>) -> Finding {
        Finding { place: Some(Place { file: file.into(), line: Some(line) }), message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            None => write!(f, "{}", self.message),
            Some(Place { file, line: None }) => write!(f, "{file}: {}", self.message),
            Some(Place { file, line: Some(line) }) => write!(f, "{file}:{line}: {}", self.message),
        }
    }
}
