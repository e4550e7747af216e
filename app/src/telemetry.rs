//! Logging, to standard error.

use std::io;

use tracing::level_filters::LevelFilter;

use crate::configuration::{Log, LogFormat, LogLevel};

/// Sends the events of this process to standard error from now on.
pub(crate) fn init(log: &Log) {
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(filter(log.level))
        .with_target(false)
        .with_writer(io::stderr)
        // It would complain about a closed standard error on standard error, and panic.
        .log_internal_errors(false);
    // Fails only where a subscriber is set already, which then does the logging.
    let _ = match log.format {
        LogFormat::Json => subscriber.json().flatten_event(true).try_init(),
        LogFormat::Pretty => subscriber.with_ansi(is_coloured()).try_init(),
    };
}

/// Colour for a terminal only: a log file full of escape sequences helps nobody.
fn is_coloured() -> bool {
    io::IsTerminal::is_terminal(&io::stderr())
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}
