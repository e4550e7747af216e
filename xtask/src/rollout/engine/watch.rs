//! Watching a colour: the candidate while it serves its share, and whatever is to be stopped until nothing is in flight.

use std::time::Duration;

use super::run::{Reason, Run, TICK, in_words};
use super::waiting::Waiting;
use crate::rollout::colour::Colour;
use crate::rollout::event::Event;
use crate::rollout::observed::State;
use crate::rollout::policy::Span;
use crate::rollout::world::World;

/// A candidate that answers is looked at so often.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Two readings of zero in flight this far apart prove a drain.
const DRAIN_TICK: Duration = Duration::from_millis(50);

impl Run<'_> {
    /// Lets the candidate serve its share for so long, or longer while somebody wants no step further.
    pub(super) fn bake(&self, colour: Colour, span: Span) -> Result<(), Reason> {
        let clock = self.engine.world.clock;
        let deadline = clock.elapsed() + *span;
        let wishes = &self.wishes;
        self.watch(colour, || !wishes.promote.get() && (clock.elapsed() < deadline || wishes.pause.get()))
    }

    /// Holds the candidate at its share for so long, or until somebody says how to go on.
    pub(super) fn pause(&self, colour: Colour, span: Option<Span>) -> Result<(), Reason> {
        let clock = self.engine.world.clock;
        let deadline = span.map(|span| clock.elapsed() + *span);
        let wishes = &self.wishes;
        wishes.resume.set(false);
        if deadline.is_none() {
            let reason = "`resume` to go on, `promote` to go on at once to 100 %, or `abort`";
            self.note(&Event::Waiting { colour, reason: reason.into() })?;
        }
        self.watch(colour, || {
            let is_over = wishes.resume.get() || deadline.is_some_and(|deadline| clock.elapsed() >= deadline);
            !wishes.promote.get() && (wishes.pause.get() || !is_over)
        })
    }

    /// Watches the candidate while something is so: asks it and the proxy at every tick, and looks at what runs it from time
    /// to time, when it does not answer, and once more at the end. In containers such a look starts a program, on the
    /// processors the service answers with.
    ///
    /// # Errors
    /// When it is not fit any more to be given requests, or the end was asked for.
    pub(super) fn watch(&self, colour: Colour, is_so: impl Fn() -> bool) -> Result<(), Reason> {
        let World { runtime, clock, .. } = self.engine.world;
        let mut bad = 0;
        let mut looked: Option<Duration> = None;
        while is_so() {
            let is_due = looked.is_none_or(|at| clock.elapsed().saturating_sub(at) >= LOOK_EVERY);
            let probe = || runtime.probe(colour, self.engine.ready_path);
            if !is_due && probe().is_good() {
                bad = 0;
                self.look_at_proxy(colour, None)?;
            } else {
                bad = self.look(colour, bad)?;
                looked = Some(clock.elapsed());
            }
            self.wait(TICK)?;
        }
        looked.map_or(Ok(()), |_| self.look(colour, bad).map(drop))
    }

    /// Looks at the candidate that `bad` looks in a row have found not ready, and counts on.
    fn look(&self, colour: Colour, bad: u32) -> Result<u32, Reason> {
        let instance = self.engine.world.runtime.observe(colour).map_err(in_words)?;
        // One probe lost under load says nothing.
        let bad = if instance.state == State::Ready { 0 } else { bad + 1 };
        if instance.exits > 0 || !instance.state.occupies() || bad >= self.engine.policy.success_threshold {
            let exit = instance.last_exit.map(|exit| format!("ended with {exit}"));
            return Err(exit.or(instance.cause).unwrap_or_else(|| format!("{colour} is {}", instance.state)));
        }
        self.look_at_proxy(colour, instance.cause).map(|()| bad)
    }

    /// Looks whether the proxy answers and holds the candidate for up; `cause` is why that may not be ready.
    fn look_at_proxy(&self, colour: Colour, cause: Option<String>) -> Result<(), Reason> {
        let routing = self.engine.world.router.observe().map_err(in_words)?;
        if routing.running.is_none() {
            return Err("the proxy does not answer any more".into());
        }
        if !routing.up.get(colour) {
            let cause = cause.unwrap_or_else(|| State::Ready.to_string());
            return Err(format!("the proxy's checks hold {colour} for down ({cause})"));
        }
        Ok(())
    }

    pub(super) fn drain(&self, colour: Colour) -> Result<(), Reason> {
        let World { router, clock, .. } = self.engine.world;
        let deadline = clock.elapsed() + *self.engine.policy.drain_timeout;
        let mut waiting = Waiting::new(self, colour);
        let mut zeros = 0;
        loop {
            let left = router.in_flight(colour);
            zeros = if left.as_ref().is_ok_and(|left| left.is_none()) { zeros + 1 } else { 0 };
            if zeros == 2 {
                return Ok(());
            }
            let missing = match left {
                Ok(left) => format!("{} requests in flight, {} old proxy workers", left.requests, left.old_workers),
                Err(error) => format!("the proxy does not say what is in flight: {error:#}"),
            };
            if clock.elapsed() >= deadline {
                let timeout = self.engine.policy.drain_timeout;
                self.warn(format!("{colour} is not drained after {timeout} and is stopped all the same: {missing}"));
                return Ok(());
            }
            if zeros == 0 {
                waiting.say(&missing)?;
            }
            self.wait(DRAIN_TICK)?;
        }
    }
}
