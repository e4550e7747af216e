//! What a step sees in its environment besides what the workflow declares: what a runner has, and nothing of the caller's that
//! is there by accident.

use std::ffi::OsString;
use std::path::Path;

use serde_json::{Map, Value};

use crate::cargo;
use crate::workflows::expression::{object, text};

/// The caller's variables that stand for what this machine has: its programs, its engine, its way to the network.
const OF_THIS_MACHINE: [&str; 27] = [
    "ALL_PROXY",
    "CURL_CA_BUNDLE",
    "DOCKER_CERT_PATH",
    "DOCKER_CONFIG",
    "DOCKER_CONTEXT",
    "DOCKER_HOST",
    "DOCKER_TLS_VERIFY",
    "GIT_SSL_CAINFO",
    "HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "LANG",
    "LC_ALL",
    "LOGNAME",
    "NO_PROXY",
    "PATH",
    "REQUESTS_CA_BUNDLE",
    "RUSTFLAGS",
    "SHELL",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TMPDIR",
    "USER",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];
/// The same by their beginning: how cargo and this program are set up here, and where packages come from.
const BEGINNINGS: [&str; 5] = ["CARGO_", "PIP_", "RUSTC", "RUSTUP_", "SWITCHYARD_"];

/// Those variables.
pub(super) fn variables() -> Vec<(OsString, OsString)> {
    let foreign = cargo::foreign_variables();
    let is_ours = |name: &str| OF_THIS_MACHINE.contains(&name) || BEGINNINGS.iter().any(|it| name.starts_with(it));
    let stays = |name: &str| is_ours(name) && !foreign.iter().any(|foreign| foreign == name);
    std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(stays)).collect()
}

/// The context `runner`.
pub(super) fn context(temp: &Path) -> Value {
    object([
        ("arch", Value::from(if cfg!(target_arch = "aarch64") { "ARM64" } else { "X64" })),
        ("environment", "self-hosted".into()),
        ("name", "rehearsal".into()),
        ("os", if cfg!(target_os = "macos") { "macOS" } else { "Linux" }.into()),
        ("temp", temp.to_string_lossy().into()),
        ("tool_cache", temp.join("tools").to_string_lossy().into()),
    ])
}

/// The variables that GitHub sets by itself, after the contexts `github` and `runner`.
pub(super) fn defaults(github: &Map<String, Value>, runner: &Value, event_path: &Path) -> Vec<(String, String)> {
    let prefixed = |prefix: &str, name: &str, value: &Value| (format!("{prefix}{}", name.to_uppercase()), text(value));
    // The token is given by nobody who does not ask for it.
    let github = github.iter().filter(|(name, _)| !["event", "token"].contains(&name.as_str()));
    let github = github.map(|(name, value)| prefixed("GITHUB_", name, value));
    let runner = runner.as_object().into_iter().flatten().map(|(name, value)| prefixed("RUNNER_", name, value));
    let fixed = [("CI", "true".to_owned()), ("GITHUB_ACTIONS", "true".to_owned())];
    let fixed = fixed.into_iter().chain([("GITHUB_EVENT_PATH", event_path.to_string_lossy().into_owned())]);
    github.chain(runner).chain(fixed.map(|(name, value)| (name.to_owned(), value))).collect()
}
