//! A workflow: its jobs one after the other, each once those are over that it needs.

use std::collections::BTreeMap;

use anyhow::anyhow;
use serde_json::{Map, Value};

use super::event::{self, Event};
use super::ground::Ground;
use super::job::JobRun;
use super::matrix::{self, Combination};
use super::report::{JobReport, Report, Verdict};
use super::secrets::Secrets;
use super::{Flags, mistake};
use crate::delivery::Delivery;
use crate::interrupt::UnderWay;
use crate::workflows::expression::{self, Scope, Status, object, text};
use crate::workflows::model::{self, Job, Pairs, Values, Workflow};
use crate::workflows::yaml::Text;

/// How deep workflows may call each other, as on GitHub.
const DEPTH: usize = 4;

/// What all jobs of a rehearsal have in common.
pub(super) struct Stage<'a> {
    pub(super) args: &'a Flags,
    pub(super) workflows: &'a [Workflow],
    pub(super) ground: &'a Ground,
    pub(super) event: &'a Event,
    pub(super) delivery: &'a Delivery,
    pub(super) secrets: &'a Secrets,
    pub(super) under_way: &'a UnderWay,
    /// The context `github`, but for what differs between jobs.
    pub(super) github: Map<String, Value>,
    /// The context `vars`.
    pub(super) vars: Value,
}

impl Stage<'_> {
    /// Runs a workflow, and tells what came of it.
    ///
    /// # Errors
    /// Those of [`Run::run`].
    pub(super) fn report(&self, workflow: &Workflow) -> anyhow::Result<Report> {
        let inputs = Value::Object(self.event.inputs.clone());
        let mut jobs = Vec::new();
        Run::new(self, workflow, inputs, self.secrets.context()).run(&self.args.jobs, &mut jobs)?;
        Ok(Report {
            workflow: workflow.stem().to_owned(),
            event: self.event.kind.name(),
            reference: self.event.reference.clone(),
            commit: self.ground.commit.clone(),
            verdict: Report::verdict_of(&jobs),
            jobs,
            summary: Some(self.ground.summary()).filter(|path| path.is_file()),
        })
    }
}

/// A workflow that runs, or one that it calls.
pub(super) struct Run<'a> {
    pub(super) stage: &'a Stage<'a>,
    pub(super) workflow: &'a Workflow,
    /// The context `inputs`.
    pub(super) inputs: Value,
    /// The context `secrets`.
    pub(super) secrets: Value,
    /// The jobs that call it, as GitHub shows them before its own.
    callers: Vec<String>,
    ended: BTreeMap<&'a str, Ended>,
}

/// A job that is over.
struct Ended {
    verdict: Verdict,
    outputs: Map<String, Value>,
}

impl<'a> Run<'a> {
    pub(super) fn new(stage: &'a Stage<'a>, workflow: &'a Workflow, inputs: Value, secrets: Value) -> Run<'a> {
        Run { stage, workflow, inputs, secrets, callers: Vec::new(), ended: BTreeMap::new() }
    }

    /// Runs those of its jobs that are named and what they need; all where none is.
    ///
    /// # Errors
    /// A [`crate::problem::Problem`] where the workflow is wrong, with its place; that a job fails is a report.
    pub(super) fn run(&mut self, named: &[String], reports: &mut Vec<JobReport>) -> anyhow::Result<Verdict> {
        let is_needed = |job: &Job, other: &str| self.workflow.needed_by(job).iter().any(|needed| needed.id == other);
        let is_wanted = |job: &&Job| {
            let mut chosen = named.iter().filter_map(|id| self.workflow.job(id));
            named.is_empty() || chosen.any(|one| one.id == job.id || is_needed(one, &job.id))
        };
        let mut open: Vec<&'a Job> = self.workflow.jobs.iter().filter(is_wanted).collect();
        while let Some(first) = open.first() {
            let is_ready = |job: &&Job| job.needs.iter().all(|id| self.ended.contains_key(&**id));
            let Some(next) = open.iter().position(is_ready) else {
                let message = "what this job needs is not there, or needs this job";
                return Err(mistake(self.workflow, &first.id, message).into());
            };
            let job = open.remove(next);
            let ended = self.job(job, reports)?;
            self.ended.insert(&job.id, ended);
        }
        Ok(together(self.ended.values().map(|ended| ended.verdict)))
    }

    fn job(&self, job: &'a Job, reports: &mut Vec<JobReport>) -> anyhow::Result<Ended> {
        let needed = self.workflow.needed_by(job);
        let verdict = |job: &Job| self.ended.get(&*job.id).map(|ended| ended.verdict);
        let mut not_run = |verdict, reason: String| {
            reports.push(JobReport::not_run(self.shown(&job.id), verdict, reason));
            Ok(Ended { verdict, outputs: Map::new() })
        };
        // Whatever it says of the results of others: they have none yet, and so it waits on GitHub, too.
        if let Some(waiting) = needed.iter().find(|job| verdict(job) == Some(Verdict::Waiting)) {
            return not_run(Verdict::Waiting, format!("behind {}", waiting.id));
        }
        let contexts = self.contexts(job);
        // On GitHub the whole chain counts, not only what stands in `needs`.
        let status = Status {
            success: needed.iter().all(|job| verdict(job) == Some(Verdict::Passed)),
            failure: needed.iter().any(|job| verdict(job) == Some(Verdict::Failed)),
        };
        let condition = job.condition.as_deref().unwrap_or_default();
        let scope = Scope { contexts: &contexts, status: Some(status) };
        let runs = expression::condition(condition, &scope)
            .map_err(|wrong| mistake(self.workflow, job.condition.as_ref().unwrap_or(&job.id), &wrong.message))?;
        if !runs {
            let reason = if condition.is_empty() { "what it needs has not succeeded" } else { condition };
            return not_run(Verdict::Skipped, reason.to_owned());
        }
        match &job.uses {
            Some(uses) => self.call(job, uses, &contexts, reports),
            None => self.each(job, &contexts, reports),
        }
    }

    /// Runs the workflow that a job calls, in its place.
    fn call(
        &self,
        job: &'a Job,
        uses: &Text,
        contexts: &Map<String, Value>,
        reports: &mut Vec<JobReport>,
    ) -> anyhow::Result<Ended> {
        let wrong = |message: &str| mistake(self.workflow, uses, message);
        let path = uses.strip_prefix("./").unwrap_or_default();
        let called = self.stage.workflows.iter().find(|workflow| workflow.path == path);
        let called =
            called.ok_or_else(|| wrong("only a workflow of this project can be rehearsed, and there is no such"))?;
        let trigger = called.trigger("workflow_call").ok_or_else(|| wrong("that workflow lets nobody call it"))?;
        if self.callers.len() >= DEPTH {
            return Err(wrong("workflows call each other no deeper than this").into());
        }
        let given = self.pairs(&job.with, contexts)?;
        let given: Vec<_> = given.iter().map(|(name, value)| (name.clone(), text(value))).collect();
        let inputs = event::chosen(&trigger.inputs, &given)?;
        let secrets = match &job.secrets {
            None => Secrets::default().context(),
            Some(model::Secrets::Inherited(_)) => self.secrets.clone(),
            Some(model::Secrets::Named(pairs)) => {
                let mut all = contexts.clone();
                all.insert("secrets".into(), self.secrets.clone());
                let token = Secrets::default().context().as_object().cloned().unwrap_or_default();
                Value::Object(token.into_iter().chain(self.pairs(pairs, &all)?).collect())
            }
        };
        let mut run = Run::new(self.stage, called, Value::Object(inputs), secrets);
        run.callers = [&self.callers[..], &[job.id.to_string()]].concat();
        let verdict = run.run(&[], reports)?;
        Ok(Ended { verdict, outputs: Map::new() })
    }

    /// Runs a job, or each of its matrix.
    fn each(&self, job: &'a Job, contexts: &Map<String, Value>, reports: &mut Vec<JobReport>) -> anyhow::Result<Ended> {
        let strategy = job.strategy.as_ref();
        let fails_fast = strategy.and_then(|it| it.fail_fast.as_deref()) != Some("false");
        let combinations = match strategy {
            None => vec![Combination::new()],
            Some(strategy) => {
                let lists = strategy.matrix.iter().map(|(name, values)| self.list(name, values, contexts));
                let lists = lists.collect::<anyhow::Result<Vec<_>>>()?;
                matrix::combinations(&lists).map_err(|wrong| mistake(self.workflow, &job.id, &wrong))?
            }
        };
        let mut ended = Ended { verdict: Verdict::Skipped, outputs: Map::new() };
        let mut verdicts = Vec::new();
        for combination in combinations {
            let (report, outputs) = if fails_fast && verdicts.contains(&Verdict::Failed) {
                let name = self.shown(&of_matrix(&job.id, &combination));
                (JobReport::not_run(name, Verdict::Cancelled, "another of its matrix has failed".into()), Map::new())
            } else {
                JobRun::new(self, job, combination, contexts.clone())?.run()?
            };
            verdicts.push(report.verdict);
            ended.outputs.extend(outputs);
            reports.push(report);
        }
        ended.verdict = together(verdicts);
        Ok(ended)
    }

    /// The values of a name of a matrix.
    fn list(
        &self,
        name: &Text,
        values: &Values,
        contexts: &Map<String, Value>,
    ) -> anyhow::Result<(String, Vec<Value>)> {
        let values = match values {
            Values::Listed(values) => {
                values.iter().map(|value| self.value(value, contexts)).collect::<anyhow::Result<_>>()?
            }
            Values::Computed(value) => match self.value(value, contexts)? {
                Value::Array(values) => values,
                _ => return Err(mistake(self.workflow, value, "the values of a matrix are a list").into()),
            },
        };
        Ok((name.to_string(), values))
    }

    /// What the expressions of a job see before it runs.
    fn contexts(&self, job: &Job) -> Map<String, Value> {
        let needs = job.needs.iter().filter_map(|id| Some((id, self.ended.get(&**id)?))).map(|(id, ended)| {
            let needed = [("result", ended.verdict.result().into()), ("outputs", Value::Object(ended.outputs.clone()))];
            (id.to_string(), object(needed))
        });
        let mut github = self.stage.github.clone();
        github.insert("job".into(), job.id.to_string().into());
        Map::from_iter([
            ("github".to_owned(), Value::Object(github)),
            ("inputs".to_owned(), self.inputs.clone()),
            ("needs".to_owned(), object(needs)),
            ("vars".to_owned(), self.stage.vars.clone()),
        ])
    }

    /// What a text of the workflow comes to.
    ///
    /// # Errors
    /// A [`crate::problem::Problem`] at its place.
    pub(super) fn value(&self, text: &Text, contexts: &Map<String, Value>) -> anyhow::Result<Value> {
        let scope = Scope { contexts, status: None };
        expression::interpolate(text, &scope).map_err(|wrong| mistake(self.workflow, text, &wrong.message).into())
    }

    /// What several come to, by name.
    ///
    /// # Errors
    /// Those of [`Run::value`].
    pub(super) fn pairs(&self, pairs: &Pairs, contexts: &Map<String, Value>) -> anyhow::Result<Map<String, Value>> {
        pairs.iter().map(|(name, text)| Ok((name.to_string(), self.value(text, contexts)?))).collect()
    }

    /// A number of minutes.
    ///
    /// # Errors
    /// Those of [`Run::value`], and where it is none.
    pub(super) fn minutes(&self, text: &Text, contexts: &Map<String, Value>) -> anyhow::Result<std::time::Duration> {
        let minutes = expression::text(&self.value(text, contexts)?);
        let seconds = minutes.parse::<f64>().map(|minutes| minutes * 60.0).map_err(|error| anyhow!(error));
        let duration = seconds.and_then(|seconds| Ok(std::time::Duration::try_from_secs_f64(seconds)?));
        let shown = self.stage.secrets.mask(&minutes);
        duration.map_err(|_| mistake(self.workflow, text, &format!("`{shown}` is no number of minutes")).into())
    }

    /// A job of this workflow as GitHub shows it.
    pub(super) fn shown(&self, name: &str) -> String {
        self.callers.iter().map(String::as_str).chain([name]).collect::<Vec<_>>().join(" / ")
    }
}

/// The name of a job of a matrix.
pub(super) fn of_matrix(name: &str, combination: &Combination) -> String {
    if combination.is_empty() {
        return name.to_owned();
    }
    let values: Vec<_> = combination.values().map(text).collect();
    format!("{name} ({})", values.join(", "))
}

/// How several are together.
fn together(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
    // The first of these that any of them is.
    const ORDER: [Verdict; 4] = [Verdict::Failed, Verdict::Cancelled, Verdict::Waiting, Verdict::Passed];
    let verdicts: Vec<_> = verdicts.into_iter().collect();
    ORDER.into_iter().find(|verdict| verdicts.contains(verdict)).unwrap_or(Verdict::Skipped)
}
