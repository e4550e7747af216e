//! Secrets of an environment: values that are nowhere in its configuration, each of which becomes a file.

use std::fmt;
use std::path::Path;

use crate::delivery::{Environment, FILE, SecretSource};
use crate::problem::{ExitCode, Problem};

/// One secret: where its value comes from, never the value itself.
#[derive(Debug, Clone, Copy)]
pub struct Secret<'a> {
    /// The name of its file.
    pub name: &'a str,
    environment: &'a str,
    source: &'a SecretSource,
    root: &'a Path,
}

impl fmt::Display for Secret<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "environments.{}.secrets.{}", self.environment, self.name)
    }
}

/// The secrets of an environment.
pub fn of<'a>(root: &'a Path, name: &'a str, environment: &'a Environment) -> Vec<Secret<'a>> {
    let all = environment.secrets.iter();
    all.map(|(secret, source)| Secret { name: secret, environment: name, source, root }).collect()
}

impl Secret<'_> {
    /// Its value.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 78 when the deployer has none.
    pub fn value(&self) -> anyhow::Result<String> {
        let (value, place) = match self.source {
            SecretSource::Env(variable) => {
                (std::env::var(variable).map_err(|error| error.to_string()), format!("the variable {variable}"))
            }
            SecretSource::File(path) => {
                let read = std::fs::read_to_string(self.root.join(path)).map_err(|error| error.to_string());
                // An editor ends a file with a line break that is no part of the secret.
                (read.map(|text| text.trim_end_matches(['\r', '\n']).to_owned()), format!("the file {path}"))
            }
        };
        value.ok().filter(|value| !value.is_empty()).ok_or_else(|| {
            let message =
                format!("{self} of {FILE} has no value: {place} is missing or empty. Nothing was started or changed.");
            Problem::new(ExitCode::Configuration, message).next("the same command, with the value in place").into()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    #[test]
    fn a_file_gives_its_value_without_the_line_break_and_a_missing_one_is_named() {
        let dir = TempDir::new();
        std::fs::write(dir.path().join("token"), "geheim\n").unwrap();
        let secret = |source| Secret { name: "token", environment: "staging", source, root: dir.path() };
        let file = SecretSource::File("token".into());
        assert_eq!(secret(&file).value().unwrap(), "geheim");
        let missing = SecretSource::File("tokn".into());
        let error = secret(&missing).value().unwrap_err().to_string();
        assert!(error.contains("environments.staging.secrets.token") && error.contains("the file tokn"), "{error}");
    }
}
