//! Points in time as people and files see them: RFC 3339, UTC, whole milliseconds.

use std::time::SystemTime;

/// `2026-11-22T20:55:26.123Z`.
pub fn format(at: SystemTime) -> String {
    humantime::format_rfc3339_millis(at).to_string()
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
