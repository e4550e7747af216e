//! At which lines of `delivery.toml` its keys stand.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::finding::Finding;
use crate::delivery::{self, FILE};

/// The file's text, and what is where in it.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    text: &'a str,
    table: Spanned<DeTable<'a>>,
}

impl<'a> Lines<'a> {
    /// Those of a text; one that is no TOML has none but the first.
    pub(super) fn of(text: &'a str) -> Lines<'a> {
        Lines { text, table: DeTable::parse_recoverable(text).0 }
    }

    /// Something that is wrong with a key, by its path; one that is not there is told of at the next above it that is.
    /// The places in a list are numbers, from 0.
    pub(super) fn finding(&self, path: &[&str], message: impl Into<String>) -> Finding {
        Finding::at(FILE, self.line(path), message)
    }

    fn line(&self, path: &[&str]) -> usize {
        let offset = within(self.table.get_ref(), path).unwrap_or_default();
        delivery::line(self.text, offset)
    }
}

fn within(table: &DeTable<'_>, path: &[&str]) -> Option<usize> {
    let (first, rest) = path.split_first()?;
    let (key, value) = table.iter().find(|(key, _)| key.get_ref() == first)?;
    Some(below(value, rest).unwrap_or(key.span().start))
}

fn below(value: &Spanned<DeValue<'_>>, path: &[&str]) -> Option<usize> {
    match value.get_ref() {
        DeValue::Table(table) => within(table, path),
        DeValue::Array(list) => {
            let (first, rest) = path.split_first()?;
            let value = list.get(first.parse::<usize>().ok()?)?;
            Some(below(value, rest).unwrap_or(value.span().start))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stands_at_its_line_and_a_missing_one_at_the_next_above_it() {
        let text = "a = 1\n[service]\nargs = [\n  \"x\",\n  \"y\",\n]\nenv.A = \"1\"\n[[list]]\nb = 1\n[\"q.r\"]\n\"s.t\" = 1\n";
        let lines = Lines::of(text);
        let table: [(&[&str], usize); 9] = [
            (&["a"], 1),
            (&["service"], 2),
            (&["service", "args"], 3),
            (&["service", "args", "1"], 5),
            (&["service", "args", "7"], 3),
            (&["service", "env", "A"], 7),
            (&["service", "env", "B"], 7),
            (&["q.r", "s.t"], 11),
            (&["none"], 1),
        ];
        for (path, line) in table {
            assert_eq!(lines.line(path), line, "{path:?}");
        }
        assert_eq!(Lines::of("no toml").line(&["a"]), 1);
    }
}
