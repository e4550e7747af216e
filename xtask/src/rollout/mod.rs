//! The rollout: from a goal and what is observed to a plan, and from the plan to a release that serves.

pub mod analysis;
pub mod basis;
pub mod colour;
pub mod engine;
pub mod event;
pub mod latency;
pub mod observed;
pub mod operation;
pub mod plan;
pub mod policy;
pub mod record;
pub mod request;
pub mod world;

#[cfg(test)]
mod sim;
