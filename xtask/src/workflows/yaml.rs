//! YAML as a tree in which every node knows its place. What a workflow can do without is refused where it stands: anchors
//! and aliases, tags, keys that are given twice, more than one document.

use std::fmt;
use std::ops::Deref;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span};

/// How deep a tree may be. A workflow is seven deep.
const DEPTH: usize = 32;

/// Where something begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

impl Place {
    /// The beginning of a file, for what is missing from the whole of it.
    pub const START: Place = Place { line: 1, column: 1 };
}

impl From<Marker> for Place {
    fn from(marker: Marker) -> Place {
        Place { line: marker.line(), column: marker.col() + 1 }
    }
}

/// A text, and where it stands. Two are equal when they say the same, wherever.
#[derive(Debug, Clone, Eq)]
pub struct Text {
    /// What it says, without quotes and indentation.
    pub value: String,
    /// Where it begins, its quote included; of a block, its first line.
    pub place: Place,
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.value
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Text) -> bool {
        self.value == other.value
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.value == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.value == *other
    }
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing: an empty value, `~` or `null`.
    Null,
    /// One value. No type is read into it: `on` stays `on`, and `1.10` stays `1.10`.
    Scalar(String),
    /// Several, in order.
    List(Vec<Node>),
    /// Keys with their values, in order; no key twice.
    Map(Vec<(Text, Node)>),
}

/// A node of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Where it begins.
    pub place: Place,
}

/// What is wrong with a document, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Where.
    pub place: Place,
    /// What, and what would be right.
    pub message: String,
}

impl Wrong {
    fn new(place: Place, message: impl Into<String>) -> Wrong {
        Wrong { place, message: message.into() }
    }
}

impl From<ScanError> for Wrong {
    fn from(error: ScanError) -> Wrong {
        Wrong::new((*error.marker()).into(), format!("this is not YAML: {}", error.info()))
    }
}

/// Reads the one document in a text.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn parse(text: &str) -> Result<Node, Wrong> {
    let mut reader = Reader { parser: Parser::new_from_str(text) };
    let mut root = None;
    loop {
        match reader.next()? {
            (Event::StreamEnd, at) => return root.ok_or_else(|| Wrong::new(at, "this file is empty")),
            (Event::DocumentStart(_), at) if root.is_some() => {
                return Err(Wrong::new(at, "this is a second document; a file holds one"));
            }
            (Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing, _) => {}
            (event, at) => root = Some(reader.node(event, at, DEPTH)?),
        }
    }
}

struct Reader<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Place), Wrong> {
        match self.parser.next_event() {
            Some(event) => event.map(|(event, Span { start, .. })| (event, start.into())).map_err(Wrong::from),
            None => Ok((Event::StreamEnd, Place::START)),
        }
    }

    /// The node that an event begins.
    fn node(&mut self, event: Event<'a>, place: Place, depth: usize) -> Result<Node, Wrong> {
        if depth == 0 {
            return Err(Wrong::new(place, format!("this is nested more than {DEPTH} deep")));
        }
        let value = match event {
            Event::Alias(_) => return Err(Wrong::new(place, "an alias: write out what it stands for")),
            Event::Scalar(_, _, anchor, _) | Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _)
                if anchor != 0 =>
            {
                return Err(Wrong::new(place, "an anchor: write out the value wherever it is wanted"));
            }
            Event::Scalar(_, _, _, Some(tag))
            | Event::SequenceStart(_, Some(tag))
            | Event::MappingStart(_, Some(tag)) => {
                return Err(Wrong::new(place, format!("a tag, {tag}: write the value without it")));
            }
            Event::Scalar(text, style, ..) => scalar(text.into_owned(), style),
            Event::SequenceStart(..) => Value::List(self.list(depth)?),
            Event::MappingStart(..) => Value::Map(self.map(depth)?),
            _ => return Err(Wrong::new(place, "there is no value here")),
        };
        Ok(Node { value, place })
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Wrong> {
        let mut list = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(list),
                (event, place) => list.push(self.node(event, place, depth - 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<(Text, Node)>, Wrong> {
        let mut map: Vec<(Text, Node)> = Vec::new();
        loop {
            let (event, place) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(map);
            }
            let Value::Scalar(value) = self.node(event, place, depth - 1)?.value else {
                return Err(Wrong::new(place, "a key is one word"));
            };
            if let Some((first, _)) = map.iter().find(|(key, _)| *key == value.as_str()) {
                let message = format!("`{value}` is given twice, first in line {}; leave one", first.place.line);
                return Err(Wrong::new(place, message));
            }
            let (event, at) = self.next()?;
            let node = self.node(event, at, depth - 1)?;
            map.push((Text { value, place }, node));
        }
    }
}

fn scalar(text: String, style: ScalarStyle) -> Value {
    match (style, text.as_str()) {
        (ScalarStyle::Plain, "" | "~" | "null" | "Null" | "NULL") => Value::Null,
        _ => Value::Scalar(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> (usize, usize, String) {
        let wrong = parse(text).unwrap_err();
        (wrong.place.line, wrong.place.column, wrong.message)
    }

    #[test]
    fn every_node_knows_its_place_and_keeps_its_text() {
        let Value::Map(root) = parse("on:\n  push:\njobs: {a: [1.10, 'no']}\nrun: |\n  x\n").unwrap().value else {
            panic!("a map")
        };
        let places: Vec<_> = root.iter().map(|(key, node)| (key.value.as_str(), key.place, node.place)).collect();
        let at = |line, column| Place { line, column };
        assert_eq!(places[0], ("on", at(1, 1), at(2, 3)));
        assert_eq!(places[1], ("jobs", at(3, 1), at(3, 7)));
        assert_eq!(root[2].1.value, Value::Scalar("x\n".into()));
        let Value::Map(jobs) = &root[1].1.value else { panic!("a map") };
        let Value::List(list) = &jobs[0].1.value else { panic!("a list") };
        let texts: Vec<_> = list.iter().map(|node| (&node.value, node.place)).collect();
        assert_eq!(texts[0], (&Value::Scalar("1.10".into()), at(3, 12)));
        assert_eq!(texts[1], (&Value::Scalar("no".into()), at(3, 18)));
        let Value::Map(on) = &root[0].1.value else { panic!("a map") };
        assert_eq!(on[0].1.value, Value::Null);
    }

    #[test]
    fn what_a_workflow_can_do_without_is_refused_where_it_stands() {
        let deep = format!("a: {}{}", "[".repeat(40), "]".repeat(40));
        for (text, line, column, expected) in [
            ("a: 1\nb: 2\na: 3\n", 3, 1, "`a` is given twice, first in line 1"),
            ("a: &x 1\nb: 2\n", 1, 4, "an anchor"),
            ("a: 1\nb: *x\n", 2, 4, "this is not YAML"),
            ("a: !!str 1\n", 1, 4, "a tag"),
            ("a: 1\n---\nb: 2\n", 2, 1, "a second document"),
            ("? [a]\n: 1\n", 1, 3, "a key is one word"),
            ("a: 'x\n", 1, 4, "this is not YAML"),
            ("a: \"\\q\"\n", 1, 4, "this is not YAML"),
            ("", 1, 1, "empty"),
            (&deep, 1, 35, "nested more than 32 deep"),
        ] {
            let (at_line, at_column, message) = wrong(text);
            assert!(message.contains(expected), "{text:?}: {message}");
            assert_eq!((at_line, at_column), (line, column), "{text:?}: {message}");
        }
    }
}
