//! One TOML file as a layer.

pub(super) mod cover;
pub(super) mod document;
pub(super) mod salvage;
pub(super) mod syntax;
pub(super) mod tokens;

use std::{fs, io, ops::Range, path::Path};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use self::{document::Document, syntax::Verdict, tokens::join};
use crate::configuration::{
    DIRECTORY_VARIABLE,
    layer::{Layer, Written},
    names::Environment,
    problem::{Origin, Problem, spelling, suggest},
    setting::{Definition, Setting},
};

/// Reads the file at `path`, which must exist.
pub(super) fn read(definition: &Definition, path: &Path) -> Layer {
    let problem = match fs::read(path) {
        Err(error) => unreadable(path, &error),
        Ok(bytes) => match str::from_utf8(&bytes) {
            Ok(text) => return read_text(definition, path, text),
            Err(error) => not_text(path, &bytes[..error.valid_up_to()]),
        },
    };
    let mut layer = Layer { problems: vec![problem], ..Layer::default() };
    let origin = Origin::File { path: path.to_owned(), line: 1, column: 1 };
    layer.lose_the_rest(definition, &origin);
    layer
}

fn unreadable(path: &Path, error: &io::Error) -> Problem {
    let shown = path.display();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let place = format!(
        "a folder with base.toml and one file for each environment, named by --config-dir or {DIRECTORY_VARIABLE}"
    );
    match error.kind() {
        io::ErrorKind::NotFound if folder.is_dir() => {
            let problem = Problem::new(format!("{shown} does not exist")).valid(place);
            let rename = nearly(path, folder).map(|found| format!("rename {found} to {shown}"));
            rename.into_iter().fold(problem, Problem::help)
        }
        io::ErrorKind::NotFound => Problem::new(format!("the folder {} does not exist", folder.display())).valid(place),
        io::ErrorKind::IsADirectory => Problem::new(format!("{shown} is a folder")).valid("a TOML file"),
        io::ErrorKind::PermissionDenied => {
            let user = rustix::process::geteuid().as_raw();
            Problem::new(format!("{shown} is unreadable by uid {user}")).help(format!("chmod a+r {shown}"))
        }
        _ => Problem::new(format!("{shown} cannot be read: {error}")).valid("a TOML file"),
    }
}

/// What the folder has that may be the file meant, though it is called otherwise.
fn nearly(path: &Path, folder: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let entries = fs::read_dir(folder).ok()?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let is_another =
        |name: &str| name == "base.toml" || Environment::WORDS.iter().any(|word| *name == format!("{word}.toml"));
    let names: Vec<_> = names.filter(|found| !is_another(found)).collect();
    suggest::closest(name, names.iter().map(String::as_str)).map(|found| folder.join(found).display().to_string())
}

fn not_text(path: &Path, good: &[u8]) -> Problem {
    let good = String::from_utf8_lossy(good);
    let line = good.matches('\n').count() + 1;
    let column = good.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Problem::new("the file is not text in UTF-8")
        .at(Origin::File { path: path.to_owned(), line, column })
        .help("save it as UTF-8 in your editor")
}

/// Reads the text of the file at `path`.
pub(super) fn read_text(definition: &Definition, path: &Path, text: &str) -> Layer {
    let (table, errors) = DeTable::parse_recoverable(text);
    let document = Document::new(definition, path, text, !errors.is_empty());
    let mut verdict = syntax::judge(definition, &document, &errors);
    let layer = Layer { problems: std::mem::take(&mut verdict.problems), ..Layer::default() };
    let mut reader = Reader { definition, document, verdict, layer };
    reader.table("", table.get_ref());
    reader.finish()
}

struct Reader<'f> {
    definition: &'f Definition,
    document: Document<'f>,
    verdict: Verdict,
    layer: Layer,
}

impl Reader<'_> {
    fn table(&mut self, section: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            // What recovery makes of a broken line is nobody's value.
            if !self.verdict.lines.contains(&self.document.line(key.span().start)) || value.get_ref().is_table() {
                self.entry(&join(section, key.get_ref()), key.span(), value);
            }
        }
    }

    fn entry(&mut self, path: &str, key: Range<usize>, value: &Spanned<DeValue<'_>>) {
        if let Some(setting) = self.definition.find(path) {
            if setting.is_secret() {
                self.layer.problems.push(secret(&self.document, setting, &value.span()));
            } else if !self.is_astray(&key) {
                self.give(setting, value);
            }
        } else if self.definition.is_section(path) {
            match value.get_ref() {
                DeValue::Table(table) => self.table(path, table),
                _ => self.not_a_section(path, &key, value),
            }
        // Behind a broken line the nesting may be wrong, so that a good key looks unknown.
        } else if self.verdict.astray.is_none_or(|from| key.start < from) {
            self.layer.problems.push(unknown(self.definition, &self.document, path, &key));
        }
    }

    fn give(&mut self, setting: &'static Setting, value: &Spanned<DeValue<'_>>) {
        let (kind, span) = (&setting.kind, value.span());
        if self.verdict.astray.is_some_and(|from| span.contains(&from)) {
            return;
        }
        let excerpt = self.document.excerpt(&span);
        // The span of a table with a header is the header alone.
        let is_table = value.get_ref().is_table();
        let text = if is_table { "a table" } else { excerpt.marked_text() }.to_owned();
        let whole = self.document.text.get(span.clone()).unwrap_or_default();
        let meant = if is_table { None } else { spelling::meant(kind, whole) };
        let (valid, origin) = (spelling::valid(kind), self.document.origin(span.start));
        self.layer.give(
            setting,
            kind.read_toml(value.get_ref()),
            Written { text, valid, origin, excerpt: Some(excerpt) },
            meant.as_deref(),
        );
    }

    /// The value is not shown: nothing says what it is of.
    fn not_a_section(&mut self, path: &str, key: &Range<usize>, value: &Spanned<DeValue<'_>>) {
        let is_list =
            matches!(value.get_ref(), DeValue::Array(items) if items.iter().any(|item| item.get_ref().is_table()));
        let what = if is_list { "a section, not a list of them" } else { "a section, not a value" };
        let problem = Problem::new(format!("{path}: it is {what}")).at(self.document.origin(key.start));
        self.layer.problems.push(problem.showing(self.document.excerpt(key)).valid(format_args!("[{path}]")));
    }

    /// Whether a broken line stands before it that may have been another section's header, and no header since.
    fn is_astray(&self, key: &Range<usize>) -> bool {
        let (Some(from), Some(lines)) = (self.verdict.astray, &self.document.broken) else { return false };
        let between = lines.iter().filter(|line| (from + 1..=key.start).contains(&line.start));
        from <= key.start && !between.into_iter().any(|line| line.is_trusted && line.header().flatten().is_some())
    }

    fn finish(mut self) -> Layer {
        for (setting, at) in &self.verdict.lost {
            self.layer.give_nothing(setting, self.document.origin(*at));
        }
        if let Some(from) = self.verdict.astray {
            self.layer.lose_the_rest(self.definition, &self.document.origin(from));
        }
        self.layer.problems.sort_by_key(Problem::position);
        self.layer
    }
}

/// Tells of a key that sets nothing.
fn unknown(definition: &Definition, document: &Document<'_>, path: &str, key: &Range<usize>) -> Problem {
    let excerpt = document.excerpt(key);
    let is_covered = document.text.get(key.clone()).is_none_or(|key| !excerpt.text().contains(key));
    // A quote too many makes a key of what was a value.
    let problem = if document.broken.is_some() && is_covered {
        Problem::new("a key that is none").valid("KEY = VALUE")
    } else {
        Problem::unknown(path, definition.paths().chain(definition.sections()))
    };
    problem.at(document.origin(key.start)).showing(excerpt)
}

/// Refuses a secret's value, wherever in a file it stands.
fn secret(document: &Document<'_>, setting: &Setting, value: &Range<usize>) -> Problem {
    Problem::new(format!("{}: a secret does not belong in a file that is part of every release", setting.path))
        .at(document.origin(value.start))
        .showing(document.excerpt(value))
        .valid("no value here")
        .help(format!("give it by {}", setting.ways_for_a_secret()))
        .about(setting)
}
