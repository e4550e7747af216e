//! The functions.

use std::ops::RangeInclusive;

use serde_json::Value;

use super::value::{compare, folded, text};

/// A function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Contains,
    StartsWith,
    EndsWith,
    Format,
    Join,
    ToJson,
    FromJson,
    Success,
    Failure,
    Always,
    Cancelled,
}

const MANY: usize = 255;

/// Each with how many arguments it takes. `hashFiles` is not among them: no cache is rehearsed, and nothing else wants it.
const FUNCTIONS: [(&str, Function, RangeInclusive<usize>); 11] = [
    ("contains", Function::Contains, 2..=2),
    ("startsWith", Function::StartsWith, 2..=2),
    ("endsWith", Function::EndsWith, 2..=2),
    ("format", Function::Format, 1..=MANY),
    ("join", Function::Join, 1..=2),
    ("toJSON", Function::ToJson, 1..=1),
    ("fromJSON", Function::FromJson, 1..=1),
    ("success", Function::Success, 0..=MANY),
    ("failure", Function::Failure, 0..=MANY),
    ("always", Function::Always, 0..=0),
    ("cancelled", Function::Cancelled, 0..=0),
];

/// The function of that name, whatever the case of its letters.
///
/// # Errors
/// What is wrong where there is none, or it does not take so many arguments.
pub(super) fn named(name: &str, args: usize) -> Result<Function, String> {
    let Some((name, function, takes)) = FUNCTIONS.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name)) else {
        let known: Vec<_> = FUNCTIONS.iter().map(|(known, ..)| *known).collect();
        return Err(format!("there is no function `{name}`; there are {}", known.join(", ")));
    };
    if takes.contains(&args) {
        return Ok(*function);
    }
    let wanted = match (takes.start(), takes.end()) {
        (least, most) if least == most => least.to_string(),
        (least, &MANY) => format!("at least {least}"),
        (least, most) => format!("{least} to {most}"),
    };
    Err(format!("`{name}` takes {wanted} arguments, and is given {args}"))
}

/// Whether the first holds the second: a text a part, a list an element.
pub(super) fn contains(search: &Value, item: &Value) -> bool {
    match search {
        Value::Array(elements) => elements.iter().any(|element| compare(element, item).is_some_and(|it| it.is_eq())),
        Value::Object(_) => false,
        _ => is_text(item) && folded(&text(search)).contains(&folded(&text(item))),
    }
}

/// Whether the one text begins, or ends, with the other.
pub(super) fn compares(search: &Value, item: &Value, how: fn(&str, &str) -> bool) -> bool {
    is_text(search) && is_text(item) && how(&folded(&text(search)), &folded(&text(item)))
}

fn is_text(value: &Value) -> bool {
    !matches!(value, Value::Array(_) | Value::Object(_))
}

/// The elements of a list, one after the other.
pub(super) fn join(values: &Value, separator: Option<&Value>) -> String {
    let separator = separator.map_or(",".into(), text);
    match values {
        Value::Array(elements) => elements.iter().map(text).collect::<Vec<_>>().join(&separator),
        Value::Object(_) => String::new(),
        other => text(other),
    }
}

/// A text with each `{N}` in it replaced.
///
/// # Errors
/// What is wrong with its braces.
pub(super) fn format(pattern: &str, values: &[Value]) -> Result<String, String> {
    let mut made = String::new();
    let mut rest = pattern;
    while let Some(at) = rest.find(['{', '}']) {
        made.push_str(&rest[..at]);
        let (brace, after) = rest[at..].split_at(1);
        if let Some(after) = after.strip_prefix(brace) {
            made.push_str(brace);
            rest = after;
            continue;
        }
        let (number, after) = after.split_once('}').filter(|_| brace == "{").ok_or_else(|| {
            format!("`{brace}` stands alone in `{pattern}`; write it twice where it is meant as itself")
        })?;
        let value = number.parse().ok().and_then(|number: usize| values.get(number));
        made.push_str(&text(value.ok_or_else(|| format!("`{{{number}}}` in `{pattern}` names no argument"))?));
        rest = after;
    }
    made.push_str(rest);
    Ok(made)
}

/// A value as JSON, as GitHub writes it: over several lines.
///
/// # Errors
/// When it cannot be written.
pub(super) fn to_json(value: &Value) -> Result<String, String> {
    serde_json::to_string_pretty(value).map_err(|error| error.to_string())
}

/// What a text says as JSON.
///
/// # Errors
/// Where it is none.
pub(super) fn from_json(value: &Value) -> Result<Value, String> {
    let text = text(value);
    if text.trim().is_empty() {
        return Err("fromJSON is given an empty text".into());
    }
    serde_json::from_str(&text).map_err(|error| format!("fromJSON is given what is no JSON: {error}"))
}
