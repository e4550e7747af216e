//! HAProxy, the one router of all runtimes: its runtime socket sets and tells the split, its counters feed the analysis.
//! `docker/haproxy/haproxy.cfg` is its configuration; the names of its backends and servers are agreed on with it.

use std::io;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use super::counters::{counters, requests};
use super::stat::{Row, parse};
use super::{histogram, map, processes};
use crate::host::{Host, Peer};
use crate::rollout::colour::{Colour, PerColour, Split};
use crate::rollout::observed::{Counters, InFlight, Routing};
use crate::rollout::world::{Persistence, Router};

const SOCKET: &str = "proxy/haproxy.sock";
const MASTER_SOCKET: &str = "proxy/master.sock";
const MAP_FILE: &str = "proxy/maps/split.map";
/// The proxy, started in its own folder, calls the map's file by its path there.
const SPLIT: &str = "show map maps/split.map";
const SET_SPLIT: &str = "set map maps/split.map green";
const INFO: &str = "show info";
const SERVERS_OF_ALL_PROXIES: &str = "show stat -1 4 -1";
const ANSWER: Duration = Duration::from_secs(2);
const START: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(10);

/// What HAProxy is started with besides its configuration, in the folder it runs in.
pub const MASTER_ARGS: [&str; 3] = ["-W", "-S", "unix@master.sock,mode,600,level,admin"];

/// Starts the proxy's process, unless it is being kept running already.
pub type Start<'a> = dyn Fn() -> anyhow::Result<()> + Send + Sync + 'a;

/// Gives the last lines the proxy wrote.
pub type Tail<'a> = dyn Fn() -> Vec<String> + Send + Sync + 'a;

/// The proxy of one environment.
pub struct HaProxy<'a> {
    host: &'a dyn Host,
    start: Box<Start<'a>>,
    tail: Box<Tail<'a>>,
    listens: Box<dyn Fn() -> bool + Send + Sync + 'a>,
}

impl<'a> HaProxy<'a> {
    /// The proxy reached through `host`; `start` brings it up, `tail` gives the last lines it wrote.
    pub fn new(host: &'a dyn Host, start: Box<Start<'a>>, tail: Box<Tail<'a>>) -> HaProxy<'a> {
        HaProxy { host, start, tail, listens: Box::new(|| true) }
    }

    /// The same, taken for one that does not answer unless `listens`: its socket can be reached where its port cannot.
    #[must_use]
    pub fn only_while(mut self, listens: impl Fn() -> bool + Send + Sync + 'a) -> HaProxy<'a> {
        self.listens = Box::new(listens);
        self
    }

    pub(super) fn ask(&self, command: &str) -> anyhow::Result<String> {
        self.host
            .ask(Peer::Socket(SOCKET), &format!("{command}\n"), ANSWER)
            .with_context(|| format!("asking the proxy to `{command}`"))
    }

    /// Several at once, as each question to a proxy elsewhere takes its time: one answer to each, in order.
    fn ask_all<const COUNT: usize>(&self, commands: [&str; COUNT]) -> anyhow::Result<[String; COUNT]> {
        let all = commands.join("; ");
        let told = self.ask(&all)?;
        // An empty line ends each answer.
        let mut answers = told.splitn(COUNT, "\n\n");
        let answers = std::array::from_fn(|_| answers.next().unwrap_or_default().to_owned());
        Ok(answers)
    }

    /// The split that requests are routed by at this moment.
    ///
    /// # Errors
    /// When the proxy does not say.
    pub fn split(&self) -> anyhow::Result<Split> {
        parse_split(&self.ask(SPLIT)?)
    }

    fn persisted_split(&self) -> anyhow::Result<Option<Split>> {
        Ok(self.host.read(MAP_FILE)?.as_deref().and_then(map::parse_file))
    }

    fn persist(&self, split: Split) -> anyhow::Result<()> {
        self.host.replace(MAP_FILE, &format!("green {}\n", split.share(Colour::Green)))
    }

    /// Has the proxy accept no more connections; those it has go on.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn close(&self) -> anyhow::Result<()> {
        self.ask("disable frontend edge").map(drop)
    }

    /// Has the proxy read its configuration again, and waits until a new worker serves by it. The old one finishes what it
    /// has. What is on disk becomes the split that acts.
    ///
    /// # Errors
    /// When no new worker comes; the old one then goes on serving.
    pub fn reload(&self) -> anyhow::Result<()> {
        let before = self.worker()?;
        // The master starts itself anew and may close the connection without an answer.
        let _ = self.host.ask(Peer::Socket(MASTER_SOCKET), "reload\n", START);
        let deadline = Instant::now() + START;
        while !self.worker().is_ok_and(|worker| worker != before) || self.split().is_err() {
            if Instant::now() >= deadline {
                let log = (self.tail)().join("\n  | ");
                bail!("no new worker serves {START:?} after the reload; the proxy's last lines:\n  | {log}");
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// Which of several proxies it is that answers: what its configuration calls `node`.
    ///
    /// # Errors
    /// When none answers.
    pub fn node(&self) -> anyhow::Result<String> {
        let info = self.ask(INFO)?;
        told(&info, "node").map(str::to_owned).context("the proxy does not say its name")
    }

    /// The process id of the worker that accepts connections, as the master tells it.
    fn worker(&self) -> anyhow::Result<String> {
        let worker = processes::parse(&self.processes()?).worker.map(str::to_owned);
        worker.context("the proxy's master has no worker")
    }

    fn processes(&self) -> anyhow::Result<String> {
        self.host.ask(Peer::Socket(MASTER_SOCKET), "show proc\n", ANSWER).context("asking the proxy's master")
    }

    /// Workers that a reload has left to finish their connections.
    fn old_workers(&self) -> anyhow::Result<u64> {
        Ok(processes::parse(&self.processes()?).old_workers)
    }
}

fn parse_split(map: &str) -> anyhow::Result<Split> {
    map::parse(map).with_context(|| format!("the proxy's map reads `{}`", map.trim()))
}

/// A line of what it prints of itself.
fn told<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim()))
}

fn parse_rows(stat: &str) -> anyhow::Result<Vec<Row>> {
    let rows = parse(stat);
    anyhow::ensure!(!rows.is_empty(), "the proxy's statistics have no row");
    Ok(rows)
}

impl Router for HaProxy<'_> {
    fn ensure_running(&self, split: Split) -> anyhow::Result<()> {
        if self.split().is_ok() && (self.listens)() {
            return Ok(());
        }
        self.persist(split)?;
        (self.start)()?;
        let deadline = Instant::now() + START;
        while let Err(error) = self.split() {
            if Instant::now() >= deadline {
                let log = (self.tail)().join("\n  | ");
                bail!("the proxy does not answer {START:?} after its start ({error:#}); its last lines:\n  | {log}");
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    fn observe(&self) -> anyhow::Result<Routing> {
        let ask = || {
            let [map, stat] = self.ask_all([SPLIT, SERVERS_OF_ALL_PROXIES])?;
            anyhow::Ok((parse_split(&map)?, parse_rows(&stat)?))
        };
        let (running, rows) = ask().or_else(|_| ask()).ok().filter(|_| (self.listens)()).unzip();
        let rows = rows.unwrap_or_default();
        let up = |colour: Colour| {
            rows.iter().any(|row| row.is(colour.name(), "service") && row.text("status").starts_with("UP"))
        };
        let up = PerColour { blue: up(Colour::Blue), green: up(Colour::Green) };
        Ok(Routing { running, persisted: self.persisted_split()?, up })
    }

    fn set_split(&self, split: Split) -> anyhow::Result<Persistence> {
        // Whatever it says to the first, what it reads back is what acts.
        let told = self.ask(&format!("{SET_SPLIT} {}; {SPLIT}", split.share(Colour::Green)))?;
        let running = parse_split(&told)?;
        if running != split {
            bail!("the proxy was told {split} and reads back {running}: {}", told.trim());
        }
        Ok(self.persist(split).map_or_else(Persistence::Failed, |()| Persistence::Persisted))
    }

    fn in_flight(&self, colour: Colour) -> anyhow::Result<InFlight> {
        let rows = match self.ask(SERVERS_OF_ALL_PROXIES).and_then(|stat| parse_rows(&stat)) {
            Ok(rows) => rows,
            // A proxy that is gone has nothing in flight.
            Err(error) if is_gone(&error) => return Ok(InFlight { requests: 0, old_workers: 0 }),
            Err(error) => return Err(error),
        };
        Ok(InFlight { requests: requests(&rows, colour), old_workers: self.old_workers()? })
    }

    fn counters(&self) -> anyhow::Result<PerColour<Counters>> {
        let table = format!("show table {}", histogram::TABLE);
        let [info, stat, table] = self.ask_all([INFO, SERVERS_OF_ALL_PROXIES, &table])?;
        // The worker that has answered is the one that has counted.
        let counted_by =
            told(&info, "Pid").and_then(|pid| pid.parse().ok()).context("the proxy's worker has no number")?;
        let entries = histogram::parse(&table)
            .with_context(|| format!("the proxy has no table `{}`: it says `{}`", histogram::TABLE, table.trim()))?;
        let rows = parse_rows(&stat)?;
        Ok(PerColour::from_fn(|colour| Counters { counted_by, ..counters(&rows, &entries, colour) }))
    }
}

fn is_gone(error: &anyhow::Error) -> bool {
    let kind = error.chain().find_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    matches!(kind, Some(io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused))
}
