//! How many tests a step has run.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use super::step::{Step, Tests};

/// Where nextest leaves its report, as `.config/nextest.toml` says.
const REPORT: &str = "target/nextest/ci/junit.xml";

/// Where a step's report on its tests is kept.
pub(super) fn report(step: &str, root: &Path) -> PathBuf {
    root.join("target/xtask/ci/tests").join(step).with_extension("xml")
}

/// Removes what an earlier run has left, so that it does not pass for this one's.
pub(super) fn clear(step: &Step, root: &Path) {
    if step.tests == Tests::Nextest {
        // What is not there needs no removing; what cannot be removed cannot be moved either, and counts as nothing.
        let _ = fs::remove_file(root.join(REPORT));
        let _ = fs::remove_file(report(step.id, root));
    }
}

/// How many tests have passed, as far as their runner has said so.
pub(super) fn count(step: &Step, root: &Path, log: &Path) -> Option<u64> {
    match step.tests {
        Tests::None => None,
        Tests::Nextest => {
            let kept = report(step.id, root);
            fs::create_dir_all(kept.parent()?).ok()?;
            fs::rename(root.join(REPORT), &kept).ok()?;
            in_report(&fs::read_to_string(kept).ok()?)
        }
        Tests::Harness => {
            // Whatever else tests have printed, and however much.
            let lines = BufReader::new(File::open(log).ok()?).split(b'\n').map_while(Result::ok);
            lines.filter_map(|line| in_line(&String::from_utf8_lossy(&line))).reduce(|sum, count| sum + count)
        }
    }
}

/// From the numbers in the root element of a report in JUnit's format.
fn in_report(xml: &str) -> Option<u64> {
    let root = xml.split_once("<testsuites ")?.1.split_once('>')?.0;
    let number = |name: &str| {
        let value = root.split_once(&format!(" {name}=\""))?.1;
        value.split_once('"')?.0.parse::<u64>().ok()
    };
    let bad = number("failures")?.saturating_add(number("errors")?);
    number("tests").map(|all| all.saturating_sub(bad))
}

/// The count in a line such as `test result: ok. 12 passed; 0 failed`.
fn in_line(line: &str) -> Option<u64> {
    line.strip_prefix("test result: ")?.split(". ").nth(1)?.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod units {
    use super::*;

    #[test]
    fn tests_are_counted_by_what_their_runner_says() {
        assert_eq!(in_line("test result: ok. 12 passed; 0 failed; 0 ignored"), Some(12));
        assert_eq!(in_line("test result: FAILED. 3 passed; 1 failed"), Some(3));
        assert_eq!(in_line("running 12 tests"), None);
    }

    #[test]
    fn a_report_counts_what_has_not_failed() {
        let xml = r#"<?xml version="1.0" encoding="UTF-8"?>
            <testsuites name="nextest-run" tests="12" failures="2" errors="1" uuid="x" time="1.0"><testsuite name="app" tests="3">"#;
        assert_eq!(in_report(xml), Some(9));
        assert_eq!(in_report("<testsuites>"), None);
        assert_eq!(in_report(""), None);
    }
}
