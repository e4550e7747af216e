//! What the scenarios share.

pub mod fixture;
pub mod prober;

pub use fixture::{Fixture, Ran, eventually, parent, pid_at, repository, service};
pub use prober::Prober;
