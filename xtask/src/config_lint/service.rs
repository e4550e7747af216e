//! What the service's own binary says about its configuration.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::diagnostics;
use super::environments::once_for_all;
use super::finding::Finding;
use crate::cargo;
use crate::delivery::Environment;
use crate::limited;
use crate::project::Project;
use crate::rollout::colour::Colour;
use crate::rollout::record::Launch;
use crate::service::{self, Start};
use crate::site::FOLDER;

/// The service's binary, as it is built from the sources.
#[derive(Debug)]
pub(crate) struct Binary<'a> {
    /// What it is of.
    pub(crate) project: &'a Project,
    /// Where it is.
    pub(crate) path: PathBuf,
}

impl<'a> Binary<'a> {
    /// Builds it; none where `delivery.toml` names nothing to ask it.
    ///
    /// # Errors
    /// Those of [`cargo::build`].
    pub(crate) fn build(project: &'a Project) -> anyhow::Result<Option<Binary<'a>>> {
        let service = &project.delivery.service;
        let commands = [&service.commands.config_check, &service.commands.config_lint, &service.commands.config_schema];
        if commands.iter().all(|command| command.is_none()) && service.generated.is_empty() {
            return Ok(None);
        }
        let path = cargo::build(&project.root, &service.package, &service.binary, "dev")?;
        Ok(Some(Binary { project, path }))
    }

    #[cfg(test)]
    pub(super) fn at(path: PathBuf, project: &'a Project) -> Binary<'a> {
        Binary { project, path }
    }

    /// The command as a person knows it.
    pub(crate) fn line(&self, args: &[String]) -> String {
        let name = &self.project.delivery.service.binary;
        std::iter::once(name).chain(args).map(String::as_str).collect::<Vec<_>>().join(" ")
    }

    /// What it prints, in no environment in particular. The error is what is wrong with that, `fails` or `prints` first.
    pub(crate) fn print(&self, args: &[String]) -> Result<String, String> {
        let inherited = &self.project.delivery.service.inherit_env;
        let env = inherited.iter().filter_map(|name| Some((name.clone(), std::env::var(name).ok()?))).collect();
        self.print_with(args, &env)
    }

    /// The same in one environment.
    pub(crate) fn print_in(
        &self,
        args: &[String],
        (name, environment): (&str, &Environment),
    ) -> Result<String, String> {
        let (args, env) = self.asked(args, (name, environment));
        self.print_with(&args, &env)
    }

    /// The arguments, and the variables, by which it is asked about one environment.
    pub(crate) fn asked(
        &self,
        args: &[String],
        (name, environment): (&str, &Environment),
    ) -> (Vec<String>, BTreeMap<String, String>) {
        self.asked_at(args, name, environment.address(Colour::Blue))
    }

    /// The same, as one that is to listen at another address.
    pub(crate) fn asked_at(
        &self,
        args: &[String],
        name: &str,
        address: SocketAddr,
    ) -> (Vec<String>, BTreeMap<String, String>) {
        let root = &self.project.root;
        let secrets = root.join(FOLDER).join("secrets");
        let start = Start {
            environment: name,
            address,
            colour: Colour::Blue,
            launch: &Launch { release: "lint".into(), settings: BTreeMap::new() },
            release_dir: &root.to_string_lossy(),
            secrets_dir: &secrets.to_string_lossy(),
        };
        (start.args(args), start.env_with_inherited(&self.project.delivery.service))
    }

    fn print_with(&self, args: &[String], env: &BTreeMap<String, String>) -> Result<String, String> {
        let command = duct::cmd(&self.path, args).full_env(env).dir(&self.project.root);
        let ran = limited::run_apart(&command, limited::CHECK).map_err(|error| format!("fails: {error:#}"))?;
        if !ran.status.success() {
            let said = String::from_utf8_lossy(&ran.stderr);
            return Err(format!("fails: {}\n{}", ran.status, said.trim_end()).trim_end().to_owned());
        }
        let text = String::from_utf8(ran.stdout).map_err(|_| "prints what is no UTF-8".to_owned())?;
        Some(text).filter(|text| !text.trim().is_empty()).ok_or_else(|| "prints nothing".to_owned())
    }
}

/// What the service refuses of each environment's configuration.
pub(super) fn findings(binary: &Binary<'_>) -> Vec<Finding> {
    let (root, delivery) = (&binary.project.root, &binary.project.delivery);
    let service = &delivery.service;
    let Some(check) = service.commands.config_lint.as_ref().or(service.commands.config_check.as_ref()) else {
        return Vec::new();
    };
    once_for_all(&delivery.environments, |name, environment| {
        let (args, env) = binary.asked(check, (name, environment));
        let checked = service::check_config(&binary.path, &args, &env, root);
        checked.err().map(|said| diagnostics::of_service(&said, root)).unwrap_or_default()
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::delivery::Delivery;
    use crate::testing::{DELIVERY, Repository};
    use std::os::unix::fs::PermissionsExt as _;

    /// A project whose service is a script.
    pub(in crate::config_lint) struct Scripted {
        pub(in crate::config_lint) repository: Repository,
        pub(in crate::config_lint) project: Project,
        pub(in crate::config_lint) text: String,
    }

    impl Scripted {
        pub(in crate::config_lint) fn new(script: &str, tables: &str) -> Scripted {
            Scripted::edited(script, tables, str::to_owned)
        }

        pub(in crate::config_lint) fn edited(script: &str, tables: &str, edit: impl Fn(&str) -> String) -> Scripted {
            let text = format!("{}\n{tables}", edit(DELIVERY));
            let repository = Repository::with(&[
                ("config/delivery.toml", text.as_str()),
                ("shop.sh", &format!("#!/bin/sh\n{script}")),
                ("config/base.toml", "a\nb\n"),
            ]);
            let path = repository.root().join("shop.sh");
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
            let project = Project { root: repository.root().to_owned(), delivery: Delivery::parse(&text).unwrap() };
            Scripted { repository, project, text }
        }

        pub(in crate::config_lint) fn binary(&self) -> Binary<'_> {
            Binary::at(self.project.root.join("shop.sh"), &self.project)
        }
    }

    #[test]
    fn each_environment_is_checked_by_what_the_service_has_for_it_and_told_of_at_the_line() {
        let script = "case \"$*\" in\n'check without') ;;\n*) echo 'error: no secret'; exit 1 ;;\nesac\n\
                      [ \"$SHOP__PORT\" != 8281 ] || { echo 'error: no such setting'; echo '  --> config/base.toml:2:1'; exit 1; }\n";
        let check = "[service.commands]\nconfig_check = [\"check\"]\n";
        let found = findings(&Scripted::new(script, check).binary());
        assert_eq!(found, [Finding::new("in development, production: no secret")]);
        let lint = format!("{check}config_lint = [\"check\", \"without\"]\n");
        let found = findings(&Scripted::new(script, &lint).binary());
        assert_eq!(found, [Finding::at("config/base.toml", 2, "in production: no such setting")]);
        assert_eq!(findings(&Scripted::new(script, "").binary()), []);
    }

    #[test]
    fn what_cannot_be_used_is_no_output() {
        let script = "case $1 in\nfail) echo half; echo why >&2; exit 3 ;;\nnothing) echo ;;\nbytes) printf '\\377' ;;\n*) echo \"$1\"; echo note >&2 ;;\nesac\n";
        let shop = Scripted::new(script, "");
        let print = |arg: &str| shop.binary().print(&[arg.to_owned()]);
        assert_eq!(print("this"), Ok("this\n".into()));
        assert_eq!(print("fail"), Err("fails: exit status: 3\nwhy".into()));
        assert_eq!(print("nothing"), Err("prints nothing".into()));
        assert_eq!(print("bytes"), Err("prints what is no UTF-8".into()));
        let none = Binary::at("none".into(), &shop.project);
        assert!(none.print(&[]).unwrap_err().starts_with("fails: "));
        assert_eq!(none.line(&["config".into(), "schema".into()]), "shop config schema");
    }
}
