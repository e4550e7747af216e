//! Every setting there is. Loader, validator and error messages all read this one table.

use std::{ops::RangeInclusive, time::Duration};

use super::{
    kind::Kind,
    names::{Colour, Environment, LogFormat, LogLevel},
    value::Value,
};

/// The prefix of every variable that sets a setting.
pub const VARIABLE_PREFIX: &str = "APP__";

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// Section and key, such as `server.port`.
    pub path: &'static str,
    /// The values it may have.
    pub kind: Kind,
    /// The weakest layer, as text; `None` for an optional setting, which is then unset.
    pub default: Option<&'static str>,
    /// What it does, in the words of `base.toml`.
    pub doc: &'static str,
    /// Values that are valid as such, but not everywhere.
    pub refusals: &'static [Refusal],
}

/// Values that some environments refuse.
#[derive(Debug)]
pub struct Refusal {
    /// Where they are refused.
    pub environments: &'static [Environment],
    /// Which ones.
    pub values: Refused,
    /// Why, as the end of "… is refused in production: ".
    pub reason: &'static str,
}

/// What a [`Refusal`] refuses.
#[derive(Debug)]
pub enum Refused {
    /// These values, as text.
    These(&'static [&'static str]),
    /// Whatever is not the default.
    AnyButDefault,
}

impl Setting {
    /// The variable that sets it, such as `APP__SERVER__PORT`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("{VARIABLE_PREFIX}{}", self.path.to_uppercase().replace('.', "__"))
    }

    /// The value when no layer gives one; `None` when the definition itself is wrong.
    #[must_use]
    pub fn default_value(&self) -> Option<Value> {
        self.default.map_or(Some(Value::Unset), |text| self.kind.read_text(text))
    }

    /// Why `value` may not stand in `environment`, if it may not.
    #[must_use]
    pub fn refusal(&self, value: &Value, environment: Environment) -> Option<&'static Refusal> {
        self.refusals.iter().find(|refusal| {
            refusal.environments.contains(&environment)
                && match refusal.values {
                    Refused::These(texts) => texts.iter().any(|text| self.kind.read_text(text).as_ref() == Some(value)),
                    Refused::AnyButDefault => self.default_value().as_ref() != Some(value),
                }
        })
    }
}

/// The setting at `path`.
pub(super) fn find(path: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.path == path)
}

/// Whether `path` is a section, the part of a path before its dot.
pub(super) fn is_section(path: &str) -> bool {
    sections().any(|section| section == path)
}

/// The section of every setting.
pub(super) fn sections() -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().filter_map(|setting| setting.path.split_once('.')).map(|(section, _)| section)
}

const fn milliseconds(from: u64, to: u64) -> RangeInclusive<Duration> {
    Duration::from_millis(from)..=Duration::from_millis(to)
}

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const DAY: u64 = 24 * 60 * MINUTE;

const NO_FAULTS_IN_PRODUCTION: &[Refusal] = &[Refusal {
    environments: &[Environment::Production],
    values: Refused::AnyButDefault,
    reason: "faults are for rehearsals",
}];

/// Every setting, section by section.
pub static SETTINGS: &[Setting] = &[
    Setting {
        path: "server.host",
        kind: Kind::Address,
        default: Some("127.0.0.1"),
        doc: "Address to listen on; 0.0.0.0 listens on every IPv4 address.",
        refusals: &[],
    },
    Setting {
        path: "server.port",
        kind: Kind::Integer(0..=65_535),
        default: Some("8081"),
        doc: "TCP port to listen on; 0 takes a free one and names it in the log, in development only.",
        refusals: &[Refusal {
            environments: &[Environment::Staging, Environment::Production],
            values: Refused::These(&["0"]),
            reason: "a proxy must know the port beforehand",
        }],
    },
    Setting {
        path: "server.drain_delay",
        kind: Kind::Duration(milliseconds(0, MINUTE)),
        default: Some("1s"),
        doc: "How long to go on accepting after SIGTERM, not ready any more: two check intervals of the proxy.",
        refusals: &[],
    },
    Setting {
        path: "server.shutdown_grace",
        kind: Kind::Duration(milliseconds(0, 10 * MINUTE)),
        default: Some("10s"),
        doc: "How long requests in flight may take once nothing more is accepted; then they are cut.",
        refusals: &[],
    },
    Setting {
        path: "server.header_read_timeout",
        kind: Kind::Duration(milliseconds(10, 10 * MINUTE)),
        default: Some("45s"),
        doc: "How long a client may take to send a request's head; an idle connection is closed after it too, so it stays above the proxy's own idle time-out.",
        refusals: &[],
    },
    Setting {
        path: "server.max_connections",
        kind: Kind::Integer(1..=1_000_000),
        default: Some("4096"),
        doc: "How many connections are open at once; further ones wait in the kernel's queue.",
        refusals: &[],
    },
    Setting {
        path: "log.level",
        kind: Kind::Word(LogLevel::WORDS),
        default: Some("info"),
        doc: "Least severe event that is logged: error, warn, info, debug or trace.",
        refusals: &[Refusal {
            environments: &[Environment::Production],
            values: Refused::These(&["debug", "trace"]),
            reason: "it floods the log and slows every request",
        }],
    },
    Setting {
        path: "log.format",
        kind: Kind::Word(LogFormat::WORDS),
        default: Some("json"),
        doc: "Layout of the log: json, one object a line, or pretty for people.",
        refusals: &[],
    },
    Setting {
        path: "release.name",
        kind: Kind::Name,
        default: Some("unreleased"),
        doc: "Release that runs, as responses, metrics and the page name it; set by the deployer.",
        refusals: &[],
    },
    Setting {
        path: "release.colour",
        kind: Kind::Word(Colour::WORDS),
        default: Some("none"),
        doc: "Side of the blue/green pair: blue, green or none; set by the deployer.",
        refusals: &[],
    },
    Setting {
        path: "faults.error_rate",
        kind: Kind::Ratio,
        default: Some("0.0"),
        doc: "Share of requests answered 500, from 0.0 to 1.0; health and metrics are spared.",
        refusals: NO_FAULTS_IN_PRODUCTION,
    },
    Setting {
        path: "faults.latency",
        kind: Kind::Duration(milliseconds(0, 5 * MINUTE)),
        default: Some("0s"),
        doc: "Time added to each request; health and metrics are spared.",
        refusals: NO_FAULTS_IN_PRODUCTION,
    },
    Setting {
        path: "faults.never_ready",
        kind: Kind::Boolean,
        default: Some("false"),
        doc: "Whether readiness stays 503 for ever.",
        refusals: NO_FAULTS_IN_PRODUCTION,
    },
    Setting {
        path: "faults.crash_after",
        kind: Kind::Duration(milliseconds(0, DAY)),
        default: None,
        doc: "Time from start to a crash with exit code 1; 0s crashes before listening, unset never.",
        refusals: NO_FAULTS_IN_PRODUCTION,
    },
];
