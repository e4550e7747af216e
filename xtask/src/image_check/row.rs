//! One row of what `image-check` prints: what was looked at, what was found, what is allowed.

use serde::Serialize;

use crate::size::Size;

/// How many of what was found stand in the table; the rest is counted.
const NAMED: usize = 3;

/// What a row comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Passed,
    Failed,
    Skipped,
}

impl Verdict {
    /// As a table has it: what fails is seen at a glance.
    pub(super) fn word(self) -> &'static str {
        match self {
            Verdict::Passed => "passed",
            Verdict::Failed => "FAILED",
            Verdict::Skipped => "skipped",
        }
    }
}

/// One row: what was looked at, what was found and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Row {
    pub(super) id: &'static str,
    pub(super) verdict: Verdict,
    pub(super) found: String,
    /// In words.
    pub(super) allowed: String,
    /// In bytes, where it is a size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) measured: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) limit: Option<u64>,
    pub(super) remedy: &'static str,
    /// Each thing that was found, where there can be several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) detail: Vec<String>,
    /// Whether nobody minds that it was skipped, a CI system included.
    #[serde(skip)]
    pub(super) optional: bool,
}

impl Row {
    pub(super) fn new(id: &'static str, verdict: Verdict, found: impl Into<String>, remedy: &'static str) -> Row {
        Row {
            id,
            verdict,
            found: found.into(),
            allowed: String::new(),
            measured: None,
            limit: None,
            remedy,
            detail: Vec::new(),
            optional: false,
        }
    }

    /// One that passes where nothing was found, and has a line for everything that was: what it is, and after a colon why.
    pub(super) fn none_of(id: &'static str, found: Vec<String>, remedy: &'static str) -> Row {
        let verdict = if found.is_empty() { Verdict::Passed } else { Verdict::Failed };
        let named = found.iter().take(NAMED).filter_map(|line| line.split(": ").next()).collect::<Vec<_>>().join(", ");
        let more = found.len().saturating_sub(NAMED);
        let told = match more {
            _ if found.is_empty() => "none".to_owned(),
            0 => named,
            more => format!("{named} and {more} more"),
        };
        Row { detail: found, ..Row::new(id, verdict, told, remedy) }.allowing("none")
    }

    /// One about a size that has a limit.
    pub(super) fn limited(self, measured: u64, limit: u64) -> Row {
        let verdict = if measured <= limit { Verdict::Passed } else { Verdict::Failed };
        let allowed = format!("at most {}", Size::from(limit));
        Row { verdict, measured: Some(measured), limit: Some(limit), allowed, ..self }
    }

    /// One that says in words what is allowed.
    pub(super) fn allowing(self, allowed: impl Into<String>) -> Row {
        Row { allowed: allowed.into(), ..self }
    }

    /// One that may be skipped wherever it runs.
    pub(super) fn optional(self) -> Row {
        Row { optional: true, ..self }
    }

    /// Whether the image does not pass because of it: nobody looks at what a CI system has skipped.
    pub(super) fn fails(&self, is_ci: bool) -> bool {
        match self.verdict {
            Verdict::Passed => false,
            Verdict::Failed => true,
            Verdict::Skipped => is_ci && !self.optional,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_skipped_fails_where_nobody_looks_unless_it_may_be() {
        let row = Row::new("naive", Verdict::Skipped, "no buildx", "install it");
        assert_eq!((row.fails(false), row.fails(true)), (false, true));
        assert!(!row.optional().fails(true));
    }

    #[test]
    fn of_many_some_are_named_and_all_are_told() {
        let names = |count: usize| (0..count).map(|number| format!("/{number}: a reason")).collect();
        let row = Row::none_of("shell", names(5), "remove it");
        assert_eq!((row.verdict, row.found.as_str()), (Verdict::Failed, "/0, /1, /2 and 2 more"));
        assert_eq!(row.detail.len(), 5);
        assert_eq!(Row::none_of("shell", names(0), "remove it").verdict, Verdict::Passed);
    }
}
