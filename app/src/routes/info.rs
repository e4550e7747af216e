//! `GET /api/v1/info`: which process answers.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::Serialize;

use super::{NO_STORE, NoStore};
use crate::context::Context;

#[derive(Serialize)]
pub(super) struct Info {
    release: String,
    colour: &'static str,
    environment: &'static str,
    version: &'static str,
    /// RFC 3339, in UTC.
    started_at: String,
    uptime_seconds: u64,
    hostname: String,
    pid: u32,
}

pub(super) async fn show(State(context): State<Arc<Context>>) -> (NoStore, Json<Info>) {
    let identity = &context.identity;
    let info = Info {
        release: identity.release.clone(),
        colour: identity.colour.as_str(),
        environment: identity.environment.as_str(),
        version: identity.version,
        started_at: identity.started_at.clone(),
        uptime_seconds: identity.started.elapsed().as_secs(),
        hostname: identity.hostname.clone(),
        pid: identity.pid,
    };
    (NO_STORE, Json(info))
}
