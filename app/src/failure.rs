//! The answer in place of one that there cannot be.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;

#[derive(Serialize)]
struct Body {
    error: &'static str,
}

/// An answer with `status` that says why, as JSON.
pub(crate) fn failure(status: StatusCode, error: &'static str) -> Response {
    (status, Json(Body { error })).into_response()
}
