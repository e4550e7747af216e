//! The reports as people read them: in a file, and as GitHub's job summary.

use super::issue::Issue;
use super::status::{Standing, Stands};
use super::{FOLDER, Report, Reports, Run, Verdict};
use crate::foreign::{first, last, plain};
use crate::markdown::{cell, code, fenced};

/// How many changed files are named.
const FILES: usize = 20;
/// How many issues are told of.
const ISSUES: usize = 20;
/// How much of an issue's message is, in bytes.
const OF_A_MESSAGE: usize = 2000;
/// How many lines of a log are shown, and how many bytes.
const OF_A_LOG: (usize, usize) = (100, 32 << 10);

/// How much a document tells; the later the less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Depth {
    Everything,
    /// No completion reports of steps that have not failed.
    Failures,
    /// No ends of logs, either.
    FailuresWithoutLogs,
    /// No completion reports.
    Status,
}

impl Depth {
    const ALL: [Depth; 4] = [Depth::Everything, Depth::Failures, Depth::FailuresWithoutLogs, Depth::Status];

    fn left_out(self) -> Option<&'static str> {
        match self {
            Depth::Everything => None,
            Depth::Failures => Some("the completion reports of the steps that have not failed"),
            Depth::FailuresWithoutLogs => {
                Some("the completion reports of the steps that have not failed, and all logs")
            }
            Depth::Status => Some("the completion reports"),
        }
    }
}

/// As much of the reports as there is room for, in bytes.
pub(super) fn fitting(reports: &Reports, room: usize) -> String {
    let fits = Depth::ALL.iter().map(|depth| document(reports, *depth)).find(|text| text.len() <= room);
    // A table of that length is nothing anybody reads; its beginning says what there is to say.
    fits.unwrap_or_else(|| first(&document(reports, Depth::Status), room).to_owned())
}

/// The status of the project, then each step's completion report.
pub(super) fn document(reports: &Reports, depth: Depth) -> String {
    let Reports { run, steps, status } = reports;
    let mut text = format!("# Project status: {}\n\n{}", status.headline(), of_run(run));
    text += &format!("- Steps of this run: {}\n", reports.counts());
    if let Some(left_out) = depth.left_out() {
        text += &format!("\n> Left out here, for want of room: {left_out}. They are in `{FOLDER}/report.md`.\n");
    }
    text += "\n| Step | Stands | Last run | Time | Tests | Verifies |\n| --- | --- | --- | ---: | ---: | --- |\n";
    status.steps.iter().for_each(|standing| text += &row(standing));
    text += "\n| Criterion | Stands | Steps that serve it |\n| --- | --- | --- |\n";
    for criterion in &status.criteria {
        text += &format!("| {} | {} | {} |\n", criterion.id, word(criterion.stands), codes(&criterion.steps));
    }
    let told = |report: &&Report| match depth {
        Depth::Everything => true,
        Depth::Failures | Depth::FailuresWithoutLogs => report.verdict == Verdict::Failed,
        Depth::Status => false,
    };
    let told: Vec<_> = steps.iter().filter(told).map(|report| of_step(report, depth)).collect();
    if !told.is_empty() {
        text += &format!("\n# Completion reports\n\n{}", told.join("\n"));
    }
    text
}

/// One step's completion report, with the run it comes from.
pub(super) fn completion(run: &Run, report: &Report) -> String {
    format!("{}\n{}", of_step(report, Depth::Everything), of_run(run))
}

fn of_run(run: &Run) -> String {
    let commit = run.commit.as_ref().map_or("no commit".to_owned(), |commit| code(commit));
    let changes = if run.clean || run.commit.is_none() { "" } else { " with changes" };
    let mut text = format!("- Run of {}, of {commit}{changes}\n", at(run.started));
    let host = &run.host;
    text += &format!("- On {}, {} cores, {}\n", plain(&host.os), host.cores, plain(&host.rustc));
    text += &format!("- Time: {:.1} s, for {:.1} s of steps\n", run.seconds, run.seconds_of_steps);
    if let Some(path) = &run.critical_path {
        let (seconds, share) = (path.seconds, path.share * 100.0);
        text += &format!("- Critical path: {}, {seconds:.1} s or {share:.0} % of it\n", path.steps.join(" → "));
    }
    text
}

fn row(standing: &Standing) -> String {
    let or_nothing = |value: Option<String>| value.unwrap_or_default();
    let cells = [
        code(standing.id),
        word(standing.stands),
        or_nothing(standing.at.map(at)),
        or_nothing(standing.seconds.filter(|seconds| *seconds > 0.0).map(|seconds| format!("{seconds:.1} s"))),
        or_nothing(standing.tests.map(|tests| tests.to_string())),
        match &standing.reason {
            Some(reason) => format!("{} ({})", standing.verifies, cell(&code(first_line(reason)))),
            None => standing.verifies.to_owned(),
        },
    ];
    format!("| {} |\n", cells.join(" | "))
}

fn of_step(report: &Report, depth: Depth) -> String {
    let criteria = match report.criteria {
        [] => String::new(),
        criteria => format!("; serves {}", criteria.join(", ")),
    };
    let mut text = format!("## {}: {}\n\n", report.id, report.verdict.word());
    let group = report.group.name();
    text += &format!("- **Task**: {} of the group {}: {}{criteria}\n", code(report.id), code(group), report.verifies);
    text += &format!("- **Summary**: {}\n", summary(report));
    text += &format!("- **Files**: {}\n", files(report));
    text += &format!("- **Tests executed**: {}\n", tests(report));
    let evidence: Vec<_> = report.reason.iter().chain(&report.evidence).map(|each| code(first_line(each))).collect();
    let evidence = if evidence.is_empty() { String::new() } else { format!(": {}", evidence.join(", ")) };
    text += &format!("- **Verification**: {}{evidence}\n", report.verdict.word());
    text += &format!("- **Issues and their resolution**:{}", issues(report));
    text += &report.figures.as_ref().map(|figures| format!("\n{}\n", figures.trim_end())).unwrap_or_default();
    if depth < Depth::FailuresWithoutLogs && !report.tail.is_empty() {
        let (lines, bytes) = OF_A_LOG;
        let log = last(&report.tail, lines, bytes);
        text += &format!("\n<details><summary>The end of what it wrote</summary>\n\n{}\n</details>\n", fenced(log));
    }
    text
}

fn summary(report: &Report) -> String {
    let command = code(&report.command);
    match (report.log.is_some(), report.verdict) {
        (true, _) => format!("{command} ran for {:.1} s, {:.1} s into the run", report.seconds, report.began),
        (false, Verdict::Fresh) => format!("{command} did not have to run again"),
        (false, _) => format!("{command} did not run"),
    }
}

fn files(report: &Report) -> String {
    let inputs = codes(report.inputs);
    let mut text = match report.files {
        Some(files) => format!("{files} decide it, by {inputs}"),
        None => format!("those of {inputs} decide it"),
    };
    if let Some(changed) = &report.changed {
        let named: Vec<_> = changed.files.iter().take(FILES).map(String::as_str).collect();
        let colon = if named.is_empty() { "" } else { ": " };
        let more = more(changed.files.len(), FILES);
        text += &format!("; {} changed since {}{colon}{}{more}", changed.files.len(), changed.since, codes(&named));
    }
    text
}

fn tests(report: &Report) -> String {
    match (report.tests, &report.failed_tests[..]) {
        (None, []) => "none".to_owned(),
        (passed, []) => format!("{} passed", passed.unwrap_or_default()),
        (passed, failed) => {
            let named: Vec<_> = failed.iter().take(ISSUES).map(String::as_str).collect();
            let more = more(failed.len(), ISSUES);
            format!("{} passed, {} failed: {}{more}", passed.unwrap_or_default(), failed.len(), codes(&named))
        }
    }
}

fn issues(report: &Report) -> String {
    if report.issues.is_empty() && report.verdict.is_good() {
        return " none\n".to_owned();
    }
    let mut text = String::from("\n");
    for issue in report.issues.iter().take(ISSUES) {
        text += &format!("  - {}\n", of_issue(issue));
    }
    let all = report.issues.len() + report.more_issues;
    if all > ISSUES {
        text += &format!("  - {} more\n", all - ISSUES);
    }
    if !report.verdict.is_good() {
        let fix = report.fix.as_ref().map(|_| format!("; mended by `cargo xtask ci --only {} --fix`", report.id));
        text += &format!("  - Resolution: {}{}\n", code(report.remedy), fix.unwrap_or_default());
    }
    if let Some(log) = &report.log {
        text += &format!("  - Log: {}\n", code(&log.to_string_lossy()));
    }
    text
}

fn of_issue(issue: &Issue) -> String {
    let at = issue.at().map(|at| format!("{}: ", code(&at))).unwrap_or_default();
    let what = issue.test.as_ref().or(issue.code.as_ref()).map(|what| format!("{}: ", code(what))).unwrap_or_default();
    let level = format!("{:?}", issue.level).to_lowercase();
    format!("{level}: {at}{what}{}", code(first(&issue.message, OF_A_MESSAGE)))
}

fn more(all: usize, named: usize) -> String {
    if all > named { format!(" and {} more", all - named) } else { String::new() }
}

fn word(stands: Stands) -> String {
    match stands {
        Stands::Holds => stands.word().to_owned(),
        _ => format!("**{}**", stands.word()),
    }
}

fn at(at: std::time::SystemTime) -> String {
    humantime::format_rfc3339_seconds(at).to_string()
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn codes(texts: &[&str]) -> String {
    texts.iter().map(|text| code(text)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod units {
    use super::*;
    use crate::ci::report::testing::reports;

    #[test]
    fn the_document_tells_how_the_project_stands_and_of_each_step() {
        let text = document(&reports(), Depth::Everything);
        let expected = "# Project status: 1 of 5 steps failed, 3 hold

- Run of 2026-09-21T14:13:20Z, of `191ca56730d19f3c7e6086e7aa3d7e6bfe996338` with changes
- On Linux 6.1 x86_64, 2 cores, rustc 1.95.0
- Time: 125.0 s, for 120.5 s of steps
- Critical path: build → test, 120.0 s or 96 % of it
- Steps of this run: 2 passed, 1 fresh, 1 failed, 1 skipped

| Step | Stands | Last run | Time | Tests | Verifies |
| --- | --- | --- | ---: | ---: | --- |
| `format` | **failed** | 2026-09-21T14:13:20Z | 0.5 s |  | the code is formatted by rustfmt (`exit status: 1`) |
| `build` | holds | 2026-09-21T14:13:20Z | 20.0 s |  | everything builds |
| `test` | holds | 2026-09-21T14:13:20Z | 100.0 s | 412 | every unit |
| `docs` | holds | 2026-09-21T14:13:20Z |  |  | the documentation builds (`it passed 5s ago with the same 3 files and 2 facts`) |
| `images` | **unknown** |  |  |  | the image (`there is no engine`) |

| Criterion | Stands | Steps that serve it |
| --- | --- | --- |
| A1.2 | holds | `test` |
| A1.3 | **unknown** | `build`, `images` |

# Completion reports

## format: failed

- **Task**: `format` of the group `quality`: the code is formatted by rustfmt
- **Summary**: `cargo fmt --check` ran for 0.5 s, 0.0 s into the run
- **Files**: 3 decide it, by `*.rs`; 1 changed since it last passed: `src/a|b.rs`
- **Tests executed**: none
- **Verification**: failed: `exit status: 1`, `the command ran for 0.5 s`, `3 files decide it`
- **Issues and their resolution**:
  - error: `src/a|b.rs:3:5`: `rustfmt`: `` not formatted, 100 %: see `it` ``
  - Resolution: `cargo fmt`; mended by `cargo xtask ci --only format --fix`
  - Log: `target/xtask/ci/logs/format.log`

<details><summary>The end of what it wrote</summary>

````text
Diff in src/a|b.rs:3:
```
<b>&
````

</details>
";
        assert_eq!(&text[..text.find("\n## build").unwrap()], expected);
        assert!(text.contains("- **Tests executed**: 412 passed\n") && text.contains("## images: skipped\n"), "{text}");
        assert!(text.contains("- **Issues and their resolution**: none\n\n| a |\n| --- |\n"), "{text}");
    }

    #[test]
    fn what_matters_least_is_left_out_first() {
        let all = reports();
        let full = fitting(&all, usize::MAX);
        assert!(full.contains("## build: passed") && full.contains("The end of what it wrote"));
        let failures = fitting(&all, full.len() - 1);
        assert!(!failures.contains("## build: passed") && failures.contains("The end of what it wrote"), "{failures}");
        assert!(failures.contains("Left out here"), "{failures}");
        let without_logs = fitting(&all, failures.len() - 1);
        assert!(without_logs.contains("## format: failed") && !without_logs.contains("The end of"), "{without_logs}");
        let status = fitting(&all, without_logs.len() - 1);
        assert!(status.contains("| `format` |") && !status.contains("## format"), "{status}");
        assert_eq!(fitting(&all, 20).len(), 20);
    }
}
