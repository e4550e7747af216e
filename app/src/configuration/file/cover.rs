//! Which parts of a TOML text nobody may see: all that is not known to be the value of a setting that is no secret.

use std::ops::Range;

use toml_parser::lexer::TokenKind;

use super::tokens::{QUOTES, bare, is_open, is_word, join, tokens};
use crate::configuration::{
    problem::suggest,
    setting::{Definition, Setting, kind::Kind},
};

/// What a text has in it.
#[derive(Default)]
pub(super) struct Cover {
    /// Bytes to cover, and comments.
    pub(super) hidden: Vec<Range<usize>>,
    /// The words that are, or may be, values of settings.
    pub(super) values: Vec<(&'static Setting, Range<usize>)>,
}

/// Goes through a text that is valid TOML.
pub(super) fn cover(definition: &Definition, text: &str) -> Cover {
    walk(definition, "", text, false)
}

/// Goes through a line in `section` of a text that is not valid TOML: what may be, or be of, a value of something else is
/// hidden as well.
pub(super) fn cover_broken(definition: &Definition, section: &str, line: &str) -> Cover {
    walk(definition, section, line, true)
}

/// Whether a key of a broken line may be shown: it is one, or nearly, or `behind` the `=` is more than what ends a secret in
/// base64.
pub(super) fn is_key(definition: &Definition, path: &str, behind: &str) -> bool {
    let known = || definition.paths().chain(definition.sections());
    let is_value = behind.contains(char::is_alphanumeric) && !behind.trim_start().starts_with('=');
    is_value || known().any(|known| known == path) || suggest::closest(path, known()).is_some()
}

fn walk(definition: &Definition, section: &str, text: &str, is_broken: bool) -> Cover {
    let mut walk = Walk {
        definition,
        text,
        is_broken,
        section: section.to_owned(),
        frames: Vec::new(),
        key: Vec::new(),
        is_dotted: false,
        expecting: Expecting::Key,
        path: String::new(),
        setting: None,
        is_shown: false,
        end: 0,
        cover: Cover::default(),
    };
    for (kind, range) in tokens(text) {
        walk.step(kind, range);
    }
    walk.end_line();
    walk.cover
}

struct Walk<'t> {
    definition: &'t Definition,
    text: &'t str,
    is_broken: bool,
    section: String,
    /// What is open.
    frames: Vec<Frame>,
    /// The parts of the key that is being read.
    key: Vec<Range<usize>>,
    is_dotted: bool,
    expecting: Expecting,
    /// Whose value is being read, and whether it is shown.
    path: String,
    setting: Option<&'static Setting>,
    is_shown: bool,
    /// Where the last word of that value ends; 0 before the first.
    end: usize,
    cover: Cover,
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
            (TokenKind::Comment, _) => self.hide(range),
            (_, Expecting::Key) => self.in_key(kind, range),
            (_, Expecting::Header) if is_word(kind) => self.key.push(range),
            (_, Expecting::Header) => {}
            (_, Expecting::Value) => self.in_value(kind, range),
        }
    }

    fn in_key(&mut self, kind: TokenKind, range: Range<usize>) {
        match kind {
            TokenKind::LeftSquareBracket if self.frames.is_empty() && self.begins_line(range.start) => {
                self.expecting = Expecting::Header;
            }
            TokenKind::Dot => self.is_dotted = true,
            TokenKind::Equals => {
                let path = join(self.prefix(), &self.name());
                if self.is_broken && !is_key(self.definition, &path, &self.text[range.end..]) {
                    self.hide_key();
                }
                self.expect_value(path);
            }
            TokenKind::Comma => self.drop_key(),
            TokenKind::RightCurlyBracket => {
                self.drop_key();
                self.close();
            }
            kind if is_word(kind) && is_open(&self.text[range.clone()]) => self.hide(range),
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
            self.hide_key();
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
            TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket => {
                self.close();
                self.end = range.start;
            }
            TokenKind::Comma if matches!(self.frames.last(), Some(Frame::Table(_))) => self.expect_key(),
            // With nothing open, nothing can follow.
            TokenKind::Comma => (self.is_shown, self.end) = (self.is_shown && !self.frames.is_empty(), 0),
            TokenKind::Equals => {
                (self.setting, self.is_shown) = (None, false);
            }
            _ => {
                self.cover.values.extend(self.setting.map(|setting| (setting, range.clone())));
                if self.is_shown && self.goes_on(&range) {
                    self.end = range.end;
                } else {
                    self.is_shown = false;
                    self.hide(range);
                }
            }
        }
    }

    /// Whether a word is the first of a value, or joined to the one before: what stands apart may be anything.
    fn goes_on(&self, word: &Range<usize>) -> bool {
        let is_joined =
            self.end == word.start && (&self.text[word.clone()] == "." || self.text[..self.end].ends_with('.'));
        (self.end == 0 || is_joined || self.is_span(word)) && self.is_one(&self.text[word.clone()])
    }

    /// Whether a text has nothing in it but a value: with a quote too many or too few, it may have swallowed others.
    fn is_one(&self, word: &str) -> bool {
        let inner = word.trim_matches(QUOTES);
        let is_valid = || self.setting.is_some_and(|setting| setting.kind.read_text(inner).is_some());
        !self.is_broken || !inner.contains(|c: char| c.is_whitespace() || ",={}[]\"'".contains(c)) || is_valid()
    }

    /// A span is the only value with a blank in it.
    fn is_span(&self, word: &Range<usize>) -> bool {
        let line = self.text[..word.start].rfind(['\n', '=']).map_or(0, |before| before + 1);
        let text = self.text[line..].lines().next().unwrap_or_default();
        self.setting.is_some_and(|setting| {
            matches!(setting.kind, Kind::Duration(_)) && setting.kind.read_text(text.trim()).is_some()
        })
    }

    fn expect_value(&mut self, path: String) {
        self.setting = self.definition.find(&path);
        self.is_shown = self.setting.is_some_and(|setting| !setting.is_secret());
        self.path = path;
        self.end = 0;
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
            (self.setting, self.is_shown) = (None, false);
            self.expecting = Expecting::Value;
        }
    }

    /// Only there a bracket begins a header: behind a stray comma or brace it begins what may be a value.
    fn begins_line(&self, at: usize) -> bool {
        let before = self.text[..at].rsplit('\n').next().unwrap_or_default();
        before.chars().all(|c| c.is_whitespace() || c == '\u{feff}')
    }

    fn end_line(&mut self) {
        match self.expecting {
            Expecting::Header => self.section = self.name(),
            Expecting::Key => self.drop_key(),
            Expecting::Value => {}
        }
        self.expect_key();
    }

    fn hide_key(&mut self) {
        std::mem::take(&mut self.key).into_iter().for_each(|part| self.hide(part));
    }

    /// Covers a word, and the blanks between it and a covered one in front.
    fn hide(&mut self, word: Range<usize>) {
        let hidden = &mut self.cover.hidden;
        let text = self.text;
        let is_next =
            |last: &&mut Range<usize>| text.get(last.end..word.start).is_some_and(|blank| blank.trim().is_empty());
        match hidden.last_mut().filter(is_next) {
            Some(last) => last.end = word.end,
            None => hidden.push(word),
        }
    }

    /// A key that got no value may itself be one.
    fn drop_key(&mut self) {
        let path = join(self.prefix(), &self.name());
        if self.definition.find(&path).is_none() {
            self.hide_key();
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
