//! One module for each subcommand, and what they share: exit codes and output that survives a closed pipe.

pub mod config_check;
pub mod config_explain;
pub mod config_print;
pub mod healthcheck;
pub mod serve;

use std::{
    env,
    fmt::Display,
    io::{self, IsTerminal, Write},
};

/// The exit code of a configuration error: `EX_CONFIG` of sysexits.
const EXIT_CONFIGURATION: u8 = 78;

/// The exit code of a mistake on the command line, as clap has it.
const EXIT_USAGE: u8 = 2;

/// Writes a text that ends its own lines to standard output.
fn print_text(text: &str) {
    // As for `print`.
    let _ = io::stdout().write_all(text.as_bytes());
}

/// Writes a line to standard output.
fn print(line: impl Display) {
    // A reader that has gone away wants no more; the exit code says the rest.
    let _ = writeln!(io::stdout(), "{line}");
}

/// Writes a line to standard error: what can be in colour is so at a terminal, unless `NO_COLOR` is set.
fn complain(line: impl Display) {
    let is_coloured = io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
    // With standard error closed nobody is left to tell.
    let _ = if is_coloured { writeln!(io::stderr(), "{line:#}") } else { writeln!(io::stderr(), "{line}") };
}
