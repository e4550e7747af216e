//! What happens to every request, whatever its route: a name, headers, a metric, a log line.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, header::CONNECTION},
    middleware::Next,
    response::Response,
};

use crate::{context::Context, metrics::UNMATCHED, request_id::X_REQUEST_ID, routes};

const X_COLOUR: HeaderName = HeaderName::from_static("x-colour");
const X_RELEASE: HeaderName = HeaderName::from_static("x-release");

/// Wraps every route, the fallback included.
pub(crate) async fn observe(
    State(context): State<Arc<Context>>,
    route: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let in_flight = context.metrics.request();
    let request_id = context.request_ids.take_or_make(request.headers());
    let method = request.method().clone();
    let uri = request.uri().clone();
    let route = route.as_ref().map_or(UNMATCHED, MatchedPath::as_str);

    let mut response = next.run(request).await;

    let status = response.status();
    let duration = started.elapsed();
    context.metrics.answered(&method, route, status, duration);
    drop(in_flight);
    // The path without its query, which may hold what no log should.
    let path = uri.path();
    let status = status.as_u16();
    let duration_ms = duration.as_secs_f64() * 1_000.0;
    let id = request_id.to_str().unwrap_or_default();
    if routes::is_probe(route) {
        tracing::debug!(request_id = id, %method, path, status, duration_ms, "answered");
    } else {
        tracing::info!(request_id = id, %method, path, status, duration_ms, "answered");
    }
    sign(response.headers_mut(), &context, request_id);
    response
}

/// Names who answered, and ends the connection where the process is about to go.
fn sign(headers: &mut HeaderMap, context: &Context, request_id: HeaderValue) {
    headers.insert(X_COLOUR, context.identity.colour_header.clone());
    headers.insert(X_RELEASE, context.identity.release_header.clone());
    headers.insert(X_REQUEST_ID, request_id);
    // Asked after the handler: a request under way when the drain began ends its connection too.
    if context.lifecycle.is_draining() {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
}
