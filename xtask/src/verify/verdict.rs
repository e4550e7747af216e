//! What a criterion comes to.

use serde::Serialize;

use crate::problem::{ExitCode, exit_code, reason};

/// Whether a criterion is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Met,
    Missed,
    /// It could not be measured here, which falls short as well: nobody knows.
    Unknown,
}

impl Verdict {
    pub(super) const ALL: [Verdict; 3] = [Verdict::Met, Verdict::Missed, Verdict::Unknown];

    /// As a report has it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Verdict::Met => "met",
            Verdict::Missed => "missed",
            Verdict::Unknown => "unknown",
        }
    }
}

/// What a measurement has shown: the evidence where the criterion is met, or how it falls short.
pub(super) type Shown = Result<Vec<String>, Short>;

/// How a criterion falls short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Short {
    /// Measured, and not met: what was found.
    Missed(Vec<String>),
    /// Why it could not be measured here.
    Unknown(String),
}

impl Short {
    pub(super) fn missed(found: impl Into<String>) -> Short {
        Short::Missed(vec![found.into()])
    }

    pub(super) fn unknown(why: impl Into<String>) -> Short {
        Short::Unknown(why.into())
    }
}

/// Goes on where nothing was found that should not be.
///
/// # Errors
/// With all that was found.
pub(super) fn none_of(found: Vec<String>) -> Result<(), Short> {
    if found.is_empty() { Ok(()) } else { Err(Short::Missed(found)) }
}

/// Goes on where something is so.
///
/// # Errors
/// With what is so instead.
pub(super) fn require(is_so: bool, otherwise: impl FnOnce() -> String) -> Result<(), Short> {
    if is_so { Ok(()) } else { Err(Short::missed(otherwise())) }
}

/// What this machine lacks leaves a criterion unknown; whatever else fails is what was measured.
impl From<anyhow::Error> for Short {
    fn from(error: anyhow::Error) -> Short {
        match exit_code(&error) {
            ExitCode::Unavailable => Short::Unknown(reason(&error)),
            _ => Short::missed(reason(&error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Problem;

    #[test]
    fn what_the_machine_lacks_is_no_fault_of_the_projects() {
        let of = |code| Short::from(anyhow::Error::from(Problem::new(code, "no engine answers. Start it.")));
        assert_eq!(of(ExitCode::Unavailable), Short::unknown("no engine answers"));
        assert_eq!(of(ExitCode::Failed), Short::missed("no engine answers"));
        assert_eq!(Short::from(anyhow::anyhow!("broken")), Short::missed("broken"));
    }

    #[test]
    fn all_that_is_found_is_told() {
        assert_eq!(none_of(Vec::new()), Ok(()));
        assert_eq!(none_of(vec!["a".into(), "b".into()]), Err(Short::Missed(vec!["a".into(), "b".into()])));
        assert_eq!(require(false, || "not so".into()), Err(Short::missed("not so")));
    }
}
