//! What a person sees below the lines that are over, folded from events. Pure.

use std::time::{Duration, SystemTime};

use super::bar::Bar;
use super::terminal::{fit, width};
use crate::rollout::analysis::Next;
use crate::rollout::colour::{Colour, Split};
use crate::rollout::event::Event;
use crate::rollout::operation::Operation;
use crate::rollout::request::Wish;

const WAYS_ON: &str = "until `resume`, `promote` or `abort`";

/// How far a rollout is.
#[derive(Debug, Clone, Default)]
pub(super) struct Display {
    paint: bool,
    split: Option<Split>,
    began: Option<SystemTime>,
    operations: Vec<Operation>,
    /// How many of them have begun or were left out.
    begun: usize,
    doing: Doing,
    /// What is being waited for.
    missing: Option<String>,
    /// When what is under way is over, where that is known.
    until: Option<SystemTime>,
    verdict: Option<String>,
    /// No step further, as somebody has asked.
    is_held: bool,
    /// The steps are left out, as somebody has asked.
    is_promoted: bool,
}

#[derive(Debug, Clone, Default)]
enum Doing {
    /// What comes next in the plan.
    #[default]
    Next,
    /// What has begun last.
    Step,
    /// What has begun last, which was not done.
    Failed,
    /// Something that is not in the plan: what was done is being taken back.
    Aside(Operation),
    /// Nothing any more.
    Over,
}

impl Display {
    /// Before anything has happened. `split` is what the proxy routes by until then, if it runs.
    pub(super) fn new(split: Option<Split>, paint: bool) -> Display {
        Display { split, paint, ..Display::default() }
    }

    /// Takes note of what has happened.
    pub(super) fn apply(&mut self, event: &Event, at: SystemTime) {
        match event {
            Event::Planned { operations, .. } => {
                let operations = operations.clone();
                *self = Display { operations, began: Some(at), ..Display::new(self.split, self.paint) };
            }
            Event::Started { operation } => self.begin(operation, at),
            Event::Finished { operation, .. } => {
                if let Operation::SetSplit { split } | Operation::StartProxy { split } = operation {
                    self.split = Some(*split);
                }
                self.leave(Doing::Next);
            }
            Event::Failed { .. } => self.leave(Doing::Failed),
            Event::Skipped { .. } => self.begun += 1,
            Event::Requested { request } => match request.wish {
                Wish::Pause => self.is_held = true,
                Wish::Resume => self.is_held = false,
                Wish::Promote => (self.is_held, self.is_promoted) = (false, true),
                Wish::Abort => {}
            },
            Event::Waiting { reason, .. } => self.missing = Some(reason.clone()),
            Event::Judged { judgement, next } => {
                self.verdict = Some(judgement.to_string());
                if let (Next::Extend | Next::Anew, Some(Operation::Analyse { span, .. })) = (next, self.under_way()) {
                    self.until = Some(at + **span);
                }
            }
            Event::Ended { .. } => self.leave(Doing::Over),
            Event::Output { .. } | Event::Warning { .. } => {}
        }
    }

    fn begin(&mut self, operation: &Operation, at: SystemTime) {
        if self.operations.get(self.begun) == Some(operation) {
            self.begun += 1;
            self.leave(Doing::Step);
        } else {
            self.leave(Doing::Aside(operation.clone()));
        }
        self.until = match operation {
            Operation::Bake { span, .. } | Operation::Pause { span: Some(span), .. } => Some(at + **span),
            _ => None,
        };
    }

    fn leave(&mut self, doing: Doing) {
        (self.doing, self.missing, self.until) = (doing, None, None);
    }

    /// At most three lines, none wider than `columns`.
    pub(super) fn render(&self, now: SystemTime, columns: usize) -> Vec<String> {
        let Some(step) = self.step() else { return Vec::new() };
        let verdict = self.verdict.iter().map(|verdict| fit(&format!("  verdict  {verdict}"), columns));
        [fit(&step, columns), self.traffic(now, columns)].into_iter().chain(verdict).collect()
    }

    fn step(&self) -> Option<String> {
        let count = self.operations.len();
        let of = |number: usize| format!("step {number} of {count}");
        Some(match &self.doing {
            Doing::Over => return None,
            Doing::Aside(operation) => format!("  taking it back: {operation}{}", self.missing()),
            Doing::Failed => format!("  {}: {} has failed", of(self.begun), self.last()?),
            Doing::Next => match self.operations.get(self.begun)? {
                _ if self.is_held => format!("  held before {} {WAYS_ON}", of(self.begun + 1)),
                next => format!("  {}: {next}", of(self.begun + 1)),
            },
            Doing::Step => match self.waits_for_somebody() {
                Some(colour) => format!("  {}: {colour} held at its share {WAYS_ON}", of(self.begun)),
                None => format!("  {}: {}{}", of(self.begun), self.last()?, self.missing()),
            },
        })
    }

    fn missing(&self) -> String {
        self.missing.as_ref().map_or_else(String::new, |missing| format!("; {missing}"))
    }

    /// The bar and as much of the times as there is room for.
    fn traffic(&self, now: SystemTime, columns: usize) -> String {
        let bar =
            self.split.map_or(Bar { columns: 0, text: String::new() }, |split| Bar::of(split, columns, self.paint));
        let since = self.began.and_then(|began| now.duration_since(began).ok()).unwrap_or_default();
        let elapsed = brief(since.as_secs());
        let both = self.left(now).map(|left| format!("{elapsed}, {left} left"));
        let mut times = both.into_iter().chain([elapsed]).map(|times| format!("  {times}"));
        let times = times.find(|times| bar.columns + width(times) <= columns).unwrap_or_default();
        bar.text + &times
    }

    /// The spans that are known: what is left of the one under way, and those ahead. None where it depends on a person.
    fn left(&self, now: SystemTime) -> Option<String> {
        let ahead = self.operations.get(self.begun..).unwrap_or_default();
        let under_way = match self.doing {
            Doing::Next => None,
            Doing::Step => self.under_way(),
            Doing::Failed | Doing::Aside(_) | Doing::Over => return None,
        };
        if self.is_held || self.waits_for_somebody().is_some() {
            return None;
        }
        let rest = self.until.and_then(|until| until.duration_since(now).ok()).unwrap_or_default();
        let spans = ahead.iter().filter_map(known_span).sum::<Duration>();
        let left = if self.is_promoted { Duration::ZERO } else { rest + spans };
        let is_least = ahead.iter().chain(under_way).any(takes_as_long_as_it_takes);
        let left = brief(u64::try_from(left.as_millis().div_ceil(1000)).unwrap_or(u64::MAX));
        (left != brief(0)).then(|| if is_least { format!("at least {left}") } else { left })
    }

    /// The colour that stays at its share until somebody says how to go on.
    fn waits_for_somebody(&self) -> Option<Colour> {
        match self.under_way()? {
            Operation::Pause { colour, span: None } => Some(*colour),
            Operation::Pause { colour, .. } | Operation::Bake { colour, .. } | Operation::Analyse { colour, .. } => {
                Some(*colour).filter(|_| self.is_held)
            }
            _ => None,
        }
    }

    /// The operation that has begun last.
    fn last(&self) -> Option<&Operation> {
        self.operations.get(self.begun.checked_sub(1)?)
    }

    fn under_way(&self) -> Option<&Operation> {
        self.last().filter(|_| matches!(self.doing, Doing::Step))
    }
}

fn known_span(operation: &Operation) -> Option<Duration> {
    match operation {
        Operation::Bake { span, .. } => Some(**span),
        Operation::Pause { span, .. } => span.map(|span| *span),
        _ => None,
    }
}

/// Whether somebody or something else decides how long it takes. A window that is judged is not among them: another one is
/// counted once the verdict asks for it.
fn takes_as_long_as_it_takes(operation: &Operation) -> bool {
    match operation {
        Operation::StartProxy { .. }
        | Operation::Start { .. }
        | Operation::AwaitReady { .. }
        | Operation::Smoke { .. }
        | Operation::Hook { .. }
        | Operation::Pause { span: None, .. }
        | Operation::Drain { .. }
        | Operation::Stop { .. } => true,
        Operation::SetSplit { .. }
        | Operation::Bake { .. }
        | Operation::Pause { span: Some(_), .. }
        | Operation::Analyse { .. }
        | Operation::Promote { .. }
        | Operation::Abandon { .. } => false,
    }
}

fn brief(seconds: u64) -> String {
    humantime::format_duration(Duration::from_secs(seconds)).to_string()
}

#[cfg(test)]
mod tests;
