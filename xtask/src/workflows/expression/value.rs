//! What GitHub makes of a value where another type is wanted.

use std::cmp::Ordering;

use serde_json::{Number, Value};

/// Whether a condition takes it for true.
pub(in crate::workflows) fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64().is_some_and(|number| number != 0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

/// As a text; a list and an object have none but their type's name.
pub(in crate::workflows) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => shown(number.as_f64().unwrap_or_default()),
        Value::String(text) => text.clone(),
        Value::Array(_) => "Array".into(),
        Value::Object(_) => "Object".into(),
    }
}

/// In decimal, and exponential where that would be long.
fn shown(number: f64) -> String {
    const LONG: f64 = 1e15;
    if number.abs() < LONG {
        return number.to_string();
    }
    format!("{number:E}").replace('E', "E+")
}

/// A number as a value: a whole one without a fraction; none for what JSON cannot write.
pub(super) fn number(number: f64) -> Option<Value> {
    const EXACT: f64 = 9e15;
    if number.fract() == 0.0 && number.abs() < EXACT {
        return Some(Value::from(number as i64));
    }
    Number::from_f64(number).map(Value::Number)
}

/// A text as a number, if it is one: an empty one is 0.
pub(super) fn parse_number(text: &str) -> Option<f64> {
    let text = text.trim();
    if text.is_empty() {
        return Some(0.0);
    }
    let of_radix = |digits: &str, radix| {
        // Neither a sign nor more than 32 bits.
        let digits = Some(digits).filter(|digits| digits.chars().all(|c| c.is_digit(radix)))?;
        u32::from_str_radix(digits, radix).ok().map(|number| f64::from(number.cast_signed()))
    };
    match text.get(..2) {
        Some("0x") => of_radix(&text[2..], 16),
        Some("0o") => of_radix(&text[2..], 8),
        // Rust would take words such as `inf`, too.
        _ if text.contains(|c: char| !(c.is_ascii_digit() || "+-.eE".contains(c))) => None,
        _ => text.parse().ok(),
    }
}

/// What two values are compared by: none where no order and no equality holds between them.
pub(super) fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Null, Value::Null) => Some(Ordering::Equal),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::String(left), Value::String(right)) => Some(folded(left).cmp(&folded(right))),
        // Two of these would be equal where they are the same one, which values here do not know of themselves.
        (Value::Array(_) | Value::Object(_), _) | (_, Value::Array(_) | Value::Object(_)) => None,
        _ => as_number(left)?.partial_cmp(&as_number(right)?),
    }
}

fn as_number(value: &Value) -> Option<f64> {
    match value {
        Value::Null => Some(0.0),
        Value::Bool(value) => Some(f64::from(u8::from(*value))),
        Value::Number(number) => number.as_f64(),
        Value::String(text) => parse_number(text),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// The place in a list that a value means; none where it means none.
pub(super) fn place(value: &Value) -> Option<usize> {
    let number = as_number(value).filter(|number| (0.0..=f64::from(i32::MAX)).contains(number))?;
    Some(number.floor() as usize)
}

/// A text in which upper and lower case are the same.
pub(super) fn folded(text: &str) -> String {
    text.to_uppercase()
}
