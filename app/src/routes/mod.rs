//! The routes, one module for each noun.

mod config;
mod echo;
mod health;
mod info;
mod metrics;
mod page;
mod tunnel;

use std::sync::Arc;

use axum::{
    Router,
    http::{HeaderName, StatusCode, header::CACHE_CONTROL},
    middleware,
    response::Response,
    routing::{get, post},
};

use tower_http::cors::CorsLayer;

use crate::{context::Context, cors, failure::failure, faults, observe, request_timeout};

const LIVEZ: &str = "/livez";
const READYZ: &str = "/readyz";
const METRICS: &str = "/metrics";

type NoStore = [(HeaderName, &'static str); 1];

/// For answers that name the colour: a stored one would name that of a while ago.
const NO_STORE: NoStore = [(CACHE_CONTROL, "no-store")];

/// Whether a route is polled by machines: of no interest in the log, and spared by faults.
pub(crate) fn is_probe(route: &str) -> bool {
    [LIVEZ, READYZ, METRICS].contains(&route)
}

pub(crate) fn router(context: Arc<Context>, cors: Option<CorsLayer>) -> Router {
    let limit = middleware::from_fn_with_state(Arc::clone(&context), request_timeout::limit);
    let inject = middleware::from_fn_with_state(Arc::clone(&context), faults::inject);
    let observe = middleware::from_fn_with_state(Arc::clone(&context), observe::observe);
    let mut service = Router::new()
        .route("/", get(page::show))
        .route("/api/v1/info", get(info::show))
        .route("/api/v1/echo", post(echo::reply).layer(echo::limit()))
        .route("/api/v1/tunnel", get(tunnel::open))
        .merge(config::routes(&context))
        .fallback(not_found)
        .layer(limit)
        // Outside of the time-out: it rehearses a service that hangs.
        .layer(inject);
    if let Some(cors) = cors {
        // Outside of both, so that a page can read what went wrong.
        service = service.layer(cors).layer(middleware::map_response(cors::tell_strangers_nothing));
    }
    let probes = Router::new()
        .route(LIVEZ, get(health::livez))
        .route(READYZ, get(health::readyz))
        .route(METRICS, get(metrics::scrape));
    service.merge(probes).layer(observe).with_state(context)
}

async fn not_found() -> Response {
    failure(StatusCode::NOT_FOUND, "not found")
}
