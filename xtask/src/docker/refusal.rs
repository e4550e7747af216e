//! A `docker` command that has failed, and what that says of the engine.

use std::process::Output;

use crate::docker_host;

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
        return docker_host::full(&refusal.said).into();
    }
    refusal.into()
}

/// Whether a command that was about several things failed for one of them by anything but its absence.
pub(super) fn fails_otherwise(output: &Output) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{self, ExitCode};

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
