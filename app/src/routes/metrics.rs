//! `GET /metrics`.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{
        HeaderMap, StatusCode,
        header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};

use crate::{context::Context, failure::failure, metrics};

/// How a scraper identifies itself: the scheme of RFC 6750.
const SCHEME: &str = "Bearer";

pub(super) async fn scrape(State(context): State<Arc<Context>>, headers: HeaderMap) -> Response {
    let required = context.metrics_token.as_ref();
    if required.is_some_and(|token| !presented(&headers).is_some_and(|presented| token.matches(presented))) {
        let refused = failure(StatusCode::UNAUTHORIZED, "unauthorized");
        return ([(WWW_AUTHENTICATE, SCHEME)], refused).into_response();
    }
    match context.metrics.encode() {
        Ok(text) => ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "cannot encode the metrics");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The token that a request presents. The scheme's name may be written in any case.
fn presented(headers: &HeaderMap) -> Option<&[u8]> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.as_bytes().split_at_checked(SCHEME.len())?;
    let is_separated = scheme.eq_ignore_ascii_case(SCHEME.as_bytes()) && token.starts_with(b" ");
    is_separated.then(|| token.trim_ascii_start())
}
