//! GitHub's expressions, `${{ … }}`, as far as workflows use them. The rules are those of
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/expressions>: an unknown function or context is a
//! mistake, an unknown property is null.

mod evaluate;
mod function;
mod lexer;
mod parser;
mod references;
mod value;

use serde_json::{Map, Value};

pub use evaluate::{Scope, Status};
pub use references::{Reference, references};
pub(super) use value::{is_true, text};

use parser::Node;

/// What is wrong with an expression, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// In bytes from the beginning of the text it stands in.
    pub at: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl Mistake {
    fn new(at: usize, message: impl Into<String>) -> Mistake {
        Mistake { at, message: message.into() }
    }

    fn moved(self, by: usize) -> Mistake {
        Mistake { at: self.at + by, ..self }
    }
}

/// An expression without the braces around it.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression(Node);

impl Expression {
    /// Reads one.
    ///
    /// # Errors
    /// A [`Mistake`] where it is none, or is nested deeper than GitHub takes it.
    pub fn parse(text: &str) -> Result<Expression, Mistake> {
        parser::parse(text).map(Expression)
    }

    /// What it comes to.
    ///
    /// # Errors
    /// A [`Mistake`] where it names a context that is not there, or gives a function what it cannot take.
    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, Mistake> {
        evaluate::require_contexts(&self.0, scope)?;
        evaluate::node(&self.0, scope)
    }
}

/// A text with every `${{ … }}` in it replaced by what it comes to. A text that is one expression and nothing else keeps the
/// type of its value.
///
/// # Errors
/// Those of [`Expression::parse`] and [`Expression::evaluate`], and braces that nothing closes.
pub fn interpolate(text: &str, scope: &Scope<'_>) -> Result<Value, Mistake> {
    let pieces = pieces(text)?;
    let value = |at: usize, inner: &str| {
        Expression::parse(inner).and_then(|it| it.evaluate(scope)).map_err(|mistake| mistake.moved(at))
    };
    if let [Piece::Expression { at, text }] = pieces[..] {
        return value(at, text);
    }
    let mut whole = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => whole.push_str(text),
            Piece::Expression { at, text: inner } => whole.push_str(&self::text(&value(at, inner)?)),
        }
    }
    Ok(Value::String(whole))
}

/// The expression that a text is, without its braces; none where it is several, or something else as well.
pub fn inner(text: &str) -> Option<&str> {
    match pieces(text.trim()).ok()?[..] {
        [Piece::Expression { text, .. }] => Some(text.trim()),
        _ => None,
    }
}

/// Whether what an `if:` stands at is to run: without a function that asks for the status, only after success.
///
/// # Errors
/// Those of [`interpolate`]; text beside the braces, which GitHub takes for true whatever the expression says.
pub fn condition(text: &str, scope: &Scope<'_>) -> Result<bool, Mistake> {
    let (at, inner) = match pieces(text.trim_end())?[..] {
        [] => (0, "success()"),
        [Piece::Text(text)] => (0, text),
        [Piece::Expression { at, text }] => (at, text),
        _ => {
            let message =
                "text beside `${{ }}` makes a condition true, whatever the expression says; write one expression";
            return Err(Mistake::new(0, message));
        }
    };
    let judge = || {
        let expression = Expression::parse(inner)?;
        let is_ruled_out = !evaluate::asks_for_status(&expression.0) && !scope.status.is_some_and(|it| it.success);
        Ok(!is_ruled_out && is_true(&expression.evaluate(scope)?))
    };
    judge().map_err(|mistake: Mistake| mistake.moved(at))
}

/// The objects by which expressions see their surroundings, from pairs.
pub(super) fn object<N: Into<String>, V: Into<Value>>(pairs: impl IntoIterator<Item = (N, V)>) -> Value {
    Value::Object(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect::<Map<_, _>>())
}

enum Piece<'a> {
    Text(&'a str),
    Expression { at: usize, text: &'a str },
}

/// What of a text is an expression, and what is not.
fn pieces(text: &str) -> Result<Vec<Piece<'_>>, Mistake> {
    const OPEN: &str = "${{";
    const CLOSE: &str = "}}";
    let mut pieces = Vec::new();
    let mut from = 0;
    while let Some(begin) = text[from..].find(OPEN).map(|found| from + found) {
        let at = begin + OPEN.len();
        let Some(end) = lexer::end(&text[at..], CLOSE).map(|found| at + found) else {
            return Err(Mistake::new(begin, "nothing closes this `${{`"));
        };
        if begin > from {
            pieces.push(Piece::Text(&text[from..begin]));
        }
        pieces.push(Piece::Expression { at, text: &text[at..end] });
        from = end + CLOSE.len();
    }
    if from < text.len() {
        pieces.push(Piece::Text(&text[from..]));
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests;
