//! Judging the candidate by the requests of one window, or of several, and by what a metrics source says about it.

use super::run::{Reason, Run};
use crate::rollout::analysis::{Judgement, Next, judge};
use crate::rollout::colour::Colour;
use crate::rollout::event::Event;
use crate::rollout::policy::Span;

impl Run<'_> {
    /// Begins a window: what is counted from here on is what will be judged.
    pub(super) fn open_window(&self) {
        self.opened.set(self.engine.world.clock.elapsed());
        *self.window.borrow_mut() = self.engine.world.router.counters().ok();
    }

    /// Judges the window, and those after it where the policy wants to see more.
    pub(super) fn analyse(&self, colour: Colour, span: Span) -> Result<(), Reason> {
        loop {
            // Both are about the same window, however long the source takes to answer.
            let asked = self.ask(colour);
            let judgement = self.judge(colour);
            let judgement = Box::new(judgement.and(self.hear(colour, asked)?));
            if self.wishes.promote.get() {
                return Ok(());
            }
            let mut windows = self.windows.get();
            let next = windows.next(judgement.verdict, &self.engine.policy.analysis);
            self.windows.set(windows);
            self.note(&Event::Judged { judgement: judgement.clone(), next })?;
            match next {
                Next::GoOn => return Ok(()),
                Next::Abort => return Err(format!("{judgement}{}", windows.and_before(judgement.verdict))),
                Next::Anew => self.open_window(),
                Next::Extend => {}
            }
            self.bake(colour, span)?;
            if self.wishes.promote.get() {
                return Ok(());
            }
        }
    }

    fn judge(&self, colour: Colour) -> Judgement {
        let Some(before) = *self.window.borrow() else {
            return Judgement::error("the proxy's counters could not be read at the beginning of the window");
        };
        match self.engine.world.router.counters() {
            Ok(after) => judge(&before, &after, colour, &self.engine.policy.analysis),
            Err(error) => Judgement::error(format!("the proxy's counters cannot be read: {error:#}")),
        }
    }
}
