//! `resume`: lets a rollout that pauses go on with its steps.

use crate::rollout::request::Wish;
use crate::steer::{self, Args};

/// Tells the deployer at work.
///
/// # Errors
/// A [`crate::problem::Problem`] with exit code 2 where none is.
pub fn run(args: &Args) -> anyhow::Result<()> {
    steer::tell_only(args, Wish::Resume)
}
