//! Scenarios on real processes, sockets and HAProxy, run through the same binary a person runs.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a test says what is wrong by failing")]
#![allow(unreachable_pub, reason = "the scenarios are one crate, and nobody uses it")]

mod support;

mod advisories;
mod bench;
mod broken;
mod budget;
mod certificate;
mod containers;
mod coverage;
mod documented;
mod fallen_back;
mod fresh_clone;
mod front_door;
mod hooks;
mod images;
mod interrupted;
mod killed;
mod lifecycle;
mod linted;
mod mishaps;
mod monitoring;
mod notified;
mod pipeline;
mod progress;
mod prometheus;
mod rejected;
mod released;
mod rollout;
mod scripts;
mod secrets;
mod steered;
mod tools;
mod verified;
