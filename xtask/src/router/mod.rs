//! What routes the requests.

pub mod config;
pub mod haproxy;
mod histogram;
mod stat;
