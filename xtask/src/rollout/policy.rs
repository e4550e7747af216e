//! What the user wrote about how a release is rolled out. Data only; `delivery.toml` says what each key means.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use toml::Spanned;

pub use super::analysis::policy::{AnalysisPolicy, OnInconclusive};

/// A span of time written with its unit: `250ms`, `10s`, `5m`, `1h`; a year at the most. A bare number is refused.
///
/// ```
/// use xtask::rollout::policy::Span;
///
/// assert_eq!("90s".parse::<Span>().unwrap().to_string(), "1m 30s");
/// assert!("2y".parse::<Span>().unwrap_err().contains("longer than a year"));
/// assert!("90".parse::<Span>().unwrap_err().contains("with its unit"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(Duration);

impl Span {
    const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

    /// The span of a number of seconds.
    pub const fn secs(secs: u64) -> Span {
        Span(Duration::from_secs(secs))
    }

    /// The span of a number of milliseconds.
    pub const fn millis(millis: u64) -> Span {
        Span(Duration::from_millis(millis))
    }
}

impl Deref for Span {
    type Target = Duration;

    fn deref(&self) -> &Duration {
        &self.0
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let span = humantime::parse_duration(text).map(Span).map_err(|error| {
            format!("`{text}` is not a span of time ({error}); write a number with its unit, such as \"250ms\", \"10s\" or \"5m\"")
        })?;
        // Beyond it a date can no longer be written down.
        if *span > Span::LONGEST { Err(format!("`{text}` is longer than a year")) } else { Ok(span) }
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> String {
        span.to_string()
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", humantime::format_duration(self.0))
    }
}

/// One step of a rollout.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The candidate's share of the requests, in percent (1–100).
    pub set_weight: Spanned<u8>,
}

/// How a release is rolled out in one environment.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The weights the candidate passes through; they rise, and the last is 100.
    pub steps: Spanned<Vec<Step>>,
    /// Good probes in a row before the candidate counts as ready.
    #[serde(default = "three")]
    pub success_threshold: u32,
    /// How long the candidate may take to become ready.
    #[serde(default = "half_a_minute")]
    pub startup_timeout: Span,
    /// How long each weight is watched before the next.
    pub bake: Span,
    /// How long the old colour is kept running after the promotion; zero stops it at once.
    pub keep_warm: Span,
    /// How long requests in flight may take to end before their colour is stopped all the same.
    #[serde(default = "half_a_minute")]
    pub drain_timeout: Span,
    /// What the measured requests of each step are held against.
    #[serde(default)]
    pub analysis: AnalysisPolicy,
}

fn three() -> u32 {
    3
}

fn half_a_minute() -> Span {
    Span::secs(30)
}

impl Policy {
    /// The weights in order.
    pub fn weights(&self) -> impl Iterator<Item = u8> {
        self.steps.get_ref().iter().map(|step| *step.set_weight.get_ref())
    }

    /// Everything in the policy that can be parsed and still makes no sense, each with the byte range it stands at.
    pub fn mistakes(&self) -> Vec<(std::ops::Range<usize>, String)> {
        let mut found = Vec::new();
        let steps = self.steps.get_ref();
        for step in steps {
            let weight = *step.set_weight.get_ref();
            if !(1..=100).contains(&weight) {
                found.push((step.set_weight.span(), format!("a weight of {weight} is outside 1–100")));
            }
        }
        for pair in steps.windows(2) {
            let [before, after] = pair else { continue };
            let (before, weight) = (*before.set_weight.get_ref(), *after.set_weight.get_ref());
            if weight <= before {
                let text =
                    format!("the weight goes from {before} to {weight}; each step has to give the candidate more");
                found.push((after.set_weight.span(), text));
            }
        }
        match steps.last() {
            None => found
                .push((self.steps.span(), "there is no step; `[{ set_weight = 100 }]` is the shortest rollout".into())),
            Some(last) if *last.set_weight.get_ref() != 100 => {
                found.push((
                    last.set_weight.span(),
                    "the last weight has to be 100, or the rollout would never end".into(),
                ));
            }
            Some(_) => {}
        }
        if self.success_threshold == 0 {
            found.push((
                self.steps.span(),
                "`success_threshold` is 0; one good probe is the least that shows anything".into(),
            ));
        }
        found.extend(self.analysis.mistakes());
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(toml: &str) -> Vec<String> {
        let policy: Policy = toml::from_str(toml).unwrap();
        policy.mistakes().into_iter().map(|(_, text)| text).collect()
    }

    fn with_steps(steps: &str) -> String {
        format!("steps = {steps}\nbake = \"1s\"\nkeep_warm = \"1m\"\n")
    }

    #[test]
    fn rising_weights_that_end_at_a_hundred_are_accepted() {
        assert_eq!(mistakes(&with_steps("[{ set_weight = 5 }, { set_weight = 100 }]")), Vec::<String>::new());
    }

    #[test]
    fn all_mistakes_are_found_at_once() {
        let found = mistakes(&with_steps("[{ set_weight = 0 }, { set_weight = 50 }, { set_weight = 20 }]"));
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].contains("outside 1–100"));
        assert!(found[1].contains("from 50 to 20"));
        assert!(found[2].contains("has to be 100"));
    }

    #[test]
    fn a_policy_without_steps_or_with_impossible_limits_is_refused() {
        assert!(mistakes(&with_steps("[]"))[0].contains("there is no step"));
        let toml = with_steps("[{ set_weight = 100 }]") + "success_threshold = 0\nanalysis.max_error_rate = 7.0\n";
        assert_eq!(mistakes(&toml).len(), 2);
    }

    #[test]
    fn a_duration_without_a_unit_is_refused_where_it_stands() {
        let error = toml::from_str::<Policy>("steps = []\nbake = \"10\"\nkeep_warm = \"1m\"").unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("with its unit"), "{error}");
    }
}
