//! A deploy through several shares, a rollback of each kind and a release that never becomes ready, under one load from the
//! first to the last, in an environment of its own.

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use toml::{Table, Value};

use crate::bench::load::Tally;
use crate::bench::measure::Bench;
use crate::bench::scratch::{Scratch, free_addresses, table};
use crate::delivery::RuntimeChoice;
use crate::ledger::Line;
use crate::rollout::colour::{Colour, Split};
use crate::rollout::event::Event;
use crate::rollout::operation::Operation;
use crate::say;

/// Requests per second: far from what the smallest machine carries.
pub(super) const RATE: u32 = 400;
/// What a candidate is given in turn, in percent.
const WEIGHTS: [u8; 4] = [10, 25, 50, 100];
/// How long each is held.
const BAKE: &str = "2s";
/// How long a release that never becomes ready is waited for.
const PATIENCE: &str = "3s";
/// What is left out on both sides of a change of shares: what was due before it may be answered after it.
const SETTLE: Duration = Duration::from_millis(50);

const GOOD: &str = "second";
const UNREADY: &str = "unready";

/// What it has shown.
#[derive(Debug, Clone)]
pub(super) struct Rehearsal {
    /// What ran the colours.
    pub(super) runtime: RuntimeChoice,
    /// From nothing to a service behind its proxy.
    pub(super) setup: Duration,
    /// How many requests were sent, and for how long.
    pub(super) sent: u64,
    pub(super) under_load: Duration,
    /// Those that were not answered well, in words.
    pub(super) failures: Vec<String>,
    /// What each step of the good deploy has given its candidate; none where answers do not name their release.
    pub(super) shares: Vec<Share>,
    /// Whether that candidate was ready and had passed its smoke test before it was given anything.
    pub(super) was_ready_first: bool,
    /// What became of the release that never becomes ready; none where it cannot be told to listen elsewhere.
    pub(super) rejected: Option<Rejected>,
    /// How long the rollback to a colour that still runs has taken, and the one to a release that has to be started again.
    pub(super) warm: Duration,
    pub(super) cold: Duration,
}

/// What a step has given a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    /// In percent, as it was set.
    pub(super) weight: u8,
    /// How many requests were answered meanwhile, and how many of them by the candidate.
    pub(super) answers: u64,
    pub(super) of_candidate: u64,
}

/// What became of a release that was to be rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rejected {
    /// The exit code of its deploy.
    pub(super) code: Option<i32>,
    /// Why, as the journal has it.
    pub(super) reason: String,
    /// How often the proxy was told to give it anything.
    pub(super) splits: usize,
    /// How many requests it has answered.
    pub(super) answers: u64,
    /// Whether the colour that had everything before has it after.
    pub(super) active_stays: bool,
}

/// Runs it all.
///
/// # Errors
/// When a verb fails that should not.
pub(super) fn rehearse(scratch: &Scratch) -> anyhow::Result<Rehearsal> {
    let runtime = scratch.site.runtime();
    let kind = if runtime == RuntimeChoice::Compose { "containers" } else { "processes of this machine" };
    say!("rehearsing deploys and rollbacks under load, as {kind}");
    let began = Instant::now();
    let bench = Bench::begin(scratch)?;
    let setup = began.elapsed();
    set_policy(scratch, &WEIGHTS, BAKE, "10m")?;

    let began = Instant::now();
    let load = bench.load(RATE).start();
    let candidate = bench.active()?.other();
    scratch.release("deploy-blue-green", GOOD)?;
    let journal = bench.journal()?;
    let warm = bench.rollback()?;
    let rejected = reject(scratch, &bench)?;
    set_policy(scratch, &[50, 100], "500ms", "0s")?;
    scratch.release("deploy-blue-green", "third")?;
    let cold = bench.rollback()?;
    let under_load = began.elapsed();
    let tally = load.stop();

    let answers = tally.by_release.get(UNREADY).copied().unwrap_or(0);
    let tells_release = scratch.site.delivery().service.health.release_header.is_some();
    Ok(Rehearsal {
        runtime,
        setup,
        sent: tally.sent,
        under_load,
        shares: if tells_release { shares(&journal, candidate, &tally) } else { Vec::new() },
        failures: tally.failures,
        was_ready_first: was_ready_first(&journal, candidate),
        rejected: rejected.map(|rejected| Rejected { answers, ..rejected }),
        warm,
        cold,
    })
}

fn set_policy(scratch: &Scratch, weights: &[u8], bake: &str, keep_warm: &str) -> anyhow::Result<()> {
    scratch.edit(|delivery| {
        let rollout = table(delivery, &["environments", &scratch.site.name, "rollout"])?;
        let step = |weight: &u8| Value::from(Table::from_iter([("set_weight".to_owned(), i64::from(*weight).into())]));
        rollout.insert("steps".into(), weights.iter().map(step).collect::<Vec<_>>().into());
        rollout.insert("bake".into(), bake.into());
        rollout.insert("keep_warm".into(), keep_warm.into());
        Ok(())
    })
}

/// Deploys a release that listens where nobody asks for it; what `delivery.toml` says is as before after that.
fn reject(scratch: &Scratch, bench: &Bench<'_>) -> anyhow::Result<Option<Rejected>> {
    let environment = scratch.site.environment();
    let known: Vec<_> = environment.addresses().map(|(_, address)| *address.get_ref()).collect();
    let free = free_addresses::<4>()?;
    let elsewhere = free.iter().find(|address| !known.contains(address)).context("no port is free")?;
    let (mut before, mut is_moved) = (Table::new(), false);
    scratch.edit(|delivery| {
        before = delivery.clone();
        is_moved = listen_elsewhere(table(delivery, &["service"])?, *elsewhere);
        let rollout = table(delivery, &["environments", &scratch.site.name, "rollout"])?;
        rollout.insert("startup_timeout".into(), PATIENCE.into());
        Ok(())
    })?;
    let rejected = if is_moved { Some(deploy_unready(scratch, bench)?) } else { None };
    scratch.edit(|delivery| {
        *delivery = before;
        Ok(())
    })?;
    Ok(rejected)
}

/// Has a release listen at a port of its own, by whatever names it the one it should; whether anything does.
fn listen_elsewhere(service: &mut Table, elsewhere: SocketAddr) -> bool {
    let moved = |template: &str| {
        let port = elsewhere.port().to_string();
        template.replace("{address}", "{host}:{port}").replace("{port}", &port)
    };
    let mut is_moved = false;
    let mut rewrite = |value: &mut Value| {
        let Some(template) = value.as_str() else { return };
        let text = moved(template);
        is_moved |= text != template;
        *value = text.into();
    };
    if let Some(args) = service.get_mut("args").and_then(Value::as_array_mut) {
        args.iter_mut().for_each(&mut rewrite);
    }
    if let Some(env) = service.get_mut("env").and_then(Value::as_table_mut) {
        env.iter_mut().for_each(|(_, value)| rewrite(value));
    }
    is_moved
}

fn deploy_unready(scratch: &Scratch, bench: &Bench<'_>) -> anyhow::Result<Rejected> {
    let active = bench.active()?;
    let output = scratch.start_release("deploy-blue-green", UNREADY)?.wait_with_output()?;
    let journal = bench.journal()?;
    let reason = journal.iter().find_map(|line| match &line.event {
        Event::Failed { reason, .. } => Some(reason.clone()),
        _ => None,
    });
    Ok(Rejected {
        code: output.status.code(),
        reason: reason.unwrap_or_else(|| "the journal does not say why".into()),
        splits: shifts(&journal, active.other()).count(),
        answers: 0,
        active_stays: bench.active().is_ok_and(|now| now == active),
    })
}

/// The places in a journal at which a colour begins to be given a share.
fn shifts(journal: &[Line], candidate: Colour) -> impl Iterator<Item = usize> {
    let gives = move |event: &Event| matches!(event, Event::Started { operation: Operation::SetSplit { split } } if split.share(candidate) > 0);
    journal.iter().enumerate().filter(move |(_, line)| gives(&line.event)).map(|(place, _)| place)
}

fn was_ready_first(journal: &[Line], candidate: Colour) -> bool {
    let Some(first) = shifts(journal, candidate).next() else { return false };
    let is_done = |wanted: &Operation| {
        let before = journal.iter().take(first);
        before.into_iter().any(|line| matches!(&line.event, Event::Finished { operation, .. } if operation == wanted))
    };
    is_done(&Operation::AwaitReady { colour: candidate }) && is_done(&Operation::Smoke { colour: candidate })
}

/// What each step has given its candidate, from when the proxy had it until what came next.
fn shares(journal: &[Line], candidate: Colour, tally: &Tally) -> Vec<Share> {
    let set = journal.iter().enumerate().filter_map(|(place, line)| match &line.event {
        Event::Finished { operation: Operation::SetSplit { split }, .. } => Some((place, line.at, *split)),
        _ => None,
    });
    let is_next = |line: &&Line| {
        matches!(&line.event, Event::Started { operation: Operation::SetSplit { .. } | Operation::Promote { .. } })
    };
    set.filter_map(|(place, from, split)| {
        let until = journal.iter().skip(place).find(is_next)?.at;
        Some(share(split, candidate, tally, (from + SETTLE, until - SETTLE)))
    })
    .collect()
}

fn share(split: Split, candidate: Colour, tally: &Tally, (from, until): (SystemTime, SystemTime)) -> Share {
    let releases: Vec<_> = tally.due(from, until).map(|sample| &*sample.release).collect();
    let of_candidate = releases.iter().filter(|release| **release == GOOD).count();
    Share { weight: split.share(candidate), answers: releases.len() as u64, of_candidate: of_candidate as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::load::Sample;
    use crate::rollout::record::{Change, Launch};

    const CANDIDATE: Colour = Colour::Green;

    fn at(millis: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
    }

    fn started(millis: u64, operation: Operation) -> Line {
        Line { at: at(millis), event: Event::Started { operation } }
    }

    fn finished(millis: u64, operation: Operation) -> Line {
        Line { at: at(millis), event: Event::Finished { operation, millis: 1 } }
    }

    fn split(weight: u8) -> Operation {
        Operation::SetSplit { split: Split::giving(CANDIDATE, weight) }
    }

    fn promote() -> Operation {
        let launch = Launch { release: GOOD.into(), settings: Default::default() };
        Operation::Promote { colour: CANDIDATE, launch, change: Change::Deployed, keep_warm: None }
    }

    #[test]
    fn a_share_is_what_was_answered_between_two_changes_less_both_edges() {
        let journal = [
            started(0, split(10)),
            finished(1_000, split(10)),
            started(2_000, split(100)),
            finished(2_000, split(100)),
            started(3_000, promote()),
        ];
        let sample = |millis, release: &str| Sample {
            at: Duration::from_millis(millis),
            took: Duration::ZERO,
            release: release.into(),
        };
        let samples = vec![
            sample(1_010, GOOD),
            sample(1_100, GOOD),
            sample(1_500, "first"),
            sample(1_990, GOOD),
            sample(2_500, GOOD),
        ];
        let tally = Tally { samples, ..Tally::default() };
        let expected =
            [Share { weight: 10, answers: 2, of_candidate: 1 }, Share { weight: 100, answers: 1, of_candidate: 1 }];
        assert_eq!(shares(&journal, CANDIDATE, &tally), expected);
    }

    #[test]
    fn traffic_before_readiness_is_seen() {
        let ready = finished(1, Operation::AwaitReady { colour: CANDIDATE });
        let smoke = finished(2, Operation::Smoke { colour: CANDIDATE });
        let shift = started(3, split(10));
        assert!(was_ready_first(&[ready.clone(), smoke.clone(), shift.clone()], CANDIDATE));
        assert!(!was_ready_first(&[ready.clone(), shift.clone(), smoke.clone()], CANDIDATE));
        assert!(!was_ready_first(&[smoke.clone(), shift, ready.clone()], CANDIDATE));
        assert!(!was_ready_first(&[ready, smoke, started(3, split(0))], CANDIDATE));
    }

    #[test]
    fn a_release_listens_elsewhere_however_it_is_told_where() {
        let elsewhere = "127.0.0.1:9".parse().unwrap();
        for (before, after) in [
            ("args = [\"--listen\", \"{address}\"]", "args = [\"--listen\", \"{host}:9\"]"),
            ("[env]\nPORT = \"{port}\"\nNAME = \"{colour}\"", "[env]\nPORT = \"9\"\nNAME = \"{colour}\""),
        ] {
            let mut service: Table = toml::from_str(before).unwrap();
            assert!(listen_elsewhere(&mut service, elsewhere), "{before}");
            assert_eq!(service, toml::from_str::<Table>(after).unwrap());
        }
        assert!(!listen_elsewhere(&mut toml::from_str("args = [\"serve\"]").unwrap(), elsewhere));
    }
}
