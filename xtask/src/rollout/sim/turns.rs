//! Two deployers at the same time, of whom one acts at a time: what happens between what is for a history to say, and not
//! for the machine's scheduler.

use std::sync::{Condvar, Mutex, MutexGuard};

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    First,
    Second,
}

impl Who {
    fn other(self) -> Who {
        match self {
            Who::First => Who::Second,
            Who::Second => Who::First,
        }
    }
}

/// Whose turn it is. The first begins.
pub(super) struct Turns {
    state: Mutex<State>,
    passed: Condvar,
}

struct State {
    whose: Who,
    ended: Option<Who>,
}

impl Turns {
    pub(super) fn new() -> Turns {
        Turns { state: Mutex::new(State { whose: Who::First, ended: None }), passed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Runs what one of them does, from its first turn to its end; then it is the other's turn for good.
    pub(super) fn take<T>(&self, who: Who, act: impl FnOnce() -> T) -> T {
        /// However it ends: the other must not wait for one that has failed.
        struct End<'a>(&'a Turns, Who);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                let mut state = self.0.state();
                state.ended = state.ended.or(Some(self.1));
                state.whose = self.1.other();
                self.0.passed.notify_all();
            }
        }
        let _end = End(self, who);
        self.wait(who, self.state());
        act()
    }

    /// Lets the other act until it passes the turn back or ends.
    pub(super) fn pass(&self, who: Who) {
        let mut state = self.state();
        if state.ended.is_none() {
            state.whose = who.other();
            self.passed.notify_all();
            self.wait(who, state);
        }
    }

    fn wait(&self, who: Who, state: MutexGuard<'_, State>) {
        drop(self.passed.wait_while(state, |state| state.whose != who).unwrap());
    }
}
