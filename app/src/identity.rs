//! Which process answers: release, colour, environment, host.

use std::{
    process,
    time::{Instant, SystemTime},
};

use axum::http::HeaderValue;

use crate::configuration::{Colour, Environment, Settings};

/// Who answers, fixed for the life of the process.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) release: String,
    pub(crate) colour: Colour,
    pub(crate) environment: Environment,
    pub(crate) version: &'static str,
    pub(crate) hostname: String,
    pub(crate) pid: u32,
    /// RFC 3339, in UTC.
    pub(crate) started_at: String,
    /// For the uptime, which a change of the clock must not touch.
    pub(crate) started: Instant,
    pub(crate) release_header: HeaderValue,
    pub(crate) colour_header: HeaderValue,
}

impl Identity {
    pub(crate) fn new(settings: &Settings) -> anyhow::Result<Self> {
        let release = settings.release.name.clone();
        let colour = settings.release.colour;
        let host = rustix::system::uname();
        Ok(Self {
            release_header: HeaderValue::from_str(&release)?,
            colour_header: HeaderValue::from_static(colour.as_str()),
            release,
            colour,
            environment: settings.environment,
            version: env!("CARGO_PKG_VERSION"),
            hostname: host.nodename().to_string_lossy().into_owned(),
            pid: process::id(),
            started_at: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            started: Instant::now(),
        })
    }
}
