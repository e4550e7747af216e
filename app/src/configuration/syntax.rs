//! What is told about a file that is not valid TOML, in words of our own: the parser's are for people who know it.

use std::ops::Range;

use toml::de::Error;
use toml_parser::lexer::TokenKind;

use super::{
    cover::{is_word, join, tokens},
    document::Document,
    problem::Problem,
    salvage::Line,
    setting::{Definition, Setting},
    spelling,
};

/// What is wrong, by how the parser's message starts, and what it expected.
const CAUSES: &[(&str, &str, &str)] = &[
    ("key with no value", "a key without a value", "KEY = VALUE"),
    ("unclosed table", "the header of a section is not closed", "`]`"),
    ("unclosed array table", "the header of a section is not closed", "`]]`"),
    (UNCLOSED_ARRAY, "an array is opened here and not closed", "`]` behind the last item"),
    (UNCLOSED_TABLE, "a table is opened here and not closed", "`}` behind its last value"),
    ("missing comma between array", "there is no comma between two items of an array", "`,`"),
    ("missing comma between key", "there is no comma between two values of a table", "`,`"),
    ("extra comma", "there is a comma too many", "a value"),
    (MORE, "there is more in this line than one thing", "a line break"),
    ("cannot extend value", "a key cannot have a value and be a section too", "one of the two"),
    ("invalid multi-line basic string", "a text is opened here and not closed", "`\"\"\"` behind it"),
    ("invalid multi-line literal string", "a text is opened here and not closed", "`'''` behind it"),
    ("invalid unquoted key", "a key has letters, digits, _ and - only", "KEY = VALUE"),
    ("unquoted keys cannot be empty", "there is no key in front of the =", "KEY = VALUE"),
    ("extra `=`", "there is a = too many", "KEY = VALUE"),
];

const UNCLOSED_ARRAY: &str = "unclosed array, ";
const UNCLOSED_TABLE: &str = "unclosed inline table";
const MORE: &str = "unexpected key or value";
const TWICE: &str = "duplicate key";

/// What the syntax errors of a file are, and what they leave of it.
#[derive(Default)]
pub(super) struct Verdict {
    pub(super) problems: Vec<Problem>,
    /// The settings whose lines are broken: nobody knows what they were to be.
    pub(super) lost: Vec<(&'static Setting, usize)>,
    /// The lines with an error, from 1.
    pub(super) lines: Vec<usize>,
    /// Where the first error stands behind which keys may belong elsewhere.
    pub(super) astray: Option<usize>,
}

/// Judges all errors of a file, one for each line at the most.
pub(super) fn judge(definition: &Definition, document: &Document<'_>, errors: &[Error]) -> Verdict {
    let mut verdict = Verdict::default();
    let Some(lines) = &document.broken else { return verdict };
    let mut found: Vec<_> = errors.iter().map(|error| Found::of(error, document, lines, errors)).collect();
    // Of several in a line, the one that says most: an assignment too many is what makes a text of a number.
    found.sort_by_key(|found| (found.line, !found.message.starts_with(MORE), found.span.start));
    found.dedup_by_key(|found| found.line);
    for found in found {
        let line = &lines[found.line];
        if verdict.astray.is_some() && !line.is_trusted {
            continue;
        }
        let at = line.start + line.text.len() - line.text.trim_start().len();
        verdict.lines.push(found.line + 1);
        let sets = line.sets(definition).filter(|_| line.is_closed());
        let is_repeated_header = found.message.starts_with(TWICE) && line.header().flatten().is_some();
        match sets {
            Some((setting, value)) => {
                verdict.lost.push((setting, at));
                let value = line.start + value.start..line.start + value.end;
                verdict.problems.push(of_setting(document, lines, &found, setting, value));
            }
            None => {
                if !is_repeated_header {
                    verdict.astray.get_or_insert(line.start);
                }
                verdict.problems.push(found.problem(document, lines));
            }
        }
    }
    verdict
}

/// An error, moved to where it began.
struct Found<'e> {
    message: &'e str,
    span: Range<usize>,
    /// From 0.
    line: usize,
}

impl<'e> Found<'e> {
    fn of(error: &'e Error, document: &Document<'_>, lines: &[Line<'_>], errors: &'e [Error]) -> Self {
        let (mut message, mut span) = (error.message(), error.span().unwrap_or_default());
        let line = document.line(span.start) - 1;
        let unclosed = errors
            .iter()
            .map(Error::message)
            .find(|message| message.starts_with(UNCLOSED_ARRAY) || message.starts_with(UNCLOSED_TABLE));
        if let (Some(open), Some(unclosed)) = (lines[line].open, unclosed) {
            (message, span) = (unclosed, open..open + 1);
        } else if let Some(text) = unclosed_text(document.text).filter(|text| text.end == span.start) {
            span = text.start..text.start + 3;
        }
        Self { message, line: document.line(span.start) - 1, span }
    }

    fn problem(&self, document: &Document<'_>, lines: &[Line<'_>]) -> Problem {
        let (_, cause, expected) = CAUSES.iter().find(|(start, ..)| self.message.starts_with(start)).unwrap_or(&(
            "",
            "this is not TOML",
            "KEY = VALUE, with texts in quotes",
        ));
        let line = &lines[self.line];
        if self.message.starts_with(TWICE) {
            let path = line.header().flatten().or_else(|| Some(path(line)?.0)).unwrap_or_default();
            let problem = Problem::new(format!("{path}: given twice in one file")).at(document.origin(self.span.start));
            let problem = problem.showing(document.excerpt(&self.span)).valid("one of the two");
            return earlier(problem, document, lines, self.line, &path);
        }
        Problem::new(*cause).at(document.origin(self.span.start)).showing(document.excerpt(&self.span)).valid(expected)
    }
}

/// The text of several lines that goes on to the end of the file.
fn unclosed_text(text: &str) -> Option<Range<usize>> {
    let last = tokens(text).filter(|(kind, _)| *kind != TokenKind::Eof).last();
    let (_, range) = last.filter(|(kind, _)| matches!(kind, TokenKind::MlBasicString | TokenKind::MlLiteralString))?;
    Some(range)
}

fn of_setting(
    document: &Document<'_>,
    lines: &[Line<'_>],
    found: &Found<'_>,
    setting: &'static Setting,
    value: Range<usize>,
) -> Problem {
    let path = setting.path;
    if setting.is_secret() {
        return super::file::secret(document, setting, &value);
    }
    let line = &lines[found.line];
    let written = &document.text[value.clone()];
    let at = |problem: Problem, marked: &Range<usize>| {
        problem.at(document.origin(marked.start)).showing(document.excerpt(marked)).about(setting)
    };
    if found.message.starts_with(TWICE) {
        let problem = at(Problem::new(format!("{path}: given twice in one file")), &found.span).valid("one of the two");
        return earlier(problem, document, lines, found.line, path);
    }
    if line.text.matches('=').count() > 1 {
        let behind = value.start + first_value(written)..value.end;
        return at(Problem::new(format!("{path}: something follows its value")), &behind).valid("a line break");
    }
    if !line.text.contains('=') {
        let problem = Problem::new(format!("{path}: there is no = between key and value"));
        let key = setting.path.rsplit('.').next().unwrap_or(path);
        let spelt = spelling::toml(&setting.kind, written).map(|value| format!("write `{key} = {value}`"));
        let problem = at(problem, &found.span).valid("KEY = VALUE");
        return spelt.into_iter().fold(problem, Problem::help);
    }
    let what = if written.is_empty() { "has no value" } else { "its value is not valid TOML" };
    let meant = spelling::meant(&setting.kind, written);
    at(Problem::new(format!("{path}: {what}")), &value).valid(spelling::valid(&setting.kind)).meant(meant.as_deref())
}

/// Where the first word of a value ends, and what separates it from the next.
fn first_value(written: &str) -> usize {
    let word = tokens(written).find(|(kind, _)| is_word(*kind)).map_or(0, |(_, range)| range.end);
    word + written[word..].len() - written[word..].trim_start_matches([' ', '\t', ',']).len()
}

/// Adds where the same was given before.
fn earlier(problem: Problem, document: &Document<'_>, lines: &[Line<'_>], line: usize, path: &str) -> Problem {
    let first = lines[..line].iter().filter(|line| line.is_trusted).find_map(|line| {
        let range = match line.header() {
            Some(header) => (header.as_deref() == Some(path)).then(|| 0..line.text.len())?,
            None => self::path(line).filter(|(found, _)| found == path)?.1,
        };
        Some(line.start + range.start..line.start + range.end)
    });
    match first {
        Some(range) => problem.and(
            "it is given here first".to_owned(),
            document.origin(range.start),
            Some(document.excerpt(&range)),
        ),
        None => problem,
    }
}

/// The path that a line gives a value to, and where its key stands.
fn path(line: &Line<'_>) -> Option<(String, Range<usize>)> {
    let (key, _) = line.text.split_once('=')?;
    let start = key.len() - key.trim_start().len();
    let key = key.trim();
    Some((join(line.section(), key), start..start + key.len()))
}
