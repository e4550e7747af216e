//! `POST /api/v1/echo`: gives the body back, so that load tests can tell a lost body from a whole one.

use axum::{body::Bytes, extract::DefaultBodyLimit};

/// The longest body, in bytes; a longer one is answered 413.
const LONGEST_BODY: usize = 1024 * 1024;

pub(super) async fn reply(body: Bytes) -> Bytes {
    body
}

pub(super) fn limit() -> DefaultBodyLimit {
    DefaultBodyLimit::max(LONGEST_BODY)
}
