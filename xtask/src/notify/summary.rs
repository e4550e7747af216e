//! What a job's summary on GitHub says of an event, without any channel.

use super::message::Message;
use crate::github;
use crate::markdown::{cell, code};
use crate::say;

/// Adds a section to the summary of the job, where this is one. One that cannot be written keeps nobody from being told.
pub(super) fn add(message: &Message) {
    if let Err(error) = github::summarise(|_| section(message)) {
        say!("  warning  the job's summary does not have it: {error:#}");
    }
}

fn section(message: &Message) -> String {
    let seconds = message.seconds.map(|seconds| format!("{seconds:.1} s"));
    let colour = message.colour.map(|colour| colour.to_string());
    let rows = [
        ("Environment", Some(&message.environment)),
        ("Release", message.release.as_ref()),
        ("Before it", message.before.as_ref()),
        ("Colour", colour.as_ref()),
        ("By", Some(&message.by)),
        ("After", seconds.as_ref()),
        ("URL", Some(&message.url)),
        ("Reason", message.reason.as_ref()),
    ];
    let rows = rows.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let rows: String = rows.map(|(name, value)| format!("| {name} | {} |\n", cell(&code(value)))).collect();
    let (event, headline) = (message.event.name(), code(&message.headline()));
    format!("### {} {event}\n\n{headline}\n\n| | |\n| --- | --- |\n{rows}\n", message.action.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Occasion;
    use crate::notify::message::example;

    #[test]
    fn a_section_has_what_is_known_and_nothing_foreign_is_markup() {
        let message = Message { reason: Some("a | <b>\nc".into()), ..example(Occasion::Failure) };
        let expected = "### deploy failure\n\n`v2 was not rolled out in staging`\n\n| | |\n| --- | --- |\n\
                        | Environment | `staging` |\n| Release | `v2` |\n| Before it | `v1` |\n| Colour | `green` |\n\
                        | By | `me@host` |\n| After | `12.3 s` |\n| URL | `http://127.0.0.1:8180` |\n\
                        | Reason | `a \\| <b> c` |\n\n";
        assert_eq!(section(&message), expected);
        assert!(!section(&example(Occasion::Start)).contains("After"));
    }
}
