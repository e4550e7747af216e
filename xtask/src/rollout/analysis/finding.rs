//! What each rule of the analysis has found.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Verdict;
use super::interval::{Interval, Share};

/// A rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The candidate's share of errors.
    MaxErrorRate,
    /// The same, against the active colour's.
    MaxErrorIncrease,
    /// The candidate's share of answers slower than a limit.
    MaxLatency,
    /// The candidate's share of answers slower than nearly all of the active colour's, against that of the active colour.
    MaxSlowIncrease,
    /// The candidate's share of requests that wait for an answer when the window ends, against the active colour's and by
    /// the same limit: what hangs is slow and in no bucket.
    Waiting,
}

/// What a rule has found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Which rule.
    pub rule: Rule,
    /// The candidate's share.
    pub candidate: Share,
    /// The active colour's, where the two are compared.
    pub active: Option<Share>,
    /// What the true share, or the true difference of the two, is in.
    pub interval: Interval,
    /// What it must not be above.
    pub limit: f64,
    /// How long an answer may take and not be slow, in milliseconds, where it is about that.
    pub slow_after_ms: Option<u64>,
}

impl Finding {
    /// The share, or the difference of the two, as it was counted.
    pub fn measured(&self) -> f64 {
        self.candidate.rate() - self.active.map_or(0.0, Share::rate)
    }

    /// Above the limit with the whole interval is a failure, above it as counted alone shows nothing yet.
    pub fn verdict(&self) -> Verdict {
        if self.interval.lower > self.limit {
            Verdict::Fail
        } else if self.measured() > self.limit {
            Verdict::Inconclusive
        } else {
            Verdict::Pass
        }
    }

    fn subject(&self) -> String {
        let Share { part, of } = self.candidate;
        match self.slow_after_ms.map(Duration::from_millis) {
            None if self.rule == Rule::Waiting => format!("{part} of {of} requests wait for an answer"),
            None => format!("{part} of {of} requests failed"),
            Some(bound) => format!("{part} of {of} answers took longer than {bound:?}"),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (subject, limit) = (self.subject(), Percent(self.limit));
        let doubt = if self.verdict() == Verdict::Inconclusive { ", too few to be sure" } else { "" };
        let Interval { lower, upper } = self.interval;
        let interval = format!("99 % interval {} to {}", Percent(lower), Percent(upper));
        match self.active {
            _ if self.verdict() == Verdict::Pass => self.write_passed(f),
            None => write!(f, "{subject}, more than the {limit} that may{doubt} ({interval})"),
            Some(Share { part, of }) => {
                let more = Percent(self.measured());
                write!(
                    f,
                    "{subject}, {part} of the active colour's {of}: {more} more, where {limit} may be{doubt} ({interval})"
                )
            }
        }
    }
}

impl Finding {
    fn write_passed(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.active {
            None => write!(f, "{}, {} may", self.subject(), Percent(self.limit)),
            Some(Share { part, of }) => write!(f, "{}, {part} of the active colour's {of}", self.subject()),
        }
    }
}

/// A share or a difference of two, as people read it.
struct Percent(f64);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // No "-0".
        let rounded = (self.0 * 10_000.0).round() / 100.0 + 0.0;
        write!(f, "{rounded} %")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(part: u64, lower: f64, active: Option<Share>) -> Finding {
        let interval = Interval { lower, upper: 0.5 };
        let candidate = Share { part, of: 100 };
        Finding { rule: Rule::MaxErrorRate, candidate, active, interval, limit: 0.05, slow_after_ms: None }
    }

    #[test]
    fn only_what_is_above_the_limit_for_sure_is_a_failure() {
        assert_eq!(finding(5, 0.01, None).verdict(), Verdict::Pass);
        assert_eq!(finding(6, 0.05, None).verdict(), Verdict::Inconclusive);
        assert_eq!(finding(9, 0.051, None).verdict(), Verdict::Fail);
        let active = Some(Share { part: 1, of: 50 });
        assert_eq!(finding(7, -0.01, active).verdict(), Verdict::Pass);
        assert_eq!(finding(8, -0.01, active).verdict(), Verdict::Inconclusive);
    }

    #[test]
    fn it_is_told_in_one_line_with_its_numbers() {
        let active = Some(Share { part: 1, of: 50 });
        let slow = Finding { slow_after_ms: Some(2500), ..finding(7, -0.00001, active) };
        let table = [
            (finding(5, 0.01, None), "5 of 100 requests failed, 5 % may"),
            (
                finding(9, 0.0512, None),
                "9 of 100 requests failed, more than the 5 % that may (99 % interval 5.12 % to 50 %)",
            ),
            (
                finding(8, -0.01, active),
                "8 of 100 requests failed, 1 of the active colour's 50: 6 % more, where 5 % may be, too few to be sure \
                 (99 % interval -1 % to 50 %)",
            ),
            (
                Finding { rule: Rule::Waiting, ..finding(7, -0.01, active) },
                "7 of 100 requests wait for an answer, 1 of the active colour's 50",
            ),
            (slow, "7 of 100 answers took longer than 2.5s, 1 of the active colour's 50"),
        ];
        for (finding, expected) in table {
            assert_eq!(finding.to_string(), expected);
        }
        assert_eq!(Percent(-0.000_01).to_string(), "0 %");
    }
}
