//! What routes the requests.

pub mod haproxy;
mod stat;
