//! The words of an expression.

use serde_json::Value;

use super::Mistake;
use super::value;

/// A word.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A context, a function, or a property.
    Name(String),
    Literal(Value),
    /// An operator, a bracket, a point, a comma or a star.
    Sign(&'static str),
}

/// The longer ones first.
const SIGNS: [&str; 16] = ["==", "!=", "<=", ">=", "&&", "||", "<", ">", "!", "(", ")", "[", "]", ".", ",", "*"];

/// All words with where each begins.
///
/// # Errors
/// A [`Mistake`] at what is no word.
pub(super) fn tokens(text: &str) -> Result<Vec<(usize, Token)>, Mistake> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        if c.is_whitespace() {
            at += c.len_utf8();
            continue;
        }
        // What follows a value by a point is a property, and no number.
        let after_value = matches!(tokens.last(), Some((_, Token::Name(_) | Token::Sign(")" | "]" | "*"))));
        let (token, length) = token(&text[at..], after_value).map_err(|mistake| mistake.moved(at))?;
        tokens.push((at, token));
        at += length;
    }
    Ok(tokens)
}

fn token(text: &str, after_value: bool) -> Result<(Token, usize), Mistake> {
    let first = text.chars().next().unwrap_or_default();
    if first == '\'' {
        return quoted(text);
    }
    if is_name_start(first) {
        let name = prefix(text, |c| is_name_start(c) || c.is_ascii_digit() || c == '-');
        let token = match name {
            "true" => Token::Literal(true.into()),
            "false" => Token::Literal(false.into()),
            "null" => Token::Literal(Value::Null),
            _ => Token::Name(name.to_owned()),
        };
        return Ok((token, name.len()));
    }
    if first.is_ascii_digit() || matches!(first, '-' | '+') || (first == '.' && !after_value) {
        let number = prefix(text, |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-'));
        let value = value::parse_number(number).and_then(value::number);
        let value = value.ok_or_else(|| Mistake::new(0, format!("`{number}` is no number")))?;
        return Ok((Token::Literal(value), number.len()));
    }
    if let Some(sign) = SIGNS.iter().find(|sign| text.starts_with(**sign)) {
        return Ok((Token::Sign(sign), sign.len()));
    }
    let message = match first {
        '"' => "strings stand in single quotes here".to_owned(),
        other => format!("`{}` means nothing here", other.escape_debug()),
    };
    Err(Mistake::new(0, message))
}

fn is_name_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

fn prefix(text: &str, belongs: impl Fn(char) -> bool) -> &str {
    &text[..text.find(|c| !belongs(c)).unwrap_or(text.len())]
}

/// A string in single quotes, in which two of them are one.
fn quoted(text: &str) -> Result<(Token, usize), Mistake> {
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != '\'' {
            value.push(c);
        } else if chars.next_if(|(_, next)| *next == '\'').is_some() {
            value.push('\'');
        } else {
            return Ok((Token::Literal(Value::String(value)), at + 1));
        }
    }
    Err(Mistake::new(0, "nothing ends this string"))
}

/// Where a mark stands that is not within a string.
pub(super) fn end(text: &str, mark: &str) -> Option<usize> {
    let mut in_string = false;
    text.char_indices().find_map(|(at, c)| {
        in_string ^= c == '\'';
        (!in_string && text[at..].starts_with(mark)).then_some(at)
    })
}
