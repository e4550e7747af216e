//! What commands have written: anything, of any length.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

/// The end of a file, in whole lines and so many bytes at the most, as plain text.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn tail(path: &Path, bytes: u64) -> io::Result<String> {
    let mut file = File::open(path)?;
    let left_out = file.metadata()?.len().saturating_sub(bytes);
    file.seek(SeekFrom::Start(left_out))?;
    let mut read = Vec::new();
    file.take(bytes).read_to_end(&mut read)?;
    let text = String::from_utf8_lossy(&read);
    let whole = if left_out == 0 { &text } else { text.split_once('\n').map_or("", |(_, rest)| rest) };
    Ok(plain(whole))
}

/// The last lines of a text, so many and so many bytes at the most.
pub(crate) fn last(text: &str, lines: usize, bytes: usize) -> &str {
    let text = text.trim_end();
    let from = text.rmatch_indices('\n').nth(lines.saturating_sub(1)).map_or(0, |(place, _)| place + 1);
    let text = &text[from..];
    let too_many = text.len().saturating_sub(bytes);
    if too_many == 0 { text } else { &text[text.ceil_char_boundary(too_many)..] }
}

/// The beginning of a text, so many bytes at the most.
pub(crate) fn first(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// What a text begins with that is `file:line` or `file:line:column`, and what follows.
pub(crate) fn place(text: &str) -> Option<(&str, u64, Option<u64>, &str)> {
    let (file, rest) = text.split_once(':').filter(|(file, _)| !file.is_empty())?;
    let (line, rest) = number(rest)?;
    let column = rest.strip_prefix(':').and_then(number);
    let (column, rest) = column.map_or((None, rest), |(column, rest)| (Some(column), rest));
    Some((file, line, column, rest))
}

/// The number a text begins with, and what follows.
pub(crate) fn number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

/// A file as the project knows it: from its root on, where it lies in there.
pub(crate) fn relative(file: &str, root: &Path) -> String {
    let file = Path::new(file);
    file.strip_prefix(root).or_else(|_| file.strip_prefix(".")).unwrap_or(file).to_string_lossy().into_owned()
}

/// A text without what steers a terminal and without any other control character, which XML has no way to write.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\x1b' => skip_sequence(&mut chars),
            '\u{9b}' => skip_to_the_final(&mut chars),
            // A line that is written over is a line.
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' => plain.push('\n'),
            '\n' | '\t' => plain.push(c),
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_control() => {}
            c => plain.push(c),
        }
    }
    plain
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// What follows an escape character, by ECMA-48.
fn skip_sequence(chars: &mut Chars<'_>) {
    match chars.peek() {
        Some('[') => {
            chars.next();
            skip_to_the_final(chars);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => skip_string(chars),
        _ => {
            while chars.next_if(|c| matches!(c, ' '..='/')).is_some() {}
            chars.next_if(|c| matches!(c, '0'..='~'));
        }
    }
}

fn skip_to_the_final(chars: &mut Chars<'_>) {
    while chars.next_if(|c| matches!(c, ' '..='?')).is_some() {}
    chars.next_if(|c| matches!(c, '@'..='~'));
}

/// A title, a link: up to its end, or to that of the line where it has none.
fn skip_string(chars: &mut Chars<'_>) {
    while let Some(c) = chars.next_if(|c| *c != '\n') {
        match c {
            '\x07' | '\u{9c}' => return,
            '\x1b' if chars.next_if_eq(&'\\').is_some() => return,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    #[test]
    fn nothing_that_steers_a_terminal_is_left() {
        let table = [
            ("\x1b[0m\x1b[1;38;5;9merror\x1b[0m: no\n", "error: no\n"),
            ("\x1b]8;;https://example.com\x1b\\link\x1b]8;;\x07 after", "link after"),
            ("\x1b]0;a title without an end\nnext", "\nnext"),
            ("\x1b(Bascii\x1b7\x1b=", "ascii"),
            ("10 %\r20 %\r\ndone", "10 %\n20 %\ndone"),
            ("a\0b\x08c\x7fd\u{85}e\u{fffe}f\u{ffff}", "abcdef"),
            ("tab\there, ümlaut, 日本, 🦀", "tab\there, ümlaut, 日本, 🦀"),
            ("\u{9b}31mred", "red"),
            ("cut\x1b[", "cut"),
            ("cut\x1b", "cut"),
        ];
        for (text, expected) in table {
            assert_eq!(plain(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_tail_is_whole_lines_within_a_bound_whatever_they_are() {
        let folder = TempDir::new();
        let path = folder.path().join("log");
        std::fs::write(&path, b"first line\nsecond \xff line\nthird\n").unwrap();
        assert_eq!(tail(&path, 1000).unwrap(), "first line\nsecond \u{fffd} line\nthird\n");
        assert_eq!(tail(&path, 12).unwrap(), "third\n");
        assert_eq!(tail(&path, 3).unwrap(), "");
        assert!(tail(&folder.path().join("none"), 3).is_err());
    }

    #[test]
    fn both_ends_of_a_text_are_cut_between_characters() {
        assert_eq!(last("1\n2\n3\n", 2, 100), "2\n3");
        assert_eq!(last("1\n2\n3\n", 5, 100), "1\n2\n3");
        assert_eq!(last("日本", 5, 4), "本");
        assert_eq!(first("日本", 4), "日");
    }
}
