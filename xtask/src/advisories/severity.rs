//! How severe a vulnerability is. The rule stands here, and in docs/pipeline.md for people:
//!
//! 1. An advisory with a CVSS vector, version 3 or 4, is what its score says, by the bands of FIRST: from 9.0 critical, from
//!    7.0 high, from 4.0 medium, from 0.1 low.
//! 2. One without is critical where the crate is malicious, and a note where it is only unmaintained or a notice.
//! 3. Any other counts as high, unsoundness included: what nobody has rated must not pass unnoticed.

use std::fmt;

use cvss::Cvss;
use serde::{Deserialize, Serialize};

/// How severe, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// To be known, and no vulnerability.
    Note,
    /// CVSS below 4.0.
    Low,
    /// CVSS from 4.0.
    Medium,
    /// CVSS from 7.0, and whatever has no score.
    High,
    /// CVSS from 9.0, and malicious code.
    Critical,
}

impl Severity {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What is known of an advisory that says how severe it is.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Rating {
    pub(super) cvss: Option<String>,
    pub(super) informational: Option<String>,
    #[serde(default)]
    pub(super) categories: Vec<String>,
}

impl Rating {
    /// Its score, from 0.0 to 10.0, where it has a vector that can be read.
    pub(super) fn score(&self) -> Option<f64> {
        Some(self.cvss.as_deref()?.parse::<Cvss>().ok()?.score())
    }

    /// By the rule above.
    pub(super) fn severity(&self) -> Severity {
        if let Some(score) = self.score() {
            return of_score(score);
        }
        if self.categories.iter().any(|category| category == "malicious") {
            return Severity::Critical;
        }
        match self.informational.as_deref() {
            Some("unmaintained" | "notice") => Severity::Note,
            _ => Severity::High,
        }
    }

    /// What it was judged by, in a few words.
    pub(super) fn basis(&self) -> String {
        let kind = || self.informational.clone().unwrap_or_else(|| self.categories.join(", "));
        match (self.score(), kind()) {
            (Some(score), _) => format!("CVSS {score:.1}"),
            (None, kind) if kind.is_empty() => "no score".into(),
            (None, kind) => format!("no score, {kind}"),
        }
    }
}

fn of_score(score: f64) -> Severity {
    match score {
        9.0.. => Severity::Critical,
        7.0.. => Severity::High,
        4.0.. => Severity::Medium,
        0.1.. => Severity::Low,
        0.0..0.1 => Severity::Note,
        // Of a score that is none, nothing is known.
        _ => Severity::High,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rating(cvss: &str, informational: &str, categories: &[&str]) -> Rating {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let categories = categories.iter().map(|&category| category.to_owned()).collect();
        Rating { cvss: some(cvss), informational: some(informational), categories }
    }

    #[test]
    fn a_score_decides_by_its_band_whatever_the_version() {
        for (vector, score, severity) in [
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8, Severity::Critical),
            ("CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H", 7.5, Severity::High),
            ("CVSS:3.1/AV:L/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H", 6.2, Severity::Medium),
            ("CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N", 1.6, Severity::Low),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0.0, Severity::Note),
            ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", 9.3, Severity::Critical),
            ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:H/SC:N/SI:N/SA:N", 8.7, Severity::High),
            ("CVSS:4.0/AV:L/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:L/SC:N/SI:N/SA:N", 5.1, Severity::Medium),
        ] {
            let rating = rating(vector, "unmaintained", &["malicious"]);
            let found = rating.score().unwrap();
            assert!((found - score).abs() < 0.05, "{vector}: {found}");
            assert_eq!(rating.severity(), severity, "{vector}");
        }
        assert_eq!(
            [8.9, 9.0, 6.9, 7.0, 3.9, 4.0, 0.1].map(of_score).map(Severity::name),
            ["high", "critical", "medium", "high", "low", "medium", "low"]
        );
        assert_eq!([f64::NAN, -1.0].map(of_score), [Severity::High; 2]);
    }

    #[test]
    fn without_a_score_nothing_but_a_notice_is_less_than_high() {
        for (cvss, informational, categories, severity) in [
            ("", "", &[][..], Severity::High),
            ("", "", &["denial-of-service"], Severity::High),
            ("", "unsound", &["memory-corruption"], Severity::High),
            ("", "of a kind that is invented later", &[], Severity::High),
            ("", "unmaintained", &[], Severity::Note),
            ("", "notice", &[], Severity::Note),
            ("", "", &["code-execution", "malicious"], Severity::Critical),
            ("", "notice", &["malicious"], Severity::Critical),
            ("CVSS:9.9/of a version that is invented later", "", &[], Severity::High),
        ] {
            let rating = rating(cvss, informational, categories);
            assert_eq!(rating.severity(), severity, "{rating:?}");
        }
    }
}
