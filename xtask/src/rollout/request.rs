//! What a person may ask of a rollout under way, from another terminal.

use std::fmt;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wish {
    /// Everything to the candidate, without the steps that are left.
    Promote,
    /// Everything back to the active colour.
    Abort,
    /// No step further.
    Pause,
    /// On with the steps.
    Resume,
}

impl Wish {
    /// As it is typed and written down.
    pub fn name(self) -> &'static str {
        match self {
            Wish::Promote => "promote",
            Wish::Abort => "abort",
            Wish::Pause => "pause",
            Wish::Resume => "resume",
        }
    }
}

impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A wish in the ledger's mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// What is asked for.
    pub wish: Wish,
    /// By whom: user and host.
    pub by: String,
    /// When.
    #[serde(with = "crate::time::rfc3339")]
    pub at: SystemTime,
}

impl Request {
    /// What a file in the mailbox holds. A request is written whole or not at all; what cannot be read is none.
    pub fn parse(text: &str) -> Option<Request> {
        serde_json::from_str(text).ok()
    }
}
