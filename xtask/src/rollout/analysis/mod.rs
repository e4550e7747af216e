//! From the requests of one window, and what a metrics source says about it, to a verdict. Pure.

mod finding;
mod interval;
mod limits;
mod measured;
mod placeholder;
pub mod policy;
mod queries;
mod rules;
mod window;

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use finding::{Finding, Rule};
pub use interval::{Interval, Share};
pub use limits::{Next, Windows};
pub use measured::{Element, Measured, Value};
pub use placeholder::{PLACEHOLDERS, Window};
pub use window::Sample;

use super::colour::{Colour, PerColour};
use super::observed::Counters;
use policy::AnalysisPolicy;
use rules::Rules;

/// What the numbers of a window say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The candidate is within its limits.
    Pass,
    /// It is not.
    Fail,
    /// There were too few requests to tell, or a query found nothing.
    Inconclusive,
    /// The numbers themselves are not to be trusted, or not to be had.
    Error,
}

impl Verdict {
    /// What is broken for certain stays so, whatever else could not be measured.
    fn gravity(self) -> u8 {
        match self {
            Verdict::Pass => 0,
            Verdict::Inconclusive => 1,
            Verdict::Error => 2,
            Verdict::Fail => 3,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::Inconclusive => "inconclusive",
            Verdict::Error => "error",
        })
    }
}

/// A verdict with the numbers it was reached by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// What decided, in words and numbers.
    pub reason: String,
    /// The candidate's requests within the window.
    pub candidate: Sample,
    /// The active colour's within the same window.
    pub active: Sample,
    /// What each rule has found for which there were requests enough.
    pub findings: Vec<Finding>,
    /// What came of each query.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queries: Vec<Measured>,
}

impl Judgement {
    /// The judgement on a window without numbers.
    pub fn error(reason: impl Into<String>) -> Judgement {
        let (candidate, active) = (Sample::default(), Sample::default());
        Judgement {
            verdict: Verdict::Error,
            reason: reason.into(),
            candidate,
            active,
            findings: Vec::new(),
            queries: Vec::new(),
        }
    }

    /// The same with what came of the queries: the gravest of all verdicts, and whatever led to it.
    pub fn and(self, queries: Vec<Measured>) -> Judgement {
        let told = queries.iter().map(|query| (query.verdict(), query.to_string()));
        let told: Vec<_> = std::iter::once((self.verdict, self.reason.clone())).chain(told).collect();
        let verdict = told.iter().map(|(verdict, _)| *verdict).max_by_key(|verdict| verdict.gravity());
        let verdict = verdict.unwrap_or(self.verdict);
        let reasons: Vec<_> = told.into_iter().filter(|(its, _)| *its == verdict).map(|(_, reason)| reason).collect();
        Judgement { verdict, reason: reasons.join("; "), queries, ..self }
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.verdict, self.reason)
    }
}

/// Judges the requests between two readings of the counters of both colours.
///
/// Nothing fails by what chance may have done: a limit is broken when the whole 99 % interval is above it. What is above it
/// as counted alone is inconclusive, and so is a window with fewer than `min_requests`. Such a window can show that a release
/// is broken, by ten errors or more, and cannot show that it is not.
///
/// ```
/// use xtask::rollout::analysis::{Verdict, judge};
/// use xtask::rollout::analysis::policy::AnalysisPolicy;
/// use xtask::rollout::colour::{Colour, PerColour};
/// use xtask::rollout::observed::Counters;
///
/// let before = PerColour::default();
/// let blue = Counters { attempts: 1_800, answers: 1_800, ..Counters::default() };
/// let green = Counters { attempts: 200, answers: 180, failures: 20, ..Counters::default() };
/// let judgement = judge(&before, &PerColour { blue, green }, Colour::Green, &AnalysisPolicy::default());
/// assert_eq!(judgement.verdict, Verdict::Fail);
/// assert!(judgement.reason.starts_with("20 of 200 requests failed, more than the 1 % that may"));
/// ```
pub fn judge(
    before: &PerColour<Counters>,
    after: &PerColour<Counters>,
    candidate: Colour,
    policy: &AnalysisPolicy,
) -> Judgement {
    let sample = |colour| Sample::between(*before.get(colour), *after.get(colour));
    let (Some(candidate), Some(active)) = (sample(candidate), sample(candidate.other())) else {
        return Judgement::error("the proxy began to count anew within the window");
    };
    let findings = Rules { candidate: &candidate, active: &active, policy }.findings();
    let (verdict, reason) = conclude(&candidate, &active, &findings, policy);
    Judgement { verdict, reason, candidate, active, findings, queries: Vec::new() }
}

/// The gravest finding decides.
fn conclude(candidate: &Sample, active: &Sample, findings: &[Finding], policy: &AnalysisPolicy) -> (Verdict, String) {
    let first = |verdict| findings.iter().find(|finding| finding.verdict() == verdict);
    if let Some(finding) = first(Verdict::Fail) {
        return (Verdict::Fail, finding.to_string());
    }
    let enough = policy.min_requests.max(1);
    if candidate.requests < enough {
        let few = format!("{} requests, and nothing is concluded from fewer than {enough}", candidate.requests);
        return (Verdict::Inconclusive, few);
    }
    if let Some(finding) = first(Verdict::Inconclusive) {
        return (Verdict::Inconclusive, finding.to_string());
    }
    let is_compared = active.requests >= enough;
    let told = findings.iter().filter(|finding| match finding.rule {
        Rule::MaxErrorRate => !is_compared,
        Rule::Waiting => false,
        Rule::MaxErrorIncrease | Rule::MaxLatency | Rule::MaxSlowIncrease => true,
    });
    let mut told: Vec<_> = told.map(Finding::to_string).collect();
    if !is_compared {
        told.push(format!("not compared with the active colour, which had {} requests", active.requests));
    }
    (Verdict::Pass, told.join("; "))
}
