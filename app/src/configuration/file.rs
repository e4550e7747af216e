//! One TOML file as a layer.

use std::{fs, ops::Range, path::Path};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    layer::Layer,
    problem::{Origin, Problem},
    setting::Definition,
};

/// The longest piece of a file that a message repeats, in characters.
const EXCERPT: usize = 60;

/// Reads the file at `path`, which must exist.
pub(super) fn read(definition: &Definition, path: &Path) -> Layer {
    match fs::read_to_string(path) {
        Ok(text) => parse(definition, path, &text),
        Err(error) => {
            Layer {
                problems: vec![Problem::new(format!("{}: {error}", path.display())).valid(
                    "a folder with base.toml and one file for each environment, by --config-dir or APP_CONFIG_DIR",
                )],
                ..Layer::default()
            }
        }
    }
}

fn parse(definition: &Definition, path: &Path, text: &str) -> Layer {
    let file = File { path, text };
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader {
        definition,
        file,
        broken: errors.iter().map(|error| file.line(&error.span().unwrap_or_default())).collect(),
        layer: Layer::default(),
    };
    for error in &errors {
        let span = error.span().unwrap_or_default();
        let message = format!("{} in {}", error.message(), file.whole_line(&span));
        let problem = Problem::new(message).at(file.origin(&span));
        reader.layer.problems.push(problem);
    }
    reader.table("", document.get_ref());
    reader.layer.problems.sort_by_key(Problem::position);
    reader.layer
}

struct Reader<'f> {
    definition: &'f Definition,
    file: File<'f>,
    /// Lines with a syntax error.
    broken: Vec<usize>,
    layer: Layer,
}

impl Reader<'_> {
    fn table(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let path =
                if prefix.is_empty() { key.get_ref().to_string() } else { format!("{prefix}.{}", key.get_ref()) };
            self.entry(&path, key.span(), value);
        }
    }

    fn entry(&mut self, path: &str, key: Range<usize>, value: &Spanned<DeValue<'_>>) {
        if let Some(setting) = self.definition.find(path) {
            if setting.is_secret() {
                let message = format!("{path}: a secret does not belong in a file that is part of every release");
                let problem = Problem::new(message).at(self.file.origin(&key)).valid(setting.ways_for_a_secret());
                self.layer.problems.push(problem);
            // What recovery makes of a broken line is nobody's value.
            } else if !self.broken.contains(&self.file.line(&key)) {
                let read = setting.kind.read_toml(value.get_ref());
                let written = self.file.written(value);
                let origin = self.file.origin(&value.span());
                self.layer.give(setting, read, &written, origin);
            }
        } else if self.definition.is_section(path) {
            match value.get_ref() {
                DeValue::Table(table) => self.table(path, table),
                _ => {
                    let problem = Problem::invalid(path, &self.file.written(value))
                        .at(self.file.origin(&value.span()))
                        .valid(format_args!("a section, [{path}]"));
                    self.layer.problems.push(problem);
                }
            }
        } else if self.is_trusted(&key) {
            let candidates = self.definition.paths().chain(self.definition.sections());
            let problem = Problem::unknown(path, candidates).at(self.file.origin(&key));
            self.layer.problems.push(problem);
        }
    }

    /// Behind a broken line the nesting may be wrong, so that a good key looks unknown.
    fn is_trusted(&self, key: &Range<usize>) -> bool {
        let line = self.file.line(key);
        self.broken.iter().all(|broken| line < *broken)
    }
}

#[derive(Clone, Copy)]
struct File<'f> {
    path: &'f Path,
    text: &'f str,
}

impl File<'_> {
    fn before(&self, span: &Range<usize>) -> &str {
        self.text.get(..span.start).unwrap_or(self.text)
    }

    fn line(&self, span: &Range<usize>) -> usize {
        self.before(span).matches('\n').count() + 1
    }

    fn origin(&self, span: &Range<usize>) -> Origin {
        let before = self.before(span);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Origin::File {
            path: self.path.to_owned(),
            line: self.line(span),
            column: before[line_start..].chars().count() + 1,
        }
    }

    /// A value as the file writes it.
    fn written(&self, value: &Spanned<DeValue<'_>>) -> String {
        match value.get_ref() {
            // The span of a table with a header is the header alone.
            DeValue::Table(_) => "a table".to_owned(),
            _ => excerpt(self.text.get(value.span()).unwrap_or_default()),
        }
    }

    fn whole_line(&self, span: &Range<usize>) -> String {
        let line = self.text.lines().nth(self.line(span) - 1);
        format!("`{}`", excerpt(line.unwrap_or_default().trim()))
    }
}

fn excerpt(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    if line == text && text.chars().count() <= EXCERPT {
        text.to_owned()
    } else {
        line.chars().take(EXCERPT).chain(['…']).collect()
    }
}
