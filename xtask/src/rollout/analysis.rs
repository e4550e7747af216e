//! From the requests of one window to a verdict. Pure.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::observed::Counters;
use super::policy::{AnalysisPolicy, OnInconclusive};

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
        let Counters { requests, errors, .. } = self.candidate;
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
            Verdict::Error => write!(f, "error: the proxy began to count anew within the window"),
        }
    }
}

/// Judges the requests between two readings of the candidate's counters.
///
/// From `min_requests` on the share of failures itself is held against the limit. Below that a candidate fails only when
/// ten requests have failed and the share would be over the limit even at the lower end of its 99 % confidence interval
/// (the score interval of Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927): a few
/// requests can show that a release is broken, and cannot show that it is not.
///
/// ```
/// use xtask::rollout::analysis::{Verdict, judge};
/// use xtask::rollout::policy::AnalysisPolicy;
/// use xtask::rollout::observed::Counters;
///
/// let before = Counters { requests: 1_000, errors: 0, counted_by: 1 };
/// let after = Counters { requests: 1_200, errors: 3, counted_by: 1 };
/// assert_eq!(judge(before, after, &AnalysisPolicy::default()).verdict, Verdict::Fail);
/// ```
pub fn judge(before: Counters, after: Counters, policy: &AnalysisPolicy) -> Judgement {
    const ENOUGH_ERRORS: u64 = 10;
    let requests = after.requests.checked_sub(before.requests);
    let errors = after.errors.checked_sub(before.errors);
    let (verdict, candidate) = match (requests, errors) {
        (Some(requests), Some(errors)) if before.counted_by == after.counted_by => {
            let is_broken = errors >= ENOUGH_ERRORS && lower_bound(errors, requests) > policy.max_error_rate;
            let is_enough = requests >= policy.min_requests.max(1);
            let rate = errors as f64 / requests.max(1) as f64;
            let verdict = match (is_enough, rate > policy.max_error_rate) {
                (true, false) => Verdict::Pass,
                (true, true) => Verdict::Fail,
                (false, _) if is_broken => Verdict::Fail,
                (false, _) => Verdict::Inconclusive,
            };
            (verdict, Counters { requests, errors, counted_by: after.counted_by })
        }
        _ => (Verdict::Error, Counters::default()),
    };
    Judgement { verdict, candidate, max_error_rate: policy.max_error_rate, min_requests: policy.min_requests }
}

/// The lower end of Wilson's 99 % interval for a share of `errors` in `requests`.
fn lower_bound(errors: u64, requests: u64) -> f64 {
    const Z: f64 = 2.576;
    let n = requests.max(1) as f64;
    let p = (errors as f64 / n).min(1.0);
    let margin = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    (p + Z * Z / (2.0 * n) - margin) / (1.0 + Z * Z / n)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: AnalysisPolicy =
        AnalysisPolicy { max_error_rate: 0.01, min_requests: 50, on_inconclusive: OnInconclusive::Pass };

    fn verdict(requests: u64, errors: u64) -> Verdict {
        let before = Counters { requests: 1000, errors: 7, counted_by: 1 };
        let after = Counters { requests: before.requests + requests, errors: before.errors + errors, ..before };
        judge(before, after, &POLICY).verdict
    }

    #[test]
    fn each_rule_gives_its_verdict() {
        let table = [
            ((0, 0), Verdict::Inconclusive),
            ((49, 1), Verdict::Inconclusive),
            ((49, 9), Verdict::Inconclusive),
            ((49, 10), Verdict::Fail),
            ((49, 48), Verdict::Fail),
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
    fn a_proxy_that_counts_anew_is_an_error_and_never_a_pass() {
        let before = Counters { requests: 1000, errors: 0, counted_by: 1 };
        let fewer = Counters { requests: 999, ..before };
        let overtaken = Counters { requests: 2000, counted_by: 2, ..before };
        for after in [fewer, overtaken] {
            let judgement = judge(before, after, &POLICY);
            assert_eq!(judgement.verdict, Verdict::Error);
            assert!(!judgement.allows(&POLICY));
        }
    }

    #[test]
    fn the_lower_bound_is_that_of_wilsons_interval() {
        // By hand: p = 0.5, n = 100, z = 2.576 gives 0.3754.
        assert!((lower_bound(50, 100) - 0.3754).abs() < 0.0005, "{}", lower_bound(50, 100));
        assert!(lower_bound(0, 100).abs() < 1e-12);
        assert!(lower_bound(0, 0).abs() < 1e-12);
    }

    #[test]
    fn the_policy_decides_what_inconclusive_means() {
        let judgement = judge(Counters::default(), Counters::default(), &POLICY);
        assert!(judgement.allows(&POLICY));
        assert!(!judgement.allows(&AnalysisPolicy { on_inconclusive: OnInconclusive::Fail, ..POLICY }));
    }
}
