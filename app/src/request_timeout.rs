//! The time that an answer may take.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use tokio::time;

use crate::context::Context;

#[derive(Serialize)]
struct TimedOut {
    error: &'static str,
}

/// Answers 503 in place of a handler that takes too long, and drops it. A connection that was upgraded has its answer, and
/// goes on.
pub(crate) async fn limit(State(context): State<Arc<Context>>, request: Request, next: Next) -> Response {
    let answered = time::timeout(context.request_timeout, next.run(request)).await;
    answered
        .unwrap_or_else(|_| (StatusCode::SERVICE_UNAVAILABLE, Json(TimedOut { error: "timed out" })).into_response())
}
