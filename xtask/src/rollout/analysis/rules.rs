//! The rules, each applied where there are requests enough for it.

use std::time::Duration;

use super::finding::{Finding, Rule};
use super::interval::Share;
use super::policy::AnalysisPolicy;
use super::window::Sample;
use crate::time;

/// So many errors of a few requests are no coincidence.
const ENOUGH_ERRORS: u64 = 10;

/// What the rules are applied to.
pub(super) struct Rules<'a> {
    pub(super) candidate: &'a Sample,
    pub(super) active: &'a Sample,
    pub(super) policy: &'a AnalysisPolicy,
}

impl Rules<'_> {
    pub(super) fn findings(&self) -> Vec<Finding> {
        let found =
            [self.error_rate(), self.error_increase(), self.waiting(), self.max_latency(), self.slow_increase()];
        found.into_iter().flatten().collect()
    }

    fn error_rate(&self) -> Option<Finding> {
        let is_enough = self.are_enough(self.candidate.requests) || self.candidate.errors >= ENOUGH_ERRORS;
        let limit = *self.policy.max_error_rate.get_ref();
        is_enough.then(|| self.ceiling(Rule::MaxErrorRate, self.candidate.failed(), limit, None))
    }

    fn error_increase(&self) -> Option<Finding> {
        let limit = *self.policy.max_error_increase.get_ref();
        self.increase(Rule::MaxErrorIncrease, limit, None, Sample::failed)
    }

    fn waiting(&self) -> Option<Finding> {
        self.increase(Rule::Waiting, *self.policy.max_slow_increase.get_ref(), None, Sample::waiting)
    }

    fn max_latency(&self) -> Option<Finding> {
        let bound = **self.policy.max_latency.as_ref()?.get_ref();
        let slow = self.candidate.slower_than(bound);
        let limit = 1.0 - *self.policy.latency_quantile.get_ref();
        self.are_enough(slow.of).then(|| self.ceiling(Rule::MaxLatency, slow, limit, Some(bound)))
    }

    fn slow_increase(&self) -> Option<Finding> {
        let bound = self.active.latency.quantile(*self.policy.latency_quantile.get_ref())?;
        let bound = bound.max(**self.policy.latency_floor.get_ref());
        let limit = *self.policy.max_slow_increase.get_ref();
        self.increase(Rule::MaxSlowIncrease, limit, Some(bound), |sample| sample.slower_than(bound))
    }

    fn are_enough(&self, requests: u64) -> bool {
        requests >= self.policy.min_requests.max(1)
    }

    fn ceiling(&self, rule: Rule, candidate: Share, limit: f64, slow_after: Option<Duration>) -> Finding {
        let interval = candidate.wilson(*self.policy.design_effect.get_ref());
        Finding { rule, candidate, active: None, interval, limit, slow_after_ms: slow_after.map(time::millis) }
    }

    fn increase(
        &self,
        rule: Rule,
        limit: f64,
        slow_after: Option<Duration>,
        share: impl Fn(&Sample) -> Share,
    ) -> Option<Finding> {
        let (candidate, active) = (share(self.candidate), share(self.active));
        let interval = candidate.newcombe(active, *self.policy.design_effect.get_ref());
        let slow_after_ms = slow_after.map(time::millis);
        let finding = Finding { rule, candidate, active: Some(active), interval, limit, slow_after_ms };
        (self.are_enough(candidate.of) && self.are_enough(active.of)).then_some(finding)
    }
}
