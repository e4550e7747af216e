//! The one type that tells what a rollout does. Journal, progress and reports are its readers.

use serde::{Deserialize, Serialize};

use super::analysis::{Judgement, Next};
use super::colour::Colour;
use super::operation::Operation;
use super::request::Request;

/// Something that happened in a rollout, in the order in which it happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The plan that is about to be executed.
    Planned {
        /// What it is to bring about, in words.
        goal: String,
        /// What will be done, in order.
        operations: Vec<Operation>,
    },
    /// An operation is about to be done: the intent, on disk before the deed.
    Started {
        /// The operation.
        operation: Operation,
    },
    /// An operation was done.
    Finished {
        /// The operation.
        operation: Operation,
        /// How long it took.
        millis: u64,
    },
    /// An operation was not done, or not wholly.
    Failed {
        /// The operation.
        operation: Operation,
        /// Why, in words.
        reason: String,
    },
    /// An operation was left out, since a person has asked for the promotion.
    Skipped {
        /// The operation.
        operation: Operation,
    },
    /// A person has asked for something from another terminal.
    Requested {
        /// For what.
        request: Request,
    },
    /// What a hook has written.
    Output {
        /// The last lines, oldest first.
        lines: Vec<String>,
    },
    /// What is being waited for.
    Waiting {
        /// The colour it is about.
        colour: Colour,
        /// What is still missing, in words.
        reason: String,
    },
    /// A window was judged.
    Judged {
        /// The verdict and its numbers.
        judgement: Box<Judgement>,
        /// What comes after it.
        next: Next,
    },
    /// Something that does not stop the rollout and should be known.
    Warning {
        /// What, in words.
        text: String,
    },
    /// The rollout has come to its end.
    Ended {
        /// Whether the goal was reached.
        reached: bool,
        /// The colour that serves now, if one does.
        active: Option<Colour>,
    },
}
