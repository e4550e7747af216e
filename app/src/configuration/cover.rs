//! Which parts of a TOML text nobody may see: all that is not known to be the value of a setting that is no secret.

use std::ops::Range;

use toml_parser::{
    Source,
    lexer::{Token, TokenKind},
};

use super::setting::{Definition, Setting};

/// The tokens of a text.
pub(super) fn tokens(text: &str) -> impl Iterator<Item = (TokenKind, Range<usize>)> {
    Source::new(text).lex().map(|token: Token| (token.kind(), token.span().start()..token.span().end()))
}

/// Whether a token is a word or a text: part of a key, or of a value.
pub(super) fn is_word(kind: TokenKind) -> bool {
    use TokenKind::{Atom, BasicString, LiteralString, MlBasicString, MlLiteralString};
    matches!(kind, Atom | BasicString | LiteralString | MlBasicString | MlLiteralString)
}

/// A part of a key, without quotes. One with escapes in it names no setting.
pub(super) fn bare(part: &str) -> &str {
    part.trim_matches(['"', '\''])
}

/// `key` below `section`; the empty section is that of a file.
pub(super) fn join(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }
}

/// What is hidden in `text`, which begins in `section`: bytes to cover, and comments.
///
/// Of a text that is not valid TOML, it hides what may be a value of something else as well.
pub(super) fn hidden(definition: &Definition, section: &str, text: &str) -> Vec<Range<usize>> {
    let mut walk = Walk {
        definition,
        text,
        section: section.to_owned(),
        frames: Vec::new(),
        key: Vec::new(),
        is_dotted: false,
        expecting: Expecting::Key,
        path: String::new(),
        is_shown: false,
        words: Vec::new(),
        hidden: Vec::new(),
    };
    for (kind, range) in tokens(text) {
        walk.step(kind, range);
    }
    walk.end_line();
    walk.hidden
}

struct Walk<'t> {
    definition: &'t Definition,
    text: &'t str,
    section: String,
    /// What is open.
    frames: Vec<Frame>,
    /// The parts of the key that is being read.
    key: Vec<Range<usize>>,
    is_dotted: bool,
    expecting: Expecting,
    /// Whose value is being read, and whether it is shown.
    path: String,
    is_shown: bool,
    /// The words of that value.
    words: Vec<Range<usize>>,
    hidden: Vec<Range<usize>>,
}

enum Frame {
    Array,
    /// An inline table, and the section it stands for.
    Table(String),
}

#[derive(Clone, Copy)]
enum Expecting {
    Key,
    Header,
    Value,
}

impl Walk<'_> {
    fn step(&mut self, kind: TokenKind, range: Range<usize>) {
        match (kind, self.expecting) {
            (TokenKind::Whitespace | TokenKind::Eof, _) => {}
            (TokenKind::Newline, _) if self.frames.is_empty() => self.end_line(),
            (TokenKind::Newline, _) => {}
            (TokenKind::Comment, _) => self.hidden.push(range),
            (_, Expecting::Key) => self.in_key(kind, range),
            (_, Expecting::Header) if is_word(kind) => self.key.push(range),
            (_, Expecting::Header) => {}
            (_, Expecting::Value) => self.in_value(kind, range),
        }
    }

    fn in_key(&mut self, kind: TokenKind, range: Range<usize>) {
        match kind {
            TokenKind::LeftSquareBracket if self.key.is_empty() && self.frames.is_empty() => {
                self.expecting = Expecting::Header;
            }
            TokenKind::Dot => self.is_dotted = true,
            TokenKind::Equals => {
                let path = join(self.prefix(), &self.name());
                self.expect_value(path);
            }
            TokenKind::Comma => self.drop_key(),
            TokenKind::RightCurlyBracket => {
                self.drop_key();
                self.close();
            }
            kind if is_word(kind) && (self.key.is_empty() || self.is_dotted) => {
                self.key.push(range);
                self.is_dotted = false;
            }
            _ => self.without_equals(kind, range),
        }
    }

    /// A second word that no dot joins to the first: the `=` between key and value was forgotten.
    fn without_equals(&mut self, kind: TokenKind, range: Range<usize>) {
        let name = self.name();
        let path = join(self.prefix(), name.trim_end_matches(':'));
        if self.definition.find(&path).is_none() {
            self.hidden.append(&mut self.key);
        }
        self.expect_value(path);
        self.in_value(kind, range);
    }

    fn in_value(&mut self, kind: TokenKind, range: Range<usize>) {
        match kind {
            TokenKind::LeftCurlyBracket => {
                self.frames.push(Frame::Table(std::mem::take(&mut self.path)));
                self.expect_key();
            }
            TokenKind::LeftSquareBracket => self.frames.push(Frame::Array),
            TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket => self.close(),
            TokenKind::Comma if matches!(self.frames.last(), Some(Frame::Table(_))) => self.expect_key(),
            TokenKind::Comma => {}
            TokenKind::Equals => {
                // It belongs to another key, which begins somewhere behind the first word.
                self.hidden.extend(self.words.drain(..).skip(1));
                self.is_shown = false;
            }
            _ if !self.is_shown => self.hidden.push(range),
            _ => self.words.push(range),
        }
    }

    fn expect_value(&mut self, path: String) {
        self.is_shown = self.definition.find(&path).is_some_and(|setting: &Setting| !setting.is_secret());
        self.path = path;
        self.words.clear();
        self.key.clear();
        self.expecting = Expecting::Value;
    }

    fn expect_key(&mut self) {
        self.key.clear();
        self.is_dotted = false;
        self.expecting = Expecting::Key;
    }

    fn close(&mut self) {
        if let Some(Frame::Table(_)) = self.frames.pop() {
            self.path.clear();
            self.is_shown = false;
            self.expecting = Expecting::Value;
        }
    }

    fn end_line(&mut self) {
        match self.expecting {
            Expecting::Header => self.section = self.name(),
            Expecting::Key => self.drop_key(),
            Expecting::Value => {}
        }
        self.expect_key();
    }

    /// A key that got no value may itself be one.
    fn drop_key(&mut self) {
        let path = join(self.prefix(), &self.name());
        if self.definition.find(&path).is_none() {
            self.hidden.append(&mut self.key);
        }
        self.expect_key();
    }

    fn prefix(&self) -> &str {
        let table = self.frames.iter().rev().find_map(|frame| match frame {
            Frame::Table(path) => Some(path),
            Frame::Array => None,
        });
        table.unwrap_or(&self.section)
    }

    fn name(&self) -> String {
        self.key.iter().map(|range| bare(&self.text[range.clone()])).collect::<Vec<_>>().join(".")
    }
}
