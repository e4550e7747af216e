//! Foreign text in Markdown, shown as it is.

use crate::foreign::plain;

/// A text that is shown as it is, whatever is in it, within a line.
pub(crate) fn code(text: &str) -> String {
    let text = plain(text).replace(['\n', '\t'], " ");
    if text.trim().is_empty() {
        return String::new();
    }
    let ticks = "`".repeat(longest_run(&text) + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{ticks}{pad}{text}{pad}{ticks}")
}

/// The same within a table, which is cut into cells before anything else is looked at.
pub(crate) fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// Lines that are shown as they are.
pub(crate) fn fenced(text: &str) -> String {
    let ticks = "`".repeat(longest_run(text).max(2) + 1);
    format!("{ticks}text\n{text}\n{ticks}\n")
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_shown_as_it_is() {
        let table = [("a", "`a`"), ("a`b", "``a`b``"), ("`a", "`` `a ``"), ("a\n\x1b[1mb", "`a b`"), ("", "")];
        for (text, expected) in table {
            assert_eq!(code(text), expected);
        }
        assert_eq!(cell(&code("a|b")), "`a\\|b`");
        assert_eq!(fenced("````"), "`````text\n````\n`````\n");
    }
}
