//! Images, as an engine has them.

use serde::Deserialize;

use super::{Refusal, engine, inspect, read};
use crate::docker_host::typed;
use crate::problem::{ExitCode, Problem};

/// An image an engine has.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Image {
    /// Its content-addressed id: `sha256:…`.
    pub id: String,
    /// Its size in bytes, all layers together.
    pub size: u64,
    /// The operating system it was built for.
    pub os: String,
    /// The architecture it was built for.
    pub architecture: String,
    /// Where it was pushed to or pulled from, by digest.
    #[serde(default)]
    pub repo_digests: Vec<String>,
    /// How it is started.
    pub config: ImageConfig,
    /// What it is made of.
    #[serde(rename = "RootFS")]
    pub root_fs: RootFs,
}

/// What an image is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RootFs {
    /// The digest of each layer's contents.
    pub layers: Vec<String>,
}

/// How an image is started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ImageConfig {
    /// The user it runs as.
    pub user: String,
    /// Its program with the first arguments.
    pub entrypoint: Option<Vec<String>>,
    /// The arguments after them, or the program where there is none.
    pub cmd: Option<Vec<String>>,
    /// How the engine finds out whether it is healthy.
    pub healthcheck: Option<Healthcheck>,
    /// The signal it is told to end by.
    pub stop_signal: Option<String>,
    /// Its variables.
    pub env: Option<Vec<String>>,
    /// Its labels.
    pub labels: Option<std::collections::BTreeMap<String, String>>,
}

impl ImageConfig {
    /// What it is started by: the program with all its arguments.
    pub fn command(&self) -> Vec<String> {
        self.entrypoint.iter().chain(&self.cmd).flatten().cloned().collect()
    }
}

/// How the engine finds out whether a container is healthy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Healthcheck {
    /// `CMD` with a program's arguments, `CMD-SHELL` with a line for the shell, or `NONE`.
    pub test: Option<Vec<String>>,
}

/// The image of that name, digest or id, if the engine has it.
///
/// # Errors
/// When the engine does not say.
pub fn image(reference: &str) -> anyhow::Result<Option<Image>> {
    inspect("image", reference)
}

/// The image of that name or digest, pulled if the engine does not have it, for the architecture the engine runs.
///
/// # Errors
/// A [`Problem`] with exit code 69 when it can be neither found nor pulled, or runs on another architecture.
pub fn obtain(reference: &str) -> anyhow::Result<Image> {
    let engine = engine()?;
    let found = match image(reference)? {
        Some(image) => image,
        None => pull(reference)?,
    };
    if (found.os.as_str(), found.architecture.as_str()) == (engine.os.as_str(), engine.arch.as_str()) {
        return Ok(found);
    }
    let message = format!(
        "image {reference} is built for {}/{}, and the Docker engine runs {}/{}. Build it for that; nothing was started or changed.",
        found.os, found.architecture, engine.os, engine.arch
    );
    Err(Problem::new(ExitCode::Unavailable, message).next("cargo xtask docker-build").into())
}

fn pull(reference: &str) -> anyhow::Result<Image> {
    let refused = |said: Vec<String>| {
        let message = format!(
            "image {reference} is not there and cannot be pulled; nothing was started or changed. Is its name right, and does \
             `docker login` know its registry?"
        );
        Problem::new(ExitCode::Unavailable, message).detail(said).next(typed(&format!("pull {reference}")))
    };
    match read(&["pull", "--quiet", reference]) {
        Ok(_) => image(reference)?.ok_or_else(|| refused(Vec::new()).into()),
        Err(error) => Err(match error.downcast::<Refusal>() {
            Ok(refusal) => refused(refusal.said.lines().map(str::to_owned).collect()).into(),
            Err(other) => other,
        }),
    }
}
