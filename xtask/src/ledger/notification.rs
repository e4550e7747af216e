//! Who was told of what, in a file of its own: the history says what serves, and this does not.

use std::time::SystemTime;

use anyhow::ensure;
use serde::{Deserialize, Serialize};

use super::{FileLedger, whole_lines};
use crate::delivery::Occasion;

const FILE: &str = "notifications.jsonl";

/// One channel that was told of one thing, or was not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// When it was to be told.
    #[serde(with = "crate::time::rfc3339")]
    pub at: SystemTime,
    /// Of what.
    pub event: Occasion,
    /// Whether it was a test, and nothing had happened.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub test: bool,
    /// About which release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// The channel's name.
    pub channel: String,
    /// Where it is reached: the host alone, as a URL can be a secret.
    pub host: String,
    /// Whether it was told.
    pub delivered: bool,
    /// The status of its last answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How often it was tried; 0 where its deadline came first.
    pub attempts: u32,
    /// How long that took, all in all.
    pub millis: u64,
    /// Why it was not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Notification {
    /// What became of it, in words.
    pub fn outcome(&self) -> String {
        let told = if self.delivered { "told" } else { "NOT TOLD" };
        // Of one that nobody waited for, it is not known.
        let attempts = match self.attempts {
            0 => String::new(),
            1 => "1 attempt, ".into(),
            attempts => format!("{attempts} attempts, "),
        };
        let status = self.status.map(|status| format!("HTTP {status}"));
        let how = self.error.clone().or(status).unwrap_or_default();
        format!("{told:<8}  {how}, {attempts}{} ms", self.millis)
    }
}

impl FileLedger<'_> {
    /// Writes down who was told, or was not.
    ///
    /// # Errors
    /// When it is not on disk.
    pub fn record_notification(&self, notification: &Notification) -> anyhow::Result<()> {
        ensure!(self.lock_writing().is_some(), "a notification is written down without the lock");
        self.host.append(FILE, &format!("\n{}", serde_json::to_string(notification)?))
    }

    /// Who was told of what, oldest first.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn notifications(&self) -> anyhow::Result<Vec<Notification>> {
        Ok(notifications(&self.host.read(FILE)?.unwrap_or_default()))
    }
}

/// The notifications in a file of them, oldest first. Torn lines are left out.
pub fn notifications(text: &str) -> Vec<Notification> {
    whole_lines(text)
}
