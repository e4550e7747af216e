//! `cargo xtask`: parse, do, say how it ended.

use std::process::ExitCode;

use clap::Parser as _;
use xtask::cli::Cli;
use xtask::problem;
use xtask::say;

fn main() -> ExitCode {
    let Err(error) = Cli::parse().verb.run() else { return ExitCode::SUCCESS };
    say!("{}", problem::render(&error));
    problem::exit_code(&error).number().into()
}
