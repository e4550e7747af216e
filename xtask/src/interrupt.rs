//! Ctrl-C and its like: the first asks for an orderly end, the second ends at once.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::problem::ExitCode;
use crate::rollout::world::Cancel;

/// From here on a first signal is a request to take back what is under way.
///
/// # Errors
/// When the system refuses the handlers.
pub fn cancel_on_signal() -> anyhow::Result<Cancel> {
    let cancel = Cancel::default();
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        // In this order: the second signal finds the flag set by the first.
        flag::register_conditional_shutdown(signal, i32::from(ExitCode::Interrupted.number()), cancel.flag())?;
        flag::register(signal, cancel.flag())?;
    }
    Ok(cancel)
}
