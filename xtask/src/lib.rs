//! Switchyard's automation: everything behind `cargo xtask`. A verb is a module; what more than one verb needs is a module
//! named after its noun; the rollout, the heart of it, is [`rollout`].

#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod abort;
pub mod advisories;
pub mod bench;
pub mod ci;
pub mod cli;
pub mod completions;
pub mod config_lint;
pub mod coverage;
pub mod deploy_blue_green;
pub mod docker_build;
pub mod doctor;
pub mod down;
pub mod health_check;
pub mod history;
pub mod image_check;
pub mod logs;
pub mod monitoring;
pub mod pause;
pub mod promote;
pub mod reap;
pub mod recover;
pub mod resume;
pub mod rollback;
pub mod setup;
pub mod status;
pub mod up;
pub mod workflows;

pub mod base_image;
pub mod builder_image;
pub mod cargo;
pub mod certificate;
pub mod curl;
pub mod delivery;
pub mod deployment;
pub mod digest;
pub mod docker;
pub mod flags;
mod foreign;
pub mod git;
mod github;
pub mod host;
pub mod http;
pub mod image;
pub mod interrupt;
pub mod ledger;
pub mod limited;
pub mod made_of;
mod markdown;
pub mod mirror;
pub mod output;
pub mod packages;
pub mod port;
pub mod problem;
pub mod program;
pub mod progress;
pub mod project;
pub mod prometheus;
pub mod proxy_image;
pub mod releases;
pub mod report;
pub mod rollout;
pub mod router;
mod running;
pub mod runtime;
pub mod sbom;
pub mod secrets;
pub mod service;
pub mod site;
pub mod size;
pub mod steer;
pub mod time;
pub mod tools;
pub mod url;

#[cfg(test)]
mod testing;
