//! Layered configuration: defaults, `base.toml`, `<environment>.toml`, variables, flags; the later wins.
//!
//! Each setting is defined once, in [`SETTINGS`]. Everything that is wrong is reported at once, with the
//! key's path, the value, where it came from and what would be valid.

mod definition;
mod environment;
mod file;
mod kind;
mod layer;
mod names;
mod problem;
mod settings;
mod suggest;
mod value;

use std::{collections::BTreeMap, path::PathBuf};

pub use definition::{Refusal, Refused, SETTINGS, Setting, VARIABLE_PREFIX};
pub use environment::{ENVIRONMENT_VARIABLE, choose};
pub use kind::Kind;
pub use names::{Colour, Environment, LogFormat, LogLevel};
pub use problem::{Origin, Problem, Problems};
pub use settings::{Faults, Log, Release, Server, Settings};
pub use value::Value;

use layer::{Given, Layer};
use value::Values;

/// The variable that names the folder of the files.
pub const DIRECTORY_VARIABLE: &str = "APP_CONFIG_DIR";

/// Where a configuration is read from.
#[derive(Clone, Debug)]
pub struct Sources {
    /// Chooses the file above `base.toml`, and how strict validation is.
    pub environment: Environment,
    /// The folder of the files.
    pub directory: PathBuf,
    /// Environment variables; those without the prefix `APP__` are ignored.
    pub variables: Vec<(String, String)>,
    /// `KEY=VALUE` of each `--set`, the strongest layer.
    pub flags: Vec<String>,
}

impl Sources {
    /// Reads, merges and validates.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with any layer, in the order of the layers.
    pub fn load(&self) -> Result<Settings, Problems> {
        let mut problems = Vec::new();
        let mut winners = BTreeMap::new();
        for layer in self.layers() {
            problems.extend(layer.problems);
            for given in layer.given {
                winners.insert(given.setting.path, given);
            }
        }
        problems.extend(winners.values().filter_map(|given| self.refuse(given)));
        if problems.is_empty() {
            let values = winners.into_values().filter_map(named_value).collect();
            Ok(Settings::from_values(self.environment, &Values(values))?)
        } else {
            Err(Problems(problems))
        }
    }

    fn layers(&self) -> [Layer; 5] {
        let environment_file = format!("{}.toml", self.environment);
        [
            Layer::defaults(),
            file::read(&self.directory.join("base.toml")),
            file::read(&self.directory.join(environment_file)),
            Layer::variables(&self.variables),
            Layer::flags(&self.flags),
        ]
    }

    fn refuse(&self, given: &Given) -> Option<Problem> {
        let Given { setting, value, origin } = given;
        let value = value.as_ref()?;
        let refusal = setting.refusal(value, self.environment)?;
        let message = format!("{}: {value} is refused in {}: {}", setting.path, self.environment, refusal.reason);
        let valid = match refusal.values {
            Refused::AnyButDefault => setting.default.unwrap_or("unset").to_owned(),
            Refused::These(texts) => format!("{}, but not {}", setting.kind, texts.join(" or ")),
        };
        Some(Problem::new(message).at(origin.clone()).valid(valid))
    }
}

fn named_value(given: Given) -> Option<(&'static str, Value)> {
    Some((given.setting.path, given.value?))
}

#[cfg(test)]
mod tests;
