//! The display on a terminal: a thin shell that writes, and nothing that decides.

use std::io::{self, Write};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use super::display::Display;
use super::{line, terminal};
use crate::rollout::colour::Split;
use crate::rollout::event::Event;
use crate::variable;

const REDRAW_EVERY: Duration = Duration::from_millis(250);

/// A display that is redrawn in place until it goes out of scope. Whenever nothing is being written, the cursor is there and
/// stands on a line of its own below the display: whatever ends the process, a second Ctrl-C or a SIGKILL, the terminal
/// needs no mending.
pub(super) struct Live {
    screen: Arc<Mutex<Screen<io::Stderr>>>,
    ending: Option<Sender<()>>,
    ticker: Option<JoinHandle<()>>,
}

impl Live {
    /// Begins with an empty display, where a person looks at a terminal that lines can be taken back on.
    pub(super) fn begin(split: Option<Split>) -> Option<Live> {
        if !terminal::can_be_redrawn() {
            return None;
        }
        let display = Display::new(split, variable::text("NO_COLOR").is_none());
        let screen = Arc::new(Mutex::new(Screen { to: io::stderr(), display, drawn: Vec::new() }));
        let (ending, ended) = mpsc::channel();
        let ticking = Arc::clone(&screen);
        let tick = move || {
            while ended.recv_timeout(REDRAW_EVERY) == Err(RecvTimeoutError::Timeout) {
                lock(&ticking).draw(SystemTime::now(), terminal::columns(), None);
            }
        };
        // Without it the display changes only when something happens.
        let ticker = thread::Builder::new().name("display".into()).spawn(tick).ok();
        Some(Live { screen, ending: Some(ending), ticker })
    }

    /// Shows what has happened.
    pub(super) fn tell(&self, at: SystemTime, event: &Event) {
        lock(&self.screen).tell(at, event, terminal::columns());
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        drop(self.ending.take());
        // A ticker that has panicked draws no more, and that is all there is to wait for.
        let _ = self.ticker.take().map(JoinHandle::join);
        lock(&self.screen).clear();
    }
}

fn lock<W: Write>(screen: &Mutex<Screen<W>>) -> MutexGuard<'_, Screen<W>> {
    screen.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Screen<W> {
    to: W,
    display: Display,
    /// The lines of the display as they stand above the cursor.
    drawn: Vec<String>,
}

impl<W: Write> Screen<W> {
    fn tell(&mut self, at: SystemTime, event: &Event, columns: usize) {
        self.display.apply(event, at);
        self.draw(at, columns, line::of_what_is_over(event).as_deref());
    }

    fn draw(&mut self, now: SystemTime, columns: usize, above: Option<&str>) {
        let lines = self.display.render(now, columns);
        if above.is_some() || lines != self.drawn {
            self.replace(above, lines);
        }
    }

    fn clear(&mut self) {
        if !self.drawn.is_empty() {
            self.replace(None, Vec::new());
        }
    }

    /// In one write, so that nothing comes in between and whoever ends the process leaves no half of it.
    fn replace(&mut self, above: Option<&str>, lines: Vec<String>) {
        let up = if self.drawn.is_empty() { String::new() } else { format!("\x1b[{}A", self.drawn.len()) };
        let below: String =
            above.into_iter().chain(lines.iter().map(String::as_str)).map(|line| format!("{line}\n")).collect();
        let frame = format!("\x1b[?25l\r{up}\x1b[J{below}\x1b[?25h");
        // A terminal that has gone away is no reason to stop.
        let _ = self.to.write_all(frame.as_bytes());
        self.drawn = lines;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::colour::Colour;
    use crate::rollout::operation::Operation;

    #[test]
    fn lines_that_are_over_scroll_up_and_the_display_below_them_is_taken_back() {
        let at = SystemTime::UNIX_EPOCH;
        let stop = Operation::Stop { colour: Colour::Green };
        let mut screen = Screen { to: Vec::new(), display: Display::new(None, false), drawn: Vec::new() };
        let written = |screen: &mut Screen<Vec<u8>>| String::from_utf8(std::mem::take(&mut screen.to)).unwrap();
        screen.tell(at, &Event::Planned { goal: "reap".into(), operations: vec![stop.clone()] }, 79);
        let area = "  step 1 of 1: stop green\n  0s\n";
        assert_eq!(written(&mut screen), format!("\x1b[?25l\r\x1b[Jreap, in 1 step\n{area}\x1b[?25h"));
        screen.draw(at + Duration::from_millis(900), 79, None);
        assert_eq!(written(&mut screen), "", "nothing has changed");
        screen.tell(at, &Event::Started { operation: stop.clone() }, 79);
        assert_eq!(written(&mut screen), "", "nothing has changed");
        screen.draw(at + Duration::from_secs(1), 79, None);
        let later = "  step 1 of 1: stop green\n  1s\n";
        assert_eq!(written(&mut screen), format!("\x1b[?25l\r\x1b[2A\x1b[J{later}\x1b[?25h"));
        screen.tell(at, &Event::Finished { operation: stop, millis: 0 }, 79);
        assert_eq!(written(&mut screen), "\x1b[?25l\r\x1b[2A\x1b[J  done     stop green\n\x1b[?25h");
        screen.clear();
        assert_eq!(written(&mut screen), "", "there is nothing to take back");
    }
}
