//! What HAProxy's master prints for `show proc`: the worker that accepts connections, and those that a reload has left to
//! finish theirs.

/// The processes of one proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Processes<'a> {
    /// The process id of the worker that accepts connections; none where there is none.
    pub worker: Option<&'a str>,
    /// How many workers are left from before a reload.
    pub old_workers: u64,
}

/// The processes in a table.
pub fn parse(text: &str) -> Processes<'_> {
    Processes {
        worker: section(text, "# workers").find_map(|line| line.split_whitespace().next()),
        old_workers: section(text, "# old workers").filter(|line| !line.trim().is_empty()).count() as u64,
    }
}

/// The lines below a heading, up to the next.
fn section<'a>(text: &'a str, heading: &'a str) -> impl Iterator<Item = &'a str> {
    let below = text.lines().skip_while(move |line| !line.starts_with(heading)).skip(1);
    below.take_while(|line| !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "#<PID>          <type>          <reloads>       <uptime>        <version>\n\
                         100             master          2               0d00h00m07s     2.6.12\n\
                         # workers\n\
                         103             worker          0               0d00h00m02s     2.6.12\n\
                         # old workers\n\
                         102             worker          1               0d00h00m04s     2.6.12\n\
                         101             worker          2               0d00h00m07s     2.6.12\n\
                         # programs\n\n";

    #[test]
    fn the_worker_and_the_old_ones_are_told_apart() {
        assert_eq!(parse(TABLE), Processes { worker: Some("103"), old_workers: 2 });
    }

    #[test]
    fn a_master_without_workers_has_none() {
        for text in ["", "# workers", "# old workers\n\n# workers\n", "Unknown command"] {
            assert_eq!(parse(text), Processes { worker: None, old_workers: 0 }, "{text:?}");
        }
    }
}
