//! What the user wrote about how a release is rolled out. Data only; `delivery.toml` says what each key means.

use std::fmt;
use std::ops::{Deref, Range};
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

/// One step of a rollout, as Argo Rollouts names them.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Gives the candidate this share of the requests, in percent (1–100), watches it for `bake`, and judges it.
    SetWeight(Spanned<u8>),
    /// Waits: for so long, or without a duration until somebody says `resume` or `promote`.
    Pause(Spanned<Lasting>),
    /// Watches the candidate at the share it has for another window, of `bake` without a duration, and judges that.
    Analysis(Spanned<Lasting>),
}

/// How long a step takes, where it says so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Lasting {
    /// How long.
    pub duration: Option<Span>,
}

/// What becomes of a rollout that fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// All traffic goes back to the active colour, and the candidate is stopped.
    #[default]
    Rollback,
    /// Once `pre_shift` has run or the candidate has had traffic, everything stays as it is until a person decides: the old
    /// release may not understand any more what the new one has written.
    Freeze,
}

/// One-off runs of a release's own binary.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Hooks {
    /// When the candidate is ready and before it gets any traffic: migrations. Its failure fails the rollout.
    pub pre_shift: Option<Hook>,
    /// After the promotion. Its failure is a warning.
    pub post_promote: Option<Hook>,
    /// After a rollout was taken back, of the release that was rejected. Its failure is a warning.
    pub on_abort: Option<Hook>,
}

impl Hooks {
    /// All that are set.
    fn all(&self) -> impl Iterator<Item = &Hook> {
        [&self.pre_shift, &self.post_promote, &self.on_abort].into_iter().flatten()
    }

    /// Every argument of each.
    pub fn arguments(&self) -> impl Iterator<Item = &String> {
        self.all().flat_map(|hook| hook.command.get_ref())
    }
}

/// What a hook runs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Hook {
    /// The arguments the release's binary is run with, with its settings and secrets; placeholders as in `service.args`.
    pub command: Spanned<Vec<String>>,
    /// After so long it is killed and has failed.
    #[serde(default = "five_minutes")]
    pub timeout: Span,
}

/// How a release is rolled out in one environment.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// What the candidate passes through; its weights rise, and the last is 100.
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
    /// What becomes of a rollout that fails.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// What the measured requests of each step are held against.
    #[serde(default)]
    pub analysis: AnalysisPolicy,
    /// What is run at certain points.
    #[serde(default)]
    pub hooks: Hooks,
}

fn three() -> u32 {
    3
}

fn half_a_minute() -> Span {
    Span::secs(30)
}

fn five_minutes() -> Span {
    Span::secs(300)
}

impl Policy {
    /// The weights in order.
    pub fn weights(&self) -> impl Iterator<Item = u8> {
        self.placed_weights().map(|weight| *weight.get_ref())
    }

    fn placed_weights(&self) -> impl Iterator<Item = &Spanned<u8>> {
        self.steps.get_ref().iter().filter_map(|step| match step {
            Step::SetWeight(weight) => Some(weight),
            _ => None,
        })
    }

    /// Everything in the policy that can be parsed and still makes no sense, each with the byte range it stands at.
    pub fn mistakes(&self) -> Vec<(Range<usize>, String)> {
        let mut found = self.mistakes_of_weights();
        found.extend(self.mistakes_of_other_steps());
        let empty = self.hooks.all().filter(|hook| hook.command.get_ref().is_empty());
        found.extend(empty.map(|hook| {
            (hook.command.span(), "a hook needs arguments for the release's binary, such as [\"migrate\"]".to_owned())
        }));
        if self.success_threshold == 0 {
            found.push((
                self.steps.span(),
                "`success_threshold` is 0; one good probe is the least that shows anything".into(),
            ));
        }
        found.extend(self.analysis.mistakes());
        found
    }

    fn mistakes_of_weights(&self) -> Vec<(Range<usize>, String)> {
        let mut found = Vec::new();
        let weights: Vec<_> = self.placed_weights().collect();
        for weight in weights.iter().filter(|weight| !(1..=100).contains(weight.get_ref())) {
            found.push((weight.span(), format!("a weight of {} is outside 1–100", weight.get_ref())));
        }
        for pair in weights.windows(2) {
            let [before, after] = pair else { continue };
            if after.get_ref() <= before.get_ref() {
                let (before, weight) = (before.get_ref(), after.get_ref());
                let text =
                    format!("the weight goes from {before} to {weight}; each step has to give the candidate more");
                found.push((after.span(), text));
            }
        }
        match weights.last() {
            None => found.push((
                self.steps.span(),
                "there is no weight; `[{ set_weight = 100 }]` is the shortest rollout".into(),
            )),
            Some(last) if *last.get_ref() != 100 => {
                found.push((last.span(), "the last weight has to be 100, or the rollout would never end".into()));
            }
            Some(_) => {}
        }
        found
    }

    fn mistakes_of_other_steps(&self) -> Vec<(Range<usize>, String)> {
        let mut found = Vec::new();
        let mut has_traffic = false;
        for step in self.steps.get_ref() {
            let (name, lasting) = match step {
                Step::SetWeight(_) => {
                    has_traffic = true;
                    continue;
                }
                Step::Pause(lasting) => ("pause", lasting),
                Step::Analysis(lasting) => ("analysis", lasting),
            };
            if lasting.get_ref().duration.is_some_and(|span| span.is_zero()) {
                found.push((lasting.span(), format!("a {name} of no time does nothing; leave it out")));
            }
            if name == "analysis" && !has_traffic {
                let text = "an analysis before the first weight has no requests to judge; put it behind a `set_weight`";
                found.push((lasting.span(), text.into()));
            }
        }
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
        assert!(mistakes(&with_steps("[]"))[0].contains("there is no weight"));
        let toml = with_steps("[{ set_weight = 100 }]") + "success_threshold = 0\nanalysis.max_error_rate = 7.0\n";
        assert_eq!(mistakes(&toml).len(), 2);
    }

    #[test]
    fn pauses_and_analyses_stand_between_weights() {
        let good = "[{ pause = {} }, { set_weight = 5 }, { pause = { duration = \"10m\" } }, { analysis = {} }, { set_weight = 100 }]";
        assert_eq!(mistakes(&with_steps(good)), Vec::<String>::new());
        let bad = "[{ analysis = {} }, { set_weight = 100 }, { pause = { duration = \"0s\" } }]";
        let found = mistakes(&with_steps(bad));
        assert!(found[0].contains("no requests to judge") && found[1].contains("a pause of no time"), "{found:?}");
    }

    #[test]
    fn a_step_that_is_none_and_a_hook_without_arguments_are_refused() {
        for (steps, expected) in [
            ("[{ wait = \"1s\" }]", "unknown variant `wait`"),
            ("[{ set_weight = 5, pause = {} }]", "more than 1 element"),
            ("[{ pause = { for = \"1s\" } }]", "unknown field `for`"),
        ] {
            let error = toml::from_str::<Policy>(&with_steps(steps)).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains("line 1"), "{error}");
        }
        let toml = with_steps("[{ set_weight = 100 }]") + "hooks.pre_shift.command = []\n";
        assert!(mistakes(&toml)[0].contains("a hook needs arguments"));
    }

    #[test]
    fn a_duration_without_a_unit_is_refused_where_it_stands() {
        let error = toml::from_str::<Policy>("steps = []\nbake = \"10\"\nkeep_warm = \"1m\"").unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("with its unit"), "{error}");
    }
}
