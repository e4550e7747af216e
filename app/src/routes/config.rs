//! `GET /api/v1/config`: the effective configuration and where it comes from, in development only.

use std::sync::Arc;

use axum::{Router, http::header::CONTENT_TYPE, routing::get};

use super::NO_STORE;
use crate::context::Context;

/// The route, where there is something to show; elsewhere the path is as unknown as any other.
pub(super) fn routes(context: &Context) -> Router<Arc<Context>> {
    match &context.explanation {
        Some(explanation) => {
            let json = explanation.json();
            let show = move || async { (NO_STORE, [(CONTENT_TYPE, "application/json")], json) };
            Router::new().route("/api/v1/config", get(show))
        }
        None => Router::new(),
    }
}
