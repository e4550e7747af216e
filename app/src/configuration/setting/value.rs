//! A valid value, and the way from values by path to the types of [`Settings`](crate::configuration::Settings).

use std::{collections::BTreeMap, fmt, net::IpAddr, time::Duration};

use super::secret::{MASK, Secret};
use crate::configuration::names::{Colour, LogFormat, LogLevel};

/// A value that is valid for the kind of its setting.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Of `Kind::Address`.
    Address(IpAddr),
    /// Of `Kind::Integer`.
    Integer(u64),
    /// Of `Kind::Ratio`.
    Ratio(f64),
    /// Of `Kind::Boolean`.
    Boolean(bool),
    /// Of `Kind::Duration`.
    Duration(Duration),
    /// Of `Kind::Word`, `Kind::Name` and `Kind::Origin`.
    Text(String),
    /// Of `Kind::Secret`.
    Secret(Secret),
    /// Of `Kind::List`.
    List(Vec<Value>),
    /// Of an optional setting that no layer gives.
    Unset,
}

/// As a variable would give it, but for a secret, which is masked.
impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(formatter),
            Self::Integer(number) => number.fmt(formatter),
            // Debug keeps the `.0` that tells a share from a count.
            Self::Ratio(share) => write!(formatter, "{share:?}"),
            Self::Boolean(boolean) => boolean.fmt(formatter),
            Self::Duration(duration) => humantime::format_duration(*duration).fmt(formatter),
            Self::Text(text) => text.fmt(formatter),
            Self::Secret(_) => formatter.write_str(MASK),
            Self::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    let separator = if index == 0 { "" } else { ", " };
                    write!(formatter, "{separator}{item}")?;
                }
                Ok(())
            }
            Self::Unset => formatter.write_str("unset"),
        }
    }
}

/// The value of every setting, by path.
#[derive(Clone, Debug, PartialEq)]
pub struct Values(pub(crate) BTreeMap<&'static str, Value>);

impl Values {
    /// The value at `path` in its type.
    ///
    /// An error means that the definition and `Settings` disagree, which no input can cause.
    pub(crate) fn get<T: FromValue>(&self, path: &str) -> Result<T, String> {
        self.0.get(path).and_then(T::from_value).ok_or_else(|| format!("{path}: defined as another type than it has"))
    }

    /// The value at `path`.
    #[must_use]
    pub fn value(&self, path: &str) -> Option<&Value> {
        self.0.get(path)
    }

    pub(crate) fn duration(&self, path: &str) -> Option<Duration> {
        self.value(path).and_then(Duration::from_value)
    }

    pub(crate) fn boolean(&self, path: &str) -> Option<bool> {
        self.value(path).and_then(bool::from_value)
    }

    pub(crate) fn list(&self, path: &str) -> Option<Vec<String>> {
        self.value(path).and_then(Vec::from_value)
    }
}

/// A type that a field of `Settings` has.
pub(crate) trait FromValue: Sized {
    fn from_value(value: &Value) -> Option<Self>;
}

/// Implements [`FromValue`] from the one variant that a type comes from.
macro_rules! from_value {
    ($($type:ty: $variant:ident($inner:ident) => $convert:expr;)+) => {
        $(impl FromValue for $type {
            fn from_value(value: &Value) -> Option<Self> {
                match value {
                    Value::$variant($inner) => $convert,
                    _ => None,
                }
            }
        })+
    };
}

from_value! {
    IpAddr: Address(address) => Some(*address);
    u16: Integer(number) => u16::try_from(*number).ok();
    usize: Integer(number) => usize::try_from(*number).ok();
    f64: Ratio(share) => Some(*share);
    bool: Boolean(boolean) => Some(*boolean);
    Duration: Duration(duration) => Some(*duration);
    String: Text(text) => Some(text.clone());
    LogLevel: Text(word) => Self::from_word(word);
    LogFormat: Text(word) => Self::from_word(word);
    Colour: Text(word) => Self::from_word(word);
    Secret: Secret(secret) => Some(secret.clone());
    Vec<String>: List(items) => items.iter().map(String::from_value).collect();
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Unset => Some(None),
            given => T::from_value(given).map(Some),
        }
    }
}
