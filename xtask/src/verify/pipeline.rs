//! A1: what the workflows start by, what waits for what, and what they do; read as GitHub reads them.

use std::collections::BTreeSet;

use clap::ValueEnum as _;

use super::documents::{lacking, read};
use super::measured::Measured;
use super::verdict::{Short, Shown, none_of, require};
use crate::ci::{self, Group};
use crate::cli;
use crate::delivery::{Channel, FILE};
use crate::problem::DEFAULT_ENVIRONMENT;
use crate::workflows::check::line::CallSite;
use crate::workflows::check::{self, FOLDER, groups, publishes};
use crate::workflows::model::{Job, Workflow};

const CI_CD: &str = "ci-cd.yml";
const DEPLOY: &str = "deploy.yml";
/// Where every change that is to be delivered is pushed to.
const MAIN: &str = "main";

/// The two workflows.
#[derive(Debug)]
pub(super) struct Workflows {
    ci_cd: Workflow,
    deploy: Workflow,
}

impl Workflows {
    /// Reads them, where the check finds nothing wrong with any. What a job runs says little of one whose condition, or whose
    /// failure that does not count, takes it back; these are the check's.
    pub(super) fn read(measured: &Measured<'_>) -> Result<Workflows, Short> {
        let root = &measured.project.root;
        if !root.join(FOLDER).is_dir() {
            return Err(Short::unknown(format!("there is no {FOLDER}: the pipeline runs elsewhere")));
        }
        none_of(check::mistakes(root)?.iter().map(ToString::to_string).collect())?;
        let mut all: Vec<_> = check::load(root)?.into_iter().flatten().collect();
        let mut take = |file: &str| {
            let path = format!("{FOLDER}/{file}");
            let place = all.iter().position(|workflow| workflow.path == path);
            place.map(|place| all.remove(place)).ok_or_else(|| Short::missed(format!("there is no {path}")))
        };
        Ok(Workflows { ci_cd: take(CI_CD)?, deploy: take(DEPLOY)? })
    }

    /// The job of the one that runs the tests of the other.
    fn testing_job(&self) -> Result<&Job, Short> {
        let calls = |job: &&Job| job.uses.as_ref().is_some_and(|uses| uses.ends_with(&format!("/{CI_CD}")));
        let job = self.deploy.jobs.iter().find(calls);
        job.ok_or_else(|| Short::missed(format!("no job of {DEPLOY} calls {CI_CD}")))
    }

    /// The groups of steps that are run for whatever is validated.
    fn groups(&self) -> Vec<&str> {
        let listed = calls(&self.ci_cd, "ci").filter_map(|site| groups::of_matrix(site.job));
        listed.flat_map(|(_, listed)| listed).map(|text| text.value.as_str()).collect()
    }
}

/// Where a workflow calls a verb.
fn calls<'a>(workflow: &'a Workflow, verb: &str) -> impl Iterator<Item = CallSite<'a>> {
    CallSite::all(workflow).filter(move |site| site.call.verb == verb)
}

/// Whatever is pushed to main is delivered.
pub(super) fn triggers(measured: &Measured<'_>) -> Shown {
    let deploy = &measured.workflows()?.deploy;
    let push = deploy.trigger("push");
    let on_main = push.is_some_and(|push| push.branches.iter().any(|branch| *branch == MAIN));
    require(on_main, || format!("{FOLDER}/{DEPLOY} does not start on a push to {MAIN}"))?;
    let events: Vec<_> = deploy.triggers.iter().map(|trigger| trigger.event.value.as_str()).collect();
    Ok(vec![format!("{DEPLOY} starts on a push to {MAIN}; its events are {}", events.join(", "))])
}

/// Nothing is tagged, built for delivery or deployed before every test has passed.
pub(super) fn tests_first(measured: &Measured<'_>) -> Shown {
    let workflows = measured.workflows()?;
    let testing = workflows.testing_job()?;
    let delivering = CallSite::all(&workflows.deploy).filter(|site| publishes(&site.call)).map(|site| site.job);
    let mut delivering: Vec<_> = delivering.collect();
    delivering.dedup_by(|one, other| one.id == other.id);
    require(!delivering.is_empty(), || format!("no job of {DEPLOY} delivers anything"))?;
    let waits = |job: &&&Job| workflows.deploy.needed_by(job).iter().any(|needed| needed.id == testing.id);
    let (waiting, hasty): (Vec<&&Job>, Vec<&&Job>) = delivering.iter().partition(waits);
    none_of(hasty.iter().map(|job| format!("the job {} does not wait for {}", job.id, testing.id)).collect())?;
    let groups = workflows.groups();
    let missing = Group::value_variants().iter().map(|group| group.name()).filter(|name| !groups.contains(name));
    none_of(missing.map(|group| format!("{CI_CD} does not run the group {group}")).collect())?;
    let steps = ci::steps().count();
    let waiting: Vec<_> = waiting.iter().map(|job| job.id.value.as_str()).collect();
    Ok(vec![
        format!("{} wait for {}", waiting.join(", "), testing.id),
        format!("{CI_CD} runs all {} groups with {steps} steps", Group::value_variants().len()),
    ])
}

/// What a push brings is deployed to the environment for rehearsals, and asked for its health there.
pub(super) fn staging(measured: &Measured<'_>) -> Shown {
    let deploy = &measured.workflows()?.deploy;
    let environments = &measured.project.delivery.environments;
    let open = environments.iter().filter(|(name, environment)| !environment.protected && *name != DEFAULT_ENVIRONMENT);
    let (mut evidence, mut found) = (Vec::new(), Vec::new());
    for (name, _) in open {
        match deployed(deploy, name) {
            Ok(job) => evidence.push(format!("the job {} deploys to {name} and asks for its health", job.id)),
            Err(why) => found.push(why),
        }
    }
    none_of(found)?;
    require(!evidence.is_empty(), || "there is no environment to rehearse in".into())?;
    Ok(evidence)
}

/// The job that deploys to an environment, and asks for its health after.
fn deployed<'a>(deploy: &'a Workflow, environment: &str) -> Result<&'a Job, String> {
    let is_here = |site: &CallSite<'_>| site.given("--env").as_deref() == Some(environment);
    let deploying = calls(deploy, "deploy-blue-green").find(is_here);
    let job = deploying.map(|site| site.job).ok_or_else(|| format!("no job of {DEPLOY} deploys to {environment}"))?;
    let asked = calls(deploy, "health-check").any(|site| site.job.id == job.id && is_here(&site));
    if asked { Ok(job) } else { Err(format!("the job {} does not ask for the health of {environment}", job.id)) }
}

/// Each environment has a job of its own, with what is the environment's.
pub(super) fn environments(measured: &Measured<'_>) -> Shown {
    let deploy = &measured.workflows()?.deploy;
    let names = measured.project.delivery.environments.keys().filter(|name| *name != DEFAULT_ENVIRONMENT);
    let (mut evidence, mut found) = (Vec::new(), Vec::new());
    for name in names {
        match deployed(deploy, name) {
            Ok(job) if job.environment.as_ref().is_some_and(|environment| environment.name == name.as_str()) => {
                evidence.push(format!("{name} by the job {}, with the environment's own secrets", job.id));
            }
            Ok(job) => found.push(format!("the job {} has no `environment: {name}`", job.id)),
            Err(why) => found.push(why),
        }
    }
    none_of(found)?;
    Ok(evidence)
}

/// A job of its own names each release.
pub(super) fn tagging(measured: &Measured<'_>) -> Shown {
    let deploy = &measured.workflows()?.deploy;
    let tag = calls(deploy, "tag").find(|site| site.call.has("--push"));
    let tag = tag.ok_or_else(|| Short::missed(format!("no job of {DEPLOY} runs `cargo xtask tag --push`")))?;
    let after = |site: &CallSite<'_>| deploy.needed_by(site.job).iter().any(|needed| needed.id == tag.job.id);
    let untagged = calls(deploy, "deploy-blue-green").filter(|site| !after(site));
    none_of(untagged.map(|site| format!("the job {} deploys what has no tag", site.job.id)).collect())?;
    Ok(vec![format!("the job {} tags each release before it is deployed", tag.job.id)])
}

/// Somebody is told.
pub(super) fn notifications(measured: &Measured<'_>) -> Shown {
    require(cli::command().find_subcommand("notify").is_some(), || "there is no verb `notify`".into())?;
    let deploy = &measured.workflows()?.deploy;
    let fails = |site: &CallSite<'_>| {
        let conditions = [&site.job.condition, &site.step.condition];
        conditions.into_iter().flatten().any(|condition| condition.contains("failure()"))
    };
    let telling = calls(deploy, "notify").find(fails);
    let telling = telling.ok_or_else(|| Short::missed(format!("no job of {DEPLOY} tells of a failure")))?;
    let channels = &measured.project.delivery.notifications;
    require(!channels.is_empty(), || format!("{FILE} has no channel in [[notifications]]: nobody is told"))?;
    let channels: Vec<_> = channels.iter().map(Channel::name).collect();
    Ok(vec![
        format!("the job {} tells of a failure; each rollout tells of its start and its end itself", telling.job.id),
        format!("told are {}", channels.join(", ")),
    ])
}

/// Every pull request is validated.
pub(super) fn pull_requests(measured: &Measured<'_>) -> Shown {
    let ci_cd = &measured.workflows()?.ci_cd;
    require(ci_cd.trigger("pull_request").is_some(), || format!("{CI_CD} does not start on pull requests"))?;
    let groups = measured.workflows()?.groups();
    require(!groups.is_empty(), || format!("{CI_CD} runs no group of steps"))?;
    Ok(vec![format!("{CI_CD} runs {} groups for each pull request: {}", groups.len(), groups.join(", "))])
}

/// The steps of a group, which a workflow has to run.
fn group(measured: &Measured<'_>, group: Group) -> Shown {
    let is_run = measured.workflows()?.groups().contains(&group.name());
    require(is_run, || format!("{CI_CD} does not run the group {}", group.name()))?;
    let steps: Vec<_> = ci::steps().filter(|(of, _)| *of == group).map(|(_, id)| id).collect();
    Ok(vec![format!("{} in {CI_CD}: {}", group.name(), steps.join(", "))])
}

pub(super) fn quality(measured: &Measured<'_>) -> Shown {
    group(measured, Group::Quality)
}

pub(super) fn security(measured: &Measured<'_>) -> Shown {
    group(measured, Group::Security)
}

pub(super) fn performance(measured: &Measured<'_>) -> Shown {
    group(measured, Group::Performance)
}

/// How much of the code the tests run is measured, told, and held against a floor.
pub(super) fn coverage(measured: &Measured<'_>) -> Shown {
    const STEP: &str = "coverage";
    let of = ci::steps().find(|(_, id)| *id == STEP).map(|(group, _)| group);
    let of = of.ok_or_else(|| Short::missed(format!("there is no step `{STEP}`")))?;
    let evidence = group(measured, of)?;
    let floor = &measured.project.delivery.coverage.floor;
    require(!floor.is_empty(), || "coverage.floor names no crate".into())?;
    Ok([evidence, vec![format!("{} crates have a floor", floor.len())]].concat())
}

/// What starts what, and what runs, is written down.
pub(super) fn documented(measured: &Measured<'_>) -> Shown {
    const PATH: &str = "docs/pipeline.md";
    let (text, workflows) = (read(measured, PATH)?, measured.workflows()?);
    let files = [&workflows.ci_cd, &workflows.deploy];
    let jobs: BTreeSet<_> = files.iter().flat_map(|workflow| &workflow.jobs).map(|job| job.id.value.as_str()).collect();
    let entries: Vec<_> = jobs.iter().map(|job| format!("- **{job}** ")).collect();
    let steps: Vec<_> = ci::steps().map(|(_, id)| format!("| `{id}` |")).collect();
    let sections = ["## Triggers", "## Structure", CI_CD, DEPLOY];
    let parts = sections.into_iter().chain(entries.iter().chain(&steps).map(String::as_str));
    none_of(lacking(&text, PATH, parts))?;
    Ok(vec![format!("{PATH}: triggers, structure, the entries of {} jobs and {} steps", jobs.len(), steps.len())])
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEPLOYING: &str = "on:\n  push:\n    branches: [main]\nenv:\n  TO: staging\njobs:\n  deploy:\n    runs-on: ubuntu-24.04\n    steps:\n      \
                             - run: cargo xtask deploy-blue-green --env \"$TO\" --release x\n      - run: cargo xtask health-check --env staging\n";

    fn parse(text: &str) -> Workflow {
        Workflow::parse(".github/workflows/deploy.yml", text).unwrap()
    }

    #[test]
    fn a_job_deploys_where_its_flag_or_its_variable_says_and_asks_for_the_health_after() {
        assert_eq!(deployed(&parse(DEPLOYING), "staging").unwrap().id.value, "deploy");
        assert!(deployed(&parse(DEPLOYING), "production").unwrap_err().contains("no job"));
        let unasked = DEPLOYING.replace("health-check --env staging", "status");
        assert!(deployed(&parse(&unasked), "staging").unwrap_err().contains("does not ask"));
    }
}
