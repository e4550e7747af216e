//! Where the process stands between start and stop.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Goes from starting to serving to draining, never back.
#[derive(Debug, Default)]
pub(crate) struct Lifecycle {
    started: AtomicBool,
    draining: AtomicBool,
}

impl Lifecycle {
    pub(crate) fn start(&self) {
        self.started.store(true, Relaxed);
    }

    pub(crate) fn drain(&self) {
        self.draining.store(true, Relaxed);
    }

    pub(crate) fn is_starting(&self) -> bool {
        !self.started.load(Relaxed)
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Relaxed)
    }
}
