//! The simulated lock: what it is to those who take it, and what may be wrong with it.

use std::sync::{Arc, Mutex};

/// What the lock is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The kernel's, which nobody loses before their death; what is done needs nothing from it.
    Kernel,
    /// A session with a container, lost when its owner has said nothing for a while; what is written goes through it, and
    /// the engine is told nothing before it was asked.
    Session,
}

/// What is wrong with the locking, where something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// The second deployer acts without taking the lock.
    NotTaken,
    /// Whoever asks for the lock gets it.
    GivenTwice,
    /// Whoever has lost it can do all that they could before.
    NotFenced,
}

/// Who has it.
#[derive(Default)]
pub(super) struct Lock {
    pub(super) holder: Option<usize>,
    /// Who has taken it last, whether it still lives or not.
    pub(super) last: Option<usize>,
}

/// Frees the lock when the ledger that holds it is gone.
pub(super) struct Held(pub(super) Arc<Mutex<Lock>>, pub(super) usize);

impl Drop for Held {
    fn drop(&mut self) {
        release(&self.0, self.1);
    }
}

/// Frees it, if it is that deployer who has it.
pub(super) fn release(lock: &Mutex<Lock>, number: usize) {
    let mut lock = lock.lock().unwrap();
    lock.holder.take_if(|holder| *holder == number);
}
