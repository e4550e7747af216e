//! The search of one text, in one pass: formats where a word begins, URLs and assignments at their signs.

use std::ops::Range;
use std::sync::LazyLock;

use super::kind::Kind;
use super::{assignment, formats, private_key, url};

/// Something in a text that looks like a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What it looks like.
    pub kind: Kind,
    /// Where it stands, in bytes.
    pub range: Range<usize>,
}

/// Everything in a text that looks like a secret, by place; no two overlap.
pub fn scan(text: &[u8]) -> Vec<Found> {
    let signs: &[Sign; 256] = &SIGNS;
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let next = at + 1;
        at = match signs[usize::from(text[at])] {
            Sign::None => next,
            Sign::Word if begins_word(text, at) => word(text, at, &mut found).unwrap_or(next),
            Sign::Word => next,
            Sign::Hyphen => private_key::find(text, at).map_or(next, |end| {
                found.push(Found { kind: Kind::PrivateKey, range: at..end });
                end
            }),
            Sign::Operator => {
                operator(text, at, &mut found);
                next
            }
        };
    }
    without_overlaps(found)
}

/// What can begin at a byte.
#[derive(Clone, Copy)]
enum Sign {
    None,
    Word,
    Hyphen,
    Operator,
}

static SIGNS: LazyLock<[Sign; 256]> = LazyLock::new(|| {
    std::array::from_fn(|byte| match u8::try_from(byte) {
        Ok(b'=' | b':' | b',') => Sign::Operator,
        Ok(b'-') => Sign::Hyphen,
        Ok(byte) if byte == b'E' || formats::can_begin_with(byte) => Sign::Word,
        _ => Sign::None,
    })
});

/// Whether no letter, digit or underscore stands before it; those of an escaped line break or tab do not count.
fn begins_word(text: &[u8], at: usize) -> bool {
    match &text[..at] {
        [.., b'\\', b'n' | b'r' | b't'] => true,
        [.., before] => !formats::word(*before),
        [] => true,
    }
}

/// Searches where a word begins; says where to go on.
fn word(text: &[u8], at: usize, found: &mut Vec<Found>) -> Option<usize> {
    if let Some((kind, range)) = assignment::find_env(text, at) {
        found.push(Found { kind, range });
    }
    let (kind, end) = formats::find(text, at)?;
    found.push(Found { kind, range: at..end });
    Some(end)
}

fn operator(text: &[u8], at: usize, found: &mut Vec<Found>) {
    // One operator, however many signs it has.
    if at > 0 && b"=:".contains(&text[at - 1]) {
        return;
    }
    found.extend(url::find(text, at).map(|range| Found { kind: Kind::UrlPassword, range }));
    found.extend(assignment::find(text, at).map(|(kind, range)| Found { kind, range }));
}

/// Of two that overlap, keeps the one that says more: a token's format more than the URL or the value it stands in.
fn without_overlaps(mut found: Vec<Found>) -> Vec<Found> {
    found.sort_by_key(|one| (one.range.start, one.kind));
    let mut kept: Vec<Found> = Vec::with_capacity(found.len());
    for one in found {
        match kept.last_mut().filter(|last| last.range.end > one.range.start) {
            // Kinds stand in that order.
            Some(last) if one.kind < last.kind => *last = one,
            Some(_) => {}
            None => kept.push(one),
        }
    }
    kept
}
