//! Which pages of other origins a browser lets call the service.

use std::time::Duration;

use anyhow::Context as _;
use axum::{
    http::{
        HeaderValue, Method,
        header::{
            ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
            ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, CONTENT_TYPE, ORIGIN,
        },
    },
    response::Response,
};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::{configuration, request_id::X_REQUEST_ID};

/// For how long a browser need not ask again; one caps it at two hours.
const REMEMBERED: Duration = Duration::from_secs(600);

/// What the settings allow; `None` where they allow no origin, so that nothing is said about any.
///
/// Fails where an origin is not fit for a header, which validation has ruled out.
pub(crate) fn layer(settings: &configuration::Cors) -> anyhow::Result<Option<CorsLayer>> {
    let layer = CorsLayer::new()
        .allow_methods([Method::GET, Method::HEAD, Method::POST])
        .allow_headers([CONTENT_TYPE, X_REQUEST_ID])
        .max_age(REMEMBERED);
    let origins = &settings.allowed_origins;
    if origins.is_empty() {
        return Ok(None);
    }
    if origins.iter().any(|origin| origin == "*") {
        // The same for whoever asks.
        return Ok(Some(layer.allow_origin(AllowOrigin::any()).vary([])));
    }
    let origins = origins.iter().map(|origin| HeaderValue::from_str(origin)).collect::<Result<Vec<_>, _>>();
    let origins = origins.context("an origin of cors.allowed_origins is no header")?;
    // A cache must not give one origin's answer to another, nor to a request without one.
    Ok(Some(layer.allow_origin(origins).allow_credentials(settings.allow_credentials).vary([ORIGIN])))
}

/// Takes out what the layer tells an origin that is not allowed about what those that are may do.
pub(crate) async fn tell_strangers_nothing(mut response: Response) -> Response {
    let headers = response.headers_mut();
    if !headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
        for name in [
            ACCESS_CONTROL_ALLOW_CREDENTIALS,
            ACCESS_CONTROL_ALLOW_HEADERS,
            ACCESS_CONTROL_ALLOW_METHODS,
            ACCESS_CONTROL_MAX_AGE,
        ] {
            headers.remove(name);
        }
    }
    response
}
