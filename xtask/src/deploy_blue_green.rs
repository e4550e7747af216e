//! `deploy-blue-green`: rolls a release out beside the one that serves.

use std::collections::BTreeMap;

use crate::delivery::Environment;
use crate::deployment::Deployment;
use crate::flags::{self, Queue, Source, Target};
use crate::out;
use crate::problem::{ExitCode, Problem, command};
use crate::progress::Reader;
use crate::rollout::basis::Basis;
use crate::rollout::plan::{Goal, Plan, plan};
use crate::rollout::record::Launch;
use crate::site::Site;

/// Flags of `deploy-blue-green`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    source: Source,
    /// One setting for the candidate alone, such as `faults.error_rate=1.0`; can be given more than once.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = flags::setting)]
    settings: Vec<(String, String)>,
    /// Prints what would be done, and does nothing.
    #[arg(long)]
    plan: bool,
    /// Acts only if things still stand as they did when `--plan` printed this.
    #[arg(long, value_name = "ID", conflicts_with = "plan")]
    expect: Option<Basis>,
    #[command(flatten)]
    queue: Queue,
    /// Prints JSON: what happens as it happens, one object a line, and how it ended as the last line; or the plan.
    #[arg(long)]
    json: bool,
}

/// Rolls out, or prints the plan.
///
/// # Errors
/// A [`Problem`] with exit code 1 when the candidate is rejected, all traffic being where it was before; 2 for flags that
/// do not fit the environment; 75 while another deployer is at work; 78 when the release refuses its configuration.
pub fn run(args: &Args) -> anyhow::Result<()> {
    args.source.check()?;
    let (name, reader) = (&args.target.env, Reader::from_flag(args.json));
    let site = if args.plan { Site::open(name)? } else { Site::open_to_deploy(name, None, reader)? };
    check(args, &site)?;
    let settings: BTreeMap<_, _> = args.settings.iter().cloned().collect();
    if args.plan {
        return show_plan(args, &site, settings);
    }
    site.require_secrets()?;
    let content = args.source.content(&site)?;
    let deployment = Deployment::begin(&site, "deploy-blue-green", &args.queue, reader)?;
    args.expect.iter().try_for_each(|planned| deployment.require(planned))?;
    let release = deployment.keep(&content, args.source.release.as_deref())?;
    let launch = Launch { release: release.name, settings };
    deployment.deploy(&launch)
}

fn check(args: &Args, site: &Site) -> Result<(), Problem> {
    let Some((key, _)) = args.settings.first() else { return Ok(()) };
    if site.environment().protected {
        let message = format!(
            "--set {key}: {} is protected, and what runs there comes from its configuration alone. Put it into config/ and \
             roll that out.",
            site.name
        );
        return Err(Problem::new(ExitCode::Usage, message).next(command("deploy-blue-green", &site.name)));
    }
    let secrets = || site.delivery().environments.values().flat_map(Environment::secret_sources);
    if let Some((key, _)) = args.settings.iter().find(|(key, _)| secrets().any(|(secret, _)| secret == key)) {
        let message = format!(
            "--set {key}: it is a secret, and every process of this machine sees an argument, which the ledger would keep as \
             well. Put it where environments.{}.secrets says.",
            site.name
        );
        return Err(Problem::new(ExitCode::Usage, message).next(command("deploy-blue-green", &site.name)));
    }
    if site.delivery().service.setting_variable.is_none() {
        let message =
            format!("--set {key}: service.setting_variable of config/delivery.toml does not say how to pass it on.");
        return Err(Problem::new(ExitCode::Configuration, message));
    }
    Ok(())
}

fn show_plan(args: &Args, site: &Site, settings: BTreeMap<String, String>) -> anyhow::Result<()> {
    let release = args.source.release.clone().unwrap_or_else(|| "the-next-build".into());
    let observed = site.enter().world().observe()?;
    let basis = Basis::of(&observed, &site.environment().rollout)?;
    let plan = plan(Goal::Deploy(Launch { release, settings }), &observed, &site.environment().rollout);
    if args.json {
        out!("{}", serde_json::to_string_pretty(&as_json(&plan, &basis, site))?);
    } else {
        out!("{} in {}:", plan.goal, site.name);
        for (number, operation) in plan.operations.iter().enumerate() {
            out!("{:>4}. {operation}", number + 1);
        }
        plan.notes.iter().for_each(|note| out!("note: {note}"));
        let same = command(&format!("deploy-blue-green --expect {basis}"), &site.name);
        out!("to do this and nothing else:\n  {same}");
    }
    Ok(())
}

fn as_json(plan: &Plan, basis: &Basis, site: &Site) -> serde_json::Value {
    serde_json::json!({
        "environment": site.name,
        "goal": plan.goal.to_string(),
        "operations": plan.operations,
        "notes": plan.notes,
        "expect": basis,
    })
}
