//! The same for programs: JSON Lines, each event as the journal has it, and how it ended as the last line.

use std::time::SystemTime;

use serde::Serialize;

use crate::ledger::Line;
use crate::out;
use crate::rollout::event::Event;

#[derive(Serialize)]
struct Report<'a, T> {
    event: &'static str,
    #[serde(flatten)]
    report: &'a T,
}

/// Prints an event as a line.
pub(super) fn event(at: SystemTime, event: &Event) {
    // What cannot be put into JSON cannot be journalled either, and by that the rollout fails.
    if let Ok(line) = serde_json::to_string(&Line { at, event: event.clone() }) {
        out!("{line}");
    }
}

/// Prints how it ended, as the last line.
///
/// # Errors
/// When it cannot be put into JSON.
pub fn report(report: &impl Serialize) -> anyhow::Result<()> {
    out!("{}", serde_json::to_string(&Report { event: "report", report })?);
    Ok(())
}
