//! What every verb that changes an environment does: take the lock, recover what a deployer that died has left behind,
//! carry out a goal, and say how it ended, to whoever typed it and to those who are to know.

use std::time::Instant;

use crate::certificate;
use crate::flags::Queue;
use crate::notify::Notifier;
use crate::problem::{ExitCode, Problem, command};
use crate::progress::Reader;
use crate::releases::{Content, Release};
use crate::report::{self, Report};
use crate::rollout::basis::Basis;
use crate::rollout::colour::{Colour, Split};
use crate::rollout::engine::{Engine, Outcome};
use crate::rollout::event::Event;
use crate::rollout::observed::Observed;
use crate::rollout::plan::{Goal, Plan, overdue, plan};
use crate::rollout::record::{Entry, Launch, frozen, serving};
use crate::rollout::world::{Cancel, Ledger as _, Router as _};
use crate::say;
use crate::site::{Scene, Site};
use crate::{interrupt, rollout};

/// An environment in the hands of this process.
pub struct Deployment<'a> {
    site: &'a Site,
    scene: Scene<'a>,
    /// Whether the last rollout has no end.
    unfinished: bool,
    /// How things stood once all was put right. Who runs where does not change under the lock but by this process.
    put_right: Option<Observed>,
    cancel: Cancel,
    reader: Reader,
    notifier: Notifier,
}

/// What a person has asked this process for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// What is under way: so are the words from other terminals.
    ForThis,
    /// Something that this only makes way for, and that the words from other terminals are meant for.
    ForMore,
}

/// While the lock is still held: what is written down then is who was told.
impl Drop for Deployment<'_> {
    fn drop(&mut self) {
        self.notifier.finish(&self.scene.ledger, &self.cancel);
    }
}

impl<'a> Deployment<'a> {
    /// Takes the lock and puts right what is not.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 75 while another deployer is at work.
    pub fn begin(site: &'a Site, verb: &str, queue: &Queue, reader: Reader) -> anyhow::Result<Deployment<'a>> {
        let mut deployment = Deployment::lock(site, verb, queue, reader)?;
        deployment.require_decided()?;
        deployment.put_right = Some(deployment.put_right()?);
        Ok(deployment)
    }

    /// Looks whether no rollout was left as it stood.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 1 when one was: a person has to decide about it first.
    pub fn require_decided(&self) -> anyhow::Result<()> {
        let Some((colour, launch)) = frozen(&self.history()?) else { return Ok(()) };
        let message = format!(
            "the rollout of {} as {colour} has failed and was left as it stands; decide about it first. Nothing was changed.",
            launch.release
        );
        let problem = Problem::new(ExitCode::Failed, message).next(command("promote", &self.site.name));
        Err(problem.next(command("abort", &self.site.name)).into())
    }

    /// Takes the lock and leaves everything as it is.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 75 while another deployer is at work.
    pub fn lock(site: &'a Site, verb: &str, queue: &Queue, reader: Reader) -> anyhow::Result<Deployment<'a>> {
        let (scene, unfinished) = site.lock(verb, queue)?;
        let cancel = interrupt::cancel_on_signal()?;
        let notifier = Notifier::new(site, reader);
        Ok(Deployment { site, scene, unfinished, put_right: None, cancel, reader, notifier })
    }

    /// Puts right what a deployer that died, a colour that is down or a restart has left half-way.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 1 when that does not succeed.
    pub fn recover(&self) -> anyhow::Result<()> {
        let observed = self.observe()?;
        let is_down = observed.active().is_some_and(|active| !observed.is_fit(active));
        let goal = overdue(&observed, self.unfinished).or_else(|| is_down.then_some(Goal::Recover));
        goal.map_or(Ok(()), |goal| self.carry_out(goal, &observed, Asked::ForThis))
    }

    /// Does what has to be done before a deploy. Where it does not succeed, what is about to be rolled out may be the mend.
    fn put_right(&self) -> anyhow::Result<Observed> {
        let observed = self.observe()?;
        let Some(goal) = overdue(&observed, self.unfinished) else { return Ok(observed) };
        if let Err(problem) = self.carry_out(goal, &observed, Asked::ForMore) {
            say!("  warning  {problem}");
        }
        self.observe()
    }

    fn who_runs_where(&self) -> anyhow::Result<Observed> {
        self.put_right.clone().map_or_else(|| self.observe(), Ok)
    }

    /// Puts all traffic on one colour, where a deployer has died between two, and starts nothing for it: whoever goes back
    /// does not want to wait for what is to be left.
    ///
    /// # Errors
    /// When the environment cannot be read.
    pub fn settle_split(&self) -> anyhow::Result<()> {
        // Most often it is on one already, which ledger and proxy tell without a look at the colours.
        let everything = serving(&self.history()?).map(|serving| Split::all(serving.colour));
        let routing = self.scene.router.observe()?;
        if everything.is_some() && routing.running == everything && routing.persisted == everything {
            return Ok(());
        }
        let observed = self.observe()?;
        if !observed.is_settled()
            && let Err(problem) = self.carry_out(Goal::Abort, &observed, Asked::ForMore)
        {
            say!("  warning  {problem}");
        }
        Ok(())
    }

    fn carry_out(&self, goal: Goal, observed: &Observed, asked: Asked) -> anyhow::Result<()> {
        let plan = plan(goal, observed, &self.site.environment().rollout);
        match self.execute(&plan, observed, asked) {
            Outcome::Reached => Ok(()),
            Outcome::TakenBack(failure) | Outcome::Frozen(failure) | Outcome::Stuck(failure, _) => {
                Err(report::unrecovered(&plan, &failure, &self.site.name).into())
            }
        }
    }

    /// Has the proxy follow a change of its certificate, its configuration or its image, without losing a connection.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 78 when HAProxy refuses the change, or an address was changed that cannot be while the
    /// proxy runs; nothing was changed then.
    pub fn refresh_proxy(&self) -> anyhow::Result<()> {
        let Scene { proxy, router, host, .. } = &self.scene;
        let config = self.site.proxy_config()?;
        let runs = proxy.is_alive()?;
        runs.then(|| config.check_addresses(*host)).transpose()?;
        certificate::follow(self.site, &self.scene)?.iter().for_each(|done| self.reader.tell(done));
        if !runs {
            return Ok(());
        }
        if config.is_outdated(*host)? {
            self.site.install_proxy_config()?;
            router.reload()?;
            self.reader.tell("the proxy's configuration has changed, and the proxy has been reloaded with it");
        }
        if let Some(done) = proxy.follow_image(router)? {
            self.reader.tell(&done);
        }
        Ok(())
    }

    /// Whether the last rollout has no end.
    pub fn is_unfinished(&self) -> bool {
        self.unfinished
    }

    /// Looks at the environment.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn observe(&self) -> anyhow::Result<Observed> {
        self.scene.world().observe()
    }

    /// What has happened here, oldest first.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn history(&self) -> anyhow::Result<Vec<Entry>> {
        self.scene.ledger.history()
    }

    /// Makes room for what must still be written when the disk is full.
    ///
    /// # Errors
    /// When it is full already.
    fn reserve(&self) -> anyhow::Result<()> {
        self.scene.ledger.reserve()
    }

    /// Keeps a content under a name, after forgetting releases nobody needs any more.
    ///
    /// # Errors
    /// A [`Problem`] when the name cannot be one, stands for another content already, or the disk has no room.
    pub fn keep(&self, content: &Content, name: Option<&str>) -> anyhow::Result<Release> {
        let releases = &self.scene.releases;
        let keep = self.site.environment().keep_releases;
        releases.prune(keep.saturating_sub(1), &self.needed(keep)?);
        releases.keep(content, &self.site.delivery().service, name)
    }

    /// The releases that run, and those that rollbacks would return to: a row of rejected ones must not push them out.
    fn needed(&self, keep: usize) -> anyhow::Result<Vec<String>> {
        let observed = self.who_runs_where()?;
        let running = Colour::BOTH.into_iter().filter_map(|colour| observed.colours.get(colour).launch.clone());
        let lineage = rollout::record::lineage(&self.history()?);
        Ok(running
            .chain(lineage.into_iter().rev().take(keep.saturating_sub(1).max(2)))
            .map(|launch| launch.release)
            .collect())
    }

    /// Rolls a release out, once it has checked its own configuration with the settings and the secrets it would start with,
    /// and the proxy has followed a change of its own.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 78 when a secret has no value, or the release or the proxy refuses its configuration, and
    /// nothing was started; else those of [`Deployment::reach`].
    pub fn deploy(&self, launch: &Launch) -> anyhow::Result<()> {
        let home = &self.scene.home;
        home.stage_secrets()?;
        let (plan, observed) = self.checked(launch).inspect_err(|_| {
            // What stays is replaced by the next deploy, and the first error is the one to tell.
            let _ = home.discard_secrets();
        })?;
        home.accept_secrets()?;
        self.carry_through(&plan, &observed)
    }

    /// Plans the rollout of a release that accepts what it would be started with.
    fn checked(&self, launch: &Launch) -> anyhow::Result<(Plan, Observed)> {
        let candidate = self.who_runs_where()?.active().map_or(Colour::Blue, Colour::other);
        // The check is a program of its own, and nothing waits for it until something is to be started.
        let (checked, prepared) = std::thread::scope(|scope| {
            let check = scope.spawn(|| self.scene.colours.check_config(candidate, launch));
            let prepared = self.refresh_proxy().and_then(|()| self.reserve());
            let prepared = prepared.and_then(|()| self.prepare(Goal::Deploy(launch.clone())));
            (check.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), prepared)
        });
        checked?;
        let (plan, observed) = prepared?;
        self.require(&Basis::of(&observed, &self.site.environment().rollout)?)?;
        Ok((plan, observed))
    }

    /// Looks whether things still stand as they did when a plan was made.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 1 when they do not: what was agreed on is not what would be done.
    pub fn require(&self, planned: &Basis) -> anyhow::Result<()> {
        let now = Basis::of(&self.observe()?, &self.site.environment().rollout)?;
        if now == *planned {
            return Ok(());
        }
        let message = format!(
            "the plan was made when {} stood otherwise (then {planned}, now {now}); nothing was started or changed.",
            self.site.name
        );
        Err(Problem::new(ExitCode::Failed, message).next(command("deploy-blue-green --plan", &self.site.name)).into())
    }

    /// Plans for a goal and carries the plan out.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 1, or 130 when a person asked for the end, that says how things stand now.
    pub fn reach(&self, goal: Goal) -> anyhow::Result<()> {
        let (plan, observed) = self.prepare(goal)?;
        self.carry_through(&plan, &observed)
    }

    /// Plans for a goal, where nothing stands in its way.
    fn prepare(&self, goal: Goal) -> anyhow::Result<(Plan, Observed)> {
        let observed = self.observe()?;
        let plan = plan(goal, &observed, &self.site.environment().rollout);
        self.scene.preflight(&plan.operations)?;
        Ok((plan, observed))
    }

    fn carry_through(&self, plan: &Plan, observed: &Observed) -> anyhow::Result<()> {
        plan.notes.iter().for_each(|note| self.reader.tell(&format!("note: {note}")));
        let began = Instant::now();
        let outcome = self.execute(plan, observed, Asked::ForThis);
        let observed = self.observe().map_err(|error| report::unseen(&error, &outcome, &self.site.name))?;
        let report = Report::new(self.site, plan, &outcome, &observed, began.elapsed());
        report.print(self.site, self.reader)?;
        match outcome {
            Outcome::Reached => Ok(()),
            Outcome::TakenBack(failure) => Err(report.taken_back(plan, &failure).into()),
            Outcome::Frozen(failure) => Err(report.frozen(plan, &failure, observed.routing.running).into()),
            Outcome::Stuck(failure, why) => Err(report.stuck(plan, &failure, &why).into()),
        }
    }

    fn execute(&self, plan: &Plan, observed: &Observed, asked: Asked) -> Outcome {
        let telling = self.notifier.begin(plan, observed, &self.scene.ledger);
        let progress = self.reader.follow(observed.routing.running);
        let health = &self.site.delivery().service.health;
        let engine = Engine {
            world: self.scene.world(),
            environment: &self.site.name,
            policy: &self.site.environment().rollout,
            ready_path: &health.ready,
            smoke_paths: &health.smoke,
            cancel: &self.cancel,
            listens: asked == Asked::ForThis,
            listener: &|at, event: &Event| {
                progress.tell(at, event);
                telling.hear(event);
            },
        };
        let outcome = engine.run(plan);
        telling.end(&outcome, &self.cancel);
        outcome
    }
}
