//! From the requests of one window to a verdict. Pure.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::policy::{AnalysisPolicy, OnInconclusive};
use super::world::Counters;

/// What the numbers of a window say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The candidate is within its limits.
    Pass,
    /// It is not.
    Fail,
    /// There were too few requests to tell.
    Inconclusive,
    /// The numbers themselves are not to be trusted.
    Error,
}

/// A verdict with the numbers it was reached by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// The candidate's requests within the window.
    pub candidate: Counters,
    /// The highest share of them that may have failed (0.0–1.0).
    pub max_error_rate: f64,
    /// The number of requests below which nothing is concluded.
    pub min_requests: u64,
}

impl Judgement {
    /// Whether the rollout may go on.
    pub fn allows(&self, policy: &AnalysisPolicy) -> bool {
        match self.verdict {
            Verdict::Pass => true,
            Verdict::Inconclusive => policy.on_inconclusive == OnInconclusive::Pass,
            Verdict::Fail | Verdict::Error => false,
        }
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counters { requests, errors } = self.candidate;
        let limit = self.max_error_rate * 100.0;
        match self.verdict {
            Verdict::Pass => write!(f, "pass: {errors} of {requests} requests failed, {limit} % may"),
            Verdict::Fail => {
                write!(f, "fail: {errors} of {requests} requests failed, more than the {limit} % that may")
            }
            Verdict::Inconclusive => {
                write!(
                    f,
                    "inconclusive: {requests} requests, and nothing is concluded from fewer than {}",
                    self.min_requests
                )
            }
            Verdict::Error => write!(f, "error: the proxy's counters went backwards within the window"),
        }
    }
}

/// Judges the requests between two readings of the candidate's counters. A single error among few requests is never
/// enough: the limit is only applied from `min_requests` on, except that a candidate of which *every* request failed,
/// ten at the least, is failed at once.
///
/// ```
/// use xtask::rollout::analysis::{Verdict, judge};
/// use xtask::rollout::policy::AnalysisPolicy;
/// use xtask::rollout::world::Counters;
///
/// let before = Counters { requests: 1_000, errors: 0 };
/// let after = Counters { requests: 1_200, errors: 3 };
/// assert_eq!(judge(before, after, &AnalysisPolicy::default()).verdict, Verdict::Fail);
/// ```
pub fn judge(before: Counters, after: Counters, policy: &AnalysisPolicy) -> Judgement {
    const HOPELESS: u64 = 10;
    let requests = after.requests.checked_sub(before.requests);
    let errors = after.errors.checked_sub(before.errors);
    let judgement = |verdict, candidate| Judgement {
        verdict,
        candidate,
        max_error_rate: policy.max_error_rate,
        min_requests: policy.min_requests,
    };
    let (Some(requests), Some(errors)) = (requests, errors) else {
        return judgement(Verdict::Error, Counters::default());
    };
    let rate = errors as f64 / requests.max(1) as f64;
    let verdict = if errors >= HOPELESS && errors == requests {
        Verdict::Fail
    } else if requests < policy.min_requests.max(1) {
        Verdict::Inconclusive
    } else if rate > policy.max_error_rate {
        Verdict::Fail
    } else {
        Verdict::Pass
    };
    judgement(verdict, Counters { requests, errors })
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: AnalysisPolicy =
        AnalysisPolicy { max_error_rate: 0.01, min_requests: 50, on_inconclusive: OnInconclusive::Pass };

    fn verdict(requests: u64, errors: u64) -> Verdict {
        let before = Counters { requests: 1000, errors: 7 };
        let after = Counters { requests: before.requests + requests, errors: before.errors + errors };
        judge(before, after, &POLICY).verdict
    }

    #[test]
    fn each_rule_gives_its_verdict() {
        let table = [
            ((0, 0), Verdict::Inconclusive),
            ((49, 1), Verdict::Inconclusive),
            ((49, 48), Verdict::Inconclusive),
            ((9, 9), Verdict::Inconclusive),
            ((10, 10), Verdict::Fail),
            ((50, 0), Verdict::Pass),
            ((100, 1), Verdict::Pass),
            ((100, 2), Verdict::Fail),
            ((100_000, 1_000), Verdict::Pass),
            ((100_000, 1_001), Verdict::Fail),
        ];
        for ((requests, errors), expected) in table {
            assert_eq!(verdict(requests, errors), expected, "{errors} of {requests}");
        }
    }

    #[test]
    fn counters_that_went_backwards_are_an_error_and_never_a_pass() {
        let judgement = judge(Counters { requests: 10, errors: 0 }, Counters { requests: 9, errors: 0 }, &POLICY);
        assert_eq!(judgement.verdict, Verdict::Error);
        assert!(!judgement.allows(&POLICY));
    }

    #[test]
    fn the_policy_decides_what_inconclusive_means() {
        let judgement = judge(Counters::default(), Counters::default(), &POLICY);
        assert!(judgement.allows(&POLICY));
        assert!(!judgement.allows(&AnalysisPolicy { on_inconclusive: OnInconclusive::Fail, ..POLICY }));
    }
}
