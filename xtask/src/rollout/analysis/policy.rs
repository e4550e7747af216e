//! What the user wrote about the analysis. Data only; `delivery.toml` says what each key means.

use std::fmt::Display;
use std::ops::{Range, RangeInclusive};

use serde::{Deserialize, Serialize};
use toml::Spanned;

pub use super::queries::{Prometheus, Query};
use crate::rollout::latency::Latency;
use crate::rollout::policy::Span;

/// The limits of the analysis.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct AnalysisPolicy {
    /// The highest share of the candidate's requests that may fail (0.0–1.0).
    pub max_error_rate: Spanned<f64>,
    /// How much larger that share may be than the active colour's (0.0–1.0).
    pub max_error_increase: Spanned<f64>,
    /// The share of the active colour's answers that is called fast (0.5–0.999); what is slower than that is slow.
    pub latency_quantile: Spanned<f64>,
    /// What is never called slow, however fast the active colour is: a stall of the host is no slower release.
    pub latency_floor: Spanned<Span>,
    /// How much larger the candidate's share of slow answers may be than the active colour's (0.0–1.0).
    pub max_slow_increase: Spanned<f64>,
    /// How long the candidate's fast answers may take, whatever the active colour's do.
    pub max_latency: Option<Spanned<Span>>,
    /// The factor by which the requests of one visitor being alike widens every interval (1.0–100.0).
    pub design_effect: Spanned<f64>,
    /// Below this many requests to a colour in a window nothing is concluded about it.
    pub min_requests: u64,
    /// What an inconclusive window does to the rollout.
    pub on_inconclusive: OnInconclusive,
    /// How many failed windows a rollout may have.
    pub failure_limit: u32,
    /// How often a rollout may extend an inconclusive window.
    pub inconclusive_limit: u32,
    /// How many windows of a rollout may have no numbers to be trusted.
    pub error_limit: u32,
    /// What else is asked at the end of every window, where anything is.
    pub prometheus: Option<Prometheus>,
}

impl Default for AnalysisPolicy {
    fn default() -> Self {
        fn unwritten<T>(value: T) -> Spanned<T> {
            Spanned::new(0..0, value)
        }
        AnalysisPolicy {
            max_error_rate: unwritten(0.01),
            max_error_increase: unwritten(0.001),
            latency_quantile: unwritten(0.95),
            latency_floor: unwritten(Span::millis(5)),
            max_slow_increase: unwritten(0.05),
            max_latency: None,
            design_effect: unwritten(2.0),
            min_requests: 50,
            on_inconclusive: OnInconclusive::Pass,
            failure_limit: 0,
            inconclusive_limit: 3,
            error_limit: 2,
            prometheus: None,
        }
    }
}

/// What a window that shows neither does to the rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnInconclusive {
    /// The rollout goes on: right where there is no traffic to speak of.
    Pass,
    /// The rollout is aborted.
    Fail,
    /// The window is extended, `inconclusive_limit` times in a rollout; then the rollout is aborted.
    Wait,
}

impl AnalysisPolicy {
    /// Everything that can be parsed and still makes no sense, each with the byte range it stands at.
    pub fn mistakes(&self) -> Vec<(Range<usize>, String)> {
        let share = 0.0..=1.0;
        let numbers = [
            outside("max_error_rate", &self.max_error_rate, share.clone(), "a share between 0.0 and 1.0"),
            outside("max_error_increase", &self.max_error_increase, share.clone(), "a share between 0.0 and 1.0"),
            outside("max_slow_increase", &self.max_slow_increase, share, "a share between 0.0 and 1.0"),
            outside("latency_quantile", &self.latency_quantile, 0.5..=0.999, "a share between 0.5 and 0.999"),
            outside("design_effect", &self.design_effect, 1.0..=100.0, "a factor between 1.0 and 100.0"),
        ];
        let bounds = [
            Some(("latency_floor", &self.latency_floor)),
            self.max_latency.as_ref().map(|latency| ("max_latency", latency)),
        ];
        let spans = bounds.into_iter().flatten().map(|(key, span)| no_bound(key, span));
        let limits = numbers.into_iter().chain(spans).flatten();
        limits.chain(self.prometheus.iter().flat_map(Prometheus::mistakes)).collect()
    }
}

fn outside(key: &str, value: &Spanned<f64>, range: RangeInclusive<f64>, right: &str) -> Option<(Range<usize>, String)> {
    let number = *value.get_ref();
    (!range.contains(&number)).then(|| (value.span(), wrong(key, &number, right)))
}

fn no_bound(key: &str, value: &Spanned<Span>) -> Option<(Range<usize>, String)> {
    if Latency::bounds().any(|bound| bound == **value.get_ref()) {
        return None;
    }
    let bounds: Vec<_> = Latency::BOUNDS.iter().map(|millis| Span::millis(*millis).to_string()).collect();
    let right = format!("one of the bounds that are told apart, {}", bounds.join(", "));
    Some((value.span(), wrong(key, value.get_ref(), &right)))
}

pub(super) fn wrong(key: &str, value: &impl Display, right: &str) -> String {
    format!("`analysis.{key}` is {value}; it is {right}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_is_found_where_it_stands() {
        let text = "max_error_rate = 7.0\nmax_error_increase = -0.1\nmax_slow_increase = nan\nlatency_quantile = 1.0\n\
                    design_effect = 0.5\nlatency_floor = \"3ms\"\nmax_latency = \"3s\"";
        let policy: AnalysisPolicy = toml::from_str(text).unwrap();
        let found: Vec<_> = policy.mistakes().into_iter().map(|(span, told)| (text[span].to_owned(), told)).collect();
        let places: Vec<_> = found.iter().map(|(place, _)| place.as_str()).collect();
        assert_eq!(places, ["7.0", "-0.1", "nan", "1.0", "0.5", "\"3ms\"", "\"3s\""]);
        assert_eq!(found[0].1, "`analysis.max_error_rate` is 7; it is a share between 0.0 and 1.0");
        assert!(found[6].1.contains("100ms, 250ms, 500ms, 1s, 2s 500ms"), "{}", found[6].1);
    }

    #[test]
    fn what_is_not_written_is_right_and_the_ends_of_a_range_belong_to_it() {
        assert_eq!(AnalysisPolicy::default().mistakes(), Vec::new());
        let text = "max_error_rate = 0\nmax_slow_increase = 1\ndesign_effect = 1\nlatency_quantile = 0.5\nmax_latency = \"2500ms\"";
        let policy: AnalysisPolicy = toml::from_str(text).unwrap();
        assert_eq!(policy.mistakes(), Vec::new());
    }
}
