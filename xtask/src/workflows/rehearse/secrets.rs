//! The secrets of a rehearsal: the caller's variables of the same names. None of them is shown.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde_json::Value;

use crate::workflows::expression::object;

/// What GitHub gives every job. Nobody on GitHub is asked by a rehearsal, so it opens nothing.
const TOKEN: &str = "GITHUB_TOKEN";
const MASK: &str = "***";

/// Names with their values.
#[derive(Clone, Default)]
pub(super) struct Secrets(BTreeMap<String, String>);

// By hand: a value would be shown otherwise.
impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Secrets {
    /// Those that workflows name, as far as `variable` knows them.
    pub(super) fn named_in(sources: &[&str], variable: impl Fn(&str) -> Option<String>) -> Secrets {
        let names: BTreeSet<_> =
            sources.iter().flat_map(|source| names(source)).filter(|name| *name != TOKEN).collect();
        Secrets(names.into_iter().filter_map(|name| Some((name.to_owned(), variable(name)?))).collect())
    }

    /// As expressions see them.
    pub(super) fn context(&self) -> Value {
        let known = self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        object(known.chain([(TOKEN, "")]))
    }

    /// A text in which no secret can be read, nor a line of one.
    pub(super) fn mask(&self, text: &str) -> String {
        let lines = self.0.values().flat_map(|value| value.lines()).map(str::trim);
        let mut hidden: Vec<_> = self.0.values().map(|value| value.trim()).chain(lines).collect();
        hidden.retain(|value| !value.is_empty());
        // What is part of another is hidden after it.
        hidden.sort_unstable_by_key(|value| std::cmp::Reverse(value.len()));
        hidden.iter().fold(text.to_owned(), |text, value| text.replace(value, MASK))
    }

    /// Hides them in a file that a step has written.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub(super) fn mask_file(&self, path: &Path) -> anyhow::Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let mask = || {
            let written = fs::read(path)?;
            fs::write(path, self.mask(&String::from_utf8_lossy(&written)))
        };
        mask().with_context(|| format!("hiding secrets in {}", path.display()))
    }
}

/// What a workflow names by `secrets.NAME`.
fn names(source: &str) -> impl Iterator<Item = &str> {
    source.split("secrets.").skip(1).map(|rest| {
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        &rest[..end]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_workflow_names_is_taken_and_never_shown() {
        let source =
            "env: { A: ${{ secrets.ONE }}, B: ${{ secrets.GITHUB_TOKEN }} }\n${{ secrets.KEY || secrets.NONE }}";
        let variables = |name: &str| match name {
            "ONE" => Some("hunter2".to_owned()),
            "KEY" => Some("-----BEGIN-----\nabc\n\ndef".to_owned()),
            "GITHUB_TOKEN" | "OTHER" => Some("never".to_owned()),
            _ => None,
        };
        let secrets = Secrets::named_in(&[source], variables);
        let expected =
            serde_json::json!({ "ONE": "hunter2", "KEY": "-----BEGIN-----\nabc\n\ndef", "GITHUB_TOKEN": "" });
        assert_eq!(secrets.context(), expected);
        assert_eq!(secrets.mask("a hunter2 b\nx abc y def"), "a *** b\nx *** y ***");
        assert_eq!(format!("{secrets:?}"), r#"{"KEY", "ONE"}"#);
        assert_eq!(Secrets::default().mask("as it is"), "as it is");
    }
}
