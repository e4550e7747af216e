//! One measurement each, by real verbs in processes of their own, seen from outside: at the proxy, at the colour, in the
//! journal and at the lock.

use std::process::Child;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, bail};

use super::figures::quantile;
use super::load::Load;
use super::scratch::{Scratch, finish};
use crate::delivery::RuntimeChoice;
use crate::host::Peer;
use crate::http;
use crate::ledger::Line;
use crate::rollout::colour::{Colour, Split};
use crate::rollout::event::Event;
use crate::rollout::operation::Operation;
use crate::site::Scene;

/// How often is looked; what is found is late by no more than that and the look itself.
const POLL: Duration = Duration::from_millis(1);
/// Nothing that is waited for takes longer.
const PATIENCE: Duration = Duration::from_secs(60);
const CONNECTIONS: u32 = 8;
/// Requests per second over all connections: far from what a proxy carries, so that what waits has been made to.
const RATE: u32 = 1500;
/// How long the load goes on before a shift and after it, with nothing happening.
const STEADY: Duration = Duration::from_millis(1500);
/// What is left out while connections are made, and while a verb begins or ends.
const SETTLE: Duration = Duration::from_millis(300);

/// What a load has met.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shift {
    /// The 99th percentile before and after, in seconds.
    pub(super) steady: f64,
    /// That while the traffic moved, as a multiple of it.
    pub(super) ratio: f64,
    /// The larger of those before and after, as a multiple of the smaller.
    pub(super) noise: f64,
    pub(super) sent: u64,
    pub(super) failed: usize,
}

/// What is measured on.
pub(crate) struct Bench<'a> {
    scratch: &'a Scratch,
    scene: Scene<'a>,
}

impl<'a> Bench<'a> {
    /// Serves a first release.
    pub(crate) fn begin(scratch: &'a Scratch) -> anyhow::Result<Bench<'a>> {
        scratch.release("up", "first")?;
        Ok(Bench { scratch, scene: scratch.site.enter() })
    }

    /// The colour that has all of the traffic.
    ///
    /// # Errors
    /// When none has.
    pub(crate) fn active(&self) -> anyhow::Result<Colour> {
        self.scene.router.split()?.sole().context("the traffic is split")
    }

    /// A rollback to a warm colour: from the start of its process until the proxy gives that colour everything.
    pub(crate) fn rollback(&self) -> anyhow::Result<Duration> {
        let wanted = Split::all(self.active()?.other());
        let began = Instant::now();
        let mut child = self.scratch.start(&["rollback"])?;
        wait_for(&mut child, || Ok(self.scene.router.split()? == wanted))?;
        let took = began.elapsed();
        finish(child, began)?;
        Ok(took)
    }

    /// A deploy: how long it takes beyond the time from the start of the candidate's process to its first good answer.
    pub(super) fn deploy(&self, name: &str) -> anyhow::Result<Duration> {
        let candidate = self.active()?.other();
        let began = Instant::now();
        let mut child = self.scratch.start_release("deploy-blue-green", name)?;
        wait_for(&mut child, || Ok(self.is_ready(candidate)))?;
        let ready = SystemTime::now();
        let started = self.scene.colours.started(candidate).context("the candidate does not run")?;
        let whole = finish(child, began)?.took;
        Ok(whole.saturating_sub(ready.duration_since(started).unwrap_or_default()))
    }

    fn is_ready(&self, colour: Colour) -> bool {
        // An address in a network of containers that nobody has yet is not refused, as a port of this machine is.
        let patience = match self.scratch.site.runtime() {
            RuntimeChoice::Compose => Duration::from_millis(50),
            _ => Duration::from_secs(1),
        };
        let (host, address) = (self.scene.host, self.scene.colours.address(colour));
        let ready = &self.scratch.site.delivery().service.health.ready;
        let probe = http::get_through(address, ready, |request| host.ask(Peer::Address(address), request, patience));
        probe.is_good()
    }

    /// A deploy under load, and a rollback without.
    pub(super) fn shift(&self, name: &str) -> anyhow::Result<Shift> {
        let load = self.load(RATE).start();
        std::thread::sleep(SETTLE + STEADY);
        let before = SystemTime::now();
        self.scratch.release("deploy-blue-green", name)?;
        std::thread::sleep(SETTLE);
        let after = SystemTime::now();
        std::thread::sleep(STEADY);
        let tally = load.stop();
        let (first, last) = self.shifting()?;
        self.scratch.run(&["rollback"])?;
        let before = tally.between(before - STEADY, before);
        let after = tally.between(after, after + STEADY);
        let steady = p99(&[before.as_slice(), after.as_slice()].concat())?;
        let (before, after) = (p99(&before)?, p99(&after)?);
        Ok(Shift {
            steady,
            ratio: p99(&tally.between(first, last))? / steady,
            noise: before.max(after) / before.min(after),
            sent: tally.sent,
            failed: tally.failures.len(),
        })
    }

    /// What asks the service for what a smoke test does, so many times a second.
    pub(crate) fn load(&self, rate: u32) -> Load {
        let site = &self.scratch.site;
        let health = &site.delivery().service.health;
        let paths = if health.smoke.is_empty() { vec![health.ready.clone()] } else { health.smoke.clone() };
        let (address, release_header) = (*site.environment().listen.get_ref(), health.release_header.clone());
        Load { address, connections: CONNECTIONS, rate, paths, echo: None, release_header }
    }

    /// What the last verb that changed something has written down.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn journal(&self) -> anyhow::Result<Vec<Line>> {
        self.scene.ledger.last_journal()
    }

    /// From when until when the last deploy has moved traffic.
    fn shifting(&self) -> anyhow::Result<(SystemTime, SystemTime)> {
        let journal = self.journal()?;
        let first = journal.iter().find(|line| is_begun(&line.event, |op| matches!(op, Operation::SetSplit { .. })));
        let last = journal.iter().rfind(|line| is_begun(&line.event, |op| matches!(op, Operation::Promote { .. })));
        let (first, last) = (first.context("no traffic was moved")?, last.context("nothing was promoted")?);
        Ok((first.at, last.at))
    }

    /// How soon the lock is free after a deployer was killed in the midst of a step.
    pub(super) fn lock(&self, name: &str) -> anyhow::Result<Duration> {
        let mut child = self.scratch.start_release("deploy-blue-green", name)?;
        wait_for(&mut child, || {
            let journal = self.journal()?;
            let is_baking = journal.iter().any(|line| is_begun(&line.event, |op| matches!(op, Operation::Bake { .. })));
            Ok(is_baking && self.scene.ledger.is_held()?)
        })?;
        let began = Instant::now();
        child.kill()?;
        while self.scene.ledger.is_held()? {
            if began.elapsed() > PATIENCE {
                bail!("the lock is still held {PATIENCE:?} after the death of its owner");
            }
            std::thread::sleep(POLL);
        }
        let took = began.elapsed();
        child.wait()?;
        self.scratch.run(&["recover"])?;
        Ok(took)
    }
}

fn is_begun(event: &Event, is_wanted: impl Fn(&Operation) -> bool) -> bool {
    matches!(event, Event::Started { operation } if is_wanted(operation))
}

fn p99(values: &[Duration]) -> anyhow::Result<f64> {
    Ok(quantile(values, 0.99).context("a window has no request")?.as_secs_f64())
}

/// Waits until something is so, while a verb is at it.
fn wait_for(child: &mut Child, mut is_so: impl FnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !is_so()? {
        if let Some(status) = child.try_wait()?
            && !is_so()?
        {
            let said = child.stderr.take().map(std::io::read_to_string).transpose()?.unwrap_or_default();
            bail!("a verb of the benchmark's own ended with {status}, and not as was expected:\n{}", said.trim_end());
        }
        if Instant::now() >= deadline {
            bail!("what a verb was to bring about has not come after {PATIENCE:?}");
        }
        std::thread::sleep(POLL);
    }
    Ok(())
}
