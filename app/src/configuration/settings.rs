//! The configuration in its types, complete and valid.

use std::{net::IpAddr, time::Duration};

use super::{
    names::{Colour, Environment, LogFormat, LogLevel},
    problem::Problem,
    value::Values,
};

/// Everything that can be set. What each setting does stands in [`SETTINGS`](super::SETTINGS).
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the table of settings documents each field")]
pub struct Settings {
    pub environment: Environment,
    pub server: Server,
    pub log: Log,
    pub release: Release,
    pub faults: Faults,
}

/// How the service listens and stops.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the table of settings documents each field")]
pub struct Server {
    pub host: IpAddr,
    pub port: u16,
    pub drain_delay: Duration,
    pub shutdown_grace: Duration,
    pub header_read_timeout: Duration,
    pub max_connections: usize,
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the table of settings documents each field")]
pub struct Log {
    pub level: LogLevel,
    pub format: LogFormat,
}

/// Which release this process runs.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the table of settings documents each field")]
pub struct Release {
    pub name: String,
    pub colour: Colour,
}

/// What goes wrong on purpose, to rehearse a bad release.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the table of settings documents each field")]
pub struct Faults {
    pub error_rate: f64,
    pub latency: Duration,
    pub never_ready: bool,
    pub crash_after: Option<Duration>,
}

impl Settings {
    pub(super) fn from_values(environment: Environment, values: &Values) -> Result<Self, Problem> {
        Ok(Self {
            environment,
            server: Server {
                host: values.get("server.host")?,
                port: values.get("server.port")?,
                drain_delay: values.get("server.drain_delay")?,
                shutdown_grace: values.get("server.shutdown_grace")?,
                header_read_timeout: values.get("server.header_read_timeout")?,
                max_connections: values.get("server.max_connections")?,
            },
            log: Log { level: values.get("log.level")?, format: values.get("log.format")? },
            release: Release { name: values.get("release.name")?, colour: values.get("release.colour")? },
            faults: Faults {
                error_rate: values.get("faults.error_rate")?,
                latency: values.get("faults.latency")?,
                never_ready: values.get("faults.never_ready")?,
                crash_after: values.get("faults.crash_after")?,
            },
        })
    }
}
