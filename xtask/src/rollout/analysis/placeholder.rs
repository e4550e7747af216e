//! What stands in a query for what only the rollout knows.

use std::time::Duration;

use crate::placeholder;
use crate::rollout::colour::Colour;

/// The names that may stand between braces in a query.
pub const PLACEHOLDERS: [&str; 5] = ["candidate", "active", "release", "environment", "window"];

/// What they stand for.
#[derive(Debug, Clone, Copy)]
pub struct Window<'a> {
    /// The colour that is judged.
    pub candidate: Colour,
    /// The release in it.
    pub release: &'a str,
    /// Where it is rolled out.
    pub environment: &'a str,
    /// For how long it has been watched.
    pub length: Duration,
}

impl Window<'_> {
    /// The query with its placeholders filled in. Braces around anything but a bare word are PromQL's own.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use xtask::rollout::analysis::Window;
    /// use xtask::rollout::colour::Colour;
    ///
    /// let length = Duration::from_secs(30);
    /// let window = Window { candidate: Colour::Green, release: "v2", environment: "staging", length };
    /// assert_eq!(window.fill(r#"rate(errors{colour="{candidate}"}[{window}])"#), r#"rate(errors{colour="green"}[30s])"#);
    /// ```
    pub fn fill(&self, query: &str) -> String {
        placeholder::fill(query, |name| match name {
            "candidate" => self.candidate.to_string(),
            "active" => self.candidate.other().to_string(),
            "release" => self.release.to_owned(),
            "environment" => self.environment.to_owned(),
            // A range of no seconds is no range.
            "window" => format!("{}s", (self.length.as_secs_f64().round() as u64).max(1)),
            unknown => format!("{{{unknown}}}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(query: &str) -> String {
        let length = Duration::from_millis(89_600);
        Window { candidate: Colour::Blue, release: "v2.0-1", environment: "production", length }.fill(query)
    }

    #[test]
    fn bare_words_are_filled_in_and_all_other_braces_are_left() {
        let table = [
            ("{candidate} {active} {release} {environment} {window}", "blue green v2.0-1 production 90s"),
            (r#"up{colour="blue"}"#, r#"up{colour="blue"}"#),
            (r#"up{colour="{candidate}",job!=""}[{window}]"#, r#"up{colour="blue",job!=""}[90s]"#),
            (r#"{__name__=~"a{2}b{1,}"}"#, r#"{__name__=~"a{2}b{1,}"}"#),
            ("up{} / {", "up{} / {"),
            (
                r#"label_replace(up, "a", "${name}", "b", "(?P<name>.*)")"#,
                r#"label_replace(up, "a", "${name}", "b", "(?P<name>.*)")"#,
            ),
            (r#"errors{route="/users/{{id}}",colour="{candidate}"}"#, r#"errors{route="/users/{id}",colour="blue"}"#),
            (r#"errors{route="/users/{{{window}"}"#, r#"errors{route="/users/{{90s"}"#),
            ("ä{candidate}ä{{ä}}", "äblueä{{ä}}"),
        ];
        for (query, expected) in table {
            assert_eq!(filled(query), expected, "{query}");
            assert_eq!(placeholder::mistakes(query, &PLACEHOLDERS), Vec::<String>::new(), "{query}");
        }
    }

    #[test]
    fn a_window_is_a_second_at_the_least() {
        let window =
            Window { candidate: Colour::Blue, release: "", environment: "", length: Duration::from_millis(200) };
        assert_eq!(window.fill("{window}"), "1s");
    }

    #[test]
    fn a_word_that_stands_for_nothing_stays() {
        assert_eq!(filled("{colour}"), "{colour}");
    }
}
