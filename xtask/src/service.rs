//! How the service is started: the arguments and the environment that `delivery.toml` gives it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use duct::Expression;

use crate::delivery::{Environment, Service};
use crate::problem::{ExitCode, Problem};
use crate::rollout::colour::Colour;
use crate::rollout::record::Launch;
use crate::{limited, placeholder};

/// The names that may stand between braces in `delivery.toml`.
pub const PLACEHOLDERS: [&str; 8] =
    ["port", "host", "address", "colour", "release", "environment", "release_dir", "secrets_dir"];

/// One start of the service: what the placeholders stand for.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a> {
    /// The environment's name.
    pub environment: &'a str,
    /// Where it is to listen.
    pub address: SocketAddr,
    /// As which colour.
    pub colour: Colour,
    /// Which release, with what settings.
    pub launch: &'a Launch,
    /// The folder in which the release's files are.
    pub release_dir: &'a str,
    /// The folder in which its secrets are.
    pub secrets_dir: &'a str,
}

impl Start<'_> {
    /// Arguments with their placeholders filled in.
    pub fn args(&self, templates: &[String]) -> Vec<String> {
        templates.iter().map(|template| self.fill(template)).collect()
    }

    /// The whole environment of a process: what it inherits, what it is given, and what is set for this start alone.
    pub fn env_with_inherited(&self, service: &Service) -> BTreeMap<String, String> {
        let inherited = service.inherit_env.iter().filter_map(|name| Some((name.clone(), std::env::var(name).ok()?)));
        inherited.chain(self.env(service)).collect()
    }

    /// What the service is given, and what is set for this start alone.
    pub fn env(&self, service: &Service) -> BTreeMap<String, String> {
        let given = service.env.iter().map(|(name, value)| (name.clone(), self.fill(value)));
        let set = self.launch.settings.iter().filter_map(|(key, value)| Some((service.variable(key)?, value.clone())));
        given.chain(set).collect()
    }

    fn fill(&self, template: &str) -> String {
        placeholder::fill(template, |name| match name {
            "port" => self.address.port().to_string(),
            "host" => self.address.ip().to_string(),
            "address" => self.address.to_string(),
            "colour" => self.colour.to_string(),
            "release" => self.launch.release.clone(),
            "environment" => self.environment.to_owned(),
            "release_dir" => self.release_dir.to_owned(),
            "secrets_dir" => self.secrets_dir.to_owned(),
            unknown => format!("{{{unknown}}}"),
        })
    }
}

/// Runs the service's own check of its configuration; the error is what it said.
pub fn check_config(
    program: &Path,
    args: &[String],
    env: &BTreeMap<String, String>,
    folder: &Path,
) -> Result<(), Vec<String>> {
    let checked = limited::run(&duct::cmd(program, args).full_env(env).dir(folder), limited::CHECK);
    let checked = checked.map_err(|error| vec![format!("{} cannot be run: {error:#}", program.display())])?;
    if checked.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&checked.stdout).lines().map(str::to_owned).collect())
}

/// Runs a program of the release once and waits for its end, which Ctrl-C at a terminal does not bring about.
///
/// # Errors
/// When it cannot be run, ends with a failure, or has not ended after `limit` and was killed; with its last lines.
pub fn run_once(program: &Expression, limit: Duration) -> anyhow::Result<Vec<String>> {
    const LAST: usize = 20;
    let ran = limited::run(&limited::in_own_group(program), limit)?;
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    let lines: Vec<_> = text.lines().map(str::to_owned).collect();
    let last = lines.iter().skip(lines.len().saturating_sub(LAST)).cloned().collect::<Vec<_>>();
    anyhow::ensure!(ran.status.success(), "it ended with {}\n  | {}", ran.status, last.join("\n  | "));
    Ok(last)
}

/// The error of a release that does not accept what it would be started with.
pub fn refused_its_configuration(
    (name, environment): (&str, &Environment),
    launch: &Launch,
    said: Vec<String>,
) -> Problem {
    let message =
        format!("release {} refuses its configuration for {name}; nothing was started or changed.", launch.release);
    // The service knows of a file, and its deployer of where its contents come from.
    let is_meant = |secret: &str| said.iter().any(|line| line.contains(secret));
    let sources = environment.secret_sources().filter(|(secret, _)| is_meant(secret));
    let sources: Vec<_> = sources.map(|(secret, source)| format!("{secret} comes from {source}")).collect();
    let next =
        if sources.is_empty() { "cargo xtask config-lint" } else { "the same command, with another value in place" };
    Problem::new(ExitCode::Configuration, message).detail(said).detail(sources).next(next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Delivery;
    use crate::testing::DELIVERY;

    fn start(launch: &Launch) -> Start<'_> {
        Start {
            environment: "production",
            address: "127.0.0.1:8281".parse().unwrap(),
            colour: Colour::Blue,
            launch,
            release_dir: "/kept/v2",
            secrets_dir: "/kept/secrets",
        }
    }

    #[test]
    fn placeholders_are_filled_and_a_setting_is_stronger_than_what_is_given() {
        let service = Delivery::parse(DELIVERY).unwrap().service;
        let launch = Launch { release: "v2".into(), settings: [("port".into(), "1".into())].into() };
        let start = start(&launch);
        let env = start.env(&service);
        assert_eq!(env["SHOP_RELEASE"], "v2");
        assert_eq!(env["SHOP_COLOUR"], "blue");
        assert_eq!(env["SHOP_CONFIG"], "/kept/v2/config");
        assert_eq!(env["SHOP__PORT"], "1");
        assert_eq!(start.args(&service.args), ["--listen", "127.0.0.1:8281"]);
    }

    #[test]
    fn every_placeholder_is_filled_in_once_and_nothing_else_is() {
        let launch = Launch { release: "{port}".into(), settings: BTreeMap::new() };
        let start = start(&launch);
        for name in PLACEHOLDERS {
            assert_ne!(start.fill(&format!("{{{name}}}")), format!("{{{name}}}"));
        }
        assert_eq!(
            start.fill("{release} {{port}} ${HOME} {\"a\": 1} {prot}"),
            "{port} {port} ${HOME} {\"a\": 1} {prot}"
        );
    }
}
