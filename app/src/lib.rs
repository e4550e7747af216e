//! The reference service: a small HTTP application that releases well.
//!
//! It answers with its release and colour, tells when it is ready, drains without losing a request,
//! and can rehearse a bad release through its `faults` settings.

pub mod cli;
pub mod commands;
pub mod configuration;
pub mod startup;

mod context;
mod cors;
mod failure;
mod faults;
mod identity;
mod lifecycle;
mod metrics;
mod observe;
mod process;
mod request_id;
mod request_timeout;
mod routes;
mod server;
mod telemetry;
