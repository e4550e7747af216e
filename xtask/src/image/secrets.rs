//! What a build needs of its caller's to reach the crate registry, and no layer may keep: they are mounted for the lines
//! that ask for them.

use std::fs;
use std::path::PathBuf;

use crate::cargo;
use crate::delivery::FILE;
use crate::problem::{ExitCode, Problem};
use crate::project::Project;

/// It can hold a token.
const VARIABLE: &str = "SWITCHYARD_CARGO_SETTINGS";
/// The tables of cargo's settings that say where crates come from; everything else is about the caller's machine.
const TABLES: [&str; 4] = ["source", "registries", "registry", "http"];

/// The secrets of a build.
#[derive(Debug, Default)]
pub(super) struct Secrets {
    /// As `--secret` takes them.
    pub(super) flags: Vec<String>,
    /// Variables that hold what must not lie on any disk.
    pub(super) variables: Vec<(&'static str, String)>,
}

impl Secrets {
    /// `ca`, the certificates that the registry's is checked with, and `cargo`, where crates come from. One that the caller
    /// does not have is left out.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 78 when `image.ca_bundle` names no file.
    pub(super) fn of(project: &Project) -> Result<Secrets, Problem> {
        let mut secrets = Secrets::default();
        if let Some(bundle) = ca_bundle(project)? {
            secrets.flags.push(format!("id=ca,src={}", bundle.display()));
        }
        let home = cargo::home();
        let texts = ["config", "config.toml"].iter().map(|name| fs::read_to_string(home.join(name)));
        if let Some(settings) = texts.flatten().next().and_then(|text| sources(&text)) {
            secrets.flags.push(format!("id=cargo,env={VARIABLE}"));
            secrets.variables.push((VARIABLE, settings));
        }
        Ok(secrets)
    }
}

fn ca_bundle(project: &Project) -> Result<Option<PathBuf>, Problem> {
    let Some(named) = &project.delivery.image.ca_bundle else {
        return Ok(std::env::var_os("SSL_CERT_FILE").map(PathBuf::from).filter(|path| path.is_file()));
    };
    let path = project.root.join(named);
    if path.is_file() {
        return Ok(Some(path));
    }
    let message = format!("there is no {}, which image.ca_bundle of {FILE} names.", path.display());
    Err(Problem::new(ExitCode::Configuration, message).next("git status"))
}

/// What of cargo's settings is about the source of crates; none where nothing is.
fn sources(text: &str) -> Option<String> {
    let mut settings: toml::Table = text.parse().ok()?;
    settings.retain(|name, _| TABLES.contains(&name));
    if let Some(http) = settings.get_mut("http").and_then(toml::Value::as_table_mut) {
        // A path of the caller's machine; the other secret stands for it.
        http.remove("cainfo");
    }
    settings.retain(|_, table| table.as_table().is_none_or(|table| !table.is_empty()));
    if settings.is_empty() { None } else { toml::to_string(&settings).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_where_crates_come_from_is_passed_on() {
        let text = "[build]\nrustc-wrapper = \"cache\"\n[http]\ncainfo = \"/x\"\n[source.crates-io]\nreplace-with = \"near\"\n";
        assert_eq!(sources(text).unwrap(), "[source.crates-io]\nreplace-with = \"near\"\n");
        assert_eq!(sources("[http]\ncainfo = \"/x\"\n[alias]\nx = \"run\"\n"), None);
        assert_eq!(sources(""), None);
    }
}
