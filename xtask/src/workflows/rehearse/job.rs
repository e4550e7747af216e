//! A job: a machine of its own, on which its steps run one after the other.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::matrix::Combination;
use super::report::{JobReport, StepReport, Verdict};
use super::run::{Run, of_matrix};
use super::step::StepRun;
use super::{images, interrupted, machine, mistake};
use crate::workflows::expression::{self, Scope, Status, is_true, object, text};
use crate::workflows::model::{Job, Step};

/// How long a job may take that does not say.
const LIMIT: Duration = Duration::from_secs(360 * 60);
/// How long the steps that always run may take once that has passed.
const GRACE: Duration = Duration::from_secs(5 * 60);

/// A job that runs.
pub(super) struct JobRun<'a> {
    pub(super) run: &'a Run<'a>,
    pub(super) job: &'a Job,
    /// As GitHub shows it.
    pub(super) name: String,
    /// What its expressions see.
    pub(super) contexts: Map<String, Value>,
    /// The variables of all its steps.
    pub(super) env: Map<String, Value>,
    /// The folders that its steps have put in front of `PATH`.
    pub(super) folders: Vec<String>,
    /// Whether there is anything in the workspace yet.
    pub(super) is_checked_out: bool,
    /// What variables its steps were given: among them the repositories of its images.
    named: BTreeSet<String>,
    has_failed: bool,
    began: Instant,
    limit: Duration,
    environment: Option<String>,
}

impl<'a> JobRun<'a> {
    pub(super) fn new(
        run: &'a Run<'a>,
        job: &'a Job,
        combination: Combination,
        mut contexts: Map<String, Value>,
    ) -> anyhow::Result<JobRun<'a>> {
        let is_told_apart = job.name.as_ref().is_some_and(|name| name.contains("matrix."));
        let rest = if is_told_apart { Combination::new() } else { combination.clone() };
        contexts.insert("matrix".into(), Value::Object(combination));
        let name = text(&run.value(job.name.as_ref().unwrap_or(&job.id), &contexts)?);
        let name = run.shown(&of_matrix(&name, &rest));
        let environment = job.environment.as_ref().map(|it| run.value(&it.name, &contexts)).transpose()?;
        let environment = environment.map(|name| text(&name)).filter(|name| !name.is_empty());
        let limit = job.timeout_minutes.as_ref().map(|it| run.minutes(it, &contexts)).transpose()?.unwrap_or(LIMIT);
        contexts.insert("secrets".into(), run.secrets.clone());
        let mut env = run.pairs(&run.workflow.env, &contexts)?;
        env.extend(run.pairs(&job.env, &contexts)?);
        Ok(JobRun {
            run,
            job,
            name,
            contexts,
            env,
            folders: Vec::new(),
            is_checked_out: false,
            named: BTreeSet::new(),
            has_failed: false,
            began: Instant::now(),
            limit,
            environment,
        })
    }

    /// Runs its steps, and tells what it gives to the jobs that need it.
    ///
    /// # Errors
    /// Where the workflow is wrong or a person has asked for the end; that a step fails is in the report.
    pub(super) fn run(mut self) -> anyhow::Result<(JobReport, Map<String, Value>)> {
        if let Some(environment) = self.awaited() {
            let reason = format!("{environment} is protected, and nobody has approved it");
            let report = JobReport::not_run(self.name.clone(), Verdict::Waiting, reason);
            return Ok((JobReport { environment: self.environment, ..report }, Map::new()));
        }
        let stage = self.run.stage;
        stage.ground.clear_workspace()?;
        self.contexts.insert("runner".into(), machine::context(&stage.ground.temp()));
        self.contexts.insert("job".into(), json!({ "status": "success" }));
        self.contexts.insert("steps".into(), json!({}));
        // What a deployment brings to the engine is its environment's, which is no machine of a job.
        let before = self.environment.is_none().then(images::references);
        let steps = self.steps();
        if let Some(before) = before {
            images::remove_new(&before, &self.named);
        }
        let steps = steps?;
        let mut contexts = self.contexts.clone();
        contexts.insert("env".into(), Value::Object(self.env.clone()));
        let outputs = self.run.pairs(&self.job.outputs, &contexts)?;
        let url = self.job.environment.as_ref().and_then(|it| it.url.as_ref());
        let url = url.map(|url| self.run.value(url, &contexts)).transpose()?.map(|url| stage.secrets.mask(&text(&url)));
        let took = self.began.elapsed();
        let limit = humantime::format_duration(self.limit);
        let report = JobReport {
            reason: (took >= self.limit).then(|| format!("it may take {limit}, and took longer")),
            name: self.name,
            verdict: if self.has_failed { Verdict::Failed } else { Verdict::Passed },
            environment: self.environment,
            url: url.filter(|url| !url.is_empty()),
            seconds: took.as_secs_f64(),
            steps,
        };
        Ok((report, outputs))
    }

    /// The environment that somebody has to approve first.
    fn awaited(&self) -> Option<&String> {
        let stage = self.run.stage;
        let is_protected =
            |name: &&String| stage.delivery.environments.get(*name).is_some_and(|environment| environment.protected);
        self.environment.as_ref().filter(is_protected).filter(|name| !stage.args.approve.contains(name))
    }

    fn steps(&mut self) -> anyhow::Result<Vec<StepReport>> {
        let mut reports = Vec::new();
        for (number, step) in self.job.steps.iter().enumerate() {
            if self.run.stage.under_way.is_cancelled() {
                return Err(interrupted().into());
            }
            reports.push(self.step(number, step)?);
        }
        Ok(reports)
    }

    fn step(&mut self, number: usize, step: &'a Step) -> anyhow::Result<StepReport> {
        let began = Instant::now();
        if self.began.elapsed() >= self.limit {
            self.fail();
        }
        let mut contexts = self.contexts.clone();
        contexts.insert("env".into(), Value::Object(self.env.clone()));
        let mut env = self.env.clone();
        env.extend(self.run.pairs(&step.env, &contexts)?);
        self.named.extend(env.values().map(text));
        contexts.insert("env".into(), Value::Object(env.clone()));
        let title = step.name.as_ref().or(step.run.as_ref()).or(step.uses.as_ref());
        let name =
            title.map(|title| self.run.value(title, &contexts)).transpose()?.map_or_else(String::new, |it| text(&it));
        let name = self.run.stage.secrets.mask(name.lines().next().unwrap_or_default());
        let mut report = StepReport {
            name,
            verdict: Verdict::Skipped,
            reason: None,
            seconds: 0.0,
            place: format!("{}:{}:{}", self.run.workflow.path, step.place.line, step.place.column),
            run: step.run.as_ref().map(|run| run.trim().to_owned()),
            log: None,
            tail: String::new(),
        };
        let mut outputs = Map::new();
        if self.runs(step, &contexts)? {
            outputs = StepRun { job: self, step, number, contexts: &contexts, env: &env }.run(&mut report)?;
            report.seconds = began.elapsed().as_secs_f64();
        }
        self.conclude(step, &mut report, outputs, &contexts)?;
        Ok(report)
    }

    fn runs(&self, step: &Step, contexts: &Map<String, Value>) -> anyhow::Result<bool> {
        let status = Some(Status { success: !self.has_failed, failure: self.has_failed });
        let Some(condition) = &step.condition else { return Ok(!self.has_failed) };
        expression::condition(condition, &Scope { contexts, status })
            .map_err(|wrong| mistake(self.run.workflow, condition, &wrong.message).into())
    }

    /// Keeps what the steps and jobs after it see of it.
    fn conclude(
        &mut self,
        step: &Step,
        report: &mut StepReport,
        outputs: Map<String, Value>,
        contexts: &Map<String, Value>,
    ) -> anyhow::Result<()> {
        let outcome = report.verdict;
        let goes_on = step.continue_on_error.as_ref().map(|it| self.run.value(it, contexts)).transpose()?;
        let goes_on = goes_on.is_some_and(|value| is_true(&value) && value != "false");
        if outcome == Verdict::Failed && goes_on {
            report.reason = Some("its failure does not count".into());
        } else if outcome == Verdict::Failed {
            self.fail();
        }
        let conclusion = if outcome == Verdict::Failed && goes_on { Verdict::Passed } else { outcome };
        if let Some((id, Value::Object(steps))) = step.id.as_ref().zip(self.contexts.get_mut("steps")) {
            let told = [
                ("outputs", Value::Object(outputs)),
                ("outcome", outcome.result().into()),
                ("conclusion", conclusion.result().into()),
            ];
            steps.insert(id.to_string(), object(told));
        }
        Ok(())
    }

    fn fail(&mut self) {
        self.has_failed = true;
        self.contexts.insert("job".into(), json!({ "status": "failure" }));
    }

    /// How long a step may take at most.
    pub(super) fn remaining(&self) -> Duration {
        self.limit.checked_sub(self.began.elapsed()).filter(|left| !left.is_zero()).unwrap_or(GRACE)
    }

    /// Where a step says everything.
    pub(super) fn log(&self, number: usize) -> PathBuf {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
        let job: String = self.name.chars().map(plain).collect();
        self.run.stage.ground.logs().join(job).join(format!("{:02}.log", number + 1))
    }
}
