//! The time that an answer may take.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::Response,
};
use tokio::time;

use crate::{context::Context, failure::failure};

/// Answers 503 in place of a handler that takes too long, and drops it. A connection that was upgraded has its answer, and
/// goes on.
pub(crate) async fn limit(State(context): State<Arc<Context>>, request: Request, next: Next) -> Response {
    let answered = time::timeout(context.request_timeout, next.run(request)).await;
    answered.unwrap_or_else(|_| failure(StatusCode::SERVICE_UNAVAILABLE, "timed out"))
}
