//! What can still be said, line by line, about a file that is not valid TOML.

use std::ops::Range;

use toml_parser::lexer::TokenKind;

use super::{
    cover::is_key,
    tokens::{bare, is_open, is_word, join, tokens},
};
use crate::configuration::setting::{Definition, Setting};

/// What some editors put in front of a text.
pub(super) const BYTE_ORDER_MARK: char = '\u{feff}';

/// What begins and ends a text of several lines.
const FENCES: [&str; 2] = ["\"\"\"", "'''"];

/// What TOML takes for space.
const BLANKS: [char; 2] = [' ', '\t'];

/// One line of such a file.
#[derive(Debug)]
pub(super) struct Line<'t> {
    /// Without its end and without what may be a comment.
    pub(super) text: &'t str,
    /// Where it begins in the file.
    pub(super) start: usize,
    /// The section that the headers above say; `None` when that cannot be told.
    section: Option<String>,
    /// Whether it surely goes on with nothing that began above.
    pub(super) is_trusted: bool,
    /// The bracket that was opened above and not closed.
    pub(super) open: Option<usize>,
}

/// Every line, and an empty last one behind the last line break.
pub(super) fn lines(text: &str) -> Vec<Line<'_>> {
    let (mut lines, mut start) = (Vec::new(), 0);
    let (mut section, mut open) = (Some(String::new()), Vec::new());
    let (mut is_fenced, mut is_cut) = (false, false);
    let text = text.strip_prefix(BYTE_ORDER_MARK).inspect(|_| start = BYTE_ORDER_MARK.len_utf8()).unwrap_or(text);
    for whole in text.split('\n') {
        let line = whole.split('#').next().unwrap_or_default().trim_end();
        let is_trusted = !is_fenced && !is_cut && open.is_empty();
        let line = Line { text: line, start, section: section.clone(), is_trusted, open: open.last().copied() };
        if let Some(header) = line.header().filter(|_| is_trusted) {
            section = header;
        } else {
            brackets(&line, &mut open);
        }
        is_fenced |= FENCES.iter().any(|fence| whole.contains(fence));
        is_cut = line.has_open_text();
        lines.push(line);
        start += whole.len() + 1;
    }
    lines
}

fn brackets(line: &Line<'_>, open: &mut Vec<usize>) {
    for (kind, range) in tokens(line.text) {
        match kind {
            TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket => open.push(line.start + range.start),
            TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket => drop(open.pop()),
            _ => {}
        }
    }
}

impl Line<'_> {
    /// The section it begins, if it is a header; `None` inside when it is not a good one.
    pub(super) fn header(&self) -> Option<Option<String>> {
        let inner = self.text.trim_start().strip_prefix('[')?;
        let named = inner.strip_suffix(']').map(|inner| {
            let inner = inner.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(inner);
            inner.split('.').map(|part| part.trim().to_owned()).collect::<Vec<_>>().join(".")
        });
        let is_plain = |name: &String| name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        Some(named.filter(is_plain))
    }

    /// The section to read it in; one that has no settings where that cannot be told.
    pub(super) fn section(&self) -> &str {
        self.section.as_deref().unwrap_or("?")
    }

    /// The setting that it sets or tries to, and where in it that setting's value stands.
    pub(super) fn sets(&self, definition: &Definition) -> Option<(&'static Setting, Range<usize>)> {
        let (mut parts, mut is_dotted) = (Vec::new(), true);
        for (kind, range) in tokens(self.text) {
            match kind {
                TokenKind::Whitespace => {}
                TokenKind::Dot => is_dotted = true,
                kind if is_word(kind) && is_dotted => {
                    is_dotted = false;
                    parts.push(bare(&self.text[range]).trim_end_matches(':'));
                }
                kind => {
                    let from = if kind == TokenKind::Equals { range.end } else { range.start };
                    let value = self.text[from..].trim_start();
                    let setting = self.is_trusted.then(|| definition.find(&join(self.section(), &parts.join("."))));
                    return setting?.map(|setting| (setting, self.text.len() - value.len()..self.text.len()));
                }
            }
        }
        None
    }

    /// The path that it gives a value to, and where its key stands.
    pub(super) fn path(&self, definition: &Definition) -> Option<(String, Range<usize>)> {
        let (key, behind) = self.text.split_once('=').filter(|_| self.is_trusted)?;
        let start = key.len() - key.trim_start_matches(BLANKS).len();
        let is_part =
            |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
        let parts: Vec<_> = key.split('.').map(|part| bare(part.trim_matches(BLANKS))).collect();
        let is_plain = parts.iter().all(|part| is_part(part));
        let path = join(self.section(), &parts.join("."));
        (is_plain && is_key(definition, &path, behind)).then(|| (path, start..start + key.trim_matches(BLANKS).len()))
    }

    /// Whether what is wrong with it ends with it, so that the next line can be read.
    pub(super) fn is_closed(&self) -> bool {
        let mut open = Vec::new();
        brackets(self, &mut open);
        self.is_trusted && open.is_empty() && !FENCES.iter().any(|fence| self.text.contains(fence))
    }

    /// Whether a text begins in it and does not end.
    fn has_open_text(&self) -> bool {
        tokens(self.text).any(|(kind, range)| is_word(kind) && is_open(&self.text[range]))
    }
}
