//! What the user wrote about the queries that are gates of their own. Data only; `delivery.toml` says what each key means.

use std::collections::BTreeSet;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::placeholder::PLACEHOLDERS;
use super::policy::wrong;
use crate::placeholder;
use crate::rollout::policy::Span;
use crate::url::Url;

/// A metrics source, and what it is asked at the end of every window.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Prometheus {
    /// Where it is reached from the deployer's machine: `http://`, a host, and where needed a port and the path its own
    /// paths begin with.
    pub url: Spanned<String>,
    /// How long it may take to answer (100 ms to 30 s).
    #[serde(default = "five_seconds")]
    pub timeout: Spanned<Span>,
    /// What it is asked.
    #[serde(default)]
    pub queries: Vec<Query>,
}

/// One question, and what its answer has to be.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// What it is called in verdicts.
    pub name: Spanned<String>,
    /// PromQL, with placeholders.
    pub query: Spanned<String>,
    /// What no value of the answer may be below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<Spanned<f64>>,
    /// What no value of the answer may be above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<Spanned<f64>>,
}

fn five_seconds() -> Spanned<Span> {
    Spanned::new(0..0, Span::secs(5))
}

impl Prometheus {
    pub(super) fn mistakes(&self) -> Vec<(Range<usize>, String)> {
        let mut found = Vec::new();
        if let Err(reason) = self.url.get_ref().parse::<Url>() {
            let right = format!("a URL such as \"http://127.0.0.1:9090\", and {reason}");
            found.push((self.url.span(), wrong("prometheus.url", self.url.get_ref(), &right)));
        }
        let timeout = self.timeout.get_ref();
        if !(Span::millis(100)..=Span::secs(30)).contains(timeout) {
            found.push((self.timeout.span(), wrong("prometheus.timeout", timeout, "a time between 100ms and 30s")));
        }
        if self.queries.is_empty() {
            let text = "`analysis.prometheus.queries` is empty; leave `analysis.prometheus` out where nothing is asked";
            found.push((self.url.span(), text.into()));
        }
        let mut names = BTreeSet::new();
        for query in &self.queries {
            found.extend(query.mistakes());
            if !names.insert(query.name.get_ref()) {
                found.push((query.name.span(), format!("two queries are called `{}`", query.name.get_ref())));
            }
        }
        found
    }
}

impl Query {
    fn mistakes(&self) -> Vec<(Range<usize>, String)> {
        let (name, text) = (self.name.get_ref(), self.query.get_ref());
        let mut found = Vec::new();
        if name.trim().is_empty() {
            found.push((self.name.span(), "a query needs a name, by which a verdict speaks of it".into()));
        }
        if text.trim().is_empty() {
            found.push((self.query.span(), format!("the query `{name}` asks nothing")));
        }
        let told = placeholder::mistakes(text, &PLACEHOLDERS);
        found.extend(told.into_iter().map(|told| (self.query.span(), told)));
        let bounds = [("min", &self.min), ("max", &self.max)];
        let bounds: Vec<_> = bounds.iter().filter_map(|(key, bound)| Some((*key, bound.as_ref()?))).collect();
        for (key, bound) in bounds.iter().filter(|(_, bound)| !bound.get_ref().is_finite()) {
            found.push((
                bound.span(),
                format!("`{key}` of the query `{name}` is {}; it is a finite number", bound.get_ref()),
            ));
        }
        match bounds.as_slice() {
            [] => {
                let told = format!("the query `{name}` has neither `min` nor `max`, so that no answer would be wrong");
                found.push((self.name.span(), told));
            }
            [(_, min), (_, max)] if min.get_ref() > max.get_ref() => {
                let (min, max, place) = (min.get_ref(), max.get_ref(), min.span());
                found.push((
                    place,
                    format!("`min` of the query `{name}` is {min} and `max` is {max}; nothing is between them"),
                ));
            }
            _ => {}
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::policy::AnalysisPolicy;

    fn mistakes(text: &str) -> Vec<(String, String)> {
        let policy: AnalysisPolicy = toml::from_str(text).unwrap();
        policy.mistakes().into_iter().map(|(span, told)| (text[span].to_owned(), told)).collect()
    }

    #[test]
    fn what_is_right_is_read() {
        let text = r#"
            [prometheus]
            url = "http://127.0.0.1:9090/prefix"
            [[prometheus.queries]]
            name = "errors"
            query = 'sum(rate(http_requests_total{colour="{candidate}",status=~"5.."}[{window}]))'
            max = 0.01
            [[prometheus.queries]]
            name = "requests"
            query = 'up{job="{release}-{environment}-{active}"}'
            min = 1
            max = 1
        "#;
        assert_eq!(mistakes(text), []);
        let policy: AnalysisPolicy = toml::from_str(text).unwrap();
        let prometheus = policy.prometheus.unwrap();
        assert_eq!((prometheus.queries.len(), *prometheus.timeout.get_ref()), (2, Span::secs(5)));
    }

    #[test]
    fn every_mistake_is_found_where_it_stands() {
        let text = r#"
            [prometheus]
            url = "https://127.0.0.1:9090"
            timeout = "31s"
            [[prometheus.queries]]
            name = "errors"
            query = 'up{colour="{colour}"} + {prot}'
            max = 1
            [[prometheus.queries]]
            name = "errors"
            query = ' '
            min = 2
            max = 1
            [[prometheus.queries]]
            name = ""
            query = 'up'
            [[prometheus.queries]]
            name = "up"
            query = 'up'
            max = nan
            min = -inf
        "#;
        let expected = [
            ("\"https://127.0.0.1:9090\"", "it does not begin with http://"),
            ("\"31s\"", "between 100ms and 30s"),
            (
                "'up{colour=\"{colour}\"} + {prot}'",
                "no placeholder {colour}; there are {candidate}, {active}, {release}",
            ),
            ("'up{colour=\"{colour}\"} + {prot}'", "it is {{prot}}"),
            ("' '", "asks nothing"),
            ("2", "`min` of the query `errors` is 2 and `max` is 1"),
            ("\"errors\"", "two queries are called `errors`"),
            ("\"\"", "needs a name"),
            ("\"\"", "neither `min` nor `max`"),
            ("-inf", "`min` of the query `up` is -inf"),
            ("nan", "`max` of the query `up` is NaN"),
        ];
        let found = mistakes(text);
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for ((place, told), (expected_place, expected)) in found.iter().zip(expected) {
            assert_eq!(place, expected_place, "{told}");
            assert!(told.contains(expected), "{told}");
        }
    }

    #[test]
    fn a_source_that_is_asked_nothing_is_a_mistake() {
        let found = mistakes("prometheus = { url = \"http://metrics\" }");
        assert!(found.len() == 1 && found[0].1.contains("`analysis.prometheus.queries` is empty"), "{found:?}");
    }

    #[test]
    fn an_unknown_key_is_refused_where_it_stands() {
        let text = "[prometheus]\nurl = \"http://metrics\"\nqueries = [{ name = \"a\", query = \"up\", maximum = 1 }]";
        let error = toml::from_str::<AnalysisPolicy>(text).unwrap_err().to_string();
        assert!(error.contains("unknown field `maximum`") && error.contains("line 3"), "{error}");
    }
}
