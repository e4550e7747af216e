//! What HAProxy prints for `show table latency`, the stick table that `haproxy.cfg` counts answers in by how long they took.

use super::stat::{LARGEST, Row};
use crate::rollout::latency::Latency;

/// The table's name.
pub(super) const TABLE: &str = "latency";

/// The answers of one server line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// The line's name, backend and server with a slash between them.
    key: String,
    latency: Latency,
}

impl Entry {
    pub(super) fn latency(&self) -> Latency {
        self.latency
    }

    /// Whether it counts what a row of the statistics counts.
    pub(super) fn is_of(&self, row: &Row) -> bool {
        self.key.split_once('/') == Some((row.text("pxname"), row.text("svname")))
    }
}

/// The entries of the table; none where the answer is no table.
pub(super) fn parse(text: &str) -> Option<Vec<Entry>> {
    let mut lines = text.lines();
    lines.next()?.strip_prefix("# table:")?;
    Some(lines.filter_map(entry).collect())
}

fn entry(line: &str) -> Option<Entry> {
    let fields: Vec<_> = line.split_whitespace().filter_map(|field| field.split_once('=')).collect();
    let value = |name: &str| fields.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
    let mut counts = [0; Latency::BUCKETS];
    for (number, count) in counts.iter_mut().enumerate() {
        *count = value(&format!("gpc{number}"))?.parse::<u64>().ok()?.min(LARGEST);
    }
    Some(Entry { key: value("key")?.to_owned(), latency: Latency(counts) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF_2_6: &str = "0x55b4: key=blue/service use=0 exp=2073599799 gpc0=13 gpc1=2 gpc2=2 gpc3=0 gpc4=1 gpc5=0 gpc6=0 \
                          gpc7=0 gpc8=0 gpc9=0 gpc10=0 gpc11=7";
    const OF_3_0: &str = "0x7f0a: key=last_resort/green use=1 exp=2073599768 shard=0 gpc0=0 gpc1=0 gpc2=0 gpc3=0 gpc4=10 \
                          gpc5=5 gpc6=0 gpc7=0 gpc8=0 gpc9=0 gpc10=0 gpc11=0";

    #[test]
    fn both_versions_say_it_in_the_same_words() {
        let table = format!("# table: latency, type: string, size:16, used:2\n{OF_2_6}\n{OF_3_0}\n\n");
        let entries = parse(&table).unwrap();
        assert_eq!(
            entries[0],
            Entry { key: "blue/service".into(), latency: Latency([13, 2, 2, 0, 1, 0, 0, 0, 0, 0, 0, 7]) }
        );
        assert_eq!((entries[1].key.as_str(), entries[1].latency().total()), ("last_resort/green", 15));
    }

    #[test]
    fn the_proxy_sorts_by_the_same_bounds() {
        let config = include_str!("../../../docker/haproxy/haproxy.cfg");
        let micros: Vec<_> = Latency::BOUNDS.iter().map(|millis| millis * 1000).collect();
        let between = micros.windows(2).map(|pair| format!("{}:{}", pair[0], pair[1] - 1));
        let first = std::iter::once(format!("lt {}", micros[0]));
        let last = format!("ge {}", micros[Latency::BUCKETS - 2]);
        for (number, range) in first.chain(between).chain([last]).enumerate() {
            let rule = format!("http-response sc-inc-gpc({number},0) if {{ var(txn.micros) -m int {range} }}\n");
            assert!(config.contains(&rule), "{rule}");
        }
    }

    #[test]
    fn an_empty_table_has_no_entry_and_no_table_is_none() {
        assert_eq!(parse("# table: latency, type: string, size:16, used:0\n\n"), Some(Vec::new()));
        for text in ["", "No such table\n", "Unknown command", "\u{0}"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_line_that_lacks_a_bucket_or_a_number_is_none_of_the_table() {
        for line in
            ["", "key=", "0x1: key=a/b gpc0=1", &OF_2_6.replace("gpc3=0", "gpc3=-1"), &OF_3_0.replace("key=", "k=")]
        {
            assert_eq!(parse(&format!("# table: latency\n{line}\n")), Some(Vec::new()), "{line:?}");
        }
    }
}
