//! `config-lint`: whether everything that is configured fits together, for every environment, before anything runs.

pub mod committed;
pub mod finding;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::cargo;
use crate::coverage;
use crate::delivery::{Delivery, Environment, FILE};
use crate::host::Local;
use crate::problem::{ExitCode, Problem};
use crate::project::Project;
use crate::rollout::colour::Colour;
use crate::rollout::record::Launch;
use crate::router::config::{Addresses, Config};
use crate::runtime::compose::stack::Stack;
use crate::service::{self, Start};
use crate::site::FOLDER;
use crate::{docker, mirror, tools};
use crate::{out, say};

/// Flags of `config-lint`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Prints the findings as JSON.
    #[arg(long)]
    json: bool,
}

/// Checks `delivery.toml`, the proxy's configuration, and the service's own for every environment.
///
/// # Errors
/// A [`Problem`] with exit code 78 that lists everything that is wrong.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let project = Project::here()?;
    let mut findings = references(&project.root, &project.delivery);
    findings.extend(coverage::findings(&project)?);
    findings.extend(mirror::findings(&project.delivery)?);
    findings.extend(committed::findings(&project)?.iter().map(ToString::to_string));
    findings.extend(compose(&project)?);
    findings.extend(proxy(&project)?);
    findings.extend(service(&project)?);
    if args.json {
        out!("{}", serde_json::json!({ "ok": findings.is_empty(), "findings": findings }));
    }
    if findings.is_empty() {
        if !args.json {
            let names: Vec<_> = project.delivery.environments.keys().map(String::as_str).collect();
            out!("configuration is right for {}", names.join(", "));
            show_mirrors(&project.delivery)?;
        }
        return Ok(());
    }
    let message = "the configuration is not right; nothing was started or changed.";
    Err(Problem::new(ExitCode::Configuration, message).detail(findings).into())
}

/// What `delivery.toml` refers to and does not exist.
fn references(root: &Path, delivery: &Delivery) -> Vec<String> {
    let service = &delivery.service;
    let check = service.commands.config_check.iter().flatten();
    let hooks = delivery.environments.values().flat_map(|environment| environment.rollout.hooks.arguments());
    let templates = service.args.iter().chain(service.env.values()).chain(check).chain(hooks);
    let placeholders = templates.flat_map(|template| service::unknown_placeholders(template)).map(|name| {
        let known = service::PLACEHOLDERS.join("}, {");
        format!("{FILE}: there is no placeholder {{{name}}}; there are {{{known}}}")
    });
    let files = service.files.iter().chain([&delivery.proxy.config]).filter(|file| !root.join(file).exists());
    let files = files.map(|file| format!("{FILE}: `{file}` does not exist"));
    let key = service.setting_variable.iter().filter(|template| !template.contains("{KEY}"));
    let key = key.map(|template| format!("{FILE}: service.setting_variable is `{template}`, without a {{KEY}} in it"));
    placeholders.chain(files).chain(key).collect()
}

/// Says what an environment has differently from the one it mirrors.
fn show_mirrors(delivery: &Delivery) -> anyhow::Result<()> {
    for (name, mirrored, differences) in mirror::pairs(delivery)? {
        out!("\n{:<36} {name:<32} {mirrored}", "what differs");
        differences.iter().for_each(|difference| out!("{difference}"));
    }
    Ok(())
}

/// Lets Compose read its file with the variables of each environment that can run in containers.
fn compose(project: &Project) -> anyhow::Result<Vec<String>> {
    if docker::plugin("compose").is_none() {
        say!("note: docker has no Compose here, so its file was not checked");
        return Ok(Vec::new());
    }
    Ok(once_for_all(&project.delivery.environments, |name, environment| {
        // One that cannot run in containers has no such file.
        let Ok(stack) = Stack::of(&project.root, &project.delivery, name, environment) else { return Ok(()) };
        stack.check().map_err(|error| vec![format!("{error:#}")])
    }))
}

fn proxy(project: &Project) -> anyhow::Result<Vec<String>> {
    let delivery = &project.delivery;
    let config = project.root.join(&delivery.proxy.config);
    let Some(found) = tools::find(&tools::HAPROXY).filter(|_| config.exists()) else {
        say!("note: HAProxy is not installed, so its configuration was not checked");
        return Ok(Vec::new());
    };
    let scratch = project.root.join(FOLDER).join(format!(".lint-{}", std::process::id()));
    let (host, haproxy) = (Local::new(&scratch), found.path.to_string_lossy());
    let findings = once_for_all(&delivery.environments, |name, environment| {
        let addresses = Addresses::of_processes(environment);
        // A value of a deployer's, who is not asked for it here.
        let key = environment.preview_key.as_ref().map(|_| "key".to_owned());
        let environment = (name, environment);
        let config =
            Config::read(&project.root, &delivery.proxy.config, &delivery.service, environment, &addresses, key);
        let checked = config.and_then(|config| config.check(&host, &haproxy));
        checked.unwrap_or_else(|error| Err(vec![format!("{error:#}")]))
    });
    // Whatever stays is only untidy; the folder itself goes when no environment is in it.
    let _ = fs::remove_dir_all(&scratch).and_then(|()| fs::remove_dir(project.root.join(FOLDER)));
    Ok(findings)
}

fn service(project: &Project) -> anyhow::Result<Vec<String>> {
    let (root, service) = (&project.root, &project.delivery.service);
    let Some(check) = &service.commands.config_check else { return Ok(Vec::new()) };
    let binary = cargo::build(root, &service.package, &service.binary, "dev")?;
    let launch = Launch { release: "lint".into(), settings: BTreeMap::new() };
    let secrets = root.join(FOLDER).join("secrets").to_string_lossy().into_owned();
    Ok(once_for_all(&project.delivery.environments, |name, environment| {
        let address = environment.address(Colour::Blue);
        let start = Start {
            environment: name,
            address,
            colour: Colour::Blue,
            launch: &launch,
            release_dir: &root.to_string_lossy(),
            secrets_dir: &secrets,
        };
        service::check_config(&binary, &start.args(check), &start.env_with_inherited(service), root)
    }))
}

/// Checks each environment; what is said of several in the same words is told once.
fn once_for_all(
    environments: &BTreeMap<String, Environment>,
    check: impl Fn(&str, &Environment) -> Result<(), Vec<String>>,
) -> Vec<String> {
    let mut said: BTreeMap<Vec<String>, Vec<&str>> = BTreeMap::new();
    for (name, environment) in environments {
        if let Err(lines) = check(name, environment) {
            said.entry(lines).or_default().push(name);
        }
    }
    let told =
        said.into_iter().flat_map(|(lines, names)| std::iter::once(format!("in {}:", names.join(", "))).chain(lines));
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{DELIVERY, TempDir};

    #[test]
    fn everything_that_is_referred_to_and_missing_is_found_at_once() {
        let hook = "keep_warm = \"1h\", hooks = { on_abort = { command = [\"{wat}\"] } }";
        let text = DELIVERY
            .replace("keep_warm = \"1h\"", hook)
            .replace("{port}", "{prot}")
            .replace("SHOP__{KEY}", "SHOP__KEY");
        let dir = TempDir::new();
        let findings = references(dir.path(), &Delivery::parse(&text).unwrap()).join("\n");
        for expected in [
            "no placeholder {prot}",
            "no placeholder {wat}",
            "`config` does not exist",
            "haproxy.cfg` does",
            "without a {KEY}",
        ] {
            assert!(findings.contains(expected), "{expected} in {findings}");
        }
    }
}
