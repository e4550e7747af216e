//! Points in time as people and files see them: RFC 3339, UTC, whole milliseconds. Spans as files see them.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// `2026-11-22T20:55:26.123Z`.
pub fn format(at: SystemTime) -> String {
    humantime::format_rfc3339_millis(at).to_string()
}

/// A span in whole milliseconds; the longest there is for one that is longer.
pub fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// A day, in UTC: `2026-11-22`.
///
/// ```
/// use xtask::time::Day;
///
/// assert!(Day::try_from("2026-11-22".to_owned()).unwrap() < Day::try_from("2026-12-01".to_owned()).unwrap());
/// assert!(Day::try_from("2026-02-30".to_owned()).unwrap_err().contains("is no day"));
/// ```
// As text, which sorts as the days do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String")]
pub struct Day(String);

impl Day {
    /// The one on which a point in time lies.
    pub fn of(at: SystemTime) -> Day {
        Day(format(at).chars().take(10).collect())
    }

    /// The one it is now.
    pub fn today() -> Day {
        Day::of(SystemTime::now())
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Day {
    type Error = String;

    fn try_from(text: String) -> Result<Day, String> {
        match humantime::parse_rfc3339(&format!("{text}T00:00:00Z")) {
            Ok(_) => Ok(Day(text)),
            Err(_) => Err(format!("`{text}` is no day; write it as \"2026-12-31\"")),
        }
    }
}

/// For `#[serde(with = "…")]`.
pub mod rfc3339 {
    use super::{SystemTime, format};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes a point in time.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(at: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format(*at))
    }

    /// Reads a point in time.
    ///
    /// # Errors
    /// When the text is not RFC 3339.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SystemTime, D::Error> {
        humantime::parse_rfc3339(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }

    /// For a point in time that may be missing.
    pub mod option {
        use super::{Deserialize, Deserializer, Error, Serializer, SystemTime, format};

        /// Writes it, or nothing.
        ///
        /// # Errors
        /// Those of the serializer.
        pub fn serialize<S: Serializer>(at: &Option<SystemTime>, serializer: S) -> Result<S::Ok, S::Error> {
            match at {
                Some(at) => serializer.serialize_some(&format(*at)),
                None => serializer.serialize_none(),
            }
        }

        /// Reads it, if it is there.
        ///
        /// # Errors
        /// When the text is not RFC 3339.
        pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SystemTime>, D::Error> {
            Option::<String>::deserialize(deserializer)?
                .map(|text| humantime::parse_rfc3339(&text).map_err(D::Error::custom))
                .transpose()
        }
    }
}
