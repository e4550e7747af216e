//! What is written down beside an environment: who holds the lock, the journal of each rollout, and the history.

mod mailbox;
mod notification;

use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::host::{Host, Session};
use crate::problem::{ExitCode, Problem, command};
use crate::rollout::event::Event;
use crate::rollout::record::Entry;
use crate::rollout::request::Request;
use crate::rollout::world::{Clock, Ledger};
use crate::time;

pub use mailbox::Posted;
pub use notification::{Notification, notifications};

const LOCK: &str = "lock";
const OWNER: &str = "lock.json";
const HISTORY: &str = "history.jsonl";
const JOURNALS: &str = "journal";
/// The verb that stops a warm colour by itself.
pub const REAP: &str = "reap";
/// What a deployer does that has done its work and waits for those it tells of it.
pub const NOTIFY: &str = "notify";
/// How long either may take.
const WINDING_UP: Duration = Duration::from_secs(60);
/// How many rollouts' journals are kept.
const KEEP_JOURNALS: usize = 20;
/// Room kept free for what must still be written when the disk is full: a few thousand events, a few hundred entries.
const RESERVE: u64 = 256 * 1024;

/// Who holds the lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// User and host.
    pub by: String,
    /// Its process there; for people to look at, never to decide by.
    pub pid: u32,
    /// What it was started to do.
    pub command: String,
    /// Since when.
    #[serde(with = "time::rfc3339")]
    pub since: SystemTime,
}

impl Owner {
    fn current(command: &str) -> Owner {
        Owner { by: author(), pid: std::process::id(), command: command.to_owned(), since: SystemTime::now() }
    }
}

/// Who does what this process does: user and host.
pub fn author() -> String {
    format!("{}@{}", user(), hostname())
}

fn user() -> String {
    let named = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).ok().filter(|name| !name.is_empty());
    named.unwrap_or_else(|| format!("uid{}", rustix::process::getuid().as_raw()))
}

fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// One line of a journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// When.
    #[serde(with = "time::rfc3339")]
    pub at: SystemTime,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}

/// The ledger in an environment's folder. Reading needs no lock; writing goes through [`FileLedger::lock`].
pub struct FileLedger<'a> {
    host: &'a dyn Host,
    environment: &'a str,
    writing: Mutex<Option<Writing>>,
}

struct Writing {
    journal: String,
    /// A journal whose last line may be torn is continued on a new line.
    fresh: bool,
    _lock: Session,
}

impl<'a> FileLedger<'a> {
    /// The ledger of an environment that `host` gives access to.
    pub fn new(host: &'a dyn Host, environment: &'a str) -> FileLedger<'a> {
        FileLedger { host, environment, writing: Mutex::new(None) }
    }

    /// Takes the lock for as long as this process lives, waiting at most `wait` by `clock` for another deployer to end, and
    /// opens a journal. Returns whether the last rollout was left unfinished.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 75 that names the holder.
    pub fn lock(&self, command: &str, wait: Duration, clock: &dyn Clock) -> anyhow::Result<bool> {
        // Whoever looks for the holder holds the lock for a moment, so one refusal says nothing.
        let began = clock.elapsed();
        let deadline = began + wait.max(Duration::from_millis(250));
        let session = loop {
            if let Some(session) = self.host.try_lock(LOCK)? {
                break session;
            }
            // What only winds up is over in a moment, and nobody's doing.
            if clock.elapsed() >= deadline && (clock.elapsed() >= began + WINDING_UP || !self.is_wound_up()) {
                return Err(self.refusal(wait).into());
            }
            clock.sleep(Duration::from_millis(20));
        };
        self.empty_mailbox();
        let owner = Owner::current(command);
        let unfinished = is_unfinished(&self.last_journal()?);
        // The file is for people; a full disk must stop neither an abort nor a rollback here.
        let _ = self.host.replace(OWNER, &serde_json::to_string(&owner)?);
        let journal = format!("{JOURNALS}/{:08}.jsonl", self.last_number()? + 1);
        *self.lock_writing() = Some(Writing { journal, fresh: true, _lock: session });
        Ok(unfinished)
    }

    /// Makes room for everything a rollout has to write, so that a disk that fills up meanwhile stops no abort.
    ///
    /// # Errors
    /// When the disk is full already.
    pub fn reserve(&self) -> anyhow::Result<()> {
        let journal = self.lock_writing().as_ref().map(|writing| writing.journal.clone());
        journal.into_iter().try_for_each(|journal| self.host.reserve(&journal, RESERVE))?;
        self.host.reserve(HISTORY, RESERVE)
    }

    /// Journals are numbered: the time of day may be set back.
    fn last_number(&self) -> anyhow::Result<u64> {
        let newest = self.host.list(JOURNALS)?.pop();
        Ok(newest.and_then(|name| name.split('.').next()?.parse().ok()).unwrap_or(0))
    }

    /// Whether a living deployer holds the lock.
    ///
    /// # Errors
    /// When the lock cannot be looked at.
    pub fn is_held(&self) -> anyhow::Result<bool> {
        self.host.is_locked(LOCK)
    }

    /// The living deployer, if there is one.
    ///
    /// # Errors
    /// When the lock cannot be looked at.
    pub fn holder(&self) -> anyhow::Result<Option<Owner>> {
        Ok(if self.is_held()? { self.owner() } else { None })
    }

    /// The events of the newest journal, oldest first. Torn lines are left out.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn last_journal(&self) -> anyhow::Result<Vec<Line>> {
        let Some(newest) = self.host.list(JOURNALS)?.pop() else { return Ok(Vec::new()) };
        let text = self.host.read(&format!("{JOURNALS}/{newest}"))?.unwrap_or_default();
        Ok(journal(&text))
    }

    fn is_wound_up(&self) -> bool {
        self.owner().is_some_and(|owner| [REAP, NOTIFY].contains(&owner.command.as_str()))
    }

    /// Says that nothing is changed any more by whoever holds the lock, so that the next who wants it waits.
    pub fn wind_up(&self) {
        // Whoever cannot read it is refused, as ever.
        let _ = serde_json::to_string(&Owner::current(NOTIFY)).map(|owner| self.host.replace(OWNER, &owner));
    }

    fn owner(&self) -> Option<Owner> {
        serde_json::from_str(&self.host.read(OWNER).ok()??).ok()
    }

    fn refusal(&self, waited: Duration) -> Problem {
        let who = self.owner().map_or("another deployer".to_owned(), |owner| {
            format!("{} (pid {}, `{}`, since {})", owner.by, owner.pid, owner.command, time::format(owner.since))
        });
        let waited =
            if waited.is_zero() { String::new() } else { format!(" {waited:?} were not enough to see it end.") };
        Problem::new(
            ExitCode::Busy,
            format!("{who} is at work in this environment; two deployers never act at once.{waited}"),
        )
        .next(command("status", self.environment))
        .next("the same command with --wait 10m")
    }

    fn lock_writing(&self) -> std::sync::MutexGuard<'_, Option<Writing>> {
        self.writing.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn prune(&self) {
        let Ok(mut journals) = self.host.list(JOURNALS) else { return };
        journals.truncate(journals.len().saturating_sub(KEEP_JOURNALS));
        for name in journals {
            // An old journal that stays is only untidy.
            let _ = self.host.remove(&format!("{JOURNALS}/{name}"));
        }
    }
}

impl Ledger for FileLedger<'_> {
    fn journal(&self, at: SystemTime, event: &Event) -> anyhow::Result<()> {
        let mut writing = self.lock_writing();
        let writing = writing.as_mut().context("the journal is written without the lock")?;
        let line = serde_json::to_string(&Line { at, event: event.clone() })?;
        let start = if std::mem::take(&mut writing.fresh) { "" } else { "\n" };
        self.host.append(&writing.journal, &format!("{start}{line}"))?;
        if matches!(event, Event::Ended { .. }) {
            self.prune();
        }
        Ok(())
    }

    fn record(&self, entry: &Entry) -> anyhow::Result<()> {
        anyhow::ensure!(self.lock_writing().is_some(), "the history is written without the lock");
        self.host.append(HISTORY, &format!("\n{}", serde_json::to_string(entry)?))
    }

    fn history(&self) -> anyhow::Result<Vec<Entry>> {
        Ok(history(&self.host.read(HISTORY)?.unwrap_or_default()))
    }

    fn take_request(&self) -> anyhow::Result<Option<Request>> {
        self.take_oldest()
    }

    fn author(&self) -> String {
        author()
    }
}

/// Whether a rollout was begun and has no end.
pub fn is_unfinished(journal: &[Line]) -> bool {
    journal.last().is_some_and(|line| !matches!(line.event, Event::Ended { .. }))
}

/// The lines of a journal, oldest first. Torn ones are left out.
pub fn journal(text: &str) -> Vec<Line> {
    whole_lines(text)
}

/// The entries of a history, oldest first. Torn ones are left out.
pub fn history(text: &str) -> Vec<Entry> {
    whole_lines(text)
}

/// The lines that can be read. Each was written after a newline, so that a torn one spoils none but itself.
fn whole_lines<T: for<'de> Deserialize<'de>>(text: &str) -> Vec<T> {
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[cfg(test)]
mod tests;
