//! What was found, for people: on a terminal, and in a CI system's summary of the job.

use super::growth::Measured;
use super::row::{Row, Verdict};
use crate::markdown::{cell, code};
use crate::out;
use crate::size::Size;

/// How many files are shown, and how wide a column may get before it stops moving the one after it.
pub(super) const FILES: usize = 10;
const WIDEST: usize = 48;
/// How long a digest is shown.
const DIGEST: usize = 19;

/// One image and its rows.
#[derive(Debug)]
pub(super) struct Table<'a> {
    pub(super) reference: &'a str,
    pub(super) rows: &'a [Row],
    pub(super) measured: &'a Measured,
    pub(super) is_ci: bool,
}

impl Table<'_> {
    /// Prints it; what is to be done stands below what has failed.
    pub(super) fn print(&self) {
        out!("{}", self.reference);
        let width = |of: fn(&Row) -> &str| {
            self.rows.iter().map(|row| of(row).chars().count()).filter(|width| *width <= WIDEST).max().unwrap_or(0)
        };
        let (id, found) = (width(|row| row.id), width(|row| &row.found));
        for row in self.rows {
            let line = format!("{:<8} {:<id$} {:<found$}  {}", row.verdict.word(), row.id, row.found, row.allowed);
            out!("{}", line.trim_end());
            if row.verdict == Verdict::Failed {
                row.detail.iter().for_each(|line| out!("{:<8} {:<id$} - {line}", "", ""));
                out!("{:<8} {:<id$} remedy: {}", "", "", row.remedy);
            }
        }
        out!("\nlayers, the lowest first");
        self.layers().iter().for_each(|(size, layer)| out!("{size:>8}  {layer}"));
        out!("\nlargest files");
        self.measured
            .largest(FILES)
            .iter()
            .for_each(|(path, bytes)| out!("{:>8}  {path}", Size::from(*bytes).to_string()));
    }

    fn layers(&self) -> Vec<(String, String)> {
        let layers = self.measured.layers.iter().map(|layer| {
            let digest: String = layer.digest.chars().take(DIGEST).collect();
            let told = layer.made_by.as_ref().map_or(digest.clone(), |made_by| format!("{digest}  {made_by}"));
            (Size::from(layer.bytes).to_string(), told)
        });
        layers.collect()
    }

    /// The same as Markdown.
    pub(super) fn markdown(&self) -> String {
        let is_good = !self.rows.iter().any(|row| row.fails(self.is_ci));
        let verdict = if is_good { "passes" } else { "does not pass" };
        let mut text = format!("### Image {}: {verdict}\n\n", code(self.reference));
        text += "| Verdict | Check | Found | Limit | Remedy |\n| --- | --- | --- | --- | --- |\n";
        for row in self.rows {
            let word = if row.verdict == Verdict::Failed { "**FAILED**" } else { row.verdict.word() };
            let remedy = if row.fails(self.is_ci) { cell(&code(row.remedy)) } else { String::new() };
            let cells = [word.to_owned(), code(row.id), cell(&code(&row.found)), cell(&code(&row.allowed)), remedy];
            text += &format!("| {} |\n", cells.join(" | "));
        }
        text += "\n<details><summary>Layers and largest files</summary>\n\n| Size | Layer |\n| ---: | --- |\n";
        for (size, layer) in self.layers() {
            text += &format!("| {size} | {} |\n", cell(&code(&layer)));
        }
        text += "\n| Size | File |\n| ---: | --- |\n";
        for (path, bytes) in self.measured.largest(FILES) {
            text += &format!("| {} | {} |\n", Size::from(bytes), cell(&code(path)));
        }
        text + "\n</details>\n\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image_check::growth::Layer;

    #[test]
    fn a_summary_shows_foreign_text_as_it_is_and_a_remedy_only_for_what_failed() {
        let layers = vec![Layer { digest: "sha256:1".into(), made_by: Some("COPY a|b in /".into()), bytes: 2_000 }];
        let files = [("/a`b".to_owned(), 2_000)].into_iter().collect();
        let measured = Measured { image: "shop:1".into(), id: "sha256:2".into(), bytes: 2_000, layers, files };
        let rows = [
            Row::new("size", Verdict::Passed, "2kB", "less").limited(2_000, 4_000),
            Row::none_of("shell", vec!["/bin/sh".into()], "remove it"),
        ];
        let table = Table { reference: "shop:1", rows: &rows, measured: &measured, is_ci: true };
        let expected = "### Image `shop:1`: does not pass\n\n\
            | Verdict | Check | Found | Limit | Remedy |\n| --- | --- | --- | --- | --- |\n\
            | passed | `size` | `2kB` | `at most 4kB` |  |\n\
            | **FAILED** | `shell` | `/bin/sh` | `none` | `remove it` |\n\n\
            <details><summary>Layers and largest files</summary>\n\n\
            | Size | Layer |\n| ---: | --- |\n| 2kB | `sha256:1  COPY a\\|b in /` |\n\n\
            | Size | File |\n| ---: | --- |\n| 2kB | ``/a`b`` |\n\n</details>\n\n";
        assert_eq!(table.markdown(), expected);
    }
}
