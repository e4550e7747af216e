//! From words to a tree. What a chain of operators makes lies flat in it: only brackets nest.

use serde_json::Value;

use super::Mistake;
use super::function::{self, Function};
use super::lexer::{self, Token};

/// How deep brackets may nest, as on GitHub.
const DEPTH: usize = 50;

/// A part of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Literal(Value),
    Context { at: usize, name: String },
    Call { at: usize, function: Function, args: Vec<Node> },
    Index { of: Box<Node>, keys: Vec<Key> },
    Not(Box<Node>),
    Compare { first: Box<Node>, rest: Vec<(Comparison, Node)> },
    All(Vec<Node>),
    Any(Vec<Node>),
}

impl Node {
    /// Looks at every part of it, itself first.
    pub(super) fn visit(&self, look: &mut impl FnMut(&Node)) {
        look(self);
        match self {
            Node::Literal(_) | Node::Context { .. } => {}
            Node::Call { args, .. } => args.iter().for_each(|arg| arg.visit(look)),
            Node::Index { of, keys } => {
                of.visit(look);
                keys.iter().for_each(|key| {
                    if let Key::Named(key) = key {
                        key.visit(look)
                    }
                });
            }
            Node::Not(inner) => inner.visit(look),
            Node::Compare { first, rest } => {
                first.visit(look);
                rest.iter().for_each(|(_, node)| node.visit(look));
            }
            Node::All(nodes) | Node::Any(nodes) => nodes.iter().for_each(|node| node.visit(look)),
        }
    }
}

/// What is taken out of a list or an object.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Key {
    /// Everything: what follows is asked of each.
    Every,
    Named(Node),
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

const ORDERING: [(&str, Comparison); 4] = [
    ("<", Comparison::Less),
    ("<=", Comparison::LessOrEqual),
    (">", Comparison::Greater),
    (">=", Comparison::GreaterOrEqual),
];
const EQUALITY: [(&str, Comparison); 2] = [("==", Comparison::Equal), ("!=", Comparison::Unequal)];

/// Reads all of a text.
///
/// # Errors
/// A [`Mistake`] at what does not belong where it stands.
pub(super) fn parse(text: &str) -> Result<Node, Mistake> {
    let tokens = lexer::tokens(text)?;
    let mut parser = Parser { tokens: &tokens, next: 0, length: text.len() };
    let node = parser.any(0)?;
    match parser.tokens.get(parser.next) {
        None => Ok(node),
        Some((at, _)) => Err(Mistake::new(*at, "the expression has ended before this")),
    }
}

struct Parser<'a> {
    tokens: &'a [(usize, Token)],
    next: usize,
    length: usize,
}

impl Parser<'_> {
    fn any(&mut self, depth: usize) -> Result<Node, Mistake> {
        if depth > DEPTH {
            return Err(Mistake::new(self.at(), format!("brackets nest no deeper than {DEPTH}")));
        }
        self.chain("||", |parser| parser.all(depth), Node::Any)
    }

    fn all(&mut self, depth: usize) -> Result<Node, Mistake> {
        self.chain("&&", |parser| parser.equality(depth), Node::All)
    }

    fn chain(
        &mut self,
        sign: &'static str,
        mut operand: impl FnMut(&mut Self) -> Result<Node, Mistake>,
        of: fn(Vec<Node>) -> Node,
    ) -> Result<Node, Mistake> {
        let first = operand(self)?;
        let mut nodes = vec![first];
        while self.takes(sign) {
            nodes.push(operand(self)?);
        }
        Ok(if nodes.len() > 1 { of(nodes) } else { nodes.remove(0) })
    }

    fn equality(&mut self, depth: usize) -> Result<Node, Mistake> {
        self.comparison(&EQUALITY, |parser| parser.comparison(&ORDERING, |parser| parser.not(depth)))
    }

    fn comparison(
        &mut self,
        signs: &[(&'static str, Comparison)],
        mut operand: impl FnMut(&mut Self) -> Result<Node, Mistake>,
    ) -> Result<Node, Mistake> {
        let first = operand(self)?;
        let mut rest = Vec::new();
        while let Some((_, comparison)) = signs.iter().find(|(sign, _)| self.takes(sign)) {
            rest.push((*comparison, operand(self)?));
        }
        Ok(if rest.is_empty() { first } else { Node::Compare { first: Box::new(first), rest } })
    }

    fn not(&mut self, depth: usize) -> Result<Node, Mistake> {
        let mut is_negated = None;
        while self.takes("!") {
            is_negated = Some(!is_negated.unwrap_or(false));
        }
        let node = self.postfix(depth)?;
        Ok(match is_negated {
            None => node,
            Some(true) => Node::Not(Box::new(node)),
            // Twice is not nothing: it makes a boolean.
            Some(false) => Node::Not(Box::new(Node::Not(Box::new(node)))),
        })
    }

    fn postfix(&mut self, depth: usize) -> Result<Node, Mistake> {
        let of = self.primary(depth)?;
        let mut keys = Vec::new();
        loop {
            if self.takes(".") {
                keys.push(self.property()?);
            } else if self.takes("[") {
                let key = if self.takes("*") { Key::Every } else { Key::Named(self.any(depth + 1)?) };
                self.expect("]")?;
                keys.push(key);
            } else if keys.is_empty() {
                return Ok(of);
            } else {
                return Ok(Node::Index { of: Box::new(of), keys });
            }
        }
    }

    fn property(&mut self) -> Result<Key, Mistake> {
        if self.takes("*") {
            return Ok(Key::Every);
        }
        let at = self.at();
        let name = match self.take() {
            Some(Token::Name(name)) => name.clone(),
            // A property may be called as a literal is.
            Some(Token::Literal(value @ (Value::Bool(_) | Value::Null))) => value.to_string(),
            _ => return Err(Mistake::new(at, "the name of a property belongs here")),
        };
        Ok(Key::Named(Node::Literal(Value::String(name))))
    }

    fn primary(&mut self, depth: usize) -> Result<Node, Mistake> {
        let at = self.at();
        match self.take() {
            Some(Token::Literal(value)) => Ok(Node::Literal(value.clone())),
            Some(Token::Sign("(")) => {
                let node = self.any(depth + 1)?;
                self.expect(")")?;
                Ok(node)
            }
            Some(Token::Name(name)) => {
                let name = name.clone();
                if self.takes("(") { self.call(at, &name, depth) } else { Ok(Node::Context { at, name }) }
            }
            Some(_) => Err(Mistake::new(at, "a value belongs here")),
            None => Err(Mistake::new(at, "the expression ends where a value belongs")),
        }
    }

    fn call(&mut self, at: usize, name: &str, depth: usize) -> Result<Node, Mistake> {
        let mut args = Vec::new();
        if !self.takes(")") {
            args.push(self.any(depth + 1)?);
            while self.takes(",") {
                args.push(self.any(depth + 1)?);
            }
            self.expect(")")?;
        }
        let function = function::named(name, args.len()).map_err(|message| Mistake::new(at, message))?;
        Ok(Node::Call { at, function, args })
    }

    fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(self.length, |(at, _)| *at)
    }

    fn take(&mut self) -> Option<&Token> {
        let (_, token) = self.tokens.get(self.next)?;
        self.next += 1;
        Some(token)
    }

    fn takes(&mut self, wanted: &str) -> bool {
        let is_there = matches!(self.tokens.get(self.next), Some((_, Token::Sign(sign))) if *sign == wanted);
        self.next += usize::from(is_there);
        is_there
    }

    fn expect(&mut self, sign: &str) -> Result<(), Mistake> {
        let at = self.at();
        if self.takes(sign) { Ok(()) } else { Err(Mistake::new(at, format!("`{sign}` belongs here"))) }
    }
}
