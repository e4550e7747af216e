//! `notify`, and what every verb that rolls out tells of it: who is told stands in `delivery.toml`, in what words and by
//! what means in docs/notifications.md. Nothing that is told fails anything or holds it up beyond its own deadline.

mod channel;
mod command;
mod crew;
mod deployments;
mod grafana;
mod message;
mod notifier;
mod request;
mod retry;
mod slack;
mod subject;
mod summary;
mod webhook;

pub use channel::is_open;
pub use command::{Args, run};
pub use message::PLACEHOLDERS;
pub use notifier::{Notifier, Telling};
