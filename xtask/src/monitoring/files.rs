//! What Prometheus and Grafana are told: the project's own files, and what `delivery.toml` says of an environment.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::delivery::{Environment, FILE, METRICS_PATH, METRICS_PORT, Monitoring};
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
    pub fn in_containers(environment: &Environment) -> anyhow::Result<Targets> {
        let containers = environment.containers.as_ref();
        let containers = containers.with_context(|| format!("{FILE} has no addresses for containers"))?;
        let colour = |colour| SocketAddr::from((containers.colour(colour), environment.address(colour).port()));
        Ok(Targets { colours: PerColour::from_fn(colour), proxy: Some((containers.edge(), METRICS_PORT).into()) })
    }

    /// As seen on this machine.
    pub fn of_processes(environment: &Environment) -> Targets {
        let proxy = environment.proxy_metrics.as_ref().map(|address| *address.get_ref());
        Targets { colours: PerColour::from_fn(|colour| environment.address(colour)), proxy }
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
        let proxies = targets.proxy.iter();
        let proxies: Vec<_> =
            proxies.map(|address| target(*address, METRICS_PATH, json!({ "environment": name }))).collect();
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
        let parts: BTreeSet<_> = self.0.keys().filter_map(|path| Some(path.split_once('/')?.0)).collect();
        for part in parts.into_iter().map(|part| folder.join(part)).filter(|part| part.exists()) {
            // A rule that the project has not any more is none here either.
            fs::remove_dir_all(&part).with_context(|| format!("removing {}", part.display()))?;
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Delivery;
    use crate::testing::{DELIVERY, TempDir};

    const MONITORING: &str = r#"
[monitoring]
prometheus = "prometheus"
prometheus_image = "prometheus:1"
grafana = "grafana"
grafana_image = "grafana:1"
"#;

    fn project(dir: &TempDir) -> Project {
        let metrics = "health = { ready = \"/ready\"";
        let text = DELIVERY.replace(metrics, &format!("metrics = {{ path = \"/numbers\" }}\n{metrics}"));
        for (path, text) in [("prometheus.yml", "scrape"), ("rules/a.yml", "a"), ("rules/b.yml", "b")] {
            let file = dir.path().join("prometheus").join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        Project { root: dir.path().to_owned(), delivery: Delivery::parse(&format!("{text}{MONITORING}")).unwrap() }
    }

    #[test]
    fn addresses_and_paths_are_those_that_the_project_says() {
        let dir = TempDir::new();
        let project = project(&dir);
        let environment = &project.delivery.environments["development"];
        let colours = PerColour::from_fn(|colour| environment.address(colour));
        let targets = Targets { colours, proxy: Some(([10, 0, 0, 2], 9101).into()) };
        let monitoring = project.delivery.monitoring.as_ref().unwrap();
        let told = ("development", environment);
        let files = Files::of_prometheus(&project, monitoring, told, &targets, Some("geheim".into())).unwrap();
        let names: Vec<_> = files.0.keys().map(String::as_str).collect();
        let expected = [
            "prometheus.yml",
            "rules/a.yml",
            "rules/b.yml",
            "rules/policy.yml",
            "targets/proxy.json",
            "targets/service.json",
            "token",
        ];
        assert_eq!(names, expected);
        let json = |name: &str| serde_json::from_str::<Value>(&files.0[name]).unwrap();
        let label =
            |colour: &str| json!({ "__metrics_path__": "/numbers", "colour": colour, "environment": "development" });
        let target = |colour: Colour| json!({ "targets": [environment.address(colour).to_string()], "labels": label(&colour.to_string()) });
        assert_eq!(json("targets/service.json"), json!([target(Colour::Blue), target(Colour::Green)]));
        let proxy = json!({ "__metrics_path__": "/metrics", "environment": "development" });
        assert_eq!(json("targets/proxy.json"), json!([{ "targets": ["10.0.0.2:9101"], "labels": proxy }]));
        assert_eq!(json("rules/policy.yml")["groups"][0]["rules"][0]["expr"], "vector(60)");
        assert_eq!((files.0["rules/a.yml"].as_str(), files.0["token"].as_str()), ("a", "geheim"));
        let written = dir.path().join("written");
        fs::create_dir_all(written.join("rules")).unwrap();
        fs::write(written.join("rules/stale.yml"), "").unwrap();
        files.write(&written).unwrap();
        assert!(!written.join("rules/stale.yml").exists());
        assert_eq!(fs::read_to_string(written.join("rules/b.yml")).unwrap(), "b");
    }

    #[test]
    fn a_proxy_that_tells_nothing_and_a_service_without_metrics_are_no_targets() {
        let dir = TempDir::new();
        let mut project = project(&dir);
        project.delivery.service.metrics = None;
        let environment = &project.delivery.environments["development"];
        let targets = Targets { colours: PerColour::from_fn(|colour| environment.address(colour)), proxy: None };
        let monitoring = project.delivery.monitoring.as_ref().unwrap();
        let files = Files::of_prometheus(&project, monitoring, ("development", environment), &targets, None).unwrap();
        assert_eq!((files.0["targets/service.json"].trim(), files.0["targets/proxy.json"].trim()), ("[]", "[]"));
        assert_eq!(files.0["token"], "");
        let missing = Files::of_grafana(&project, monitoring, "p".into()).unwrap_err().to_string();
        assert!(missing.contains("grafana/dashboards, which [monitoring] of config/delivery.toml names"), "{missing}");
    }
}
