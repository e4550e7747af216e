//! How a value is written, where somebody wrote it in another way.

use super::suggest;
use crate::configuration::setting::kind::{Kind, LIST_SEPARATOR};

/// `text`, as a variable would give it, written as TOML; `None` when it is not valid.
pub(crate) fn toml(kind: &Kind, text: &str) -> Option<String> {
    let text = text.trim_end_matches([',', ';']).trim_matches(is_quote);
    kind.read_text(text)?;
    Some(match kind {
        Kind::List(item) => {
            let items = text.split(LIST_SEPARATOR).map(str::trim).filter(|item| !item.is_empty());
            format!("[{}]", items.filter_map(|text| toml(item, text)).collect::<Vec<_>>().join(", "))
        }
        Kind::Integer(_) | Kind::Ratio | Kind::Boolean => text.to_owned(),
        _ => format!("\"{text}\""),
    })
}

/// What is valid in a file.
pub(crate) fn valid(kind: &Kind) -> String {
    match kind {
        Kind::Address | Kind::Word(_) | Kind::Name | Kind::Origin => format!("{kind}, in quotes"),
        Kind::List(item) => format!("an array, each item in quotes and {item}"),
        _ => kind.to_string(),
    }
}

/// What is valid in a variable or a flag.
pub(crate) fn valid_text(kind: &Kind) -> String {
    match kind {
        Kind::List(item) => format!("a list separated by commas, each item {item}"),
        _ => kind.to_string(),
    }
}

/// What was probably meant by a value in a file that was written as `written`.
pub(crate) fn meant(kind: &Kind, written: &str) -> Option<String> {
    let meant = toml(kind, written).or_else(|| toml(kind, word(kind, written.trim_matches(is_quote))?));
    meant.filter(|spelt| spelt != written)
}

/// The word of a closed set that is probably meant.
pub(crate) fn word<'t>(kind: &Kind, text: &'t str) -> Option<&'t str> {
    match kind {
        Kind::Word(words) => suggest::closest(text, words.iter().copied()),
        Kind::Boolean => suggest::closest(text, ["true", "false"]),
        _ => None,
    }
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\'' | '`' | '“' | '”' | '„' | '‘' | '’')
}
