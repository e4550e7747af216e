//! How many windows of each kind a rollout may have, and what comes after each.

use serde::{Deserialize, Serialize};

use super::Verdict;
use super::policy::{AnalysisPolicy, OnInconclusive};

/// What comes after a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Next {
    /// The next operation.
    GoOn,
    /// The same window for longer: its samples count.
    Extend,
    /// Another window: what was counted is forgotten.
    Anew,
    /// The end of the rollout.
    Abort,
}

/// The windows of one rollout that did not pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Windows {
    failed: u32,
    extended: u32,
    erroneous: u32,
}

impl Windows {
    /// Counts a window and says what comes after it.
    pub fn next(&mut self, verdict: Verdict, policy: &AnalysisPolicy) -> Next {
        let (count, limit, next) = match (verdict, policy.on_inconclusive) {
            (Verdict::Pass, _) | (Verdict::Inconclusive, OnInconclusive::Pass) => return Next::GoOn,
            (Verdict::Inconclusive, OnInconclusive::Fail) => return Next::Abort,
            (Verdict::Inconclusive, OnInconclusive::Wait) => {
                (&mut self.extended, policy.inconclusive_limit, Next::Extend)
            }
            (Verdict::Fail, _) => (&mut self.failed, policy.failure_limit, Next::Anew),
            (Verdict::Error, _) => (&mut self.erroneous, policy.error_limit, Next::Anew),
        };
        *count += 1;
        if *count > limit { Next::Abort } else { next }
    }

    /// What to add to a verdict that ends the rollout, where it was not the first of its kind.
    pub fn and_before(&self, verdict: Verdict) -> String {
        let count = match verdict {
            Verdict::Pass => 0,
            Verdict::Fail => self.failed,
            Verdict::Inconclusive => self.extended,
            Verdict::Error => self.erroneous,
        };
        match count {
            0 | 1 => String::new(),
            2 => "; a window before it went the same way".into(),
            more => format!("; {} windows before it went the same way", more - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Next::{Abort, Anew, Extend, GoOn};
    use Verdict::{Error, Fail, Inconclusive, Pass};

    fn course(policy: &str, verdicts: &[Verdict]) -> Vec<Next> {
        let policy = toml::from_str(policy).unwrap();
        let mut windows = Windows::default();
        verdicts.iter().map(|verdict| windows.next(*verdict, &policy)).collect()
    }

    #[test]
    fn each_kind_of_window_has_its_own_limit() {
        assert_eq!(course("", &[Pass, Inconclusive, Fail]), [GoOn, GoOn, Abort]);
        assert_eq!(course("", &[Error, Pass, Error, Error]), [Anew, GoOn, Anew, Abort]);
        assert_eq!(course("failure_limit = 1", &[Fail, Error, Pass, Fail]), [Anew, Anew, GoOn, Abort]);
        assert_eq!(course("on_inconclusive = \"fail\"", &[Pass, Inconclusive]), [GoOn, Abort]);
        assert_eq!(course("error_limit = 0", &[Error]), [Abort]);
    }

    #[test]
    fn a_window_is_extended_so_many_times_in_a_whole_rollout() {
        let wait = "on_inconclusive = \"wait\"\n";
        let verdicts = [Inconclusive, Inconclusive, Pass, Inconclusive, Inconclusive];
        assert_eq!(course(wait, &verdicts), [Extend, Extend, GoOn, Extend, Abort]);
        assert_eq!(course(&format!("{wait}inconclusive_limit = 0"), &verdicts[..1]), [Abort]);
    }
}
