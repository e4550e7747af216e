//! What an expression comes to.

use serde_json::{Map, Value};

use super::Mistake;
use super::function::{self, Function};
use super::parser::{Comparison, Key, Node};
use super::value::{compare, is_true, place, text};

/// What an expression sees.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// `github`, `env` and the like, by name.
    pub contexts: &'a Map<String, Value>,
    /// How what came before has ended; none outside of conditions.
    pub status: Option<Status>,
}

/// How what came before has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// All of it well.
    pub success: bool,
    /// Some of it badly.
    pub failure: bool,
}

/// The value of a part.
pub(super) fn node(node: &Node, scope: &Scope<'_>) -> Result<Value, Mistake> {
    match node {
        Node::Literal(value) => Ok(value.clone()),
        Node::Context { at, name } => context(*at, name, scope).cloned(),
        Node::Call { at, function, args } => call(*at, *function, args, scope),
        Node::Index { of, keys } => index(self::node(of, scope)?, keys, scope),
        Node::Not(inner) => Ok(Value::Bool(!is_true(&self::node(inner, scope)?))),
        Node::Compare { first, rest } => {
            let mut left = self::node(first, scope)?;
            for (comparison, right) in rest {
                left = Value::Bool(holds(*comparison, &left, &self::node(right, scope)?));
            }
            Ok(left)
        }
        Node::All(nodes) => first_that(nodes, scope, |value| !is_true(value)),
        Node::Any(nodes) => first_that(nodes, scope, is_true),
    }
}

/// The first value that decides the rest, or the last.
fn first_that(nodes: &[Node], scope: &Scope<'_>, decides: fn(&Value) -> bool) -> Result<Value, Mistake> {
    let mut last = Value::Null;
    for node in nodes {
        last = self::node(node, scope)?;
        if decides(&last) {
            break;
        }
    }
    Ok(last)
}

fn context<'a>(at: usize, name: &str, scope: &Scope<'a>) -> Result<&'a Value, Mistake> {
    named(scope.contexts, name).ok_or_else(|| {
        let known: Vec<_> = scope.contexts.keys().map(String::as_str).collect();
        Mistake::new(at, format!("there is no context `{name}` here; there are {}", known.join(", ")))
    })
}

/// What an object has under a name, whatever the case of its letters.
fn named<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.get(name).or_else(|| object.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, it)| it))
}

fn holds(comparison: Comparison, left: &Value, right: &Value) -> bool {
    let ordering = compare(left, right);
    match comparison {
        Comparison::Equal => ordering.is_some_and(|it| it.is_eq()),
        Comparison::Unequal => !ordering.is_some_and(|it| it.is_eq()),
        Comparison::Less => ordering.is_some_and(|it| it.is_lt()),
        Comparison::LessOrEqual => ordering.is_some_and(|it| it.is_le()),
        Comparison::Greater => ordering.is_some_and(|it| it.is_gt()),
        Comparison::GreaterOrEqual => ordering.is_some_and(|it| it.is_ge()),
    }
}

/// What is left once every key was applied; after a star, to each.
fn index(value: Value, keys: &[Key], scope: &Scope<'_>) -> Result<Value, Mistake> {
    let mut found = vec![value];
    let mut is_filtered = false;
    for key in keys {
        match key {
            Key::Every => {
                found = found.into_iter().flat_map(elements).collect();
                is_filtered = true;
            }
            Key::Named(key) => {
                let key = node(key, scope)?;
                let values = found.iter().map(|value| property(value, &key));
                // What lacks it is left out of many, and one is null.
                found = if is_filtered {
                    values.flatten().collect()
                } else {
                    values.map(Option::unwrap_or_default).collect()
                };
            }
        }
    }
    Ok(if is_filtered { Value::Array(found) } else { found.pop().unwrap_or_default() })
}

fn elements(value: Value) -> Vec<Value> {
    match value {
        Value::Array(elements) => elements,
        Value::Object(object) => object.into_iter().map(|(_, value)| value).collect(),
        _ => Vec::new(),
    }
}

fn property(value: &Value, key: &Value) -> Option<Value> {
    match (value, key) {
        (_, Value::Array(_) | Value::Object(_)) => None,
        (Value::Object(object), key) => named(object, &text(key)).cloned(),
        (Value::Array(elements), key) => elements.get(place(key)?).cloned(),
        _ => None,
    }
}

fn call(at: usize, function: Function, args: &[Node], scope: &Scope<'_>) -> Result<Value, Mistake> {
    let values = args.iter().map(|arg| node(arg, scope)).collect::<Result<Vec<_>, _>>()?;
    let mistake = |message: String| Mistake::new(at, message);
    let status = || scope.status.ok_or_else(|| mistake("this function is for the condition of an `if:` alone".into()));
    Ok(match (function, &values[..]) {
        (Function::Contains, [search, item]) => function::contains(search, item).into(),
        (Function::StartsWith, [search, item]) => {
            function::compares(search, item, |it, with| it.starts_with(with)).into()
        }
        (Function::EndsWith, [search, item]) => function::compares(search, item, |it, with| it.ends_with(with)).into(),
        (Function::Format, [pattern, rest @ ..]) => function::format(&text(pattern), rest).map_err(mistake)?.into(),
        (Function::Join, [values, rest @ ..]) => function::join(values, rest.first()).into(),
        (Function::ToJson, [value]) => function::to_json(value).map_err(mistake)?.into(),
        (Function::FromJson, [value]) => function::from_json(value).map_err(mistake)?,
        (Function::Success, _) => status()?.success.into(),
        (Function::Failure, _) => status()?.failure.into(),
        (Function::Always, _) => status().map(|_| true)?.into(),
        // Who ends a run here ends all of it.
        (Function::Cancelled, _) => status().map(|_| false)?.into(),
        // The parser has counted them.
        _ => Value::Null,
    })
}

/// Whether it asks how what came before has ended.
pub(super) fn asks_for_status(node: &Node) -> bool {
    const STATUS: [Function; 4] = [Function::Success, Function::Failure, Function::Always, Function::Cancelled];
    let mut asks = false;
    node.visit(&mut |part| asks |= matches!(part, Node::Call { function, .. } if STATUS.contains(function)));
    asks
}

/// Looks whether every context is there that it names, evaluated or not.
///
/// # Errors
/// A [`Mistake`] at the first that is not.
pub(super) fn require_contexts(node: &Node, scope: &Scope<'_>) -> Result<(), Mistake> {
    let mut missing = None;
    node.visit(&mut |part| {
        if let Node::Context { at, name } = part
            && missing.is_none()
        {
            missing = context(*at, name, scope).err();
        }
    });
    missing.map_or(Ok(()), Err)
}
