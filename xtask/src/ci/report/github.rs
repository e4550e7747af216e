//! What GitHub Actions is told of a run: groups in the log, annotations at the lines, a summary of the job.

use std::fs;
use std::io::{self, Read as _, Write};
use std::path::Path;

use super::issue::{Issue, Level};
use super::{Report, Reports, Verdict, console, markdown};
use crate::github::{Annotation, below, data, is_here, summarise};
use crate::{digest, say};

/// How many annotations of each level are shown of a job's step.
const ANNOTATIONS: usize = 10;

/// Writes what a step has written as a group. Nothing in it is taken for a command: whoever wrote it could not know the
/// token that ends that.
pub(super) fn group(title: &str, log: impl io::Read, mut to: impl Write) {
    // Without a token there is no way to show a log safely; the file itself is kept all the same.
    let Ok(token) = token() else { return };
    let _ = to.write_all(format!("::group::{}\n::stop-commands::{token}\n", data(title)).as_bytes());
    console::copy(log, &mut to);
    let _ = to.write_all(format!("::{token}::\n::endgroup::\n").as_bytes());
}

fn token() -> io::Result<String> {
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(digest::hex(&bytes))
}

/// Annotates the job and adds to its summary, where this is one.
///
/// # Errors
/// When the summary cannot be written.
pub(super) fn write(reports: &Reports, root: &Path) -> anyhow::Result<()> {
    if !is_here() {
        return Ok(());
    }
    annotations(&reports.steps, &below(root)).iter().for_each(|line| say!("{line}"));
    summarise(|room| markdown::fitting(reports, room))
}

/// As many annotations as are shown. The steps take turns, so that each that has failed has one.
fn annotations(steps: &[Report], below: &Path) -> Vec<String> {
    let mut of_steps: Vec<_> = steps.iter().map(|report| of_step(report, below).into_iter()).collect();
    let mut lines: [Vec<String>; 2] = Default::default();
    let mut left_out = steps.iter().map(|report| report.more_issues).sum::<usize>();
    let mut is_left = true;
    while is_left {
        is_left = false;
        for (level, line) in of_steps.iter_mut().filter_map(Iterator::next) {
            is_left = true;
            let lines = &mut lines[usize::from(level == Level::Warning)];
            if lines.len() < ANNOTATIONS { lines.push(line) } else { left_out += 1 }
        }
    }
    let mut lines = lines.concat();
    if left_out > 0 {
        lines.push(format!("::notice title=cargo xtask ci::{left_out} more are in the summary, and in the logs"));
    }
    lines
}

fn of_step(report: &Report, below: &Path) -> Vec<(Level, String)> {
    let mut told: Vec<_> = report.issues.iter().map(|issue| (issue.level, of_issue(report, issue, below))).collect();
    let is_told = told.iter().any(|(level, _)| *level == Level::Error);
    if report.verdict == Verdict::Failed && !is_told {
        let reason = report.reason.as_deref().unwrap_or("it failed");
        let message = format!("{}: {reason}\nmend it with: {}", report.command, report.remedy);
        let annotation = Annotation { title: Some(report.id), ..Annotation::new(&message) };
        told.insert(0, (Level::Error, annotation.to_string()));
    }
    told
}

fn of_issue(report: &Report, issue: &Issue, below: &Path) -> String {
    let what = issue.test.as_ref().or(issue.code.as_ref());
    let title = what.map_or(report.id.to_owned(), |what| format!("{}: {what}", report.id));
    let level = if issue.level == Level::Error { "error" } else { "warning" };
    // One outside the project is nothing GitHub could show.
    let place = issue.place.as_ref().filter(|place| Path::new(&place.file).is_relative());
    let file = place.map(|place| below.join(&place.file));
    let annotation = Annotation {
        level,
        file: file.as_deref(),
        line: place.and_then(|place| place.line),
        column: place.and_then(|place| place.column),
        title: Some(&title),
        message: &issue.message,
    };
    annotation.to_string()
}

#[cfg(test)]
mod units {
    use super::*;
    use crate::ci::report::issue::Place;
    use crate::ci::report::testing::reports;

    #[test]
    fn annotations_say_where_and_cannot_be_taken_for_anything_else() {
        let reports = reports();
        let expected = "::error file=sub%2Cfolder/src/a|b.rs,line=3,col=5,title=format%3A rustfmt::not formatted, 100 %25:%0Asee `it`";
        assert_eq!(annotations(&reports.steps, Path::new("sub,folder")), [expected]);
    }

    #[test]
    fn steps_take_turns_at_ten_of_each_level_and_the_rest_is_counted() {
        let [failed, other, ..] = &reports().steps[..] else { panic!("there are steps") };
        let issue = |level, message: String| Issue { level, message, ..failed.issues[0].clone() };
        let issues = |level, count| (0..count).map(move |number| issue(level, number.to_string()));
        let steps = [
            Report { issues: issues(Level::Error, 30).chain(issues(Level::Warning, 12)).collect(), ..failed.clone() },
            Report { verdict: Verdict::Failed, reason: Some("a\nb".into()), more_issues: 5, ..other.clone() },
        ];
        let lines = annotations(&steps, Path::new(""));
        let count = |start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
        assert_eq!((count("::error"), count("::warning"), count("::notice")), (10, 10, 1));
        assert_eq!(lines[1], "::error title=build:::  a%0Ab%0Amend it with: ".replace("  a", " a"));
        assert_eq!(lines[20], "::notice title=cargo xtask ci::28 more are in the summary, and in the logs");
    }

    #[test]
    fn a_place_outside_the_project_is_left_out() {
        let report = &reports().steps[0];
        let place = Place { file: "/rustc/library/core.rs".into(), line: Some(1), column: None };
        let issue = Issue { place: Some(place), code: None, ..report.issues[0].clone() };
        assert!(of_issue(report, &issue, Path::new("")).starts_with("::error title=format::"));
    }

    #[test]
    fn nothing_in_a_log_is_taken_for_a_command() {
        let mut to = Vec::new();
        group("test: 100 %", &b"::error::mine\n::endgroup::"[..], &mut to);
        let text = String::from_utf8(to).unwrap();
        let lines: Vec<_> = text.lines().collect();
        let token = lines[1].strip_prefix("::stop-commands::").unwrap();
        assert_eq!(token.len(), 32);
        let expected = [
            "::group::test: 100 %25",
            lines[1],
            "::error::mine",
            "::endgroup::",
            &format!("::{token}::"),
            "::endgroup::",
        ];
        assert_eq!(lines, expected);
        assert_ne!(super::token().unwrap(), token);
    }
}
