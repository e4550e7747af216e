//! `bench`: measures what the tool itself costs, on an environment of its own.

mod baseline;
mod connection;
mod figures;
pub mod load;
mod measure;
mod rollout;
mod scratch;
mod served;
mod service;
mod windows;

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
}

/// Measures, and prints each figure beside its goal.
///
/// # Errors
/// When it cannot be measured; a [`crate::problem::Problem`] with exit code 1 for a goal that is missed, with `--check`.
pub fn run(args: &Args) -> anyhow::Result<()> {
    match &args.what {
        What::Rollout(args) => rollout::run(args),
        What::Service(args) => service::run(args),
    }
}
