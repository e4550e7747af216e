//! What routes the requests.

pub mod certificate;
pub mod config;
pub mod counters;
pub mod haproxy;
mod histogram;
pub mod map;
pub mod processes;
mod stat;
mod variables;
pub mod x509;
