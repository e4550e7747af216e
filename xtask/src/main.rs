//! `cargo xtask`: parse, do, say how it ended.

use std::process::ExitCode;

use xtask::{cli, out, problem, say};

fn main() -> ExitCode {
    let Some(verb) = cli::parse().verb else {
        out!("{}", cli::command().render_help());
        return ExitCode::SUCCESS;
    };
    let Err(error) = verb.run() else { return ExitCode::SUCCESS };
    say!("{}", problem::render(&error));
    problem::exit_code(&error).number().into()
}
