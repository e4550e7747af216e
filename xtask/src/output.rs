//! Lines for people and programs. Nobody listening is no reason to stop: a rollout whose terminal has gone away goes on.

use std::fmt;
use std::io::Write;

/// Writes a line, in one write, or does not.
pub fn line(mut to: impl Write, text: fmt::Arguments<'_>) {
    // See above.
    let _ = to.write_all(format!("{text}\n").as_bytes());
}

/// A line on standard output: what was asked for.
#[macro_export]
macro_rules! out {
    ($($arg:tt)*) => { $crate::output::line(std::io::stdout(), format_args!($($arg)*)) };
}

/// A line on standard error: what is being done.
#[macro_export]
macro_rules! say {
    ($($arg:tt)*) => { $crate::output::line(std::io::stderr(), format_args!($($arg)*)) };
}
