//! Layered configuration: defaults, `base.toml`, `<environment>.toml`, secret files, variables, flags; the later wins.
//!
//! Each setting is defined once, in [`definition`](DEFINITION): type, default, documentation, range, what an environment
//! requires and refuses. Everything that is wrong is reported at once, with the key's path, where it came from, the line that
//! stands there, and what would be valid. What is not known to be the value of a setting that is no secret is never shown.

mod definition;
mod environment;
mod file;
mod flags;
mod layer;
mod names;
mod problem;
mod reading;
mod secret_files;
mod setting;
mod variables;

pub mod derived;

pub use definition::{Cors, DEFINITION, Faults, Log, Metrics, Release, Server, Settings};
pub use environment::{ENVIRONMENT_VARIABLE, choose};
pub use layer::Given;
pub use names::{Colour, Environment, LogFormat, LogLevel};
pub use problem::{Origin, Problem, Problems};
pub use reading::{Reading, Sources};
pub use secret_files::SECRETS_VARIABLE;
pub use setting::{
    Definition, FILE_SUFFIX, Rule, Section, Setting, VARIABLE_PREFIX,
    kind::{Kind, LIST_SEPARATOR},
    refusal::{Refusal, Refused, WELL_KNOWN},
    secret::{MASK, Secret},
    value::{Value, Values},
};

/// The variable that names the folder of the files.
pub const DIRECTORY_VARIABLE: &str = "APP_CONFIG_DIR";

#[cfg(test)]
mod tests;
