//! What Prometheus and Grafana are told: the project's own files, and what `delivery.toml` says of an environment.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::delivery::{Environment, FILE, Monitoring, Watched};
use crate::problem::{ExitCode, Problem};
use crate::project::Project;
use crate::rollout::colour::{Colour, PerColour};

/// Where Prometheus finds what there is to scrape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Targets {
    colours: PerColour<SocketAddr>,
    proxy: Option<SocketAddr>,
}

impl Targets {
    /// As seen in the network of the colours.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 78 when `delivery.toml` does not say how the environment runs in containers.
    pub fn in_containers(monitoring: &Monitoring, environment: &Environment) -> anyhow::Result<Targets> {
        let containers = environment.containers.as_ref();
        let containers = containers.with_context(|| format!("{FILE} has no addresses for containers"))?;
        let colour = |colour| SocketAddr::from((containers.colour(colour), environment.address(colour).port()));
        Ok(Targets {
            colours: PerColour::from_fn(colour),
            proxy: Some((containers.edge(), monitoring.proxy_metrics.port).into()),
        })
    }

    /// As seen on this machine.
    pub fn of_processes(environment: &Environment, watched: &Watched) -> Targets {
        Targets { colours: PerColour::from_fn(|colour| environment.address(colour)), proxy: watched.proxy }
    }
}

/// Files by their paths in the folder that one of the two reads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Files(BTreeMap<String, String>);

impl Files {
    /// What Prometheus is told of an environment.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 78 when a file of the project's cannot be read.
    pub fn of_prometheus(
        project: &Project,
        monitoring: &Monitoring,
        (name, environment): (&str, &Environment),
        targets: &Targets,
        token: Option<String>,
    ) -> anyhow::Result<Files> {
        let mut files = Files::default();
        let folder = project.root.join(&monitoring.prometheus);
        files.take("prometheus.yml", &folder.join("prometheus.yml"))?;
        files.take_all("rules", &folder.join("rules"))?;
        let page = project.delivery.service.metrics.as_ref();
        let colour = |colour: Colour| {
            let address = targets.colours.get(colour);
            page.map(|page| target(*address, &page.path, json!({ "environment": name, "colour": colour })))
        };
        let colours: Vec<_> = Colour::BOTH.into_iter().filter_map(colour).collect();
        let path = &monitoring.proxy_metrics.path;
        let proxies: Vec<_> =
            targets.proxy.iter().map(|address| target(*address, path, json!({ "environment": name }))).collect();
        files.0.insert("targets/service.json".into(), pretty(&Value::from(colours)));
        files.0.insert("targets/proxy.json".into(), pretty(&Value::from(proxies)));
        files.0.insert("rules/policy.yml".into(), pretty(&policy(name, environment)));
        // Prometheus wants the file to be there; a service that asks for no token does not look at an empty one.
        files.0.insert("token".into(), token.unwrap_or_default());
        Ok(files)
    }

    /// What Grafana is told.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 78 when a file of the project's cannot be read.
    pub fn of_grafana(project: &Project, monitoring: &Monitoring, password: String) -> anyhow::Result<Files> {
        let mut files = Files::default();
        let folder = project.root.join(&monitoring.grafana);
        for part in ["dashboards", "provisioning/dashboards", "provisioning/datasources"] {
            files.take_all(part, &folder.join(part))?;
        }
        files.0.insert("password".into(), password);
        Ok(files)
    }

    fn take(&mut self, path: &str, file: &Path) -> anyhow::Result<()> {
        let text = fs::read_to_string(file).map_err(|error| unreadable(file, &error))?;
        self.0.insert(path.to_owned(), text);
        Ok(())
    }

    fn take_all(&mut self, path: &str, folder: &Path) -> anyhow::Result<()> {
        for entry in fs::read_dir(folder).map_err(|error| unreadable(folder, &error))? {
            let entry = entry?;
            self.take(&format!("{path}/{}", entry.file_name().to_string_lossy()), &entry.path())?;
        }
        Ok(())
    }

    /// Writes them into a folder, in place of what was there.
    ///
    /// # Errors
    /// When something cannot be removed or written.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        for (path, text) in &self.0 {
            let file = folder.join(path);
            let parent = file.parent().unwrap_or(folder);
            fs::create_dir_all(parent).with_context(|| format!("making {}", parent.display()))?;
            fs::write(&file, text).with_context(|| format!("writing {}", file.display()))?;
        }
        Ok(())
    }
}

fn unreadable(file: &Path, error: &std::io::Error) -> Problem {
    let message = format!("{}, which [monitoring] of {FILE} names, cannot be read: {error}.", file.display());
    Problem::new(ExitCode::Configuration, message).next("git status")
}

fn target(address: SocketAddr, path: &str, mut labels: Value) -> Value {
    labels["__metrics_path__"] = path.into();
    json!({ "targets": [address.to_string()], "labels": labels })
}

/// What the rules have to know of the rollouts' policy. JSON is YAML, too.
fn policy(name: &str, environment: &Environment) -> Value {
    let seconds = environment.rollout.keep_warm.as_secs_f64().to_string();
    let keep_warm = json!({
        "record": "environment:keep_warm:seconds",
        "expr": format!("vector({seconds})"),
        "labels": { "environment": name },
    });
    json!({ "groups": [{ "name": "policy", "rules": [keep_warm] }] })
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
