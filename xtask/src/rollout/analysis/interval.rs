//! How far a share that was counted may be from the true one.

use serde::{Deserialize, Serialize};

/// The quantile of the normal distribution for 99 %, half a percent on each side.
const Z: f64 = 2.576;

/// So many of so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// How many it applies to.
    pub part: u64,
    /// How many there are.
    pub of: u64,
}

/// A range that holds the true value with 99 % confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Its lower end.
    pub lower: f64,
    /// Its upper end.
    pub upper: f64,
}

impl Share {
    /// The share as a number, 0.0–1.0; that of nothing is nothing.
    pub fn rate(self) -> f64 {
        (self.part as f64 / self.of.max(1) as f64).min(1.0)
    }

    /// The score interval of E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", Journal
    /// of the American Statistical Association 22, 1927.
    ///
    /// It holds for independent requests, and those of one visitor are not. Both counts are therefore divided by the design
    /// effect, the factor by which such clusters widen the variance (L. Kish, "Survey Sampling", 1965).
    ///
    /// ```
    /// use xtask::rollout::analysis::Share;
    ///
    /// let half = Share { part: 50, of: 100 };
    /// assert!((half.wilson(1.0).lower - 0.3754).abs() < 0.0005);
    /// assert!(half.wilson(2.0).lower < half.wilson(1.0).lower);
    /// ```
    pub fn wilson(self, design_effect: f64) -> Interval {
        self.score(design_effect, Z)
    }

    fn score(self, design_effect: f64, z: f64) -> Interval {
        let n = self.of.max(1) as f64 / design_effect;
        let p = self.rate();
        let centre = p + z * z / (2.0 * n);
        let margin = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
        let scale = 1.0 + z * z / n;
        Interval { lower: ((centre - margin) / scale).max(0.0), upper: ((centre + margin) / scale).min(1.0) }
    }

    /// The interval of the difference between this share and another: the hybrid score interval of R. G. Newcombe,
    /// "Interval Estimation for the Difference Between Independent Proportions: Comparison of Eleven Methods", Statistics in
    /// Medicine 17, 1998, method 10.
    pub fn newcombe(self, other: Share, design_effect: f64) -> Interval {
        self.hybrid(other, design_effect, Z)
    }

    fn hybrid(self, other: Share, design_effect: f64, z: f64) -> Interval {
        let (here, there) = (self.score(design_effect, z), other.score(design_effect, z));
        let (p, q) = (self.rate(), other.rate());
        Interval {
            lower: p - q - (p - here.lower).hypot(there.upper - q),
            upper: p - q + (here.upper - p).hypot(q - there.lower),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(part: u64, of: u64) -> Share {
        Share { part, of }
    }

    #[test]
    fn nothing_counted_says_nothing() {
        let Interval { lower, upper } = share(0, 0).wilson(1.0);
        assert!(lower < 1e-9 && upper > 0.8, "{lower} {upper}");
        let Interval { lower, upper } = share(0, 0).newcombe(share(0, 0), 2.0);
        assert!(lower < -0.8 && upper > 0.8, "{lower} {upper}");
    }

    /// Newcombe's own examples, table II of the article, method 10 at 95 %.
    #[test]
    fn the_published_examples_come_out_as_published() {
        let table = [
            (share(56, 70), share(48, 80), 0.0524, 0.3339),
            (share(9, 10), share(3, 10), 0.1705, 0.8090),
            (share(10, 10), share(0, 20), 0.6791, 1.0),
            (share(5, 56), share(0, 29), -0.0381, 0.1926),
        ];
        for (here, there, lower, upper) in table {
            let interval = here.hybrid(there, 1.0, 1.96);
            assert!((interval.lower - lower).abs() < 0.0005, "{here:?} {there:?} {interval:?}");
            assert!((interval.upper - upper).abs() < 0.0005, "{here:?} {there:?} {interval:?}");
        }
    }

    #[test]
    fn the_design_effect_is_as_if_there_were_fewer() {
        assert_eq!(share(50, 400).wilson(2.0), share(25, 200).wilson(1.0));
        assert_eq!(share(50, 400).newcombe(share(4, 80), 2.0), share(25, 200).newcombe(share(2, 40), 1.0));
    }
}
