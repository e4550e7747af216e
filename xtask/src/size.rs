//! Sizes and shares, as people write them in `delivery.toml`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The units a size can be written with, the largest first.
const UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
    ("B", 1),
];

/// A number of bytes written with its unit: `4MB`, `512KiB`. A bare number and an unknown unit are refused.
///
/// ```
/// use xtask::size::Size;
///
/// assert_eq!("4MB".parse::<Size>().unwrap().bytes(), 4_000_000);
/// assert!("4mb".parse::<Size>().unwrap_err().contains("unit"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Size(u64);

impl Size {
    /// As a number of bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }
}

impl From<u64> for Size {
    fn from(bytes: u64) -> Size {
        Size(bytes)
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let factor = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
        let bytes = number.parse::<u64>().ok().zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
        bytes.map(Size).ok_or_else(|| {
            let units: Vec<_> = UNITS.iter().rev().map(|(name, _)| *name).collect();
            format!(
                "`{text}` is not a size; write a whole number with its unit ({}), such as \"4MB\"",
                units.join(", ")
            )
        })
    }
}

impl TryFrom<String> for Size {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Size> for String {
    fn from(size: Size) -> String {
        size.to_string()
    }
}

/// For people: in thousands, with one digit after the point.
impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS.iter().find(|(name, factor)| !name.contains('i') && self.0 >= *factor);
        match unit {
            Some((name, factor)) if *factor > 1 => {
                let tenths = (u128::from(self.0) * 10 + u128::from(*factor) / 2) / u128::from(*factor);
                match (tenths / 10, tenths % 10) {
                    (whole, 0) => write!(f, "{whole}{name}"),
                    (whole, tenth) => write!(f, "{whole}.{tenth}{name}"),
                }
            }
            _ => write!(f, "{}B", self.0),
        }
    }
}

/// A share in whole percent, 1 to 99: `30%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Percent(u8);

impl Percent {
    /// What is left of a number once this share of it is gone.
    pub fn less_of(self, whole: u64) -> u64 {
        let left = u128::from(whole) * u128::from(100 - self.0) / 100;
        u64::try_from(left).unwrap_or(u64::MAX)
    }

    /// What a number becomes once this share of it has come on top.
    pub fn more_of(self, whole: u64) -> u64 {
        let more = u128::from(whole) * u128::from(100 + self.0) / 100;
        u64::try_from(more).unwrap_or(u64::MAX)
    }
}

impl TryFrom<String> for Percent {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let digits = text.strip_suffix('%').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let share = digits.and_then(|digits| digits.parse().ok()).filter(|share| (1..=99).contains(share));
        share.map(Percent).ok_or_else(|| format!("`{text}` is not a share; write \"1%\" to \"99%\", in whole percent"))
    }
}

impl From<Percent> for String {
    fn from(share: Percent) -> String {
        share.to_string()
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_whole_number_with_a_unit_that_is_known() {
        for (text, bytes) in
            [("0B", 0), ("4MB", 4_000_000), ("4MiB", 4 << 20), ("900kB", 900_000), ("1GB", 1_000_000_000)]
        {
            assert_eq!(text.parse::<Size>().unwrap().bytes(), bytes, "{text}");
        }
        for text in ["", "4", "MB", "4mb", "4 MB", " 4MB", "4.5MB", "-4MB", "+4MB", "4MBs", "4M", "99999999999999GB"] {
            let refusal = text.parse::<Size>().unwrap_err();
            assert!(refusal.contains("write a whole number with its unit (B, kB, "), "{text}: {refusal}");
        }
    }

    #[test]
    fn a_size_is_shown_in_thousands_and_rounded() {
        for (bytes, text) in [
            (0, "0B"),
            (999, "999B"),
            (1_000, "1kB"),
            (2_049_999, "2MB"),
            (2_050_000, "2.1MB"),
            (1_500_000_000, "1.5GB"),
        ] {
            assert_eq!(Size(bytes).to_string(), text);
        }
    }

    #[test]
    fn a_share_is_whole_percent_and_leaves_the_rest() {
        let share = |text: &str| Percent::try_from(text.to_owned());
        assert_eq!(share("30%").unwrap().less_of(1_000), 700);
        assert_eq!(share("99%").unwrap().less_of(u64::MAX), u64::MAX / 100);
        assert_eq!(share("30%").unwrap().more_of(1_000), 1_300);
        assert_eq!(share("99%").unwrap().more_of(u64::MAX), u64::MAX);
        for text in ["", "%", "30", "0%", "100%", "30 %", "+3%", "3.5%", "x%"] {
            assert!(share(text).is_err(), "{text}");
        }
    }
}
