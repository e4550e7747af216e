//! Where a value was given, for machines.

use serde::{Serialize, Serializer};

use crate::configuration::Origin;

/// [`Origin`] in the words of JSON.
#[derive(Serialize)]
#[serde(tag = "layer", rename_all = "kebab-case")]
enum Place<'o> {
    Default,
    File { path: String, line: usize, column: usize },
    SecretFile { path: String, variable: Option<&'o str>, trimmed: bool },
    Variable { name: &'o str },
    Flag { flag: &'o str },
}

/// Writes `origin` as an object whose `layer` tells which other members it has.
pub(super) fn serialize<S: Serializer>(origin: &Origin, serializer: S) -> Result<S::Ok, S::Error> {
    let place = match origin {
        Origin::Default => Place::Default,
        Origin::File { path, line, column, .. } => {
            Place::File { path: path.display().to_string(), line: *line, column: *column }
        }
        Origin::SecretFile { path, variable, trimmed } => {
            let path = path.display().to_string();
            Place::SecretFile { path, variable: variable.as_deref(), trimmed: *trimmed }
        }
        Origin::Variable(name) => Place::Variable { name },
        Origin::Flag(flag) => Place::Flag { flag },
    };
    place.serialize(serializer)
}
