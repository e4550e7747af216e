//! The line that a problem is about, with what nobody may see left out of it.

use std::ops::Range;

/// What stands in place of a text that is not shown, however long it is.
pub(crate) const COVER: &str = "***";

/// The longest text that is underlined, and the longest on either side of it, in characters.
const LONGEST: usize = 60;

/// One line, masked when it was made: nothing that holds it can give away more than it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Excerpt {
    text: String,
    marked: Range<usize>,
}

impl Excerpt {
    /// Shows `line` with the bytes of `marked` underlined; each run of bytes that `covers` is one [`COVER`].
    pub(crate) fn new(line: &str, covers: impl Fn(usize) -> bool, marked: &Range<usize>) -> Self {
        let (mut text, mut start, mut end) = (String::new(), None, None);
        let mut cover = None;
        for (at, character) in line.char_indices() {
            if at >= marked.end {
                end.get_or_insert(text.len());
            }
            let shown_from = text.len();
            if covers(at) {
                if cover.is_none() {
                    cover = Some(shown_from);
                    text.push_str(COVER);
                }
            } else {
                cover = None;
                push(&mut text, character);
            }
            if at >= marked.start {
                start.get_or_insert(cover.unwrap_or(shown_from));
            }
        }
        let start = start.unwrap_or(text.len());
        let end = end.unwrap_or(text.len()).max(start);
        Self { text, marked: start..end }.clipped()
    }

    /// Shows `name=value` with the value underlined, or its cover.
    pub(crate) fn assignment(name: &str, value: &str, is_shown: bool) -> Self {
        let start = name.len() + 1;
        let line = format!("{name}={value}");
        Self::new(&line, |at| at >= start && !is_shown, &(start..line.len()))
    }

    /// Shows `name=` and a cover, with the name underlined but for its first `skipped` bytes.
    pub(crate) fn name(name: &str, skipped: usize) -> Self {
        let line = format!("{name}={COVER}");
        Self::new(&line, |_| false, &(skipped..name.len()))
    }

    /// Shows `before` and a cover, underlined.
    pub(crate) fn covered(before: &str) -> Self {
        let line = format!("{before}{COVER}");
        Self::new(&line, |_| false, &(before.len()..line.len()))
    }

    /// The line as it is shown.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The bytes of [`text`](Self::text) to underline.
    pub(crate) fn marked(&self) -> Range<usize> {
        self.marked.clone()
    }

    /// What is underlined, as it is shown.
    pub(crate) fn marked_text(&self) -> &str {
        &self.text[self.marked()]
    }

    fn clipped(self) -> Self {
        let (before, rest) = self.text.split_at(self.marked.start);
        let (marked, after) = rest.split_at(self.marked.len());
        let before = match before.char_indices().rev().nth(LONGEST) {
            Some((from, character)) => format!("…{}", &before[from + character.len_utf8()..]),
            None => before.to_owned(),
        };
        let (marked, after) = (clip(marked), clip(after));
        let range = before.len()..before.len() + marked.len();
        Self { text: before + &marked + &after, marked: range }
    }
}

/// The beginning of a text that is too long to be repeated.
pub(crate) fn clip(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((to, _)) => format!("{}…", &text[..to]),
        None => text.to_owned(),
    }
}

/// Text with what a terminal would act upon, or not show, made visible.
pub(crate) fn visible(text: &str) -> String {
    let mut seen = String::with_capacity(text.len());
    text.chars().for_each(|character| push(&mut seen, character));
    seen
}

fn push(text: &mut String, character: char) {
    let is_invisible = matches!(character,
        '\u{a0}' | '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    if character == '\t' || !(character.is_control() || is_invisible) {
        text.push(character);
    } else {
        text.extend(character.escape_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(excerpt: &Excerpt) -> (&str, &str) {
        (excerpt.text(), &excerpt.text()[excerpt.marked()])
    }

    #[test]
    fn a_covered_run_is_one_cover_and_underlined_as_a_whole() {
        let line = "a = secret, b = 1";
        let excerpt = Excerpt::new(line, |at| (4..10).contains(&at), &(6..8));
        assert_eq!(parts(&excerpt), ("a = ***, b = 1", "***"));
        let excerpt = Excerpt::new(line, |at| (4..10).contains(&at), &(16..17));
        assert_eq!(parts(&excerpt), ("a = ***, b = 1", "1"));
        let excerpt = Excerpt::new(line, |_| true, &(0..0));
        assert_eq!(parts(&excerpt), ("***", ""));
    }

    #[test]
    fn what_stands_behind_the_end_is_underlined_there() {
        assert_eq!(Excerpt::new("ab", |_| false, &(2..2)).marked(), 2..2);
        assert_eq!(Excerpt::new("", |_| false, &(5..9)).marked(), 0..0);
    }

    #[test]
    fn control_characters_are_made_visible_and_long_lines_short() {
        assert_eq!(visible("a\u{1b}[31m\u{202e}\u{9b}"), "a\\u{1b}[31m\\u{202e}\\u{9b}");
        let line = "ü".repeat(500);
        let excerpt = Excerpt::new(&line, |_| false, &(400..600));
        assert_eq!(excerpt.text().chars().count(), 3 * LONGEST + 3);
    }
}
