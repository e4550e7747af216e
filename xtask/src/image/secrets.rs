//! What a build needs of its caller's to reach the crate registry, and no layer may keep: they are mounted for the lines
//! that ask for them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::context::Folder;
use crate::delivery::FILE;
use crate::problem::{ExitCode, Problem};
use crate::project::Project;

/// The tables of cargo's settings that say where crates come from; everything else is about the caller's machine.
const TABLES: [&str; 4] = ["source", "registries", "registry", "http"];

/// The secrets of a build, as `--secret` takes them: `ca`, the certificates that the registry's is checked with, and
/// `cargo`, where crates come from. One that the caller does not have is left out.
///
/// # Errors
/// A [`Problem`] with exit code 78 when `image.ca_bundle` names no file.
pub(super) fn of(project: &Project, folder: &Folder) -> anyhow::Result<Vec<String>> {
    let mut secrets = Vec::new();
    let mut add = |id: &str, path: &Path| secrets.push(format!("id={id},src={}", path.display()));
    if let Some(bundle) = ca_bundle(project)? {
        add("ca", &bundle);
    }
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo"))).unwrap_or_default();
    let texts = ["config", "config.toml"].iter().map(|name| fs::read_to_string(home.join(name)));
    if let Some(settings) = texts.flatten().next().and_then(|text| sources(&text)) {
        let path = folder.path().join("cargo.toml");
        write(&path, &settings).with_context(|| format!("writing {}", path.display()))?;
        add("cargo", &path);
    }
    Ok(secrets)
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

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    // It can hold a token.
    fs::File::options().write(true).create_new(true).mode(0o600).open(path)?.write_all(text.as_bytes())
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
