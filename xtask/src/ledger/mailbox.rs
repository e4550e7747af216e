//! The mailbox: how somebody without the lock reaches the deployer that has it.

use std::time::{Duration, Instant, SystemTime};

use super::{FileLedger, LOCK, Owner};
use crate::rollout::request::{Request, Wish};

const FOLDER: &str = "mailbox";
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
        let path = format!("{FOLDER}/{:020}-{}.json", since.as_nanos(), std::process::id());
        let holder = self.holder()?;
        if !self.host.is_locked(LOCK)? || !self.host.post(&path, &serde_json::to_string(&request)?)? {
            return Ok(Posted::NobodyThere);
        }
        let deadline = Instant::now() + TAKEN_WITHIN;
        while self.host.read(&path)?.is_some() {
            if !self.host.is_locked(LOCK)? {
                // Whoever takes the lock next empties the mailbox first.
                return Ok(Posted::NobodyThere);
            }
            // Whoever only winds up takes nothing any more, and is gone in a moment.
            if Instant::now() >= deadline && !self.is_wound_up() {
                return Ok(Posted::Left(holder));
            }
            std::thread::sleep(POLL);
        }
        Ok(Posted::Taken(holder))
    }

    /// What was left for an earlier deployer is not for this one.
    pub(super) fn empty_mailbox(&self) {
        for name in self.host.list(FOLDER).unwrap_or_default() {
            // What stays is told in the journal when it is taken.
            let _ = self.host.remove(&format!("{FOLDER}/{name}"));
        }
    }

    pub(super) fn take_oldest(&self) -> anyhow::Result<Option<Request>> {
        for name in self.host.list(FOLDER)? {
            let path = format!("{FOLDER}/{name}");
            let text = self.host.read(&path)?.unwrap_or_default();
            let request = Request::parse(&text);
            if !path.ends_with(".json") {
                continue;
            }
            self.host.remove(&path)?;
            if request.is_some() {
                return Ok(request);
            }
        }
        Ok(None)
    }
}
