//! One row of what `image-check` prints: what was looked at, what was found, what is allowed.

use serde::Serialize;

/// What a row comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Passed,
    Failed,
    Skipped,
}

/// One row: what was looked at, what was found and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Row {
    pub(super) id: &'static str,
    pub(super) verdict: Verdict,
    pub(super) found: String,
    /// In bytes, where it is a size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) measured: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) limit: Option<u64>,
    pub(super) remedy: &'static str,
}

impl Row {
    pub(super) fn new(id: &'static str, verdict: Verdict, found: impl Into<String>, remedy: &'static str) -> Row {
        Row { id, verdict, found: found.into(), measured: None, limit: None, remedy }
    }

    /// One about a size that has a limit.
    pub(super) fn limited(self, measured: u64, limit: u64) -> Row {
        let verdict = if measured <= limit { Verdict::Passed } else { Verdict::Failed };
        Row { verdict, measured: Some(measured), limit: Some(limit), ..self }
    }
}
