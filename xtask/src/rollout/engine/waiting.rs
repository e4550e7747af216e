//! Saying what is waited for: no wait is silent, and none floods the terminal.

use std::time::Duration;

use super::run::{Reason, Run};
use crate::rollout::colour::Colour;
use crate::rollout::event::Event;

/// A wait says at most so often what it is waiting for, even when that changes all the time.
const SAY_AFTER: Duration = Duration::from_secs(1);
/// A wait says at least this often what it is still waiting for.
const SAY_EVERY: Duration = Duration::from_secs(5);

/// Says what is being waited for, when that changes and otherwise from time to time.
pub(super) struct Waiting<'a> {
    run: &'a Run<'a>,
    colour: Colour,
    last: Option<(String, Duration)>,
}

impl<'a> Waiting<'a> {
    pub(super) fn new(run: &'a Run<'a>, colour: Colour) -> Self {
        Waiting { run, colour, last: None }
    }

    pub(super) fn say(&mut self, missing: &str) -> Result<(), Reason> {
        let now = self.run.engine.world.clock.elapsed();
        let said = self
            .last
            .as_ref()
            .is_some_and(|(last, at)| now.saturating_sub(*at) < if last == missing { SAY_EVERY } else { SAY_AFTER });
        if said {
            return Ok(());
        }
        self.last = Some((missing.to_owned(), now));
        self.run.note(&Event::Waiting { colour: self.colour, reason: missing.to_owned() })
    }
}
