//! The reference service: a small HTTP application that releases well.
//!
//! It answers with its release and colour, tells when it is ready, drains without losing a request,
//! and can rehearse a bad release through its `faults` settings.

pub mod configuration;
