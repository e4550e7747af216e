//! `doctor`: whether this machine has what it takes, and how what is missing is come by.

use std::net::TcpListener;

use serde::Serialize;

use crate::out;
use crate::problem::{ExitCode, Problem};
use crate::project::Project;
use crate::rollout::colour::Colour;
use crate::runtime::shim::Shim;
use crate::site::FOLDER;
use crate::tools::Tool;
use crate::{docker, packages, port, tools};

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
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Good,
    Missing,
    Optional,
}

/// Looks at tools, the Docker engine, ports and disk.
///
/// # Errors
/// A [`Problem`] with exit code 69 when something is missing without which nothing can be delivered.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let project = Project::here()?;
    let mut findings: Vec<_> = tools::ALL.iter().map(tool).collect();
    findings.extend(containers(&project));
    findings.extend(ports(&project));
    findings.push(disk(&project)?);
    if args.json {
        out!("{}", serde_json::to_string_pretty(&findings)?);
    } else {
        findings.iter().for_each(print);
    }
    let missing: Vec<_> = findings.iter().filter(|finding| finding.verdict == Verdict::Missing).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = missing.iter().map(|finding| finding.what.as_str()).collect();
    let problem = Problem::new(ExitCode::Unavailable, format!("this machine is not ready: {}.", names.join(", ")));
    Err(missing.iter().filter_map(|finding| finding.next.clone()).fold(problem, Problem::next).into())
}

fn tool(tool: &Tool) -> Finding {
    let what = format!("{} ({})", tool.name, tool.purpose);
    let absent = if tool.required { Verdict::Missing } else { Verdict::Optional };
    let get = tool.how_to_get();
    match tools::find(tool) {
        Some(found) => {
            let version = found.version.as_ref().map(ToString::to_string).unwrap_or_default();
            let text = format!("{version} at {}", found.path.display());
            match tool.minimum {
                Some((major, minor)) if !found.is_recent(tool) => Finding {
                    what,
                    verdict: absent,
                    found: format!("{text}; {major}.{minor} is the oldest that will do"),
                    next: get,
                },
                _ => Finding { what, verdict: Verdict::Good, found: text, next: None },
            }
        }
        None => Finding { what, verdict: absent, found: "not found".into(), next: get },
    }
}

/// What environments in containers need; nothing where no engine answers, which leaves processes.
fn containers(project: &Project) -> Vec<Finding> {
    let finding = |what: &str, found: Result<String, (String, &str)>| match found {
        Ok(found) => Finding { what: what.into(), verdict: Verdict::Good, found, next: None },
        Err((found, next)) => Finding { what: what.into(), verdict: Verdict::Optional, found, next: Some(next.into()) },
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
    let environments = project.delivery.environments.iter().flat_map(|(name, environment)| {
        let colours = Colour::BOTH.map(|colour| (format!("colours/{colour}"), environment.address(colour)));
        let proxy = ("proxy".to_owned(), *environment.listen.get_ref());
        std::iter::once(proxy).chain(colours).map(move |(part, address)| (name, part, address))
    });
    let findings = environments.map(|(name, part, address)| {
        let ours = || {
            let shim = Shim::at(project.root.join(FOLDER).join(name).join(&part));
            shim.is_alive().unwrap_or(false) || is_published(project, name, address.port())
        };
        let what = format!("{address} ({name} {part})");
        match TcpListener::bind(address) {
            Ok(_) => Finding { what, verdict: Verdict::Good, found: "free".into(), next: None },
            Err(_) if ours() => {
                Finding { what, verdict: Verdict::Good, found: "in use by this environment".into(), next: None }
            }
            Err(error) => {
                let holder = port::holder(address.port()).unwrap_or_else(|| error.to_string());
                Finding { what, verdict: Verdict::Optional, found: format!("not free: {holder}"), next: None }
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

fn disk(project: &Project) -> anyhow::Result<Finding> {
    const ENOUGH_MIB: u64 = 2048;
    let disk = rustix::fs::statvfs(&project.root)?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize) / (1024 * 1024);
    let verdict = if free >= ENOUGH_MIB { Verdict::Good } else { Verdict::Optional };
    let found = format!("{free} MiB free; a build and a few releases take about {ENOUGH_MIB}");
    Ok(Finding { what: "disk".into(), verdict, found, next: None })
}

fn print(finding: &Finding) {
    let mark = match finding.verdict {
        Verdict::Good => "ok",
        Verdict::Missing => "MISSING",
        Verdict::Optional => "note",
    };
    out!("{mark:<8} {:<64} {}", finding.what, finding.found);
    finding.next.iter().for_each(|next| out!("{:<8} next: {next}", ""));
}
