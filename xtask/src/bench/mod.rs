//! `bench`: measures what a rollout, the service, an image after a change, and the pipeline itself take.

mod baseline;
mod connection;
mod figures;
mod image;
pub mod load;
pub(crate) mod measure;
mod pipeline;
mod rollout;
pub(crate) mod scratch;
mod served;
mod service;
mod windows;

use std::path::Path;

use crate::delivery::Delivery;

/// What `bench service` would hold the project against, or why nothing: whether that has changed is for others to ask.
pub(crate) fn baseline_of(root: &Path) -> String {
    let Ok(delivery) = Delivery::load(root) else { return "unknown".into() };
    let found = baseline::find(root, &delivery.service.package);
    found.map_or_else(|nothing| nothing.reason, |revision| revision.commit)
}

/// Flags of `bench`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

/// What is measured.
#[derive(Debug, Clone, clap::Subcommand)]
enum What {
    /// How long a rollback takes, what a deploy costs beyond the service's own start, what a shift does to latency, and
    /// how soon the lock of a deployer that was killed is free.
    Rollout(rollout::Args),
    /// How much slower the service is than the last release, both under load in turn.
    Service(service::Args),
    /// How long the image takes in a container after a change of one line, beside what the image takes that one would write
    /// first.
    Image(image::Args),
    /// How long `cargo xtask` and the runner of `ci` take for themselves.
    Pipeline(pipeline::Args),
}

/// Measures, and prints each figure beside its goal.
///
/// # Errors
/// When it cannot be measured; a [`crate::problem::Problem`] with exit code 1 for a goal that is missed, with `--check`.
pub fn run(args: &Args) -> anyhow::Result<()> {
    match &args.what {
        What::Rollout(args) => rollout::run(args),
        What::Service(args) => service::run(args),
        What::Image(args) => image::run(args),
        What::Pipeline(args) => pipeline::run(args),
    }
}
