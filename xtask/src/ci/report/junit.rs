//! The reports as CI systems read tests: a suite for each step, and those that nextest has left of the tests themselves.

use std::fs;
use std::path::Path;

use super::{Report, Reports, Verdict, suites};
use crate::ci::tests;
use crate::foreign::{last, plain};

/// How much of what a step has written is in its failure, in lines and in bytes.
const OF_A_LOG: (usize, usize) = (200, 64 << 10);

/// All suites.
pub(super) fn document(reports: &Reports, root: &Path) -> String {
    let mut suites = Vec::new();
    let (mut tests, mut failures, mut errors) = (0, 0, 0);
    for report in &reports.steps {
        let left = report.log.as_ref().and_then(|_| fs::read_to_string(tests::report(report.id, root)).ok());
        let of_tests = left.as_deref().and_then(suites::of);
        if let Some(found) = of_tests {
            tests += found.tests;
            failures += found.failures;
            errors += found.errors;
            // The same suite is run by more than one step, each with tests of its own.
            let named = format!("<testsuite name=\"{}: ", attribute(report.id));
            suites.push(found.xml.trim().replace("<testsuite name=\"", &named));
        }
        // A step whose tests say it all needs no suite of its own.
        let is_told = of_tests.is_some_and(|found| report.verdict.is_good() || found.failures + found.errors > 0);
        if !is_told {
            tests += 1;
            failures += u64::from(report.verdict == Verdict::Failed);
            suites.push(suite(report));
        }
    }
    let seconds = reports.run.seconds;
    let counts = format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" time=\"{seconds:.3}\"");
    let suites: String = suites.iter().map(|suite| format!("    {suite}\n")).collect();
    let declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";
    format!("{declaration}\n<testsuites name=\"cargo xtask ci\" {counts}>\n{suites}</testsuites>\n")
}

fn suite(report: &Report) -> String {
    let [failures, skipped] = [Verdict::Failed, Verdict::Skipped].map(|verdict| u8::from(report.verdict == verdict));
    let (id, time) = (attribute(report.id), format!("{:.3}", report.seconds));
    let reason = report.reason.as_deref().unwrap_or_default();
    let result = match report.verdict {
        Verdict::Failed => {
            let issues: String = report
                .issues
                .iter()
                .map(|issue| {
                    let at = issue.at().map(|at| format!("{at}: ")).unwrap_or_default();
                    format!("{at}{}\n", issue.message)
                })
                .collect();
            let (lines, bytes) = OF_A_LOG;
            let said = format!("{issues}mend it with: {}\n\n{}", report.remedy, last(&report.tail, lines, bytes));
            format!("<failure message=\"{}\" type=\"failed\">{}</failure>", attribute(reason), text(&said))
        }
        Verdict::Skipped => format!("<skipped message=\"{}\"/>", attribute(reason)),
        Verdict::Passed | Verdict::Fresh => {
            let evidence: Vec<_> = report.reason.iter().chain(&report.evidence).map(String::as_str).collect();
            format!("<system-out>{}</system-out>", text(&evidence.join(", ")))
        }
    };
    format!(
        "<testsuite name=\"{id}\" tests=\"1\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\" time=\"{time}\">\
         <testcase name=\"{}\" classname=\"{id}\" time=\"{time}\">{result}</testcase></testsuite>",
        attribute(report.verifies)
    )
}

fn text(text: &str) -> String {
    plain(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The same between quotes, where a line's end would become a space.
fn attribute(value: &str) -> String {
    text(value).replace('"', "&quot;").replace('\n', "&#10;").replace('\t', "&#9;")
}

#[cfg(test)]
mod units {
    use super::*;
    use crate::ci::report::testing::reports;
    use crate::testing::TempDir;

    #[test]
    fn nothing_but_what_xml_can_write_is_written() {
        assert_eq!(text("a<b>&\"'\0\x1b[1m\u{ffff}]]>\n"), "a&lt;b&gt;&amp;\"']]&gt;\n");
        assert_eq!(attribute("a\"b\"\n\tc<"), "a&quot;b&quot;&#10;&#9;c&lt;");
    }

    #[test]
    fn each_step_is_a_suite_and_nextest_brings_its_own() {
        let folder = TempDir::new();
        let left = tests::report("test", folder.path());
        fs::create_dir_all(left.parent().unwrap()).unwrap();
        let of_tests =
            r#"<testsuites name="x" tests="2" failures="0" errors="0"><testsuite name="app" tests="2"/></testsuites>"#;
        fs::write(left, of_tests).unwrap();
        let mut reports = reports();
        let xml = document(&reports, folder.path());
        let expected = [
            "<testsuites name=\"cargo xtask ci\" tests=\"6\" failures=\"1\" errors=\"0\" time=\"125.000\">",
            "<testsuite name=\"test: app\" tests=\"2\"/>",
            "<failure message=\"exit status: 1\" type=\"failed\">src/a|b.rs:3:5: not formatted",
            "```\n&lt;b&gt;&amp;</failure>",
            "<skipped message=\"there is no engine&#10;  next: apt-get install docker\"/>",
        ];
        for part in expected {
            assert!(xml.contains(part), "{part} is not in {xml}");
        }
        assert!(!xml.contains("name=\"every unit\""), "its tests say it all: {xml}");
        // It has failed, and none of its tests has: then the step itself says why.
        reports.steps[2].verdict = Verdict::Failed;
        assert!(document(&reports, folder.path()).contains("name=\"every unit\""));
    }
}
