//! `doctor`: whether this machine has what it takes, and how what is missing is come by.

use std::net::TcpListener;

use serde::Serialize;

use crate::coverage::llvm::{self, Llvm};
use crate::delivery::FILE;
use crate::out;
use crate::problem::{ExitCode, Problem};
use crate::project::Project;
use crate::runtime::shim::Shim;
use crate::site::FOLDER;
use crate::tools::wheels::{self, Installer};
use crate::tools::{Source, Tool, Toolbox};
use crate::{docker, notify, port, tools};

/// Flags of `doctor`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Prints the findings as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Finding {
    what: String,
    verdict: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wanted: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl Finding {
    fn new(what: impl Into<String>, verdict: Verdict, found: impl Into<String>) -> Finding {
        let (what, found) = (what.into(), found.into());
        Finding { what, verdict, version: None, wanted: None, why: None, found, next: None }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Good,
    Missing,
    Optional,
}

/// Looks at tools, the Docker engine, ports and disk. It installs nothing.
///
/// # Errors
/// A [`Problem`] with exit code 69 when something is missing without which nothing can be delivered.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let project = Project::here()?;
    let sections = [tools(&project), containers(&project), ports(&project), channels(&project), vec![disk(&project)?]];
    let findings: Vec<_> = sections.iter().flatten().collect();
    if args.json {
        out!("{}", serde_json::to_string_pretty(&findings)?);
    } else {
        sections.iter().for_each(|section| print(section));
    }
    let missing: Vec<_> = findings.iter().filter(|finding| finding.verdict == Verdict::Missing).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = missing.iter().map(|finding| finding.what.as_str()).collect();
    let problem = Problem::new(ExitCode::Unavailable, format!("this machine is not ready: {}.", names.join(", ")));
    Err(missing.iter().filter_map(|finding| finding.next.clone()).fold(problem, Problem::next).into())
}

/// Every tool, and what installs those that are pinned.
fn tools(project: &Project) -> Vec<Finding> {
    let toolbox = Toolbox::of(project);
    tools::ALL.iter().map(|known| tool(toolbox, known)).chain([llvm(), installer()]).collect()
}

fn tool(toolbox: Toolbox<'_>, tool: &Tool) -> Finding {
    let found = toolbox.find(tool);
    let will_do = found.as_ref().is_some_and(|found| found.is_recent(tool));
    let is_loose = tool.source == Source::Pinned && toolbox.pin(tool).is_none();
    let unpinned = if is_loose { format!("; {FILE} pins none") } else { String::new() };
    let text = match &found {
        Some(found) if will_do => format!("{}{unpinned}", found.path.display()),
        Some(found) => format!("{}, too old", found.path.display()),
        None => format!("not found{unpinned}"),
    };
    let verdict = match will_do {
        true => Verdict::Good,
        false if tool.required => Verdict::Missing,
        false => Verdict::Optional,
    };
    Finding {
        version: found.and_then(|found| found.version).map(|version| version.to_string()),
        wanted: toolbox.wanted(tool),
        why: Some(tool.purpose),
        next: (!will_do && !is_loose).then(|| tool.how_to_get()).flatten(),
        ..Finding::new(tool.name, verdict, text)
    }
}

/// Their version follows the compiler's.
fn llvm() -> Finding {
    let (why, wanted) = (Some(llvm::PURPOSE), Llvm::wanted().map(|major| major.to_string()));
    match Llvm::found() {
        Some(llvm) => {
            Finding { why, wanted, ..Finding::new("llvm-cov", Verdict::Good, llvm.cov.display().to_string()) }
        }
        None => {
            let next = Llvm::wanted().and_then(llvm::how_to_get);
            Finding { why, wanted, next, ..Finding::new("llvm-cov", Verdict::Optional, "not found") }
        }
    }
}

fn installer() -> Finding {
    let why = Some(wheels::PURPOSE);
    match Installer::find() {
        Some(found) => {
            let version = found.version().map(ToString::to_string);
            Finding { version, why, ..Finding::new("pip", Verdict::Good, found.command()) }
        }
        None => Finding { why, next: wheels::how_to_get(), ..Finding::new("pip", Verdict::Optional, "not found") },
    }
}

/// What environments in containers need; nothing where no engine answers, which leaves processes.
fn containers(project: &Project) -> Vec<Finding> {
    let finding = |what: &str, found: Result<String, (String, &str)>| match found {
        Ok(found) => Finding::new(what, Verdict::Good, found),
        Err((found, next)) => Finding { next: Some(next.into()), ..Finding::new(what, Verdict::Optional, found) },
    };
    let engine = match docker::engine() {
        Ok(engine) => {
            format!("{} for {}/{}, control groups {}", engine.version, engine.os, engine.arch, control_groups())
        }
        Err(error) => {
            let reason = error.to_string().lines().next().unwrap_or_default().to_owned();
            return vec![finding("Docker engine", Err((reason, "docker info")))];
        }
    };
    let plugin =
        |name, without| docker::plugin(name).map(|version| version.to_string()).ok_or((without, "docker info"));
    let compose = plugin("compose", "not found; colours run as processes".to_owned());
    let buildx = plugin("buildx", "not found; images are compiled on this machine".to_owned());
    let image = &project.delivery.proxy.image;
    let proxy = match docker::image(image) {
        Ok(Some(image)) => Ok(image.id),
        _ => Err(("not there yet; the first `up` in containers makes it".to_owned(), "cargo xtask setup")),
    };
    vec![
        finding("Docker engine", Ok(engine)),
        finding("Compose (runs colours as containers)", compose),
        finding("buildx (compiles images in containers)", buildx),
        finding(&format!("{image} (the proxy's image)"), proxy),
    ]
}

/// Which of the kernel's two layouts limits what containers take.
fn control_groups() -> String {
    docker::read(&["info", "--format", "v{{.CgroupVersion}}"]).map_or("unknown".into(), |told| told.trim().to_owned())
}

/// The addresses of every environment: free, or held by its own shims.
fn ports(project: &Project) -> Vec<Finding> {
    // Those of another machine are not for this one to look at.
    let here = project.delivery.environments.iter().filter(|(_, environment)| environment.docker_host.is_none());
    let environments = here.flat_map(|(name, environment)| {
        let part =
            |key: &str| key.strip_prefix("colours.").map_or("proxy".into(), |colour| format!("colours/{colour}"));
        environment.addresses().map(move |(key, address)| (name, part(key), *address.get_ref()))
    });
    let findings = environments.map(|(name, part, address)| {
        let ours = || {
            let shim = Shim::at(project.root.join(FOLDER).join(name).join(&part));
            shim.is_alive().unwrap_or(false) || is_published(project, name, address.port())
        };
        let what = format!("{address} ({name} {part})");
        match TcpListener::bind(address) {
            Ok(_) => Finding::new(what, Verdict::Good, "free"),
            Err(_) if ours() => Finding::new(what, Verdict::Good, "in use by this environment"),
            Err(error) => {
                let holder = port::holder(address.port()).unwrap_or_else(|| error.to_string());
                Finding::new(what, Verdict::Optional, format!("not free: {holder}"))
            }
        }
    });
    findings.collect()
}

/// Whether the port is that of an environment's own edge in the Docker engine.
fn is_published(project: &Project, environment: &str, port: u16) -> bool {
    let Some(compose) = &project.delivery.compose else { return false };
    let edge = format!("{}-{environment}-edge-1", compose.project);
    let args = ["ps", "--filter", &format!("publish={port}"), "--format", "{{.Names}}"];
    docker::read(&args).is_ok_and(|names| names.lines().any(|name| name == edge))
}

/// Who could be told of a rollout from here.
fn channels(project: &Project) -> Vec<Finding> {
    let findings = project.delivery.notifications.iter().filter_map(|channel| {
        let (verdict, found) = match notify::is_open(channel, &project.root)? {
            Ok(host) => (Verdict::Good, format!("told at {host}")),
            Err(why) => (Verdict::Optional, format!("not told: {why}")),
        };
        Some(Finding::new(format!("{} (notifications)", channel.name()), verdict, found))
    });
    findings.collect()
}

fn disk(project: &Project) -> anyhow::Result<Finding> {
    const ENOUGH_MIB: u64 = 2048;
    let disk = rustix::fs::statvfs(&project.root)?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize) / (1024 * 1024);
    let verdict = if free >= ENOUGH_MIB { Verdict::Good } else { Verdict::Optional };
    let found = format!("{free} MiB free; a build and a few releases take about {ENOUGH_MIB}");
    Ok(Finding::new("disk", verdict, found))
}

/// Prints a table whose columns are as wide as they have to be; a column without anything in it is none.
fn print(findings: &[Finding]) {
    let rows: Vec<_> = findings.iter().map(columns).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2), width(3)];
    for (finding, row) in findings.iter().zip(&rows) {
        let mark = match finding.verdict {
            Verdict::Good => "ok",
            Verdict::Missing => "MISSING",
            Verdict::Optional => "note",
        };
        let cells = row.iter().zip(widths).filter(|(_, width)| *width > 0);
        let cells: String = cells.map(|(cell, width)| format!("{cell:<width$}  ")).collect();
        out!("{mark:<8} {cells}{}", finding.found);
    }
    for (next, names) in remedies(findings) {
        out!("{:<8} next: {next}  ({})", "", names.join(", "));
    }
}

fn columns(finding: &Finding) -> [String; 4] {
    let wanted = finding.wanted.as_ref().map(|wanted| format!("want {wanted}")).unwrap_or_default();
    let version = finding.version.clone().unwrap_or_default();
    [finding.what.clone(), version, wanted, finding.why.unwrap_or_default().to_owned()]
}

/// The commands to type, each with what it is for.
fn remedies(findings: &[Finding]) -> Vec<(&str, Vec<&str>)> {
    let mut remedies: Vec<(&str, Vec<&str>)> = Vec::new();
    for (next, what) in findings.iter().filter_map(|finding| Some((finding.next.as_deref()?, finding.what.as_str()))) {
        match remedies.iter_mut().find(|(known, _)| *known == next) {
            Some((_, names)) => names.push(what),
            None => remedies.push((next, vec![what])),
        }
    }
    remedies
}
