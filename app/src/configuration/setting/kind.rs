//! What a setting's value may be: how its text is read and what would be valid.

use std::{fmt, net::IpAddr, ops::RangeInclusive, time::Duration};

use toml::de::DeValue;

use super::{secret::Secret, value::Value};

/// The longest name a release may have, in characters.
const NAME_LENGTH: usize = 128;

/// What separates the items of a list that is given as text.
pub const LIST_SEPARATOR: char = ',';

/// The type and the range of a setting.
#[derive(Clone, Debug)]
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
    /// An origin as browsers send it, `https://shop.example` or `http://localhost:3000`, or `*` for every one.
    Origin,
    /// Any text of at least one character and no control characters; nobody may see it.
    Secret,
    /// Any number of these: in a file an array, as text separated by [commas](LIST_SEPARATOR), with space around an item
    /// left out, and the empty text as the empty list.
    List(&'static Kind),
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
            Self::Origin => is_origin(text).then(|| Value::Text(text.to_owned())),
            Self::Secret => is_secret(text).then(|| Value::Secret(Secret::new(text))),
            Self::List(_) if text.trim().is_empty() => Some(Value::List(Vec::new())),
            Self::List(item) => {
                let items = text.split(LIST_SEPARATOR).map(|text| item.read_text(text.trim()));
                items.collect::<Option<_>>().map(Value::List)
            }
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
            (
                Self::Address | Self::Duration(_) | Self::Word(_) | Self::Name | Self::Origin | Self::Secret,
                DeValue::String(text),
            ) => self.read_text(text),
            (Self::List(item), DeValue::Array(items)) => {
                let items = items.iter().map(|value| item.read_toml(value.get_ref()));
                items.collect::<Option<_>>().map(Value::List)
            }
            _ => None,
        }
    }
}

fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+/:@".contains(&byte);
    !text.is_empty() && text.len() <= NAME_LENGTH && text.bytes().all(fits)
}

/// A scheme and an authority, and nothing behind them: a browser never sends a path, and compares letter for letter.
fn is_origin(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return text == "*" };
    let (host, port) = rest.rsplit_once(':').unwrap_or((rest, "443"));
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
    ["http", "https"].contains(&scheme)
        && !host.is_empty()
        && host.bytes().all(fits)
        && port.parse::<u16>().is_ok_and(|number| number.to_string() == port)
}

/// The replacement character stands for bytes that were no text: what is compared later would not be what was given.
fn is_secret(text: &str) -> bool {
    !text.is_empty()
        && !text.contains(|character: char| character.is_control() || character == char::REPLACEMENT_CHARACTER)
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
            Self::Origin => write!(formatter, "an origin such as https://shop.example, in small letters, or *"),
            Self::Secret => write!(formatter, "a text of at least one character, without line breaks"),
            Self::List(item) => write!(formatter, "a list, each item {item}"),
        }
    }
}
