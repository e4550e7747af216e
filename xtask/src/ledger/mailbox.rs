//! The mailbox: how somebody without the lock reaches the deployer that has it.

use std::time::{Duration, Instant, SystemTime};

use super::{FileLedger, LOCK, Owner};
use crate::rollout::request::{Request, Wish};

const FOLDER: &str = "mailbox";
/// How the name of a request ends.
const REQUEST: &str = ".json";
/// A living deployer looks many times a second; one that runs a hook or stops a colour looks when that is over.
const TAKEN_WITHIN: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Posted {
    /// The deployer has taken it.
    Taken(Option<Owner>),
    /// The deployer is busy with something it does not interrupt, and will find it.
    Left(Option<Owner>),
    /// There is no living deployer.
    NobodyThere,
}

impl FileLedger<'_> {
    /// Leaves a request for the deployer at work, and waits a little for it to be taken.
    ///
    /// # Errors
    /// When it can neither be left nor found that there is nobody to leave it for.
    pub fn post(&self, wish: Wish) -> anyhow::Result<Posted> {
        let request = Request { wish, by: super::author(), at: SystemTime::now() };
        let since = request.at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let path = format!("{FOLDER}/{:020}-{}{REQUEST}", since.as_nanos(), std::process::id());
        let holder = self.holder()?;
        if !self.host.is_locked(LOCK)? || !self.host.post(&path, &serde_json::to_string(&request)?)? {
            return Ok(Posted::NobodyThere);
        }
        let deadline = Instant::now() + TAKEN_WITHIN;
        loop {
            // In this order, or one that was taken and whose taker has ended would pass for one that nobody has seen.
            let is_held = self.host.is_locked(LOCK)?;
            if self.host.read(&path)?.is_none() {
                let is_taken = self.host.read(&receipt(&path))?.is_some();
                return Ok(if is_taken { Posted::Taken(holder) } else { Posted::NobodyThere });
            }
            if !is_held {
                // Whoever takes the lock next empties the mailbox first.
                return Ok(Posted::NobodyThere);
            }
            // Whoever only winds up takes nothing any more, and is gone in a moment.
            if Instant::now() >= deadline && !self.is_wound_up() {
                return Ok(Posted::Left(holder));
            }
            std::thread::sleep(POLL);
        }
    }

    /// What was left for an earlier deployer is not for this one, and neither is what says that the earlier one has taken it.
    pub(super) fn empty_mailbox(&self) {
        for name in self.host.list(FOLDER).unwrap_or_default() {
            // What stays is told in the journal when it is taken.
            let _ = self.host.remove(&format!("{FOLDER}/{name}"));
        }
    }

    pub(super) fn take_oldest(&self) -> anyhow::Result<Option<Request>> {
        for name in self.host.list(FOLDER)?.into_iter().filter(|name| name.ends_with(REQUEST)) {
            let path = format!("{FOLDER}/{name}");
            let request = Request::parse(&self.host.read(&path)?.unwrap_or_default());
            if request.is_some() {
                // Where even an empty file has no room, the sender is told that nobody was there; that ends no rollout.
                let _ = self.host.replace(&receipt(&path), "");
            }
            self.host.remove(&path)?;
            if request.is_some() {
                return Ok(request);
            }
        }
        Ok(None)
    }
}

/// What says of a request that is gone that it was taken, and not thrown away by the next deployer. It is there before the
/// request is gone, and until the mailbox is emptied: a sender cannot remove it where the mailbox is in a container.
fn receipt(path: &str) -> String {
    format!("{path}.taken")
}
