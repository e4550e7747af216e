//! Ctrl-C and its like: the first asks for an orderly end, the second ends at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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

/// What is under way and may be asked to end. Once it goes out of scope, a signal ends the process as ever.
#[derive(Debug, Default)]
pub struct UnderWay {
    cancel: Cancel,
    over: Arc<AtomicBool>,
}

impl UnderWay {
    /// From here on a first signal is a request to end it, the second ends at once.
    ///
    /// # Errors
    /// When the system refuses the handlers.
    pub fn begin() -> anyhow::Result<UnderWay> {
        let over = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            flag::register_conditional_default(signal, Arc::clone(&over))?;
        }
        Ok(UnderWay { cancel: cancel_on_signal()?, over })
    }

    /// Whether it was asked to end.
    pub fn is_cancelled(&self) -> bool {
        self.cancel.requested()
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}
