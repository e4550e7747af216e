//! Whether promtool accepts what Prometheus is told, and the tests of the rules pass.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use super::{Files, Targets};
use crate::delivery::{FILE, Monitoring};
use crate::problem::{ExitCode, Problem};
use crate::project::Project;
use crate::scratch::Scratch;
use crate::{out, tools};

/// Checks the configuration of every environment that is watched, then the rules.
pub(super) fn run(project: &Project) -> anyhow::Result<()> {
    let Some(monitoring) = &project.delivery.monitoring else {
        out!("{FILE} has no [monitoring]: there is nothing to check");
        return Ok(());
    };
    let scratch = Scratch::new("monitoring-check")?;
    for (name, environment) in &project.delivery.environments {
        if environment.monitoring.is_none() {
            continue;
        }
        let mut kinds = vec![("process", Targets::of_processes(environment))];
        if environment.containers.is_some() {
            kinds.push(("compose", Targets::in_containers(environment)?));
        }
        for (kind, targets) in kinds {
            let folder = scratch.path().join(name).join(kind);
            let environment = (name.as_str(), environment);
            Files::of_prometheus(project, monitoring, environment, &targets, None)?.write(&folder)?;
            let config = folder.join("prometheus.yml");
            promtool(&["check".as_ref(), "config".as_ref(), config.as_ref()], &monitoring.prometheus)?;
        }
        out!("what Prometheus is told of {name} is right");
    }
    test_rules(project, monitoring)
}

fn test_rules(project: &Project, monitoring: &Monitoring) -> anyhow::Result<()> {
    let folder = project.root.join(&monitoring.prometheus).join("tests");
    let files = fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut files: Vec<_> = files.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<_>>()?;
    files.sort();
    let mut args: Vec<&Path> = vec!["test".as_ref(), "rules".as_ref()];
    args.extend(files.iter().map(PathBuf::as_path));
    promtool(&args, &monitoring.prometheus)?;
    out!("the tests of its rules have passed: {} files", files.len());
    Ok(())
}

fn promtool(args: &[&Path], what: &str) -> anyhow::Result<()> {
    let output = Command::new(tools::require(&tools::PROMTOOL)?).args(args).output().context("running promtool")?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    let lines = said.iter().flat_map(|text| text.lines()).filter(|line| !line.trim().is_empty()).map(str::to_owned);
    let message = format!("promtool does not accept {what}.");
    Err(Problem::new(ExitCode::Configuration, message).detail(lines).next("cargo xtask monitoring --check").into())
}
