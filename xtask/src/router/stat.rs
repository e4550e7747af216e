//! What HAProxy prints for `show stat`, as rows with named columns.

use std::collections::HashMap;

/// More than a proxy counts in its life, and small enough for sums of it to be numbers still.
pub(super) const LARGEST: u64 = 1 << 48;

/// One line of the table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Row {
    columns: HashMap<String, String>,
}

impl Row {
    pub(super) fn text(&self, column: &str) -> &str {
        self.columns.get(column).map_or("", String::as_str)
    }

    /// The number in a column, [`LARGEST`] at the most; an empty or unknown one counts as zero, as HAProxy leaves out what
    /// does not apply.
    pub(super) fn number(&self, column: &str) -> u64 {
        self.text(column).parse().unwrap_or(0).min(LARGEST)
    }

    pub(super) fn is(&self, backend: &str, server: &str) -> bool {
        self.text("pxname") == backend && self.text("svname") == server
    }
}

/// The rows of `show stat`, by the names in its first line.
pub(super) fn parse(text: &str) -> Vec<Row> {
    let mut lines = text.lines();
    let Some(names) = lines.next().and_then(|line| line.strip_prefix("# ")) else { return Vec::new() };
    let names: Vec<&str> = names.split(',').collect();
    lines
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let columns = names.iter().zip(line.split(',')).filter(|(_, value)| !value.is_empty());
            Row { columns: columns.map(|(name, value)| ((*name).to_owned(), value.to_owned())).collect() }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_by_the_names_of_their_columns() {
        let rows = parse("# pxname,svname,scur,status,\nblue,service,3,UP,\ngreen,service,,DOWN,\n\n");
        assert_eq!(rows.len(), 2);
        assert!(rows[0].is("blue", "service"));
        assert_eq!((rows[0].number("scur"), rows[0].text("status")), (3, "UP"));
        assert_eq!((rows[1].number("scur"), rows[1].number("no_such_column")), (0, 0));
    }

    #[test]
    fn numbers_that_no_proxy_has_counted_can_still_be_added() {
        let rows = parse("# scur,stot,\n18446744073709551615,1000000000000,\n");
        assert_eq!((rows[0].number("scur"), rows[0].number("stot")), (LARGEST, 1_000_000_000_000));
    }

    #[test]
    fn foreign_text_gives_no_rows_and_no_panic() {
        for text in ["", "\n", "Unknown command", "# ", "# a,b\n,,,,,", "# \u{0},\n\u{ffff}"] {
            assert!(parse(text).iter().all(|row| row.text("pxname").is_empty()), "{text:?}");
        }
    }
}
