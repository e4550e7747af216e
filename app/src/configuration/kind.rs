//! What a setting's value may be: how its text is read and what would be valid.

use std::{fmt, net::IpAddr, ops::RangeInclusive, time::Duration};

use toml::de::DeValue;

use super::value::Value;

/// The longest name a release may have, in characters.
const NAME_LENGTH: usize = 128;

/// The type and the range of a setting.
#[derive(Debug)]
pub enum Kind {
    /// An IPv4 or IPv6 address, never a name that would have to be resolved.
    Address,
    /// A whole number in a range.
    Integer(RangeInclusive<u64>),
    /// A share between 0.0 and 1.0, both included.
    Ratio,
    /// `true` or `false`.
    Boolean,
    /// A length of time with its unit, such as `250ms` or `1m 30s`, in a range.
    Duration(RangeInclusive<Duration>),
    /// One word of a closed set.
    Word(&'static [&'static str]),
    /// Letters, digits and `.`, `_`, `-`, `+`, `/`, `:`, `@`: fit for a header, a metric's label and a page alike.
    Name,
}

impl Kind {
    /// Reads text, as variables and flags give it; `None` when it is not valid.
    #[must_use]
    pub fn read_text(&self, text: &str) -> Option<Value> {
        match self {
            Self::Address => text.parse::<IpAddr>().ok().map(Value::Address),
            Self::Integer(range) => {
                let number = text.parse().ok()?;
                range.contains(&number).then_some(Value::Integer(number))
            }
            Self::Ratio => {
                let share = text.parse().ok()?;
                (0.0..=1.0).contains(&share).then_some(Value::Ratio(share))
            }
            Self::Boolean => text.parse().ok().map(Value::Boolean),
            Self::Duration(range) => {
                let duration = humantime::parse_duration(text).ok()?;
                range.contains(&duration).then_some(Value::Duration(duration))
            }
            Self::Word(words) => words.contains(&text).then(|| Value::Text(text.to_owned())),
            Self::Name => is_name(text).then(|| Value::Text(text.to_owned())),
        }
    }

    /// Reads a TOML value, which must have the TOML type of this kind: `"8081"` is no port in a file.
    #[must_use]
    pub fn read_toml(&self, value: &DeValue<'_>) -> Option<Value> {
        match (self, value) {
            (Self::Integer(_), DeValue::Integer(integer)) => {
                let number = u64::from_str_radix(integer.as_str(), integer.radix()).ok()?;
                self.read_text(&number.to_string())
            }
            (Self::Ratio, DeValue::Integer(integer)) => self.read_text(integer.as_str()),
            (Self::Ratio, DeValue::Float(float)) => self.read_text(float.as_str()),
            (Self::Boolean, DeValue::Boolean(boolean)) => Some(Value::Boolean(*boolean)),
            (Self::Address | Self::Duration(_) | Self::Word(_) | Self::Name, DeValue::String(text)) => {
                self.read_text(text)
            }
            _ => None,
        }
    }
}

fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+/:@".contains(&byte);
    !text.is_empty() && text.len() <= NAME_LENGTH && text.bytes().all(fits)
}

/// Says what would be valid.
impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address => write!(formatter, "an IP address such as 127.0.0.1 or ::1"),
            Self::Integer(range) => write!(formatter, "a whole number from {} to {}", range.start(), range.end()),
            Self::Ratio => write!(formatter, "a number from 0.0 to 1.0"),
            Self::Boolean => write!(formatter, "true or false"),
            Self::Duration(range) => write!(
                formatter,
                "a duration with its unit from {} to {}, such as \"250ms\" or \"10s\"",
                humantime::format_duration(*range.start()),
                humantime::format_duration(*range.end())
            ),
            Self::Word(words) => write!(formatter, "one of {}", words.join(", ")),
            Self::Name => write!(formatter, "1 to {NAME_LENGTH} letters, digits or . _ - + / : @"),
        }
    }
}
