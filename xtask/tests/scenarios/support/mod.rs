//! What the scenarios share.

pub mod fixture;
pub mod prober;

pub(crate) use fixture::on_both;
pub use fixture::{
    Fixture, On, PROXY_IMAGE, Ran, build, containers_are_here, docker, eventually, parent, pid_at, repository, service,
};
pub use prober::Prober;
