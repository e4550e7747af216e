//! What is told about a file that is not valid TOML, in words of our own: the parser's are for people who know it.

use std::ops::Range;

use toml::de::Error;
use toml_parser::lexer::TokenKind;

use super::{
    document::Document,
    salvage::Line,
    tokens::{is_word, tokens},
};
use crate::configuration::{
    file,
    problem::{Problem, spelling},
    setting::{Definition, Setting},
};

/// What is wrong, by how the parser's message starts, and what it expected.
const CAUSES: &[(&str, &str, &str)] = &[
    ("key with no value", "a key without a value", "KEY = VALUE"),
    ("unclosed table", "the header of a section is not closed", "`]`"),
    ("unclosed array table", "the header of a section is not closed", "`]]`"),
    (UNCLOSED_ARRAY, "an array is opened here and not closed", "`]` behind the last item"),
    (UNCLOSED_TABLE, "a table is opened here and not closed", "`}` behind its last value"),
    ("missing comma between array", "there is no comma between two items of an array", "`,`"),
    ("extra assignment", "there is no comma between two values of a table", "`,`"),
    ("missing comma between key", "there is no comma between two values of a table", "`,`"),
    ("extra comma", "there is a comma too many", "a value"),
    (MORE, "there is more than one thing in this line", "a line break"),
    ("cannot extend value", "a key cannot have a value and be a section too", "one of the two"),
    ("invalid multi-line basic string", "a text is opened here and not closed", "`\"\"\"` behind it"),
    ("invalid multi-line literal string", "a text is opened here and not closed", "`'''` behind it"),
    ("invalid unquoted key", "a key has letters, digits, _ and - only", "KEY = VALUE"),
    ("unquoted keys cannot be empty", "there is no key in front of the =", "KEY = VALUE"),
    ("extra `=`", "there is a = too many", "KEY = VALUE"),
];

const OTHER: (&str, &str, &str) = ("", "this is not TOML", "KEY = VALUE, with texts in quotes");
const COMMENT: (&str, &str, &str) = ("", "a comment starts with #", "`#`");

const UNCLOSED_ARRAY: &str = "unclosed array, ";
const UNCLOSED_TABLE: &str = "unclosed inline table";
const MORE: &str = "unexpected key or value";
const TWICE: &str = "duplicate key";

/// What the syntax errors of a file are, and what they leave of it.
#[derive(Default)]
pub(super) struct Verdict {
    pub(super) problems: Vec<Problem>,
    /// The settings whose lines are broken, and where: nobody knows what they were to be.
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
    found.sort_by_key(|found| (found.line, !found.is_about_several(), found.span.start));
    found.dedup_by_key(|found| found.line);
    for found in found {
        let line = &lines[found.line];
        let follows = line.open.is_none() && !line.is_trusted && verdict.lines.last() == Some(&found.line);
        if follows || verdict.astray.is_some() && !line.is_trusted {
            verdict.lines.push(found.line + 1);
            continue;
        }
        let judge = Judge { definition, document, lines, line, found };
        verdict.lines.push(judge.found.line + 1);
        if line.is_closed() && (line.path(definition).is_some() || line.sets(definition).is_some()) {
            verdict.lost.extend(judge.lost());
        } else if !judge.is_repeated_header() {
            verdict.astray.get_or_insert(line.start);
        }
        verdict.problems.push(judge.problem());
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

    fn is_about_several(&self) -> bool {
        [MORE, "missing comma", "extra assignment"].iter().any(|start| self.message.starts_with(start))
    }
}

/// The text of several lines that goes on to the end of the file.
fn unclosed_text(text: &str) -> Option<Range<usize>> {
    let last = tokens(text).filter(|(kind, _)| *kind != TokenKind::Eof).last();
    let (_, range) = last.filter(|(kind, _)| matches!(kind, TokenKind::MlBasicString | TokenKind::MlLiteralString))?;
    Some(range)
}

/// One error, and all that is known about its line.
struct Judge<'j> {
    definition: &'j Definition,
    document: &'j Document<'j>,
    lines: &'j [Line<'j>],
    line: &'j Line<'j>,
    found: Found<'j>,
}

impl Judge<'_> {
    fn is_repeated_header(&self) -> bool {
        self.found.message.starts_with(TWICE) && self.line.header().flatten().is_some()
    }

    /// The settings that the line is, or may be, about.
    fn lost(&self) -> impl Iterator<Item = (&'static Setting, usize)> {
        let set = self.line.sets(self.definition).map(|(setting, _)| setting.path.to_owned());
        let path = set.or_else(|| Some(self.line.path(self.definition)?.0)).unwrap_or_default();
        let at = self.line.start + self.line.text.len() - self.line.text.trim_start().len();
        let is_below = move |setting: &Setting| {
            setting.path.strip_prefix(&path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.definition.settings.iter().filter(move |setting| is_below(setting)).map(move |setting| (setting, at))
    }

    fn problem(&self) -> Problem {
        let sets = self.line.sets(self.definition);
        if let Some((setting, value)) = sets.filter(|(setting, _)| setting.is_secret() || self.line.is_closed()) {
            return self.of_setting(setting, self.absolute(&value));
        }
        let (message, span) = (self.found.message, &self.found.span);
        if message.starts_with(TWICE) {
            return self.twice(
                &self.line.header().flatten().or_else(|| Some(self.line.path(self.definition)?.0)).unwrap_or_default(),
            );
        }
        let cause = CAUSES.iter().find(|(start, ..)| message.starts_with(start));
        if cause.is_none()
            && let Some((setting, value)) = self.inline_value()
        {
            return self.of_value(setting, value);
        }
        if cause.is_none()
            && let Some((path, key)) = self
                .line
                .path(self.definition)
                .filter(|(path, _)| self.line.is_closed() && !self.definition.is_section(path))
        {
            let problem = file::unknown(self.definition, self.document, &path, &self.absolute(&key));
            return problem.note("its value is not valid TOML either");
        }
        let is_comment = self.line.is_trusted && self.line.text.trim_start().starts_with("//");
        let (_, what, expected) = cause.filter(|_| !is_comment).unwrap_or(if is_comment { &COMMENT } else { &OTHER });
        let problem = Problem::new(*what).at(self.document.origin(span.start));
        let problem = problem.showing(self.document.excerpt(span)).valid(expected);
        match self.line.open.map(|open| open..open + 1) {
            Some(open) => self.and(problem, "it is in what is opened here", open),
            None => problem,
        }
    }

    /// The value within an inline table that the error is about, if it ends in its line.
    fn inline_value(&self) -> Option<(&'static Setting, Range<usize>)> {
        let values = self.document.cover(self.line).values.into_iter();
        let mut values = values.map(|(setting, value)| (setting, self.absolute(&value)));
        values.find(|(_, value)| self.line.is_trusted && value.contains(&self.found.span.start))
    }

    fn of_setting(&self, setting: &'static Setting, value: Range<usize>) -> Problem {
        if setting.is_secret() {
            return file::secret(self.document, setting, &value);
        }
        let (path, text) = (setting.path, self.line.text);
        let written = &self.document.text[value.clone()];
        if self.found.message.starts_with(TWICE) {
            return self.twice(path).about(setting);
        }
        match text.matches('=').count() {
            0 => {
                let problem = Problem::new(format!("{path}: there is no = between key and value"));
                let (_, key) = path.rsplit_once('.').unwrap_or(("", path));
                let spelt = spelling::toml(&setting.kind, written).map(|value| format!("write `{key} = {value}`"));
                spelt.into_iter().fold(self.at(problem, setting, &self.found.span).valid("KEY = VALUE"), Problem::help)
            }
            1 => self.of_value(setting, value),
            _ if written.starts_with('=') => {
                let problem = Problem::new(format!("{path}: there is a = too many"));
                self.at(problem, setting, &(value.start..value.start + 1)).valid("the value")
            }
            _ => {
                let behind = value.start + first_value(written)..value.end;
                let problem = Problem::new(format!("{path}: something follows its value"));
                self.at(problem, setting, &behind).valid("a line break")
            }
        }
    }

    fn of_value(&self, setting: &'static Setting, value: Range<usize>) -> Problem {
        if setting.is_secret() {
            return file::secret(self.document, setting, &value);
        }
        let written = &self.document.text[value.clone()];
        let problem = match written {
            "" => Problem::new(format!("{}: there is no value", setting.path)),
            _ => Problem::invalid(setting.path, self.document.excerpt(&value).marked_text()),
        };
        let problem = self.at(problem, setting, &value).valid(spelling::valid(&setting.kind));
        problem.meant(spelling::meant(&setting.kind, written).as_deref())
    }

    fn twice(&self, path: &str) -> Problem {
        let name = if path.is_empty() { "a key" } else { path };
        let problem = Problem::new(format!("{name}: given twice in one file"));
        let problem = problem.at(self.document.origin(self.found.span.start));
        let problem = problem.showing(self.document.excerpt(&self.found.span)).valid("one of the two");
        let first = self.lines[..self.found.line].iter().filter(|line| line.is_trusted).find_map(|line| {
            let key = match line.header() {
                Some(header) => header.filter(|header| header == path).and(Some(0..line.text.len())),
                None => line.path(self.definition).filter(|(found, _)| found == path).map(|(_, key)| key),
            };
            Some(line.start + key.as_ref()?.start..line.start + key?.end)
        });
        first.into_iter().fold(problem, |problem, first| self.and(problem, "it is given here first", first))
    }

    fn and(&self, problem: Problem, what: &str, place: Range<usize>) -> Problem {
        problem.and(what.to_owned(), self.document.origin(place.start), Some(self.document.excerpt(&place)))
    }

    fn at(&self, problem: Problem, setting: &Setting, marked: &Range<usize>) -> Problem {
        let problem = problem.at(self.document.origin(marked.start));
        problem.showing(self.document.excerpt(marked)).about(setting)
    }

    fn absolute(&self, range: &Range<usize>) -> Range<usize> {
        self.line.start + range.start..self.line.start + range.end
    }
}

/// Where the first word of a value ends, and what separates it from the next.
fn first_value(written: &str) -> usize {
    let word = tokens(written).find(|(kind, _)| is_word(*kind)).map_or(0, |(_, range)| range.end);
    word + written[word..].len() - written[word..].trim_start_matches([' ', '\t', ',']).len()
}
