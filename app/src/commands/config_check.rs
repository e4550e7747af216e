//! `app config check`: everything that is wrong with a configuration, before anything starts with it.

use std::process::ExitCode;

use super::{EXIT_CONFIGURATION, complain, print};
use crate::{
    cli::Globals,
    configuration::{Environment, Problem, Problems, Sources},
};

/// Checks the chosen environment, or the files of every one.
///
/// Prints a line that starts with `ok` for each good environment, and every problem once. Exits 0, or 78 on problems.
#[must_use]
pub fn run(all: bool, without_secrets: bool, globals: &Globals) -> ExitCode {
    let problems = if all {
        let every = Environment::ALL.iter();
        check(every.map(|environment| globals.files(*environment)))
    } else {
        globals.sources().map_or_else(|problems| problems.0, |sources| check([Sources { without_secrets, ..sources }]))
    };
    if problems.is_empty() {
        return ExitCode::SUCCESS;
    }
    complain(Problems(problems));
    ExitCode::from(EXIT_CONFIGURATION)
}

fn check(every: impl IntoIterator<Item = Sources>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for sources in every {
        match sources.load() {
            Ok(_) => print(format_args!("ok {}", sources.environment)),
            Err(found) => {
                for problem in found.0 {
                    // An error in base.toml is one error, not one for each environment.
                    if !problems.contains(&problem) {
                        problems.push(problem);
                    }
                }
            }
        }
    }
    problems
}
