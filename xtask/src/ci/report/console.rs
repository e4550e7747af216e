//! What a person sees: each step as it ends, and the table at the end.

use std::fs::File;
use std::io;
use std::path::Path;

use super::{FOLDER, Report, Reports, Verdict, github};
use crate::github::is_here;
use crate::packages::is_ci;
use crate::say;

/// The longest bar, in characters.
const LONGEST: f64 = 12.0;

/// Tells that a step has ended, and what it has written: where it failed, and on a CI system, where nobody can look for it
/// later.
///
/// # Errors
/// When what it has written cannot be read.
pub(in crate::ci) fn tell(report: &Report, root: &Path) -> anyhow::Result<()> {
    let ended = format!("{}: {} after {:.1} s", report.id, report.verdict.word(), report.seconds);
    let log = report.log.as_ref().filter(|_| report.verdict == Verdict::Failed || is_ci());
    let Some(log) = log else {
        say!("-- {ended}");
        return Ok(());
    };
    // However much it is: no more of it is kept in memory than what is being written.
    let log = File::open(root.join(log))?;
    if is_here() {
        github::group(&ended, log, io::stderr().lock());
    } else {
        say!("-- {} wrote:", report.id);
        copy(log, io::stderr().lock());
        say!("-- {ended}");
    }
    Ok(())
}

/// Writes all of it, and ends its last line where it has not.
pub(super) fn copy(mut from: impl io::Read, mut to: impl io::Write) {
    let mut last = b'\n';
    let mut buffer = [0; 8192];
    // Nobody listening is no reason to stop, nor is a file that cannot be read to its end.
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        last = buffer[read - 1];
        if to.write_all(&buffer[..read]).is_err() {
            return;
        }
    }
    if last != b'\n' {
        let _ = to.write_all(b"\n");
    }
}

/// The steps with their times, and what the run's time went into.
pub(super) fn table(reports: &Reports) -> String {
    let mut lines = vec![String::new()];
    let width = reports.steps.iter().map(|report| report.id.len()).max().unwrap_or_default();
    let slowest = reports.steps.iter().map(|report| report.seconds).fold(0.0, f64::max);
    for report in &reports.steps {
        let verdict = if report.verdict == Verdict::Failed { "FAILED" } else { report.verdict.word() };
        let tests = report.tests.map_or(String::new(), |tests| format!(" ({tests} tests)"));
        let row =
            format!("{verdict:<8} {:<width$} {}  {}{tests}", report.id, time(report.seconds, slowest), report.verifies);
        lines.push(row);
        let reason = report.reason.iter().flat_map(|reason| reason.lines());
        lines.extend(reason.map(|line| format!("{:<9}{}", "", line.trim_end())));
    }
    lines.push(format!("\nsteps: {}", reports.counts()));
    let run = &reports.run;
    if let Some(path) = &run.critical_path {
        let share = path.share * 100.0;
        lines.push(format!("time: {:.1} s, for {:.1} s of steps", run.seconds, run.seconds_of_steps));
        lines.push(format!("critical path: {}, {:.1} s or {share:.0} % of it", path.steps.join(" → "), path.seconds));
    }
    lines.push(format!("report: {FOLDER}/report.md"));
    lines.join("\n")
}

/// A number and a bar, so that what takes long is seen at once; both empty for what did not run.
fn time(seconds: f64, slowest: f64) -> String {
    if seconds == 0.0 {
        return format!("{:>9} {:<12}", "", "");
    }
    let cells = if slowest > 0.0 { (seconds / slowest * LONGEST).round() } else { 0.0 };
    let bar: String = (1..=12).map(|cell| if f64::from(cell) <= cells { '█' } else { ' ' }).collect();
    format!("{seconds:>7.1} s {bar}")
}

#[cfg(test)]
mod units {
    use super::*;
    use crate::ci::report::testing::reports;

    #[test]
    fn the_table_shows_what_took_long_and_why() {
        let expected = "
FAILED   format     0.5 s               the code is formatted by rustfmt
         exit status: 1
passed   build     20.0 s ██            everything builds
passed   test     100.0 s ████████████  every unit (412 tests)
fresh    docs                           the documentation builds
         it passed 5s ago with the same 3 files and 2 facts
skipped  images                         the image
         there is no engine
           next: apt-get install docker

steps: 2 passed, 1 fresh, 1 failed, 1 skipped
time: 125.0 s, for 120.5 s of steps
critical path: build → test, 120.0 s or 96 % of it
report: target/xtask/ci/report.md";
        assert_eq!(table(&reports()), expected);
    }

    #[test]
    fn what_was_written_is_written_as_it_is_and_ends_its_line() {
        for (from, expected) in [(&b"a\xff\nb"[..], &b"a\xff\nb\n"[..]), (b"a\n", b"a\n"), (b"", b"")] {
            let mut to = Vec::new();
            copy(from, &mut to);
            assert_eq!(to, expected);
        }
    }
}
