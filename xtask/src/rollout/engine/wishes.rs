//! What persons ask of a rollout under way: by a signal, or by the ledger's mailbox from another terminal.

use std::cell::Cell;

use super::run::{Reason, Run};
use crate::rollout::event::Event;
use crate::rollout::operation::Operation;
use crate::rollout::request::{Request, Wish};

/// What has been asked for so far.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    /// No step further.
    pub(super) pause: Cell<bool>,
    /// On with the steps, said since the step began.
    pub(super) resume: Cell<bool>,
    /// Everything to the candidate.
    pub(super) promote: Cell<bool>,
    /// Everything back.
    pub(super) abort: Cell<bool>,
}

impl Run<'_> {
    /// Hears what is asked for; an end that was asked for comes as an error.
    pub(super) fn heed(&self) -> Result<(), Reason> {
        if self.engine.cancel.requested() && self.cancellable.get() {
            return Err("interrupted".into());
        }
        if !self.engine.listens {
            return Ok(());
        }
        // A mailbox that cannot be read is no reason to end what goes well.
        while let Ok(Some(request)) = self.engine.world.ledger.take_request() {
            self.note(&Event::Requested { request: request.clone() })?;
            self.grant(&request)?;
        }
        Ok(())
    }

    fn grant(&self, request: &Request) -> Result<(), Reason> {
        let wishes = &self.wishes;
        if !self.cancellable.get() {
            self.warn(format!("`{}` comes too late to change anything", request.wish));
            return Ok(());
        }
        match request.wish {
            Wish::Pause => wishes.pause.set(true),
            Wish::Resume => {
                wishes.pause.set(false);
                wishes.resume.set(true);
            }
            Wish::Promote => {
                wishes.pause.set(false);
                wishes.promote.set(true);
            }
            Wish::Abort => {
                wishes.abort.set(true);
                return Err(format!("{} has asked for the end", request.by));
            }
        }
        Ok(())
    }

    /// Whether an operation is one of the steps that a promotion by a person goes without: less than everything to the
    /// candidate, and watching what it does with it.
    pub(super) fn is_left_out(&self, operation: &Operation) -> bool {
        let Some(candidate) = self.started.get().filter(|_| self.wishes.promote.get()) else { return false };
        match operation {
            Operation::SetSplit { split } => split.share(candidate) < 100,
            Operation::Bake { .. } | Operation::Analyse { .. } | Operation::Pause { .. } => true,
            _ => false,
        }
    }

    /// While somebody wants no step further, none is taken.
    pub(super) fn hold_before(&self, operation: &Operation) -> Result<(), Reason> {
        let is_step = matches!(operation, Operation::SetSplit { .. } | Operation::Promote { .. });
        match self.started.get() {
            Some(candidate) if is_step && self.cancellable.get() && self.wishes.pause.get() => {
                self.watch(candidate, || self.wishes.pause.get())
            }
            _ => Ok(()),
        }
    }
}
