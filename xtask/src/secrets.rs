//! Secrets of an environment: values that are nowhere in its configuration, each of which becomes a file.

use std::fmt;
use std::path::Path;

use anyhow::Context as _;

use crate::delivery::{Environment, FILE, SecretSource, Watched};
use crate::host::Host;
use crate::problem::{ExitCode, Problem};

/// Where secrets lie, in an environment's folder.
pub const FOLDER: &str = "secrets";
/// Where those of a release lie until it has accepted them, in [`FOLDER`]; no secret has a name that begins with a dot.
pub const STAGED: &str = ".next";

/// How a secret's file is written: its path in an environment's folder, and the value.
pub type Write<'a> = &'a dyn Fn(&str, &str) -> anyhow::Result<()>;

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
    let all = environment.secret_sources();
    all.map(|(secret, source)| Secret { name: secret, key: "secrets.", environment: name, source, root }).collect()
}

/// What a request has to say to pick a colour, where that is kept a secret.
pub fn preview_key<'a>(root: &'a Path, name: &'a str, environment: &'a Environment) -> Option<Secret<'a>> {
    let source = environment.preview_key.as_ref()?;
    Some(Secret { name: "preview_key", key: "", environment: name, source, root })
}

/// What the proxy proves with who it is, where it listens with TLS.
pub fn certificate<'a>(root: &'a Path, name: &'a str, environment: &'a Environment) -> Option<Secret<'a>> {
    let source = &environment.tls.as_ref()?.get_ref().certificate;
    Some(Secret { name: "certificate", key: "tls.", environment: name, source, root })
}

/// What opens Grafana.
pub fn grafana_password<'a>(root: &'a Path, name: &'a str, watched: &'a Watched) -> Secret<'a> {
    Secret { name: "grafana_password", key: "monitoring.", environment: name, source: &watched.grafana_password, root }
}

/// Looks whether the deployer has a value of each, before anything is built for them.
///
/// # Errors
/// A [`Problem`] with exit code 78 for one that has none.
pub fn require(secrets: &[Secret<'_>]) -> anyhow::Result<()> {
    secrets.iter().try_for_each(|secret| secret.value().map(drop))
}

/// Writes each secret to its file in an environment's folder, and removes those that are none any more. Nothing is
/// written while one has no value.
///
/// # Errors
/// A [`Problem`] with exit code 78 for one that has no value, and when a file cannot be written or removed.
pub fn place(secrets: &[Secret<'_>], host: &dyn Host, write: Write<'_>) -> anyhow::Result<()> {
    place_in(FOLDER, secrets, host, write)
}

/// Writes each secret to where a release can check it: what runs may be started again at any time, and keeps those it has
/// until the release that is to follow it has accepted its own.
///
/// # Errors
/// Those of [`place`].
pub fn stage(secrets: &[Secret<'_>], host: &dyn Host, write: Write<'_>) -> anyhow::Result<()> {
    place_in(&staged(), secrets, host, write)
}

/// Puts the staged secrets in place.
///
/// # Errors
/// When a file cannot be read, written or removed.
pub fn accept(secrets: &[Secret<'_>], host: &dyn Host, write: Write<'_>) -> anyhow::Result<()> {
    for Secret { name, .. } in secrets {
        let path = format!("{}/{name}", staged());
        // What was checked, and not what the deployer's file may have become meanwhile.
        let value = host.read(&path)?.with_context(|| format!("{path} is not there any more"))?;
        write(&format!("{FOLDER}/{name}"), &value)?;
    }
    remove_stale(FOLDER, secrets, host)?;
    discard(host)
}

/// Removes the staged secrets.
///
/// # Errors
/// When a file cannot be removed.
pub fn discard(host: &dyn Host) -> anyhow::Result<()> {
    remove_stale(&staged(), &[], host)
}

/// The folder of the staged secrets, in an environment's folder.
pub fn staged() -> String {
    format!("{FOLDER}/{STAGED}")
}

fn place_in(folder: &str, secrets: &[Secret<'_>], host: &dyn Host, write: Write<'_>) -> anyhow::Result<()> {
    let values: Vec<_> = secrets.iter().map(Secret::value).collect::<anyhow::Result<_>>()?;
    remove_stale(folder, secrets, host)?;
    secrets.iter().zip(values).try_for_each(|(secret, value)| write(&format!("{folder}/{}", secret.name), &value))
}

fn remove_stale(folder: &str, secrets: &[Secret<'_>], host: &dyn Host) -> anyhow::Result<()> {
    let is_secret = |name: &str| name == STAGED || secrets.iter().any(|secret| secret.name == name);
    let names = host.list(folder)?;
    let mut stale = names.iter().filter(|name| !is_secret(name));
    stale.try_for_each(|name| host.remove(&format!("{folder}/{name}")))
}

/// What the deployer has there, if anything. A file is sought from `root`.
pub fn read(source: &SecretSource, root: &Path) -> Option<String> {
    let value = match source {
        SecretSource::Env(variable) => std::env::var(variable).ok(),
        SecretSource::File(path) => {
            let read = std::fs::read_to_string(root.join(path));
            // An editor ends a file with a line break that is no part of the secret.
            read.ok().map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
        }
    };
    value.filter(|value| !value.is_empty())
}

impl Secret<'_> {
    /// Where its value comes from, in words.
    pub fn place(&self) -> String {
        self.source.to_string()
    }

    /// Its value.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 78 when the deployer has none.
    pub fn value(&self) -> anyhow::Result<String> {
        read(self.source, self.root).ok_or_else(|| {
            let message = format!(
                "{self} of {FILE} has no value: {} is missing or empty. Nothing was started or changed.",
                self.source
            );
            Problem::new(ExitCode::Configuration, message).next("the same command, with the value in place").into()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Local;
    use crate::testing::TempDir;

    /// Secrets of staging by these names, all with the same source.
    fn named<'a, const N: usize>(names: [&'a str; N], source: &'a SecretSource, root: &'a Path) -> [Secret<'a>; N] {
        names.map(|name| Secret { name, key: "secrets.", environment: "staging", source, root })
    }

    #[test]
    fn what_is_no_secret_any_more_is_removed_and_nothing_is_written_while_one_has_no_value() {
        let dir = TempDir::new();
        let host = Local::new(dir.path());
        let source = SecretSource::File("value".into());
        let all = named(["one", "metrics.token"], &source, dir.path());
        let place = |secrets: &[Secret<'_>]| place(secrets, &host, &|path, value| host.replace(path, value));
        assert!(place(&all).is_err());
        assert_eq!(host.list(FOLDER).unwrap(), [""; 0]);
        std::fs::write(dir.path().join("value"), "geheim").unwrap();
        place(&all).unwrap();
        place(&all[1..]).unwrap();
        assert_eq!(host.list(FOLDER).unwrap(), ["metrics.token"]);
        assert_eq!(host.read("secrets/metrics.token").unwrap().as_deref(), Some("geheim"));
    }

    #[test]
    fn what_runs_keeps_its_secrets_until_new_ones_are_accepted() {
        let dir = TempDir::new();
        let host = Local::new(dir.path());
        let source = SecretSource::File("value".into());
        let all = named(["metrics.token", "db"], &source, dir.path());
        let write: Write<'_> = &|path, value| host.replace(path, value);
        let give = |value: &str| std::fs::write(dir.path().join("value"), value).unwrap();
        let read = |path: &str| host.read(path).unwrap();
        give("old");
        place(&all, &host, write).unwrap();
        give("new");
        stage(&all, &host, write).unwrap();
        assert_eq!(read("secrets/metrics.token").as_deref(), Some("old"));
        assert_eq!(read("secrets/.next/metrics.token").as_deref(), Some("new"));
        discard(&host).unwrap();
        assert_eq!(read("secrets/.next/metrics.token"), None);
        assert!(accept(&all, &host, write).is_err());
        stage(&all[..1], &host, write).unwrap();
        give("newer");
        accept(&all[..1], &host, write).unwrap();
        assert_eq!(read("secrets/metrics.token").as_deref(), Some("new"));
        assert_eq!((read("secrets/db"), host.list(&staged()).unwrap()), (None, Vec::new()));
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
