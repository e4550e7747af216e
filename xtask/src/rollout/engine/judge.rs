//! Judging the candidate by the requests of one window.

use super::run::{Reason, Run, in_words};
use crate::rollout::analysis::judge;
use crate::rollout::colour::Colour;
use crate::rollout::event::Event;

impl Run<'_> {
    /// Begins a window: what is counted from here on is what will be judged.
    pub(super) fn open_window(&self) {
        *self.window.borrow_mut() = self.engine.world.router.counters().ok();
    }

    pub(super) fn analyse(&self, colour: Colour) -> Result<(), Reason> {
        let Some(before) = *self.window.borrow() else {
            return Err("the proxy's counters could not be read when the split was set".into());
        };
        let after = self.engine.world.router.counters().map_err(in_words)?;
        let policy = &self.engine.policy.analysis;
        let judgement = judge(*before.get(colour), *after.get(colour), policy);
        self.note(&Event::Judged { judgement: judgement.clone() })?;
        if judgement.allows(policy) { Ok(()) } else { Err(judgement.to_string()) }
    }
}
