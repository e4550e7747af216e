//! Values that are valid as such, but that some environments refuse.

use std::{fmt, net::IpAddr, ops::RangeInclusive, time::Duration};

use humantime::format_duration;

use super::{Setting, value::Value};
use crate::configuration::names::{Environment, listed};

/// Values that some environments refuse.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Where they are refused.
    pub environments: &'static [Environment],
    /// Which ones.
    pub values: Refused,
    /// Why, as the end of "… is refused in production: ".
    pub reason: &'static str,
}

impl Refusal {
    /// That `setting`'s values are refused, where and why, as a sentence without its full stop.
    #[must_use]
    pub fn sentence(&self, setting: &Setting) -> String {
        let verb = if self.environments.len() == 1 { "refuses" } else { "refuse" };
        let environments = Environment::listed(self.environments);
        format!("{environments} {verb} {}: {}", self.values.named(setting), self.reason)
    }
}

/// What a [`Refusal`] refuses. Displayed, it says what is left of what would be valid.
#[derive(Clone, Debug)]
pub enum Refused {
    /// These values, as text; of a list, one that has any of them.
    These(&'static [&'static str]),
    /// Whatever is not the default.
    AnyButDefault,
    /// Spans that are not in this range.
    Outside(RangeInclusive<Duration>),
    /// Addresses that others than this machine and its private networks reach: public ones, and those that stand for all.
    Exposed,
    /// Secrets that are shorter than this many bytes, have fewer than a quarter as many different ones, or are
    /// [known to everybody](WELL_KNOWN).
    Weak(usize),
}

/// What stands in templates and tutorials, and so is no secret: found anywhere in one, in any case.
pub const WELL_KNOWN: &[&str] = &["changeme", "change-me", "change_me", "example", "password", "placeholder", "secret"];

impl Refused {
    /// Whether it refuses `value`, which is one of `setting`'s.
    #[must_use]
    pub fn contain(&self, value: &Value, setting: &Setting) -> bool {
        match (self, value) {
            (Self::AnyButDefault, value) => setting.default_value().as_ref() != Some(value),
            (Self::These(_), Value::List(items)) => items.iter().any(|item| self.contain(item, setting)),
            (Self::These(texts), value) => texts.contains(&value.to_string().as_str()),
            (Self::Outside(range), Value::Duration(duration)) => !range.contains(duration),
            (Self::Exposed, Value::Address(address)) => is_exposed(*address),
            (Self::Weak(least), Value::Secret(secret)) => is_weak(secret.expose(), *least),
            _ => false,
        }
    }

    /// What it refuses of `setting`, in words.
    fn named(&self, setting: &Setting) -> String {
        match self {
            Self::These(texts) => listed(texts),
            Self::AnyButDefault => match setting.default {
                Some(text) => format!("whatever is not {text}"),
                None => "every value".to_owned(),
            },
            Self::Outside(range) => {
                let (start, end) = (format_duration(*range.start()), format_duration(*range.end()));
                format!("less than {start} and more than {end}")
            }
            Self::Exposed => "addresses that others than this machine and its private networks reach".to_owned(),
            Self::Weak(least) => format!("fewer than {least} bytes, and words out of templates"),
        }
    }
}

fn is_exposed(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !(address.is_loopback() || address.is_private() || address.is_link_local()),
        IpAddr::V6(address) => !(address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()),
    }
}

fn is_weak(secret: &str, least: usize) -> bool {
    let mut bytes = secret.as_bytes().to_vec();
    bytes.sort_unstable();
    bytes.dedup();
    let lower = secret.to_lowercase();
    secret.len() < least || bytes.len() < least / 4 || WELL_KNOWN.iter().any(|known| lower.contains(known))
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::These(texts) => write!(formatter, "but not {}", texts.join(" or ")),
            Self::AnyButDefault => write!(formatter, "the default"),
            Self::Outside(range) => {
                let (start, end) = (format_duration(*range.start()), format_duration(*range.end()));
                write!(formatter, "and here from {start} to {end}")
            }
            Self::Exposed => write!(formatter, "and here of this machine or a private network"),
            Self::Weak(least) => write!(
                formatter,
                "and here at least {least} bytes that nobody guesses, such as those of `openssl rand -hex {least}`"
            ),
        }
    }
}
