//! The template of the environment: every variable, each with what it is, and no value that is dangerous.

use std::collections::BTreeMap;

use super::documents::read;
use super::measured::Measured;
use super::verdict::{Short, Shown, none_of};
use crate::config_lint::committed;

/// What a template is called.
const NAMES: [&str; 3] = [".env.template", ".env.example", ".env.sample"];

/// It has all variables, a comment on each, and a value where one is safe.
pub(super) fn whole(measured: &Measured<'_>) -> Shown {
    let settings = measured.settings()?;
    let generated = measured.project.delivery.service.generated.keys();
    let file = generated.map(String::as_str).find(|file| NAMES.iter().any(|name| file.ends_with(name)));
    let file = file.ok_or_else(|| Short::unknown("service.generated has no .env.template"))?;
    let text = read(measured, file)?;
    let entries = entries(&text);
    let mut wrong = Vec::new();
    let has = |variable: &str| entries.contains_key(variable);
    let lacking = settings.open.iter().filter(|(_, variable)| !has(variable));
    wrong.extend(lacking.map(|(key, variable)| format!("{file} lacks {variable}, by which {key} is set")));
    for secret in &settings.secrets {
        let names = [Some(&secret.variable), secret.file_variable.as_ref()];
        let entry = names.into_iter().flatten().find_map(|name| entries.get(name.as_str()));
        match entry {
            None => wrong.push(format!("{file} lacks the secret {}", secret.key)),
            Some(entry) if !entry.value.is_empty() => wrong.push(format!("{file} gives a value to {}", secret.key)),
            Some(_) => {}
        }
    }
    let bare = entries.iter().filter(|(_, entry)| !entry.has_comment);
    wrong.extend(bare.map(|(variable, _)| format!("{file} does not say what {variable} is")));
    wrong.extend((!committed::scan(text.as_bytes()).is_empty()).then(|| format!("{file} has a secret in it")));
    none_of(wrong)?;
    let with_value = entries.values().filter(|entry| !entry.value.is_empty()).count();
    Ok(vec![format!("{file}: {} variables, each with a comment, {with_value} with a default", entries.len())])
}

/// A variable of a template.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    value: String,
    /// Whether a line of words stands before it in its paragraph.
    has_comment: bool,
}

/// Every variable, whether a `#` stands before it or not.
fn entries(text: &str) -> BTreeMap<&str, Entry> {
    let (mut entries, mut has_comment) = (BTreeMap::new(), false);
    for line in text.lines() {
        match variable(line) {
            Some((name, value)) => drop(entries.insert(name, Entry { value: value.to_owned(), has_comment })),
            None => has_comment = !line.trim().is_empty() && (has_comment || line.contains(char::is_alphabetic)),
        }
    }
    entries
}

fn variable(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.strip_prefix('#').unwrap_or(line).split_once('=')?;
    let is_name = |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_';
    (!name.is_empty() && name.chars().all(is_name)).then_some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_has_a_comment_where_words_stand_before_it_in_its_paragraph() {
        let text =
            "# Of all:\n#   cp a b\n\nBARE=1\n\n# What it is.\n#A_B=\nC=2\n\n# not a variable = 1\n#a=b\n#\n\n#D=x=y\n";
        let entry = |value: &str, has_comment| Entry { value: value.into(), has_comment };
        let expected = [
            ("A_B", entry("", true)),
            ("BARE", entry("1", false)),
            ("C", entry("2", true)),
            ("D", entry("x=y", false)),
        ];
        assert_eq!(entries(text), BTreeMap::from(expected));
    }
}
