//! The terminal that standard error may be, and text that must not wrap on it.

use std::io::{self, IsTerminal as _};

use crate::packages::is_ci;
use crate::variable;

const USUAL_WIDTH: usize = 80;

/// Whether a person looks at a terminal that lines can be taken back on.
pub(crate) fn can_be_redrawn() -> bool {
    can_redraw(io::stderr().is_terminal(), variable::text("TERM").as_deref(), is_ci())
}

fn can_redraw(is_terminal: bool, term: Option<&str>, is_ci: bool) -> bool {
    is_terminal && !is_ci && term.is_some_and(|term| term != "dumb")
}

/// One less than there are: some terminals wrap when the last is written.
pub(crate) fn columns() -> usize {
    let size = rustix::termios::tcgetwinsize(io::stderr()).ok();
    let columns = size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0);
    columns.unwrap_or(USUAL_WIDTH) - 1
}

/// A text that takes so many columns at the most and does nothing to the terminal but show itself.
pub(crate) fn fit(text: &str, columns: usize) -> String {
    let shown: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if width(&shown) <= columns {
        return shown;
    }
    let mut room = columns.saturating_sub(1);
    let kept = shown.chars().take_while(|c| {
        let fits = columns_of(*c) <= room;
        room = room.saturating_sub(columns_of(*c));
        fits
    });
    let kept: String = kept.collect();
    if columns == 0 { String::new() } else { format!("{}…", kept.trim_end()) }
}

/// How many columns a text without control characters takes.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

/// East Asian scripts and emoji take two. What is counted as two and takes one only leaves a column free.
fn columns_of(c: char) -> usize {
    let is_wide = matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}' | '\u{20000}'..='\u{3fffd}');
    if is_wide { 2 } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_redrawn_only_where_a_person_looks_at_it() {
        assert!(can_redraw(true, Some("xterm"), false));
        for (is_terminal, term, is_ci) in [
            (false, Some("xterm"), false),
            (true, Some("dumb"), false),
            (true, None, false),
            (true, Some("xterm"), true),
        ] {
            assert!(!can_redraw(is_terminal, term, is_ci), "{is_terminal} {term:?} {is_ci}");
        }
    }

    #[test]
    fn what_does_not_fit_is_cut_and_what_would_move_the_cursor_is_not_sent() {
        let table = [
            ("short", 5, "short"),
            ("longer", 5, "long…"),
            ("two words", 5, "two…"),
            ("a\u{1b}[2J\nb\tc", 20, "a [2J b c"),
            ("日本語", 6, "日本語"),
            ("日本語", 5, "日本…"),
            ("日本語", 4, "日…"),
            ("x", 0, ""),
        ];
        for (text, columns, expected) in table {
            assert_eq!(fit(text, columns), expected, "{text:?} in {columns}");
        }
    }
}
