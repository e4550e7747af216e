//! The Docker engine, by its command line: contexts, `DOCKER_HOST` and ssh mean here what they mean to the person who types
//! `docker`, unless an environment names an engine of its own; see [`docker_host`].

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::problem::{ExitCode, Problem};
use crate::{docker_host, limited, ssh, tools};

/// How long an engine may take to say that it is there; one behind ssh takes a moment.
const ANSWER: Duration = Duration::from_secs(15);

/// What an engine says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Engine {
    /// Its version.
    pub version: String,
    /// The operating system its containers run on.
    pub os: String,
    /// The architecture its containers run on, as images name it.
    pub arch: String,
}

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

/// A `docker` command that failed, and what it said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What was run.
    pub command: String,
    /// What it wrote to its standard error.
    pub said: String,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` failed: {}", self.command, self.said)
    }
}

impl std::error::Error for Refusal {}

/// A `docker` command, by the way to the engine that is meant. It is no part of the terminal's process group: Ctrl-C is for us
/// to act on, in order.
///
/// # Errors
/// A [`Problem`] with exit code 69 or 78 when there is no such way.
pub fn command<S: AsRef<std::ffi::OsStr>>(args: &[S]) -> anyhow::Result<Command> {
    let way = docker_host::way()?;
    let mut command = Command::new("docker");
    for secret in ssh::SECRETS {
        command.env_remove(secret);
    }
    command.args(args).envs(way.variables.iter().cloned()).stdin(Stdio::null()).process_group(0);
    Ok(command)
}

/// Runs a `docker` command and gives what it wrote to its standard output.
///
/// # Errors
/// A [`Problem`] when no engine answers or its disk is full, else a [`Refusal`] with what it said.
pub fn read(args: &[&str]) -> anyhow::Result<String> {
    finish(command(args)?, args)
}

/// Runs a prepared `docker` command, of which `args` are the ones worth telling.
///
/// # Errors
/// Those of [`read`].
pub fn finish(mut command: Command, args: &[&str]) -> anyhow::Result<String> {
    let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().map_err(not_run)?;
    conclude(args, &output)
}

/// Runs a prepared `docker` command with `input` on its standard input.
///
/// # Errors
/// Those of [`read`].
pub fn feed(mut command: Command, args: &[&str], input: &[u8]) -> anyhow::Result<String> {
    use std::io::Write as _;
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(not_run)?;
    let mut stdin = child.stdin.take().context("the standard input was not piped")?;
    // What it did not want to read, it says by how it ends.
    let _ = stdin.write_all(input);
    drop(stdin);
    conclude(args, &child.wait_with_output()?)
}

/// What a command that has ended has written, or why it failed.
pub(crate) fn conclude(args: &[&str], output: &Output) -> anyhow::Result<String> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let said = if said.is_empty() { output.status.to_string() } else { said };
    Err(explain(Refusal { command: format!("docker {}", args.join(" ")), said }))
}

/// Why there is no command at all.
pub(crate) fn not_run(error: io::Error) -> anyhow::Error {
    if error.kind() == io::ErrorKind::NotFound {
        return match tools::require(&tools::DOCKER) {
            Err(missing) => missing,
            Ok(path) => anyhow::anyhow!("{} cannot be run: {error}", path.display()),
        };
    }
    anyhow::Error::from(error).context("running docker")
}

/// What a person has to know of a failure whose cause is the engine itself.
pub(crate) fn explain(refusal: Refusal) -> anyhow::Error {
    const UNREACHABLE: [&str; 4] = [
        "Cannot connect to the Docker daemon",
        "error during connect",
        "permission denied while trying",
        "failed to connect to the docker API",
    ];
    if UNREACHABLE.iter().any(|words| refusal.said.contains(words)) {
        return docker_host::unreachable(&refusal.said).into();
    }
    if refusal.said.contains("no space left on device") {
        let message = "the disk of the Docker engine is full; nothing more was started or changed.";
        return Problem::new(ExitCode::Unavailable, message)
            .detail(refusal.said.lines())
            .next("docker system df")
            .next("df -h")
            .into();
    }
    refusal.into()
}

/// Asks the engine who it is, once in the life of this process.
///
/// # Errors
/// A [`Problem`] with exit code 69 when there is no `docker` or no engine answers it.
pub fn engine() -> anyhow::Result<Engine> {
    static TOLD: OnceLock<Engine> = OnceLock::new();
    match TOLD.get() {
        Some(engine) => Ok(engine.clone()),
        None => ask_engine().map(|engine| TOLD.get_or_init(|| engine).clone()),
    }
}

fn ask_engine() -> anyhow::Result<Engine> {
    let way = docker_host::way()?;
    let asked = duct::cmd!("docker", "version", "--format", "{{json .Server}}");
    let asked = way.variables.iter().fold(ssh::without_secrets(asked), |asked, (name, value)| asked.env(name, value));
    let answer = limited::run(&asked, ANSWER).map_err(|error| match error.downcast::<io::Error>() {
        Ok(error) => not_run(error),
        Err(error) => docker_host::unreachable(&format!("{error:#}")).into(),
    })?;
    let said = String::from_utf8_lossy(&answer.stdout).into_owned();
    let told = said.lines().find_map(|line| serde_json::from_str::<Option<Engine>>(line).ok().flatten());
    told.filter(|_| answer.status.success()).ok_or_else(|| {
        let lines = said.lines().filter(|line| *line != "null");
        docker_host::unreachable(&lines.collect::<Vec<_>>().join("\n")).into()
    })
}

/// The version a plug-in of the command line tells, such as `compose` or `buildx`; none where it is missing.
pub fn plugin(name: &str) -> Option<semver::Version> {
    let output = command(&[name, "version"]).ok()?.stderr(Stdio::null()).output().ok()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then(|| tools::first_version(&said))?
}

/// What `docker inspect` says, or none where there is no such thing.
///
/// # Errors
/// When it is there and cannot be read.
pub fn inspect<T: DeserializeOwned>(kind: &str, name: &str) -> anyhow::Result<Option<T>> {
    inspect_all(kind, &[name]).map(|mut found| found.pop())
}

/// What `docker inspect` says of several things, in one call: those that are there, in the order of their names.
///
/// # Errors
/// When one is there and cannot be read.
pub fn inspect_all<T: DeserializeOwned>(kind: &str, names: &[&str]) -> anyhow::Result<Vec<T>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let args = [["inspect", "--type", kind, "--format", "{{json .}}"].as_slice(), names].concat();
    let output = command(&args)?.output().map_err(not_run)?;
    // It tells of those it has found, and fails for each that is not there.
    match conclude(&args, &output) {
        Err(error) if !is_missing(&error) || fails_otherwise(&output) => return Err(error),
        _ => {}
    }
    let told = String::from_utf8_lossy(&output.stdout);
    let found = told.lines().filter(|line| !line.is_empty()).map(serde_json::from_str);
    found.collect::<Result<_, _>>().with_context(|| format!("reading docker {}", args.join(" ")))
}

/// Whether a command that was about several things failed for one of them by anything but its absence.
fn fails_otherwise(output: &Output) -> bool {
    let said = String::from_utf8_lossy(&output.stderr);
    said.lines().any(|line| line.starts_with("Error") && !says_missing(line))
}

/// Whether a command failed because what it was about does not exist.
pub fn is_missing(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Refusal>().is_some_and(|refusal| says_missing(&refusal.said))
}

fn says_missing(said: &str) -> bool {
    const MISSING: [&str; 3] = ["no such", "not found", "does not exist"];
    let said = said.to_lowercase();
    MISSING.iter().any(|words| said.contains(words))
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
        Problem::new(ExitCode::Unavailable, message).detail(said).next(format!("docker pull {reference}"))
    };
    match read(&["pull", "--quiet", reference]) {
        Ok(_) => image(reference)?.ok_or_else(|| refused(Vec::new()).into()),
        Err(error) => Err(match error.downcast::<Refusal>() {
            Ok(refusal) => refused(refusal.said.lines().map(str::to_owned).collect()).into(),
            Err(other) => other,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem;

    fn said(text: &str) -> anyhow::Error {
        explain(Refusal { command: "docker x".into(), said: text.into() })
    }

    #[test]
    fn an_engine_that_is_not_there_and_a_full_disk_are_named_as_such() {
        let error = said("Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is it running?");
        assert_eq!(problem::exit_code(&error), ExitCode::Unavailable);
        assert!(error.to_string().contains("no Docker engine answers"), "{error}");
        assert!(said("write /x: no space left on device").to_string().contains("disk of the Docker engine is full"));
    }

    #[test]
    fn what_does_not_exist_is_told_from_what_fails() {
        assert!(is_missing(&said("Error: No such container: x")));
        assert!(is_missing(&said("Error response from daemon: get x: no such volume")));
        assert!(!is_missing(&said("Error response from daemon: conflict")));
    }

    #[test]
    fn what_fails_is_not_hidden_by_what_is_missing_beside_it() {
        let output = |said: &str| Output { status: Default::default(), stdout: Vec::new(), stderr: said.into() };
        let missing =
            "WARNING: no configuration\nError response from daemon: No such container: a\nError: No such image: b";
        assert!(!fails_otherwise(&output(missing)));
        assert!(fails_otherwise(&output("Error: No such container: a\nError response from daemon: timeout")));
    }
}
