//! How a container ended.

use std::time::SystemTime;

use super::inspected::Inspected;
use crate::docker;

/// How a container ended last, in words.
pub(super) fn last_exit(found: &Inspected) -> String {
    if found.state.oom_killed {
        return "SIGKILL, out of the memory it may have".into();
    }
    // One that runs again has no exit code any more, but the engine remembers its last events.
    let remembered = if found.state.status == "running" { remembered_exit(&found.id) } else { None };
    in_words(remembered.unwrap_or(found.state.exit_code))
}

fn remembered_exit(id: &str) -> Option<i64> {
    let container = format!("container={id}");
    let format = "{{.Actor.Attributes.exitCode}}";
    // A span would be rounded to whole seconds, and leave out what has just happened.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let until = format!("--until={}.{:09}", now.as_secs(), now.subsec_nanos());
    let args = ["events", "--since=1h", &until, "--filter", &container, "--filter=event=die", "--format", format];
    docker::read_at_once(&args).ok()?.lines().last()?.trim().parse().ok()
}

fn in_words(code: i64) -> String {
    const SIGNALLED: i64 = 128;
    match code {
        137 => "signal 9 (SIGKILL)".into(),
        code if code > SIGNALLED => format!("signal {}", code - SIGNALLED),
        code => format!("exit code {code}"),
    }
}
