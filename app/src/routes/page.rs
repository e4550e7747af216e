//! `GET /`: a page that shows which colour answers, live.

use std::sync::Arc;

use axum::{extract::State, response::Html};

use super::{NO_STORE, NoStore};
use crate::context::Context;

const PAGE: &str = include_str!("page.html");

pub(super) async fn show(State(context): State<Arc<Context>>) -> (NoStore, Html<String>) {
    let identity = &context.identity;
    // Nothing to escape: validation lets no character of HTML's own into any of the three.
    let page = PAGE
        .replace("{release}", &identity.release)
        .replace("{colour}", identity.colour.as_str())
        .replace("{environment}", identity.environment.as_str());
    (NO_STORE, Html(page))
}
