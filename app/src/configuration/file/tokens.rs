//! The words of TOML, as they stand in a text, valid or not.

use std::ops::Range;

use toml_parser::{
    Source,
    lexer::{Token, TokenKind},
};

/// What a text stands in.
pub(super) const QUOTES: [char; 2] = ['"', '\''];

/// The tokens of a text.
pub(super) fn tokens(text: &str) -> impl Iterator<Item = (TokenKind, Range<usize>)> {
    Source::new(text).lex().map(|token: Token| (token.kind(), token.span().start()..token.span().end()))
}

/// Whether a token is a word or a text: part of a key, or of a value.
pub(super) fn is_word(kind: TokenKind) -> bool {
    use TokenKind::{Atom, BasicString, LiteralString, MlBasicString, MlLiteralString};
    matches!(kind, Atom | BasicString | LiteralString | MlBasicString | MlLiteralString)
}

/// Whether a text has a quote in front and none behind.
pub(super) fn is_open(text: &str) -> bool {
    text.starts_with(QUOTES) && (text.len() < 2 || text.chars().next() != text.chars().next_back())
}

/// A part of a key, without quotes. One with escapes in it names no setting.
pub(super) fn bare(part: &str) -> &str {
    part.trim_matches(QUOTES)
}

/// `key` below `section`; the empty section is that of a file.
pub(super) fn join(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }
}
