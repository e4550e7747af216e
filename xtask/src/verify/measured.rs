//! What several criteria are measured by: each thing once in a run, and only where a criterion asks for it.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::pipeline::Workflows;
use super::rehearsal::{Rehearsal, rehearse};
use super::verdict::Short;
use crate::bench::scratch::Scratch;
use crate::config_lint::finding::Finding;
use crate::config_lint::service::Binary;
use crate::config_lint::settings::{self, Settings};
use crate::delivery::RuntimeChoice;
use crate::packages::Consent;
use crate::problem::reason;
use crate::project::Project;
use crate::runtime::choice;
use crate::runtime::compose::resolved::Resolved;
use crate::runtime::compose::stack::Stack;
use crate::{cargo, config_lint, docker, github, limited, program, say, secrets, tools};

/// The longest a verb of this program may take that measures: to build two images from nothing, above all.
const LONGEST: Duration = Duration::from_secs(30 * 60);

type Once<T> = OnceCell<Result<T, Short>>;

/// A project, and what has been measured of it so far.
pub(super) struct Measured<'a> {
    pub(super) project: &'a Project,
    consent: Consent,
    workflows: Once<Workflows>,
    image: Once<Image>,
    findings: Once<Vec<Finding>>,
    binary: Once<Binary<'a>>,
    schema: Once<String>,
    settings: Once<Settings>,
    resolved: Once<BTreeMap<String, Resolved>>,
    static_binary: Once<PathBuf>,
    on_process: Once<Rehearsal>,
    on_compose: Once<Rehearsal>,
}

/// What `image-check` says of the image it has built.
#[derive(Debug, Deserialize)]
pub(super) struct Image {
    /// Its name.
    pub(super) image: String,
    rows: Vec<Row>,
}

/// What it says of one thing.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Row {
    pub(super) id: String,
    verdict: String,
    pub(super) found: String,
}

impl Image {
    /// A row that has passed.
    ///
    /// # Errors
    /// Where it has failed, was skipped, or is not there.
    pub(super) fn row(&self, id: &str) -> Result<&Row, Short> {
        let row = self.rows.iter().find(|row| row.id == id);
        let row = row.ok_or_else(|| Short::unknown(format!("nothing is configured that `{id}` is held against")))?;
        match row.verdict.as_str() {
            "passed" => Ok(row),
            "failed" => Err(Short::missed(format!("{id}: {}", row.found))),
            _ => Err(Short::unknown(format!("{id}: {}", row.found))),
        }
    }
}

impl<'a> Measured<'a> {
    pub(super) fn new(project: &'a Project, consent: Consent) -> Measured<'a> {
        Measured {
            project,
            consent,
            workflows: OnceCell::new(),
            image: OnceCell::new(),
            findings: OnceCell::new(),
            binary: OnceCell::new(),
            schema: OnceCell::new(),
            settings: OnceCell::new(),
            resolved: OnceCell::new(),
            static_binary: OnceCell::new(),
            on_process: OnceCell::new(),
            on_compose: OnceCell::new(),
        }
    }

    /// The two workflows.
    pub(super) fn workflows(&self) -> Result<&Workflows, Short> {
        once(&self.workflows, || Workflows::read(self))
    }

    /// What `image-check` says of the image that is released, and of the one that one would write first; both are built.
    pub(super) fn image(&self) -> Result<&Image, Short> {
        once(&self.image, || {
            say!("building the image, and the one that is written first, to hold one against the other");
            let told = self.xtask(&["image-check", "--json"])?;
            let image = told.stdout.lines().last().and_then(|line| serde_json::from_str(line).ok());
            image.ok_or_else(|| told.failure("image-check"))
        })
    }

    /// Everything that `config-lint` finds wrong.
    pub(super) fn findings(&self) -> Result<&Vec<Finding>, Short> {
        once(&self.findings, || Ok(config_lint::look(self.project)?))
    }

    /// The service's binary, as it is built from the sources.
    pub(super) fn binary(&self) -> Result<&Binary<'a>, Short> {
        once(&self.binary, || {
            let lacking = "service.commands names nothing that the service could be asked about its settings";
            Binary::build(self.project)?.ok_or_else(|| Short::unknown(lacking))
        })
    }

    /// The JSON Schema of the service's settings.
    pub(super) fn schema(&self) -> Result<&String, Short> {
        once(&self.schema, || {
            let lacking = "service.commands.config_schema does not say how the service tells its settings";
            let args = self.project.delivery.service.commands.config_schema.as_ref();
            let args = args.ok_or_else(|| Short::unknown(lacking))?;
            let binary = self.binary()?;
            binary.print(args).map_err(|why| Short::missed(format!("`{}` {why}", binary.line(args))))
        })
    }

    /// The service's settings.
    pub(super) fn settings(&self) -> Result<&Settings, Short> {
        once(&self.settings, || settings::parse(self.schema()?).map_err(Short::Missed))
    }

    /// The Compose file as it is read for each environment that has a place in containers.
    pub(super) fn resolved(&self) -> Result<&BTreeMap<String, Resolved>, Short> {
        once(&self.resolved, || {
            let delivery = &self.project.delivery;
            if delivery.compose.is_none() {
                return Err(Short::unknown("there is no [compose]: the service does not run in containers"));
            }
            if docker::plugin("compose").is_none() {
                return Err(Short::unknown("`docker` has no Compose v2 here to read the file with"));
            }
            let places = delivery.environments.iter().filter(|(_, environment)| environment.containers.is_some());
            let resolve = |(name, environment): (&String, _)| {
                let stack = Stack::of(&self.project.root, delivery, name, environment).map_err(anyhow::Error::from)?;
                Ok((name.clone(), stack.resolve()?))
            };
            let resolved: BTreeMap<_, _> = places.map(resolve).collect::<Result<_, Short>>()?;
            if resolved.is_empty() { Err(Short::unknown("no environment has containers")) } else { Ok(resolved) }
        })
    }

    /// The service as it is released.
    fn static_binary(&self) -> Result<&PathBuf, Short> {
        once(&self.static_binary, || {
            say!("building {} as it is released", self.project.delivery.service.package);
            Ok(cargo::build_static(self.project, "release")?)
        })
    }

    /// Deploys and rollbacks under load, as processes of this machine.
    pub(super) fn on_process(&self) -> Result<&Rehearsal, Short> {
        once(&self.on_process, || {
            tools::ensure(&tools::HAPROXY, self.consent)?;
            self.rehearse(RuntimeChoice::Process)
        })
    }

    /// The same in containers.
    pub(super) fn on_compose(&self) -> Result<&Rehearsal, Short> {
        once(&self.on_compose, || {
            if self.project.delivery.compose.is_none() {
                return Err(Short::unknown("there is no [compose]: the service does not run in containers"));
            }
            choice::require_containers(&self.project.root)?;
            self.rehearse(RuntimeChoice::Compose)
        })
    }

    fn rehearse(&self, runtime: RuntimeChoice) -> Result<Rehearsal, Short> {
        let (environments, root) = (&self.project.delivery.environments, &self.project.root);
        let is_open = |name: &str, environment| secrets::require(&secrets::of(root, name, environment)).is_ok();
        let open = environments.iter().filter(|(_, environment)| !environment.protected);
        let name = open.filter(|(name, environment)| is_open(name, environment)).map(|(name, _)| name).next();
        let name = name.ok_or_else(|| {
            Short::unknown(
                "every environment is protected, or has secrets that are not at hand: there is none to rehearse in",
            )
        })?;
        let binary = self.static_binary()?;
        let scratch = Scratch::new(self.project, name, runtime, binary)?;
        Ok(rehearse(&scratch)?)
    }

    /// Runs a verb of this program to its end.
    ///
    /// # Errors
    /// When it cannot be run. That it failed is no error here.
    pub(super) fn xtask(&self, args: &[&str]) -> Result<Told, Short> {
        let own = program::own().map_err(anyhow::Error::from)?;
        // The summary of a job is this run's to write.
        let command = duct::cmd(own, args).dir(&self.project.root).env_remove(github::SUMMARY_FILE);
        Told::of(&command, LONGEST)
    }
}

fn once<T>(cell: &OnceCell<Result<T, Short>>, measure: impl FnOnce() -> Result<T, Short>) -> Result<&T, Short> {
    cell.get_or_init(measure).as_ref().map_err(Short::clone)
}

/// What a program has said.
#[derive(Debug)]
pub(super) struct Told {
    /// None where a signal has ended it.
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Told {
    /// Runs it to its end.
    ///
    /// # Errors
    /// When it cannot be run, or has not ended in time.
    pub(super) fn of(command: &duct::Expression, limit: Duration) -> Result<Told, Short> {
        let output = limited::run_apart(command, limit)?;
        let [stdout, stderr] = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        Ok(Told { code: output.status.code(), stdout, stderr })
    }

    /// How it falls short that it failed: by its exit code, what this machine lacks, or what it says.
    pub(super) fn failure(&self, what: &str) -> Short {
        let said = self.stderr.lines().find_map(|line| line.strip_prefix("error: ")).unwrap_or("it does not say why");
        let told = format!("`{what}`: {}", reason(&anyhow::anyhow!(said.to_owned())));
        match self.code {
            Some(69) => Short::Unknown(told),
            _ => Short::missed(told),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_met_where_it_has_passed_and_unknown_where_nobody_looked() {
        let json = r#"{ "image": "shop:1", "id": "sha256:1", "rows": [
            { "id": "size", "verdict": "passed", "found": "2MB" },
            { "id": "user", "verdict": "failed", "found": "root" },
            { "id": "start", "verdict": "skipped", "found": "no engine" } ] }"#;
        let image: Image = serde_json::from_str(json).unwrap();
        assert_eq!(image.row("size").unwrap().found, "2MB");
        assert_eq!(image.row("user").unwrap_err(), Short::missed("user: root"));
        assert_eq!(image.row("start").unwrap_err(), Short::unknown("start: no engine"));
        assert!(matches!(image.row("none").unwrap_err(), Short::Unknown(_)));
    }

    #[test]
    fn a_verb_that_this_machine_has_nothing_for_leaves_it_unknown() {
        let told =
            |code| Told { code: Some(code), stdout: String::new(), stderr: "note: x\nerror: no engine. Y\n".into() };
        assert_eq!(told(69).failure("up"), Short::unknown("`up`: no engine"));
        assert_eq!(told(1).failure("up"), Short::missed("`up`: no engine"));
    }

    #[test]
    fn what_was_measured_once_is_not_measured_again() {
        let cell = OnceCell::new();
        assert_eq!(once(&cell, || Ok(1)), Ok(&1));
        assert_eq!(once(&cell, || Err(Short::missed("again"))), Ok(&1));
    }
}
