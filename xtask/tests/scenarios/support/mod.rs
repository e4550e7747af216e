//! What the scenarios share.

mod addresses;
pub mod door;
pub mod engine;
pub mod fixture;
pub mod prober;
pub mod prometheus;
mod proxy;
pub mod ran;
pub mod receiver;
mod sshd;
mod stand_in;
mod terminal;
mod test_names;
pub mod told;
pub mod traces;
pub mod turns;

pub use door::Door;
pub use engine::{Background, PROXY_IMAGE, build, builder_is_here, containers_are_here, docker, pid_of};
pub(crate) use fixture::on_both;
pub use fixture::{Fixture, On, SECRETS, TOKEN, eventually, parent, pid_at, project, repository, service};
pub use prober::CONNECTIONS;
pub use ran::Ran;
pub use sshd::{DOCKER_HOST, Sshd};
pub use stand_in::{docker_that, docker_without, path_with, stand_in_for};
pub use terminal::ctrl_c;
pub use test_names::{is_a_test, named};
pub use told::Told;
