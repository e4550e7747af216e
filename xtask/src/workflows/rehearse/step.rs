//! A step: a command line, as GitHub's runner runs it, or an action, of which a rehearsal does what it can.

use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use serde_json::{Map, Value};

use super::job::JobRun;
use super::report::{StepReport, Verdict};
use super::{action, command_file, interrupted, machine, mistake};
use crate::running::{Ended, Running, TICK};
use crate::workflows::expression::text;
use crate::workflows::model::Step;
use crate::workflows::yaml::Text;
use crate::{ci, foreign, say};

/// How much of the end of a log is kept to be shown.
const TAIL: u64 = 16 * 1024;
/// What a pipeline's steps may not be rehearsed without, where each of them counts as passed.
const PIPELINE: &str = "cargo xtask ci";

/// A step that runs.
pub(super) struct StepRun<'a, 'b> {
    pub(super) job: &'b mut JobRun<'a>,
    pub(super) step: &'a Step,
    pub(super) number: usize,
    pub(super) contexts: &'b Map<String, Value>,
    /// Its variables, and those of its job and workflow.
    pub(super) env: &'b Map<String, Value>,
}

impl StepRun<'_, '_> {
    /// Runs it, and gives its outputs.
    ///
    /// # Errors
    /// Where the workflow is wrong, or a person has asked for the end; that it fails is in the report.
    pub(super) fn run(mut self, report: &mut StepReport) -> anyhow::Result<Map<String, Value>> {
        match (&self.step.run, &self.step.uses) {
            (Some(line), _) => self.line(line, report),
            (None, Some(uses)) => {
                let with = self.job.run.pairs(&self.step.with, self.contexts)?;
                action::run(self.job, uses, &with, report)?;
                Ok(Map::new())
            }
            (None, None) => Ok(Map::new()),
        }
    }

    fn line(&mut self, line: &Text, report: &mut StepReport) -> anyhow::Result<Map<String, Value>> {
        let stage = self.job.run.stage;
        say!("== {}: {}", self.job.name, report.name);
        // It would find the project around this folder, and be about that.
        if !self.job.is_checked_out && line.trim_start().starts_with("cargo") {
            report.verdict = Verdict::Failed;
            report.reason = Some("nothing is checked out in this job yet".into());
            return Ok(Map::new());
        }
        if stage.args.verified && line.trim_start().starts_with(PIPELINE) {
            ci::take_for_passed(&stage.ground.workspace())?;
        }
        let files = Files::new(&stage.ground.temp())?;
        let line = text(&self.job.run.value(line, self.contexts)?);
        let command = self.command(&line, &files)?;
        let own = self.step.timeout_minutes.as_ref();
        let own = own.map(|limit| self.job.run.minutes(limit, self.contexts)).transpose()?;
        let remaining = self.job.remaining();
        let mut running = Running::start(command, self.job.log(self.number), own.unwrap_or(remaining).min(remaining))?;
        let ended = loop {
            if stage.under_way.is_cancelled() {
                running.interrupt();
            }
            match running.poll()? {
                Some(ended) => break ended,
                None => std::thread::sleep(TICK),
            }
        };
        stage.secrets.mask_file(&running.log)?;
        report.verdict = Verdict::Passed;
        match ended {
            Ended::Well => {}
            Ended::Badly { reason, .. } => self.fail(report, &reason, &running.log),
            Ended::Interrupted => return Err(interrupted().into()),
        }
        let told = self.told(&files);
        report.log = Some(running.log.clone());
        match told {
            Ok(outputs) => Ok(outputs),
            Err(error) => {
                self.fail(report, &format!("{error:#}"), &running.log);
                Ok(Map::new())
            }
        }
    }

    fn fail(&self, report: &mut StepReport, reason: &str, log: &Path) {
        report.verdict = Verdict::Failed;
        // What a step has told may be quoted in it.
        report.reason = Some(self.job.run.stage.secrets.mask(reason));
        report.tail = foreign::tail(log, TAIL).unwrap_or_default();
    }

    fn command(&self, line: &str, files: &Files) -> anyhow::Result<Command> {
        let stage = self.job.run.stage;
        let (temp, workspace) = (stage.ground.temp(), stage.ground.workspace());
        let script = temp.join("script.sh");
        fs::write(&script, format!("{line}\n")).with_context(|| format!("writing {}", script.display()))?;
        let event = temp.join("event.json");
        let github = self.contexts.get("github").and_then(Value::as_object).cloned().unwrap_or_default();
        fs::write(&event, serde_json::to_vec(&github.get("event"))?)?;

        let mut command = self.shell()?;
        command.arg(script).env_clear().envs(machine::variables());
        if stage.args.verified {
            command.env(ci::CACHE, "true");
        }
        // No repository around the folder is meant by any git in it.
        command.env("GIT_CEILING_DIRECTORIES", stage.ground.folder());
        command.envs(self.env.iter().map(|(name, value)| (name, text(value))));
        if !self.job.folders.is_empty() {
            command.env("PATH", self.path());
        }
        let runner = machine::context(&temp);
        command.envs(machine::defaults(&github, &runner, &event)).envs(files.variables());
        let folder = self.step.working_directory.as_ref();
        let folder = folder.map(|it| self.job.run.value(it, self.contexts)).transpose()?;
        command.current_dir(folder.map_or(workspace.clone(), |folder| workspace.join(text(&folder))));
        Ok(command)
    }

    fn path(&self) -> OsString {
        let inherited = self.env.get("PATH").map(|path| OsString::from(text(path)));
        let inherited = inherited.or_else(|| std::env::var_os("PATH")).unwrap_or_default();
        let mut path = OsString::from(self.job.folders.join(":"));
        path.push(":");
        path.push(inherited);
        path
    }

    /// What runs it, with the options GitHub gives it.
    fn shell(&self) -> anyhow::Result<Command> {
        let words: &[&str] = match self.step.shell.as_deref() {
            None => &["bash", "-e"],
            Some("bash") => &["bash", "--noprofile", "--norc", "-eo", "pipefail"],
            Some("sh") => &["sh", "-e"],
            Some(_) => {
                let place = self.step.shell.as_ref().or(self.step.run.as_ref());
                let wrong =
                    place.map(|place| mistake(self.job.run.workflow, place, "only bash and sh can be rehearsed"));
                return Err(wrong.map_or_else(|| anyhow::anyhow!("no shell"), Into::into));
            }
        };
        let [program, options @ ..] = words else { anyhow::bail!("no shell") };
        let mut command = Command::new(program);
        command.args(options);
        Ok(command)
    }

    /// Reads what it has told by its files.
    fn told(&mut self, files: &Files) -> anyhow::Result<Map<String, Value>> {
        for (name, value) in files.values("GITHUB_ENV")? {
            // GitHub's own stay what they are.
            if !name.starts_with("GITHUB_") && !name.starts_with("RUNNER_") {
                self.job.env.insert(name, value.into());
            }
        }
        let folders = command_file::folders(&files.read("GITHUB_PATH")?);
        self.job.folders.splice(0..0, folders);
        let summary = files.read("GITHUB_STEP_SUMMARY")?;
        if !summary.trim().is_empty() {
            let stage = self.job.run.stage;
            let mut file = fs::OpenOptions::new().append(true).create(true).open(stage.ground.summary())?;
            writeln!(file, "# {}\n\n{}", self.job.name, stage.secrets.mask(summary.trim()))?;
        }
        Ok(files.values("GITHUB_OUTPUT")?.into_iter().map(|(name, value)| (name, value.into())).collect())
    }
}

/// The files by which a step tells something, empty before it.
struct Files(PathBuf);

impl Files {
    const NAMES: [&str; 4] = ["GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STEP_SUMMARY"];

    fn new(temp: &Path) -> anyhow::Result<Files> {
        let files = Files(temp.join("told"));
        fs::create_dir_all(&files.0).with_context(|| format!("making {}", files.0.display()))?;
        for (_, path) in files.variables() {
            fs::write(&path, "").with_context(|| format!("writing {}", path.display()))?;
        }
        Ok(files)
    }

    fn variables(&self) -> [(&'static str, PathBuf); 4] {
        Files::NAMES.map(|name| (name, self.0.join(name)))
    }

    fn read(&self, name: &str) -> anyhow::Result<String> {
        let path = self.0.join(name);
        let read = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        Ok(String::from_utf8_lossy(&read).into_owned())
    }

    fn values(&self, name: &str) -> anyhow::Result<Vec<(String, String)>> {
        command_file::values(&self.read(name)?).map_err(|wrong| anyhow::anyhow!("{name}: {wrong}"))
    }
}
