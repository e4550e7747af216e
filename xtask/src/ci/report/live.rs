//! What runs and for how long, in one line of a terminal that is written over.

use std::io::{self, Write as _};
use std::time::Duration;

use crate::progress::terminal;

/// The line. It is taken back before anything else is written, and when it goes out of scope.
#[derive(Debug)]
pub(in crate::ci) struct Live {
    /// Whether a person looks at a terminal that lines can be taken back on.
    is_watched: bool,
    drawn: String,
}

impl Live {
    /// Begins without a line.
    pub(in crate::ci) fn begin() -> Live {
        Live { is_watched: terminal::can_be_redrawn(), drawn: String::new() }
    }

    /// Shows what runs, and for how long.
    pub(in crate::ci) fn show<'a>(&mut self, running: impl Iterator<Item = (&'a str, Duration)>) {
        if !self.is_watched {
            return;
        }
        let line = terminal::fit(&line(running), terminal::columns());
        if line == self.drawn {
            return;
        }
        self.clear();
        if !line.is_empty() {
            // As everywhere: nobody listening is no reason to stop.
            let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
            self.drawn = line;
        }
    }

    /// Takes it back.
    pub(in crate::ci) fn clear(&mut self) {
        if !self.drawn.is_empty() {
            let _ = io::stderr().write_all(b"\x1b[1A\r\x1b[J");
            self.drawn.clear();
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.clear();
    }
}

fn line<'a>(running: impl Iterator<Item = (&'a str, Duration)>) -> String {
    let each = running.map(|(id, since)| {
        let since = Duration::from_secs(since.as_secs());
        format!("{id} {}", humantime::format_duration(since))
    });
    let each: Vec<_> = each.collect();
    if each.is_empty() { String::new() } else { format!("   {}", each.join(" · ")) }
}

#[cfg(test)]
mod units {
    use super::*;

    #[test]
    fn it_says_what_runs_and_for_how_long_in_whole_seconds() {
        let running = [("build", Duration::from_millis(61_900)), ("scripts", Duration::from_millis(10))];
        assert_eq!(line(running.into_iter()), "   build 1m 1s · scripts 0s");
        assert_eq!(line(std::iter::empty()), "");
    }
}
