//! What stands between a candidate and its first request.

use std::time::Duration;

use super::run::{Reason, Run, in_words};
use super::waiting::Waiting;
use crate::http::Probe;
use crate::rollout::colour::Colour;
use crate::rollout::observed::State;
use crate::rollout::world::World;

/// A candidate that is ready serves nobody until that is seen.
const READY_TICK: Duration = Duration::from_millis(50);

impl Run<'_> {
    pub(super) fn await_ready(&self, colour: Colour) -> Result<(), Reason> {
        let World { runtime, router, clock, .. } = self.engine.world;
        let mut good = 0;
        // One that this run has not started may have ended before, and is asked how it does now.
        let mut tolerated = (self.started.get() == Some(colour)).then_some(0);
        let mut waiting = Waiting::new(self, colour);
        let deadline = clock.elapsed() + *self.engine.policy.startup_timeout;
        loop {
            let instance = runtime.observe(colour).map_err(in_words)?;
            let cause = instance.cause.unwrap_or_else(|| instance.state.to_string());
            if instance.exits > *tolerated.get_or_insert(instance.exits) || instance.state == State::Stopped {
                return Err(instance.last_exit.map_or(cause, |exit| format!("ended with {exit}")));
            }
            good = if instance.state == State::Ready { good + 1 } else { 0 };
            let missing = if good == 0 {
                cause
            } else if good < self.engine.policy.success_threshold {
                format!("{good} of {} good probes in a row", self.engine.policy.success_threshold)
            } else if !router.observe().map_err(in_words)?.up.get(colour) {
                "ready, and the proxy's own checks do not hold it for up yet".into()
            } else {
                return Ok(());
            };
            waiting.say(&missing)?;
            if clock.elapsed() >= deadline {
                return Err(format!("not ready within {}: {missing}", self.engine.policy.startup_timeout));
            }
            self.wait(READY_TICK)?;
        }
    }

    pub(super) fn smoke(&self, colour: Colour) -> Result<(), Reason> {
        self.engine.smoke_paths.iter().try_for_each(|path| match self.engine.world.runtime.probe(colour, path) {
            Probe::Answered(answer) if answer.status < 500 => Ok(()),
            bad => Err(format!("GET {path} answered {bad}")),
        })
    }
}
