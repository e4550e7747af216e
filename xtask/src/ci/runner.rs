//! Runs steps: as many at once as their lanes allow, each until it has ended.

use std::path::Path;
use std::time::Instant;

use super::fresh::{Fingerprint, Fingerprints, Freshness};
use super::obstacle::{Obstacle, obstacle};
use super::report::{self, Changed, Live, Report, Verdict};
use super::schedule::{Next, Schedule, State};
use super::step::Step;
use super::{command, figures, tests};
use crate::interrupt::UnderWay;
use crate::packages::Consent;
use crate::problem::ExitCode;
use crate::running::{Ended, Running, TICK};
use crate::say;
use crate::tools::Toolbox;

/// How steps are run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Options {
    pub(super) consent: Consent,
    /// Whether the steps after one that has failed run too.
    pub(super) keep_going: bool,
    /// Whether what has passed before need not run again.
    pub(super) reuse: bool,
}

/// A run.
pub(super) struct Runner<'a> {
    root: &'a Path,
    options: Options,
    tools: Toolbox<'a>,
    began: Instant,
    prints: &'a Fingerprints<'a>,
    schedule: Schedule<'a>,
    reports: Vec<Option<Report>>,
    started: Vec<Started>,
    live: Live,
}

/// A step that runs.
struct Started {
    place: usize,
    running: Running,
    /// What decided it when it was started; none where nobody knows which files belong to the project.
    before: Option<Fingerprint>,
    /// What is not as it was when it last passed.
    changed: Option<Changed>,
}

impl<'a> Runner<'a> {
    pub(super) fn new(
        root: &'a Path,
        options: Options,
        tools: Toolbox<'a>,
        prints: &'a Fingerprints<'a>,
        steps: &[&'a Step],
    ) -> Runner<'a> {
        Runner {
            root,
            options,
            tools,
            began: Instant::now(),
            prints,
            schedule: Schedule::new(steps, options.keep_going),
            reports: steps.iter().map(|_| None).collect(),
            started: Vec::new(),
            live: Live::begin(),
        }
    }

    /// Runs them, and reports on each in the order of the table.
    ///
    /// # Errors
    /// When the runner itself fails; that a step does is a report.
    pub(super) fn run(mut self, under_way: &UnderWay) -> anyhow::Result<Vec<Report>> {
        loop {
            if under_way.is_cancelled() {
                self.cancel();
            }
            match self.schedule.next() {
                Next::Start(place) => self.start(place)?,
                Next::Skip(place, reason) => self.skip(place, &reason),
                Next::Wait => self.wait()?,
                Next::Done => return Ok(self.reports.into_iter().flatten().collect()),
            }
        }
    }

    /// Tells what runs to end, and starts nothing more.
    fn cancel(&mut self) {
        self.started.iter_mut().for_each(|step| step.running.interrupt());
        self.schedule.waiting().into_iter().for_each(|place| self.skip(place, "the run was interrupted"));
    }

    fn start(&mut self, place: usize) -> anyhow::Result<()> {
        let step = self.schedule.step(place);
        if self.options.reuse
            && let Ok(now) = self.prints.take(step)
            && let Freshness::Fresh(success, reason) = self.prints.judge(step, &now)
        {
            let report = Report { tests: success.tests, ..Report::of(step, Verdict::Fresh).because(reason) };
            self.over(place, Report { files: Some(now.files()), ..report });
            return Ok(());
        }
        self.live.clear();
        if let Some(obstacle) = obstacle(step, self.root, self.tools, self.options.consent) {
            self.over(place, obstacle.report(step));
            return Ok(());
        }
        tests::clear(step, self.root);
        figures::clear(step, self.root);
        say!("== {}: {}", step.id, step.verifies);
        // With the tools that have just been installed.
        let before = self.prints.take(step).ok();
        let changed = before.as_ref().and_then(|now| self.prints.changed(step, now));
        let command = command::of(step.command, step, self.root, self.tools);
        let log = self.root.join("target/xtask/ci/logs").join(step.id).with_extension("log");
        match command.and_then(|command| Running::start(command, log, step.limit)) {
            Ok(running) => {
                self.schedule.set(place, State::Running);
                self.started.push(Started { place, running, before, changed });
            }
            Err(error) => self.over(place, Report::of(step, Verdict::Failed).because(format!("{error:#}"))),
        }
        Ok(())
    }

    /// Waits a moment, and sees to what has ended by then.
    fn wait(&mut self) -> anyhow::Result<()> {
        std::thread::sleep(TICK);
        for mut started in std::mem::take(&mut self.started) {
            match started.running.poll()? {
                None => self.started.push(started),
                Some(ended) => self.conclude(started, ended)?,
            }
        }
        let running = self.started.iter().map(|step| (self.schedule.step(step.place).id, step.running.began.elapsed()));
        self.live.show(running);
        Ok(())
    }

    fn conclude(&mut self, started: Started, ended: Ended) -> anyhow::Result<()> {
        let Started { place, running, before, changed } = started;
        let step = self.schedule.step(place);
        let tests = tests::count(step, self.root, &running.log);
        let report = match (ended, self.too_few(step, tests)) {
            (Ended::Well, None) => Report::of(step, Verdict::Passed),
            (Ended::Badly { code, .. }, _) if is_unavailable(step, code) => {
                Obstacle::told_in(&running.log).report(step)
            }
            (Ended::Well, Some(reason)) | (Ended::Badly { reason, .. }, _) => {
                Report::of(step, Verdict::Failed).because(reason)
            }
            (Ended::Interrupted, _) => Report::of(step, Verdict::Skipped).because("it was interrupted"),
        };
        let report = Report {
            figures: figures::read(step, self.root),
            tests,
            files: before.as_ref().map(Fingerprint::files),
            changed,
            began: running.began.duration_since(self.began).as_secs_f64(),
            seconds: running.began.elapsed().as_secs_f64(),
            log: Some(running.log.strip_prefix(self.root).unwrap_or(&running.log).to_owned()),
            ..report
        };
        let report = report.with_issues(step, self.root);
        match before.filter(|_| report.verdict == Verdict::Passed) {
            Some(before) => self.prints.keep(step, before, tests)?,
            None => self.prints.forget(step)?,
        }
        self.live.clear();
        report::tell(&report, self.root)?;
        self.over(place, report);
        Ok(())
    }

    /// A step that has to have run as many tests as another has failed when it has not, or when there were none.
    fn too_few(&self, step: &Step, tests: Option<u64>) -> Option<String> {
        let other = step.as_many_as?;
        let wanted = self.reports.iter().flatten().find(|report| report.id == other);
        let wanted = wanted.filter(|report| report.verdict.is_good())?.tests.unwrap_or(0);
        let tests = tests.unwrap_or(0);
        (tests != wanted || wanted == 0).then(|| format!("it ran {tests} tests, and `{other}` ran {wanted}"))
    }

    fn skip(&mut self, place: usize, reason: &str) {
        let report = Report::of(self.schedule.step(place), Verdict::Skipped).because(reason);
        self.over(place, report);
    }

    fn over(&mut self, place: usize, report: Report) {
        self.schedule.set(place, State::Over(report.verdict));
        if let Some(place) = self.reports.get_mut(place) {
            *place = Some(report);
        }
    }
}

/// Whether a verb of this program says, by an exit code that others do not have, that something is missing on this machine.
fn is_unavailable(step: &Step, code: Option<i32>) -> bool {
    step.command.starts_with(&["cargo", "xtask"]) && code == Some(ExitCode::Unavailable.number().into())
}
