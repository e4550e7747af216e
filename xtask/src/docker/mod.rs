//! The Docker engine, by its command line: contexts, `DOCKER_HOST` and ssh mean here what they mean to the person who types
//! `docker`, unless an environment names an engine of its own; see [`docker_host`].

mod image;
mod refusal;

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Context as _;
use duct::Expression;
use serde::Deserialize;
use serde::de::DeserializeOwned;

pub use self::image::{Healthcheck, Image, ImageConfig, RootFs, image, obtain};
pub(crate) use self::refusal::explain;
use self::refusal::fails_otherwise;
pub use self::refusal::{Refusal, is_missing};
use crate::{docker_host, limited, ssh, tools};

/// How long an engine may take to say that it is there; one behind ssh takes a moment.
const ANSWER: Duration = Duration::from_secs(15);
/// How long it may take for what it does at once. It is asked at many a look at a candidate, and until it answers neither a
/// wish nor Ctrl-C is heard.
const AT_ONCE: Duration = Duration::from_secs(30);

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

/// A `docker` command, by the way to the engine that is meant. It is no part of the terminal's process group: Ctrl-C is for us
/// to act on, in order.
///
/// # Errors
/// A [`crate::problem::Problem`] with exit code 69 or 78 when there is no such way.
pub fn command<S: AsRef<OsStr>>(args: &[S]) -> anyhow::Result<Command> {
    let way = docker_host::way()?;
    let mut command = Command::new("docker");
    for secret in ssh::SECRETS {
        command.env_remove(secret);
    }
    command.args(args).envs(way.variables.iter().cloned()).stdin(Stdio::null()).process_group(0);
    Ok(command)
}

/// The same for what may take a limited time; see [`limited`].
///
/// # Errors
/// Those of [`command`].
pub fn expression<S: AsRef<OsStr>>(args: &[S]) -> anyhow::Result<Expression> {
    let way = docker_host::way()?;
    let expression = limited::in_own_group(&duct::cmd("docker", args.iter().map(AsRef::as_ref)));
    Ok(way
        .variables
        .iter()
        .fold(ssh::without_secrets(expression), |expression, (name, value)| expression.env(name, value)))
}

/// Runs a `docker` command and gives what it wrote to its standard output.
///
/// # Errors
/// A [`crate::problem::Problem`] when no engine answers or its disk is full, else a [`Refusal`] with what it said.
pub fn read(args: &[&str]) -> anyhow::Result<String> {
    finish(command(args)?, args)
}

/// The same for what takes an engine no time, such as `kill` or `rm`.
///
/// # Errors
/// Those of [`read`], and a [`crate::problem::Problem`] with exit code 69 when it has not ended after 30 s.
pub fn read_at_once(args: &[&str]) -> anyhow::Result<String> {
    read_within(AT_ONCE, args)
}

/// The same for what may take an engine so long.
///
/// # Errors
/// Those of [`read`], and a [`crate::problem::Problem`] with exit code 69 when it has not ended by then.
pub fn read_within(limit: Duration, args: &[&str]) -> anyhow::Result<String> {
    finish_within(limit, &expression(args)?, args)
}

/// The same for a prepared `docker` command, of which `args` are the ones worth telling.
///
/// # Errors
/// Those of [`read_within`].
pub fn finish_within(limit: Duration, expression: &Expression, args: &[&str]) -> anyhow::Result<String> {
    conclude(args, &ended(limit, expression, args)?)
}

fn ended(limit: Duration, expression: &Expression, args: &[&str]) -> anyhow::Result<Output> {
    limited::run_apart(expression, limit).map_err(|error| not_ended(args, error))
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

/// Why a command that had a limited time has not ended.
fn not_ended(args: &[&str], error: anyhow::Error) -> anyhow::Error {
    match error.downcast::<io::Error>() {
        Ok(error) => not_run(error),
        Err(error) => docker_host::unreachable(&format!("`docker {}`: {error:#}", args.join(" "))).into(),
    }
}

/// Asks the engine who it is, once in the life of this process.
///
/// # Errors
/// A [`crate::problem::Problem`] with exit code 69 when there is no `docker` or no engine answers it.
pub fn engine() -> anyhow::Result<Engine> {
    static TOLD: OnceLock<Engine> = OnceLock::new();
    match TOLD.get() {
        Some(engine) => Ok(engine.clone()),
        None => ask_engine().map(|engine| TOLD.get_or_init(|| engine).clone()),
    }
}

fn ask_engine() -> anyhow::Result<Engine> {
    let args = ["version", "--format", "{{json .Server}}"];
    let answer = limited::run(&expression(&args)?, ANSWER).map_err(|error| not_ended(&args, error))?;
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
/// When it is there and cannot be read; those of [`read_at_once`].
pub fn inspect<T: DeserializeOwned>(kind: &str, name: &str) -> anyhow::Result<Option<T>> {
    inspect_all(kind, &[name]).map(|mut found| found.pop())
}

/// What `docker inspect` says of several things, in one call: those that are there, in the order of their names.
///
/// # Errors
/// When one is there and cannot be read; those of [`read_at_once`].
pub fn inspect_all<T: DeserializeOwned>(kind: &str, names: &[&str]) -> anyhow::Result<Vec<T>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let args = [["inspect", "--type", kind, "--format", "{{json .}}"].as_slice(), names].concat();
    let output = ended(AT_ONCE, &expression(&args)?, &args)?;
    // It tells of those it has found, and fails for each that is not there.
    match conclude(&args, &output) {
        Err(error) if !is_missing(&error) || fails_otherwise(&output) => return Err(error),
        _ => {}
    }
    let told = String::from_utf8_lossy(&output.stdout);
    let found = told.lines().filter(|line| !line.is_empty()).map(serde_json::from_str);
    found.collect::<Result<_, _>>().with_context(|| format!("reading docker {}", args.join(" ")))
}

/// Removes a container that does not run, by its id. One that runs by now is not removed.
///
/// # Errors
/// When it stays.
pub fn remove_ended(id: &str) -> anyhow::Result<()> {
    match read_at_once(&["rm", id]) {
        // Its end was under way already.
        Err(error) if is_missing(&error) || error.to_string().contains("already in progress") => Ok(()),
        result => result.map(drop),
    }
}
