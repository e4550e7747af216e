//! Asking a metrics source at the end of a window, while the candidate is watched on.

use std::cell::OnceCell;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use super::run::{Reason, Run, in_words};
use crate::rollout::analysis::policy::Query;
use crate::rollout::analysis::{Element, Measured, Window};
use crate::rollout::colour::Colour;
use crate::rollout::event::Event;

/// A wait that is longer is worth a word.
const SAY_AFTER: Duration = Duration::from_secs(1);

/// A query that was asked.
pub(super) struct Asked<'a> {
    query: &'a Query,
    answering: Receiver<anyhow::Result<Vec<Element>>>,
    answer: OnceCell<Result<Vec<Element>, Reason>>,
}

impl Asked<'_> {
    fn is_open(&self) -> bool {
        if self.answer.get().is_some() {
            return false;
        }
        let answer = match self.answering.try_recv() {
            Err(TryRecvError::Empty) => return true,
            Err(TryRecvError::Disconnected) => Err("it could not be asked".into()),
            Ok(answer) => answer.map_err(in_words),
        };
        // It was looked at above, and this is all that sets it.
        let _ = self.answer.set(answer);
        false
    }
}

impl Run<'_> {
    /// Asks all there is to ask about the window that ends here, at once.
    pub(super) fn ask(&self, candidate: Colour) -> Vec<Asked<'_>> {
        let world = &self.engine.world;
        let Some(prometheus) = &self.engine.policy.analysis.prometheus else { return Vec::new() };
        let (release, environment) = (self.release, self.engine.environment);
        let length = world.clock.elapsed().saturating_sub(self.opened.get());
        let window = Window { candidate, release, environment, length };
        let (url, timeout) = (prometheus.url.get_ref(), *prometheus.timeout.get_ref());
        let ask = |query: &str| world.metrics.ask(url, &window.fill(query), timeout);
        let asked = |query| Asked { query, answering: ask(query.query.get_ref()), answer: OnceCell::new() };
        prometheus.queries.iter().map(asked).collect()
    }

    /// Watches the candidate until all is answered, the time for it is over, or somebody wants everything on the candidate
    /// whatever the answers are.
    pub(super) fn hear(&self, candidate: Colour, asked: Vec<Asked<'_>>) -> Result<Vec<Measured>, Reason> {
        let Some(prometheus) = &self.engine.policy.analysis.prometheus else { return Ok(Vec::new()) };
        let (clock, timeout) = (self.engine.world.clock, *prometheus.timeout.get_ref());
        let began = clock.elapsed();
        let open = || asked.iter().filter(|asked| asked.is_open()).count();
        let wait = |span: Duration| {
            self.watch(candidate, || {
                !self.wishes.promote.get() && open() > 0 && clock.elapsed().saturating_sub(began) < span
            })
        };
        wait(SAY_AFTER.min(*timeout))?;
        let left = open();
        if left > 0 && !self.wishes.promote.get() {
            let reason = format!("{left} of {} answers of {}", asked.len(), prometheus.url.get_ref());
            self.note(&Event::Waiting { colour: candidate, reason })?;
            wait(*timeout)?;
        }
        let late = || Err(format!("nothing within {timeout}"));
        let measured = |asked: Asked<'_>| Measured::new(asked.query, asked.answer.into_inner().unwrap_or_else(late));
        Ok(asked.into_iter().map(measured).collect())
    }
}
