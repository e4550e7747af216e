//! What tools complain about, out of what they print for people: rustc, clippy, zizmor and cargo-deny; rustfmt; panics;
//! shellcheck; hadolint; this program's own problems; and whatever else writes `file:line:column: message`.

use std::collections::HashSet;
use std::path::Path;

use super::issue::{Issue, Level, Place};
use super::lines::{arrow, generic, hadolint, heading, is_there, issue, panicked_at, remark, script, unformatted};
use crate::foreign::{number, relative};

/// How many lines of what a panic says are told.
const OF_A_PANIC: usize = 20;

/// All that a log complains about, in its order.
pub(super) fn all(log: &str, root: &Path) -> Vec<Issue> {
    let mut reader = Reader {
        root,
        found: Vec::new(),
        heading: None,
        detailed: false,
        script: None,
        panicked: None,
        difference: None,
    };
    log.lines().for_each(|line| reader.read(line));
    reader.end_heading();
    reader.found.extend(reader.difference);
    let mut known = HashSet::new();
    reader.found.retain(|issue| known.insert(issue.clone()));
    reader.found
}

/// The warnings of a log that say where.
pub(super) fn warnings(log: &str, root: &Path) -> Vec<Issue> {
    let mut issues = all(log, root);
    issues.retain(|issue| issue.level == Level::Warning && issue.place.is_some());
    issues
}

/// The tests that have failed, by the lines the standard test harness prints.
pub(super) fn failed_tests(log: &str, root: &Path) -> Vec<Issue> {
    let failed = log.lines().filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"));
    failed.map(|test| of_test(test, example(test, root), "it failed".into())).collect()
}

/// A test that has failed.
pub(super) fn of_test(test: &str, place: Option<Place>, message: String) -> Issue {
    Issue { level: Level::Error, code: None, test: Some(test.to_owned()), place, message }
}

/// Where a panic was and what it said, where a text tells of one.
pub(super) fn panic(text: &str, root: &Path) -> Option<(Place, String)> {
    let mut lines = text.lines();
    let place = lines.find_map(|line| panicked_at(line, root))?;
    let is_over = |line: &&str| line.starts_with("stack backtrace:") || line.starts_with("note: ");
    let said: Vec<_> = lines.take_while(|line| !is_over(line)).take(OF_A_PANIC).collect();
    Some((place, said.join("\n").trim_end().to_owned()))
}

/// An example in the documentation, by its name: `src/size.rs - size::Size (line 20)`.
fn example(test: &str, root: &Path) -> Option<Place> {
    let (file, rest) = test.split_once(" - ")?;
    let (line, _) = number(rest.split_once("(line ")?.1)?;
    Some(Place { file: relative(file, root), line: Some(line), column: None })
}

struct Reader<'a> {
    root: &'a Path,
    found: Vec<Issue>,
    /// One whose place has not been told yet.
    heading: Option<Issue>,
    /// Whether the last that was found stands in the evidence of that one.
    detailed: bool,
    /// The script and the line in it that shellcheck is at.
    script: Option<Place>,
    /// A panic whose message is on the next line.
    panicked: Option<Place>,
    /// A difference of rustfmt's, which begins some lines before what is to be changed.
    difference: Option<Issue>,
}

impl Reader<'_> {
    fn read(&mut self, line: &str) {
        if line.starts_with(' ')
            && let Some(line) = self.difference.as_mut().and_then(|issue| issue.place.as_mut()?.line.as_mut())
        {
            *line += 1;
            return;
        }
        self.found.extend(self.difference.take());
        if let Some(place) = self.panicked.take() {
            self.found.push(issue(Level::Error, None, Some(place), line));
        } else if let Some(heading) = heading(line) {
            self.end_heading();
            self.heading = Some(heading);
            self.detailed = false;
        } else if let Some(place) = arrow(line, self.root) {
            // A note points somewhere, too; then its heading is told already.
            self.found.extend(self.heading.take().map(|heading| Issue { place: Some(place), ..heading }));
        } else if let Some(detail) = line.strip_prefix("  | ").filter(|_| self.heading.is_some()) {
            self.detail(detail);
        } else if let Some(place) = panicked_at(line, self.root) {
            self.panicked = Some(place);
        } else if let Some(place) = script(line, self.root) {
            self.script = Some(place);
        } else if let Some(remark) = remark(line) {
            self.found.extend(self.script.clone().map(|place| Issue { place: Some(place), ..remark }));
        } else if let Some(difference) = unformatted(line, self.root) {
            self.difference = Some(difference);
        } else {
            self.found.extend(hadolint(line, self.root).or_else(|| generic(line, self.root)));
        }
    }

    /// Evidence below one of this program's own problems: each line is a finding of its own, but for those that go on
    /// with the one above, further in.
    fn detail(&mut self, detail: &str) {
        if let Some(more) = detail.strip_prefix("  ")
            && let Some(above) = self.found.last_mut().filter(|_| self.detailed)
        {
            above.message.push('\n');
            above.message.push_str(more);
            return;
        }
        self.detailed = true;
        let of_a_file = || {
            let (file, message) = detail.split_once(": ")?;
            let place = Place { file: relative(file, self.root), ..Place::default() };
            is_there(&place, self.root).then(|| issue(Level::Error, None, Some(place), message))
        };
        let found = generic(detail, self.root).or_else(of_a_file);
        self.found.push(found.unwrap_or_else(|| issue(Level::Error, None, None, detail)));
    }

    /// One without a place is told of all the same.
    fn end_heading(&mut self) {
        if let Some(heading) = self.heading.take()
            && heading.level == Level::Error
        {
            self.found.push(heading);
        }
    }
}

#[cfg(test)]
mod units {
    use super::*;
    use crate::testing::TempDir;

    /// What is found, each in one line: level, code, place, message.
    fn found(log: &str) -> Vec<String> {
        let folder = TempDir::new();
        for file in ["config/base.toml", "src/main.rs"] {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let log = log.replace("ROOT", folder.path().to_str().unwrap());
        let issues = all(&log, folder.path());
        let line = |issue: &Issue| {
            let level = format!("{:?}", issue.level).to_lowercase();
            let (code, at) = (issue.code.clone().unwrap_or("-".into()), issue.at().unwrap_or("-".into()));
            format!("{level} {code} {at} {}", issue.message)
        };
        issues.iter().map(line).collect()
    }

    #[test]
    fn every_tool_is_understood_as_it_writes() {
        let table: &[(&str, &[&str])] = &[
            (
                "    Checking app v0.1.0\n\
                 error[E0308]: mismatched types\n  --> app/src/main.rs:3:5\n   |\n3  |     1\n   |     ^ expected `()`\n\
                 note: defined here\n  --> app/src/lib.rs:9:1\n\n\
                 warning: unused variable: `x`\n --> app/src/main.rs:4:9\n\n\
                 error: could not compile `app` (bin \"app\") due to 1 previous error\n\
                 warning: `app` (lib) generated 1 warning\n",
                &[
                    "error E0308 app/src/main.rs:3:5 mismatched types",
                    "warning - app/src/main.rs:4:9 unused variable: `x`",
                ],
            ),
            (
                "error: failed to parse manifest at `x`\n\nCaused by:\n  it\n",
                &["error - - failed to parse manifest at `x`"],
            ),
            (
                "Diff in ROOT/src/main.rs:1:\n //! Docs.\n \n-fn  main\n+fn main\n \nDiff in src/main.rs at line 7:\n",
                &[
                    "error rustfmt src/main.rs:3 not formatted as rustfmt formats it",
                    "error rustfmt src/main.rs:7 not formatted as rustfmt formats it",
                ],
            ),
            (
                "thread 'main' (81) panicked at xtask/src/lib.rs:10:5:\nassertion failed: a\nnote: run with",
                &["error - xtask/src/lib.rs:10:5 assertion failed: a"],
            ),
            (
                "\nIn scripts/a.sh line 3:\necho $a $b\n     ^-- SC2086 (info): Double quote.\n        ^-- SC2154 (warning): b is \
                 referenced.\n\nDid you mean:\necho \"$a\"\n\nFor more information:\n  https://x -- a^-- SC1 (error): no\n",
                &["warning SC2086 scripts/a.sh:3 Double quote.", "warning SC2154 scripts/a.sh:3 b is referenced."],
            ),
            (
                "docker/Dockerfile:3 DL3008 warning: Pin versions\ndocker/Dockerfile:9 SC2086 error: no\n",
                &["warning DL3008 docker/Dockerfile:3 Pin versions", "error SC2086 docker/Dockerfile:9 no"],
            ),
            (
                "error[template-injection]: code injection via template expansion\n  --> ./.github/workflows/a.yml:10:15\n\
                 warning[artipacked]: credential persistence\n   --> .github/workflows/a.yml:3:9\n\n\
                 2 findings: 0 informational\n",
                &[
                    "error template-injection .github/workflows/a.yml:10:15 code injection via template expansion",
                    "warning artipacked .github/workflows/a.yml:3:9 credential persistence",
                ],
            ),
            (
                "error[vulnerability]: Use after free\n    ┌─ ROOT/Cargo.lock:12:1\n    │\n",
                &["error vulnerability Cargo.lock:12:1 Use after free"],
            ),
            (
                "error: the configuration is not right; nothing was started or changed.\n  | config/base.toml: `a` is not \
                 known\n  |   did you mean: b\n  | config/base.toml:3:4: expected `=`\n  | staging: no such colour\n  next: x\n",
                &[
                    "error - config/base.toml `a` is not known\ndid you mean: b",
                    "error - config/base.toml:3:4 expected `=`",
                    "error - - staging: no such colour",
                    "error - - the configuration is not right; nothing was started or changed.",
                ],
            ),
            (
                "config/base.toml:3: warning: odd\nsrc/main.rs:4:1: broken\n127.0.0.1:80: refused\nother.rs:3:1: no such file\n",
                &["warning - config/base.toml:3 odd", "error - src/main.rs:4:1 broken"],
            ),
            ("error\nerror:\n::error::x\nwarning: \n12:34:56: tick\n:3:4: x\n  |\n^-- \nIn  line :\nDiff in :\n", &[]),
        ];
        for (log, expected) in table {
            assert_eq!(found(log), *expected, "{log}");
            // A log may end anywhere.
            for (end, _) in log.char_indices() {
                let _ = all(&log[..end], Path::new("/"));
            }
        }
    }

    #[test]
    fn what_is_said_twice_is_told_once() {
        assert_eq!(found(&"error: a\n --> b.rs:1:1\n".repeat(2)), ["error - b.rs:1:1 a"]);
    }

    #[test]
    fn warnings_alone_that_say_where_are_told_of_what_has_passed() {
        let log = "warning: no place\nerror: a\n --> b.rs:1:1\nwarning: c\n --> d.rs:1:1\n";
        let messages: Vec<_> = warnings(log, Path::new("/")).into_iter().map(|issue| issue.message).collect();
        assert_eq!(messages, ["c"]);
    }

    #[test]
    fn examples_that_fail_are_found_in_the_source() {
        let log = "test xtask/src/size.rs - size::Size (line 20) ... FAILED\ntest a ... ok\ntest b::c ... FAILED\n";
        let issues = failed_tests(log, Path::new("/"));
        let told: Vec<_> = issues.iter().map(|issue| (issue.test.as_deref().unwrap(), issue.at())).collect();
        let example = "xtask/src/size.rs - size::Size (line 20)";
        assert_eq!(told, [(example, Some("xtask/src/size.rs:20".into())), ("b::c", None)]);
    }
}
