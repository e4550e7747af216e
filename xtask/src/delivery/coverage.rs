//! How much of the code the tests have to run.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use toml::Spanned;

/// Which tests count, and what they have to reach.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coverage {
    /// The tests that count, in nextest's filterset language; without it, all.
    pub tests: Option<String>,
    /// The least share of each crate's lines, by the crate's name.
    #[serde(default)]
    pub floor: BTreeMap<Spanned<String>, Spanned<Share>>,
}

/// A share in percent with one digit after the point, 0.0 to 100.0.
///
/// ```
/// use xtask::delivery::Share;
///
/// assert_eq!(Share::of(2, 3).unwrap().to_string(), "66.6");
/// assert_eq!(Share::try_from(66.6), Ok(Share::of(666, 1000).unwrap()));
/// assert!(Share::try_from(66.66).is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "f64")]
pub struct Share {
    tenths: u16,
}

impl Share {
    /// The share that a part is of a whole, rounded down; none of nothing.
    pub fn of(part: u64, whole: u64) -> Option<Share> {
        let tenths = (u128::from(part) * 1000).checked_div(u128::from(whole))?;
        Some(Share { tenths: u16::try_from(tenths.min(1000)).unwrap_or(1000) })
    }

    /// So many tenths of a percent.
    pub(crate) const fn tenths(tenths: u16) -> Share {
        Share { tenths }
    }

    /// This share less another, and 0.0 where that is the larger.
    #[must_use]
    pub fn less(self, other: Share) -> Share {
        Share { tenths: self.tenths.saturating_sub(other.tenths) }
    }
}

impl TryFrom<f64> for Share {
    type Error = String;

    fn try_from(percent: f64) -> Result<Share, String> {
        let tenths = (percent * 10.0).round();
        // What is written with one digit is not quite that number in binary.
        if (0.0..=1000.0).contains(&tenths) && (percent * 10.0 - tenths).abs() < 1e-6 {
            return Ok(Share { tenths: tenths as u16 });
        }
        Err(format!("{percent} is no share; write percent with one digit after the point, 0.0 to 100.0"))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{}", self.tenths / 10, self.tenths % 10))
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(self.tenths) / 10.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Delivery;
    use crate::testing::DELIVERY;

    #[test]
    fn a_share_is_percent_with_one_digit() {
        for (percent, text) in [(0.0, "0.0"), (0.1, "0.1"), (70.0, "70.0"), (99.9, "99.9"), (100.0, "100.0")] {
            assert_eq!(Share::try_from(percent).unwrap().to_string(), text);
        }
        for percent in [-0.1, 100.1, 85.25, f64::NAN, f64::INFINITY] {
            assert!(Share::try_from(percent).unwrap_err().contains("0.0 to 100.0"), "{percent}");
        }
    }

    #[test]
    fn a_part_is_rounded_down() {
        assert_eq!(Share::of(84_999, 100_000), Some(Share::tenths(849)));
        assert_eq!(Share::of(u64::MAX, u64::MAX), Some(Share::tenths(1000)));
        assert_eq!(Share::of(0, 0), None);
    }

    #[test]
    fn a_floor_that_is_no_share_is_shown_where_it_stands() {
        let parse = |floor: &str| Delivery::parse(&format!("[coverage]\nfloor = {{ shop = {floor} }}\n{DELIVERY}"));
        assert_eq!(*parse("85").unwrap().coverage.floor["shop"].get_ref(), Share::tenths(850));
        for floor in ["100.1", "-1.0", "85.25", "nan", "\"85\""] {
            let mistakes = parse(floor).unwrap_err().join("\n");
            assert!(mistakes.contains("line 2, column 18"), "{mistakes}");
        }
    }
}
