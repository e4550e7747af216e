//! An event as a line: one for each thing done, one for each thing waited for.

use std::time::Duration;

use crate::rollout::analysis::Next;
use crate::rollout::event::Event;
use crate::rollout::operation::Operation;

/// What is worth a line.
pub(super) fn of(event: &Event) -> Option<String> {
    match event {
        Event::Planned { goal, operations } if !operations.is_empty() => {
            let (count, s) = (operations.len(), if operations.len() == 1 { "" } else { "s" });
            Some(format!("{goal}, in {count} step{s}"))
        }
        Event::Finished { operation, millis } => {
            let took = Duration::from_millis(*millis);
            let took = if took.is_zero() { String::new() } else { format!("  ({took:?})") };
            Some(format!("  done     {operation}{took}"))
        }
        Event::Started { operation: Operation::Bake { colour, span } } => {
            Some(format!("  watching {colour} for {span}"))
        }
        Event::Skipped { operation } => Some(format!("  skipped  {operation}")),
        Event::Requested { request } => Some(format!("  asked    {} by {}", request.wish, request.by)),
        Event::Output { lines } => Some(format!("  output   {}", lines.join("\n           "))),
        Event::Waiting { colour, reason } => Some(format!("  waiting  for {colour}: {reason}")),
        Event::Judged { judgement, next } => {
            let next = match next {
                Next::Extend => "; the window is extended",
                Next::Anew => "; another window is judged",
                Next::GoOn | Next::Abort => "",
            };
            Some(format!("  verdict  {judgement}{next}"))
        }
        Event::Failed { reason, .. } => Some(format!("  failed   {reason}")),
        Event::Warning { text } => Some(format!("  warning  {text}")),
        Event::Planned { .. } | Event::Started { .. } | Event::Ended { .. } => None,
    }
}

/// The same where what is under way is shown below: only what is over is worth a line.
pub(super) fn of_what_is_over(event: &Event) -> Option<String> {
    match event {
        Event::Started { .. } | Event::Waiting { .. } => None,
        over => of(over),
    }
}
