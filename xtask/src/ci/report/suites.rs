//! What nextest has left: a report in JUnit's format, of which failures are read and suites are handed on.

use std::path::Path;

use super::diagnostics;
use super::issue::Issue;

/// The tests that have failed, with what they said.
pub(super) fn failures(xml: &str, root: &Path) -> Vec<Issue> {
    let mut failures = Vec::new();
    let mut test = String::new();
    for (tag, text) in tags(xml) {
        match tag.name {
            "testcase" => {
                let names = ["classname", "name"].map(|name| tag.attribute(name).unwrap_or_default());
                test = names.join(" ").trim().to_owned();
            }
            "failure" | "error" => {
                let told = diagnostics::panic(&unescape(text), root);
                let (place, message) = told.map_or((None, None), |(place, message)| (Some(place), Some(message)));
                let message = message.or_else(|| tag.attribute("message")).or_else(|| tag.attribute("type"));
                failures.push(diagnostics::of_test(&test, place, message.unwrap_or_else(|| "it failed".into())));
            }
            _ => {}
        }
    }
    failures
}

/// All suites of a report as they stand there, and what the report counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Suites<'a> {
    pub(super) xml: &'a str,
    pub(super) tests: u64,
    pub(super) failures: u64,
    pub(super) errors: u64,
}

/// The suites of a report; none of one that is not whole.
pub(super) fn of(xml: &str) -> Option<Suites<'_>> {
    let (root, _) = tags(xml).find(|(tag, _)| tag.name == "testsuites")?;
    let number = |name| root.attribute(name)?.parse().ok();
    let (tests, failures, errors) = (number("tests")?, number("failures")?, number("errors")?);
    let inside = xml.split_once("<testsuites")?.1.split_once('>')?.1;
    let (xml, _) = inside.rsplit_once("</testsuites>")?;
    Some(Suites { xml, tests, failures, errors })
}

/// A tag that opens.
struct Tag<'a> {
    name: &'a str,
    attributes: &'a str,
}

impl Tag<'_> {
    fn attribute(&self, name: &str) -> Option<String> {
        let value = self.attributes.split_once(&format!(" {name}=\""))?.1;
        value.split_once('"').map(|(value, _)| unescape(value))
    }
}

/// The tags that open, each with the text up to the next tag. It knows as much of XML as nextest writes: no comments, no
/// sections that are not parsed, and no `<` or `>` but those of tags.
fn tags(xml: &str) -> impl Iterator<Item = (Tag<'_>, &str)> {
    xml.split('<').skip(1).filter_map(|part| {
        let (tag, text) = part.split_once('>')?;
        let end = tag.find(|c: char| c.is_whitespace() || c == '/').unwrap_or(tag.len());
        let (name, attributes) = tag.split_at(end);
        (!name.is_empty() && !name.starts_with(['?', '!'])).then_some((Tag { name, attributes }, text))
    })
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let entity = after.split_once(';').and_then(|(name, after)| Some((character(name)?, after)));
        // A lone one is nothing nextest writes, and stands for itself.
        let (c, after) = entity.unwrap_or(('&', after));
        plain.push(c);
        rest = after;
    }
    plain + rest
}

fn character(entity: &str) -> Option<char> {
    match entity {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = entity.strip_prefix('#')?;
            let hexadecimal = number.strip_prefix('x').map(|number| u32::from_str_radix(number, 16));
            char::from_u32(hexadecimal.unwrap_or_else(|| number.parse()).ok()?)
        }
    }
}

#[cfg(test)]
mod units {
    use super::*;

    /// As nextest 0.9 writes.
    const REPORT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="nextest-run" tests="3" failures="2" errors="0" uuid="x" timestamp="t" time="0.009">
    <testsuite name="app" tests="3" disabled="0" errors="0" failures="2">
        <testcase name="good" classname="app" timestamp="t" time="0.008">
        </testcase>
        <testcase name="units::bad" classname="app" timestamp="t" time="0.008">
            <failure message="thread &apos;bad&apos; (9) panicked at app/src/lib.rs:9:5" type="test failure with exit code 101">thread &apos;bad&apos; (9) panicked at app/src/lib.rs:9:5:
assertion failed: 1 &lt; 1 &amp;&amp; &quot;a&#10;b&quot;
note: run with</failure>
            <system-err>thread</system-err>
        </testcase>
        <testcase name="slow" classname="app" timestamp="t" time="9">
            <failure type="test timeout"/>
        </testcase>
    </testsuite>
</testsuites>
"#;

    #[test]
    fn failures_are_read_with_their_place_and_message() {
        let issues = failures(REPORT, Path::new("/"));
        let told: Vec<_> =
            issues.iter().map(|it| (it.test.as_deref().unwrap(), it.at(), it.message.as_str())).collect();
        let at = Some("app/src/lib.rs:9:5".to_owned());
        let expected =
            [("app units::bad", at, "assertion failed: 1 < 1 && \"a\nb\""), ("app slow", None, "test timeout")];
        assert_eq!(told, expected);
    }

    #[test]
    fn suites_are_handed_on_whole_or_not_at_all() {
        let suites = of(REPORT).unwrap();
        assert_eq!((suites.tests, suites.failures, suites.errors), (3, 2, 0));
        assert!(
            suites.xml.trim().starts_with("<testsuite name=\"app\"") && suites.xml.trim().ends_with("</testsuite>")
        );
        let cut = REPORT.trim_end().strip_suffix("</testsuites>").unwrap();
        for broken in [cut, "", "<testsuites>", "</testsuites>", "<testsuites tests=\"1\""] {
            assert_eq!(of(broken), None, "{broken}");
        }
    }

    #[test]
    fn entities_are_read_and_what_is_none_stands_for_itself() {
        assert_eq!(unescape("&lt;&gt;&amp;&quot;&apos;&#65;&#x1F980;"), "<>&\"'A🦀");
        assert_eq!(unescape("a & b; &nope; &#xD800; &"), "a & b; &nope; &#xD800; &");
    }
}
