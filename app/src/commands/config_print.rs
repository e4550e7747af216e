//! `app config schema`, `env-template` and `reference`: what is generated from the definition and checked in.

use std::process::ExitCode;

use super::print_text;
use crate::configuration::{DEFINITION, Definition};

/// Prints what `render` makes of the definition. Exits 0.
#[must_use]
pub fn run(render: fn(&Definition) -> String) -> ExitCode {
    print_text(&render(&DEFINITION));
    ExitCode::SUCCESS
}
