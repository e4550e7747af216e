//! How fast a revision has to be.

use serde::{Deserialize, Serialize};

/// What a revision is held against the last release by.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Performance {
    /// The most that anything may take, as a multiple of what the last release takes for it.
    pub max_slowdown: Slowdown,
}

/// A multiple, above 1.0 and at most 10.0.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Deserialize, Serialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Slowdown(f64);

impl Slowdown {
    /// As a number.
    pub fn ratio(self) -> f64 {
        self.0
    }
}

impl Default for Slowdown {
    fn default() -> Slowdown {
        Slowdown(1.25)
    }
}

impl TryFrom<f64> for Slowdown {
    type Error = String;

    fn try_from(ratio: f64) -> Result<Self, Self::Error> {
        let is_one = ratio > 1.0 && ratio <= 10.0;
        is_one.then_some(Slowdown(ratio)).ok_or_else(|| {
            format!("{ratio} is no slowdown to allow; write a number above 1.0, at most 10.0, such as 1.25")
        })
    }
}

impl From<Slowdown> for f64 {
    fn from(slowdown: Slowdown) -> f64 {
        slowdown.0
    }
}

#[cfg(test)]
mod tests {
    use crate::delivery::Delivery;
    use crate::testing::DELIVERY;

    #[test]
    fn a_slowdown_that_cannot_be_meant_is_shown_where_it_stands() {
        let parse = |value: &str| Delivery::parse(&format!("performance = {{ max_slowdown = {value} }}\n{DELIVERY}"));
        for (value, ratio) in [("1.1", 1.1), ("2", 2.0), ("10.0", 10.0)] {
            assert_eq!(parse(value).unwrap().performance.max_slowdown.ratio(), ratio);
        }
        for value in ["1.0", "0.5", "-2", "10.1", "nan", "inf", "\"1.25\""] {
            let mistakes = parse(value).unwrap_err().join("\n");
            assert!(mistakes.contains("config/delivery.toml: TOML parse error at line 1, column 32"), "{mistakes}");
        }
        assert_eq!(Delivery::parse(DELIVERY).unwrap().performance.max_slowdown.ratio(), 1.25);
    }
}
