//! What HAProxy has counted for each colour, by its statistics and its table of latencies.

use super::histogram::{self, Entry};
use super::stat::{Row, parse};
use crate::rollout::colour::{Colour, PerColour};
use crate::rollout::observed::Counters;

/// The rows of every server that points at `colour`: its own, the other's fallback, and the last resort.
fn rows_of(rows: &[Row], colour: Colour) -> impl Iterator<Item = &Row> {
    rows.iter().filter(move |row| {
        row.is(colour.name(), "service")
            || row.is(colour.other().name(), "fallback")
            || row.is("last_resort", colour.name())
    })
}

/// What the proxy has counted for each colour, by what it prints for `show stat` and `show table`; none where the latter is
/// no table.
pub fn counters_told(stat: &str, table: &str) -> Option<PerColour<Counters>> {
    let (rows, entries) = (parse(stat), histogram::parse(table)?);
    Some(PerColour::from_fn(|colour| counters(&rows, &entries, colour)))
}

/// The requests that are open at `colour`, by what the proxy prints for `show stat`.
pub fn requests_told(stat: &str, colour: Colour) -> u64 {
    requests(&parse(stat), colour)
}

/// The requests that are open at `colour`.
pub(super) fn requests(rows: &[Row], colour: Colour) -> u64 {
    rows_of(rows, colour).map(|row| row.number("scur") + row.number("qcur")).sum()
}

/// What the server lines that point at `colour` have counted.
///
/// Measured on 2.6 and 3.0: `stot` counts every attempt, retries and redispatches too, and `wretr` and `wredis` would count
/// them again: one request that found the port closed twice is 2 in `stot`, 1 in each of those; 20 requests with 8 retries
/// each after a connection that was closed without an answer are 180 in `stot`, and 320 in `wretr`. `eresp` differs between
/// the versions, 20 and 200 there. Only what broke off in the middle is an answer and a `srv_abrt`.
pub(super) fn counters(rows: &[Row], entries: &[Entry], colour: Colour) -> Counters {
    const BUT_5XX: [&str; 5] = ["hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_other"];
    let sum = |column: &str| rows_of(rows, colour).map(|row| row.number(column)).sum::<u64>();
    let latency = rows_of(rows, colour).flat_map(|row| entries.iter().filter(|entry| entry.is_of(row)));
    Counters {
        attempts: sum("stot"),
        open: sum("scur"),
        answers: BUT_5XX.into_iter().map(sum).sum(),
        failures: sum("hrsp_5xx"),
        left: sum("cli_abrt"),
        refused: sum("econ"),
        broken: sum("srv_abrt"),
        latency: latency.map(Entry::latency).sum(),
        counted_by: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        "# pxname,svname,scur,stot,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,hrsp_other,cli_abrt,econ,srv_abrt,\n";

    fn of_green(lines: &str, table: &str) -> Counters {
        counters(&parse(&format!("{HEAD}{lines}")), &histogram::parse(table).unwrap(), Colour::Green)
    }

    fn entry(key: &str, first: u64) -> String {
        format!("0x1: key={key} use=0 gpc0={first}") + &(1..12).map(|gpc| format!(" gpc{gpc}=0")).collect::<String>()
    }

    #[test]
    fn every_column_goes_where_it_belongs() {
        let counters = of_green("green,service,2,102,1,80,5,4,3,1,6,7,8,\n", "# table: latency\n");
        let expected = Counters {
            attempts: 102,
            open: 2,
            answers: 91,
            failures: 3,
            left: 6,
            refused: 7,
            broken: 8,
            ..Counters::default()
        };
        assert_eq!(counters, expected);
    }

    #[test]
    fn every_row_that_points_at_the_colour_counts_and_no_other() {
        let rows = ["green/service", "green/fallback", "blue/fallback", "blue/service", "last_resort/green"];
        let numbers = [1, 10, 100, 1000, 10_000];
        let lines = rows.iter().zip(numbers).map(|(row, n)| format!("{},0,{n},0,{n},\n", row.replace('/', ",")));
        let entries = rows.iter().zip(numbers).map(|(row, n)| entry(row, n) + "\n");
        let table = format!("# table: latency\n{}", entries.collect::<String>());
        let counters = of_green(&lines.collect::<String>(), &table);
        assert_eq!((counters.attempts, counters.answers, counters.latency.0[0]), (10_101, 10_101, 10_101));
    }
}
