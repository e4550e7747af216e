//! A rollout as it is followed: by a person, live on a terminal and elsewhere in lines, or by a program, in JSON Lines.

mod bar;
mod display;
mod json;
mod line;
mod live;
pub(crate) mod terminal;

use std::time::SystemTime;

use crate::rollout::colour::Split;
use crate::rollout::event::Event;
use crate::say;
use live::Live;

pub use json::report;

/// Who follows what a verb does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// By eye, on standard error.
    Person,
    /// By JSON Lines, on standard output.
    Program,
}

impl Reader {
    /// From the flag `--json`.
    pub fn from_flag(json: bool) -> Reader {
        if json { Reader::Program } else { Reader::Person }
    }

    /// Tells a person something on the way. What a program needs is in the events and the report.
    pub fn tell(self, text: &str) {
        if self == Reader::Person {
            say!("{text}");
        }
    }

    /// Begins to follow a plan. `split` is what the proxy routes by until then, if it runs.
    pub fn follow(self, split: Option<Split>) -> Progress {
        match self {
            Reader::Program => Progress(Kind::Json),
            Reader::Person => Progress(Live::begin(split).map_or(Kind::Lines, Kind::Live)),
        }
    }
}

/// A plan that is being followed, until it goes out of scope.
pub struct Progress(Kind);

enum Kind {
    Lines,
    Live(Live),
    Json,
}

impl Progress {
    /// Shows what has happened.
    pub fn tell(&self, at: SystemTime, event: &Event) {
        match &self.0 {
            Kind::Lines => line::of(event).into_iter().for_each(|line| say!("{line}")),
            Kind::Live(live) => live.tell(at, event),
            Kind::Json => json::event(at, event),
        }
    }
}
