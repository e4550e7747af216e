//! The text of one file: where something stands in it, and what of a line may be shown.

use std::{ops::Range, path::Path};

use toml_parser::lexer::TokenKind;

use super::{
    cover::{Cover, cover, cover_broken},
    salvage::{self, BYTE_ORDER_MARK, Line},
    tokens::tokens,
};
use crate::configuration::{
    problem::{Origin, excerpt::Excerpt},
    setting::Definition,
};

/// A file's text.
pub(super) struct Document<'f> {
    definition: &'f Definition,
    path: &'f Path,
    pub(super) text: &'f str,
    /// Its lines, if it is not valid TOML.
    pub(super) broken: Option<Vec<Line<'f>>>,
    /// What to cover, if it is.
    hidden: Vec<Range<usize>>,
}

impl<'f> Document<'f> {
    pub(super) fn new(definition: &'f Definition, path: &'f Path, text: &'f str, is_broken: bool) -> Self {
        let broken = is_broken.then(|| salvage::lines(text));
        let hidden = if is_broken { Vec::new() } else { cover(definition, text).hidden };
        Self { definition, path, text, broken, hidden }
    }

    /// The line of a byte, from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        self.before(at).matches('\n').count() + 1
    }

    /// Where a byte stands.
    pub(super) fn origin(&self, at: usize) -> Origin {
        let before = &self.before(at)[self.line_start(at)..];
        let column = before.trim_start_matches(BYTE_ORDER_MARK).chars().count() + 1;
        Origin::File { path: self.path.to_owned(), line: self.line(at), column }
    }

    /// The line in which `marked` begins, masked.
    pub(super) fn excerpt(&self, marked: &Range<usize>) -> Excerpt {
        let start = self.line_start(marked.start);
        match self.broken.as_ref().and_then(|lines| lines.iter().rfind(|line| line.start <= marked.start)) {
            Some(line) => self.salvaged(line, marked),
            None => self.shown(start, marked),
        }
    }

    fn shown(&self, start: usize, marked: &Range<usize>) -> Excerpt {
        let line = self.text[start..].lines().next().unwrap_or_default();
        let comment = tokens(self.text)
            .find(|(kind, range)| *kind == TokenKind::Comment && (start..start + line.len()).contains(&range.start));
        let line = comment.map_or(line, |(_, range)| &self.text[start..range.start]).trim_end();
        mark(line, start, marked, |at| self.hidden.iter().any(|hidden| hidden.contains(&(start + at))))
    }

    fn salvaged(&self, line: &Line<'_>, marked: &Range<usize>) -> Excerpt {
        if !line.is_trusted {
            return mark(line.text, line.start, marked, |_| true);
        }
        let header = line.header();
        let hidden = match header {
            Some(Some(_)) => Vec::new(),
            Some(None) => std::iter::once(first_word(line.text)..line.text.len()).collect(),
            None => self.cover(line).hidden,
        };
        mark(line.text, line.start, marked, |at| hidden.iter().any(|hidden| hidden.contains(&at)))
    }

    /// What one line of a file that is not valid TOML has in it.
    pub(super) fn cover(&self, line: &Line<'_>) -> Cover {
        cover_broken(self.definition, line.section(), line.text)
    }

    fn before(&self, at: usize) -> &str {
        self.text.get(..at).unwrap_or(self.text)
    }

    fn line_start(&self, at: usize) -> usize {
        self.before(at).rfind('\n').map_or(0, |newline| newline + 1)
    }
}

/// Where the first word of a header ends: what follows may be a value.
fn first_word(header: &str) -> usize {
    let start = header.len() - header.trim_start().len();
    let is_part = |c: char| c.is_ascii_alphanumeric() || "[]._-".contains(c);
    header[start..].find(|c| !is_part(c)).map_or(header.len(), |end| start + end)
}

fn mark(line: &str, start: usize, marked: &Range<usize>, covers: impl Fn(usize) -> bool) -> Excerpt {
    let unmarked = line.trim_start_matches(BYTE_ORDER_MARK);
    let start = start + line.len() - unmarked.len();
    let skipped = line.len() - unmarked.len();
    let marked = marked.start.saturating_sub(start)..marked.end.saturating_sub(start);
    Excerpt::new(unmarked, |at| covers(at + skipped), &marked)
}
