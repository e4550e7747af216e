//! Secrets of an environment: values that are nowhere in its configuration, each of which becomes a file.

use std::fmt;
use std::path::Path;

use crate::delivery::{Environment, FILE, SecretSource};
use crate::host::Host;
use crate::problem::{ExitCode, Problem};

/// Where secrets lie, in an environment's folder.
pub const FOLDER: &str = "secrets";

/// One secret: where its value comes from, never the value itself.
#[derive(Debug, Clone, Copy)]
pub struct Secret<'a> {
    /// The name of its file.
    pub name: &'a str,
    key: &'static str,
    environment: &'a str,
    source: &'a SecretSource,
    root: &'a Path,
}

impl fmt::Display for Secret<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A dot would begin a table of its own.
        let name = if self.name.contains('.') { format!("\"{}\"", self.name) } else { self.name.to_owned() };
        write!(f, "environments.{}.{}{name}", self.environment, self.key)
    }
}

/// The secrets of an environment.
pub fn of<'a>(root: &'a Path, name: &'a str, environment: &'a Environment) -> Vec<Secret<'a>> {
    let all = environment.secrets.iter();
    all.map(|(secret, source)| Secret { name: secret.get_ref(), key: "secrets.", environment: name, source, root })
        .collect()
}

/// What a request has to say to pick a colour, where that is kept a secret.
pub fn preview_key<'a>(root: &'a Path, name: &'a str, environment: &'a Environment) -> Option<Secret<'a>> {
    let source = environment.preview_key.as_ref()?;
    Some(Secret { name: "preview_key", key: "", environment: name, source, root })
}

/// Writes each secret to its file in an environment's folder, and removes those that are none any more. Nothing is
/// written while one has no value.
///
/// # Errors
/// A [`Problem`] with exit code 78 for one that has no value, and when a file cannot be written or removed.
pub fn place(
    secrets: &[Secret<'_>],
    host: &dyn Host,
    write: impl Fn(&str, &str) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let values: Vec<_> = secrets.iter().map(Secret::value).collect::<anyhow::Result<_>>()?;
    for stale in host.list(FOLDER)?.iter().filter(|name| !secrets.iter().any(|secret| secret.name == *name)) {
        host.remove(&format!("{FOLDER}/{stale}"))?;
    }
    secrets.iter().zip(values).try_for_each(|(secret, value)| write(&format!("{FOLDER}/{}", secret.name), &value))
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
    use crate::host::Local;
    use crate::testing::TempDir;

    #[test]
    fn what_is_no_secret_any_more_is_removed_and_nothing_is_written_while_one_has_no_value() {
        let dir = TempDir::new();
        let host = Local::new(dir.path());
        let source = SecretSource::File("value".into());
        let all = ["one", "metrics.token"].map(|name| Secret {
            name,
            key: "secrets.",
            environment: "staging",
            source: &source,
            root: dir.path(),
        });
        let place = |secrets: &[Secret<'_>]| place(secrets, &host, |path, value| host.replace(path, value));
        assert!(place(&all).is_err());
        assert_eq!(host.list(FOLDER).unwrap(), [""; 0]);
        std::fs::write(dir.path().join("value"), "geheim").unwrap();
        place(&all).unwrap();
        place(&all[1..]).unwrap();
        assert_eq!(host.list(FOLDER).unwrap(), ["metrics.token"]);
        assert_eq!(host.read("secrets/metrics.token").unwrap().as_deref(), Some("geheim"));
    }

    #[test]
    fn a_file_gives_its_value_without_the_line_break_and_a_missing_one_is_named() {
        let dir = TempDir::new();
        std::fs::write(dir.path().join("token"), "geheim\n").unwrap();
        let secret =
            |source| Secret { name: "token", key: "secrets.", environment: "staging", source, root: dir.path() };
        let file = SecretSource::File("token".into());
        assert_eq!(secret(&file).value().unwrap(), "geheim");
        let missing = SecretSource::File("tokn".into());
        let error = secret(&missing).value().unwrap_err().to_string();
        let dotted = Secret { name: "metrics.token", ..secret(&missing) }.to_string();
        assert_eq!(dotted, "environments.staging.secrets.\"metrics.token\"");
        assert!(error.contains("environments.staging.secrets.token") && error.contains("the file tokn"), "{error}");
    }
}
