//! What came of a query, held against its bounds.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Verdict;
use super::policy::Query;

/// A number of a metrics source, which may be infinite or none. JSON has no such numbers: they are text there, as all of
/// Prometheus' are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Value(pub f64);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Number(f64),
    Text(String),
}

impl TryFrom<Written> for Value {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        match written {
            Written::Number(number) => Ok(Value(number)),
            Written::Text(text) => text.parse().map(Value).map_err(|_| format!("`{text}` is no number")),
        }
    }
}

impl From<Value> for Written {
    fn from(value: Value) -> Written {
        if value.0.is_finite() { Written::Number(value.0) } else { Written::Text(value.to_string()) }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            f64::INFINITY => f.write_str("+Inf"),
            f64::NEG_INFINITY => f.write_str("-Inf"),
            // Without what adding up has left in the last digits, and with an exponent where it would have a row of zeros.
            number => {
                let rounded = format!("{number:.11e}").parse().unwrap_or(number);
                f.write_str(format!("{rounded:?}").trim_end_matches(".0"))
            }
        }
    }
}

/// One value of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Element {
    /// What tells it from the others.
    pub labels: BTreeMap<String, String>,
    /// The value.
    pub value: Value,
}

/// What came of one query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The query's name.
    pub query: String,
    /// What no value may be below.
    pub min: Option<f64>,
    /// What no value may be above.
    pub max: Option<f64>,
    /// How many values the answer has.
    pub values: usize,
    /// The gravest of them.
    pub value: Option<Value>,
    /// What tells it from the others, as Prometheus writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub series: Option<String>,
    /// Why there is no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Measured {
    /// Holds an answer against the query's bounds, or the reason why there is none.
    pub fn new(query: &Query, answer: Result<Vec<Element>, String>) -> Measured {
        let bound = |bound: &Option<toml::Spanned<f64>>| bound.as_ref().map(|bound| *bound.get_ref());
        let (min, max) = (bound(&query.min), bound(&query.max));
        let (elements, error) = match answer {
            Ok(elements) => (elements, None),
            Err(error) => (Vec::new(), Some(in_one_line(&error))),
        };
        let gravest = elements.iter().reduce(|gravest, next| {
            let (here, there) = (gravity(next.value, min, max), gravity(gravest.value, min, max));
            if here.partial_cmp(&there) == Some(Ordering::Greater) { next } else { gravest }
        });
        Measured {
            query: query.name.get_ref().clone(),
            min,
            max,
            values: elements.len(),
            value: gravest.map(|element| element.value),
            series: gravest.filter(|element| !element.labels.is_empty()).map(Element::series),
            error,
        }
    }

    /// Nothing found shows nothing, and is not taken for zero.
    pub fn verdict(&self) -> Verdict {
        match self.value {
            _ if self.error.is_some() => Verdict::Error,
            Some(value) if excess(value, self.min, self.max) > 0.0 => Verdict::Fail,
            Some(value) if !value.0.is_nan() => Verdict::Pass,
            _ => Verdict::Inconclusive,
        }
    }

    /// What it is to be, in words.
    fn bounds(&self) -> String {
        match (self.min.map(Value), self.max.map(Value)) {
            (Some(min), Some(max)) => format!("{min} to {max}"),
            (Some(min), None) => format!("{min} or more"),
            (None, Some(max)) => format!("{max} or less"),
            (None, None) => "anything".into(),
        }
    }
}

/// By how much a value is out of its bounds; nothing and less where it is not. That of a value which is no number is none.
fn excess(Value(value): Value, min: Option<f64>, max: Option<f64>) -> f64 {
    let (below, above) = (min.map(|min| min - value), max.map(|max| value - max));
    below.into_iter().chain(above).fold(f64::NEG_INFINITY, f64::max)
}

/// What is out of its bounds is graver than what is no number, and that than what is within.
fn gravity(value: Value, min: Option<f64>, max: Option<f64>) -> (bool, bool, f64) {
    let excess = excess(value, min, max);
    (excess > 0.0, value.0.is_nan(), excess)
}

impl Element {
    const LONGEST: usize = 200;

    fn series(&self) -> String {
        let labels: Vec<_> = self.labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        in_one_line(&format!("{{{}}}", labels.join(","))).chars().take(Element::LONGEST).collect()
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ", self.query)?;
        let value = match (&self.error, self.value) {
            (Some(error), _) => return write!(f, "has no answer: {error}"),
            (None, None) => return write!(f, "found nothing, where {} is asked for", self.bounds()),
            (None, Some(value)) => value,
        };
        write!(f, "is {value}")?;
        if self.values > 1 {
            write!(f, " for {}, one of {}", self.series.as_deref().unwrap_or("{}"), self.values)?;
        }
        write!(f, ", where {} is asked for", self.bounds())
    }
}

/// Foreign text, as it may stand on a terminal.
fn in_one_line(text: &str) -> String {
    const LONGEST: usize = 300;
    let words: Vec<_> = text.split(|letter: char| letter.is_whitespace() || letter.is_control()).collect();
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ").chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(bounds: &str, values: &[&str]) -> Measured {
        let query: Query = toml::from_str(&format!("name = \"errors\"\nquery = \"up\"\n{bounds}")).unwrap();
        let elements = values.iter().zip('a'..).map(|(value, pod)| Element {
            labels: [("pod".to_owned(), pod.to_string())].into(),
            value: Value::try_from(Written::Text((*value).to_owned())).unwrap(),
        });
        Measured::new(&query, Ok(elements.collect()))
    }

    #[test]
    fn every_value_has_to_be_within_the_bounds() {
        use Verdict::{Fail, Inconclusive, Pass};
        let table = [
            ("max = 0.01", &["0.01"][..], Pass, "`errors` is 0.01, where 0.01 or less is asked for"),
            ("max = 0.01", &["0.011"], Fail, "`errors` is 0.011, where 0.01 or less is asked for"),
            ("max = 1", &["-Inf"], Pass, "`errors` is -Inf, where 1 or less is asked for"),
            ("max = 1", &["+Inf"], Fail, "`errors` is +Inf, where 1 or less is asked for"),
            ("min = 5", &["5"], Pass, "`errors` is 5, where 5 or more is asked for"),
            ("min = 5", &["4.5"], Fail, "`errors` is 4.5, where 5 or more is asked for"),
            ("min = 1\nmax = 2", &["1"], Pass, "`errors` is 1, where 1 to 2 is asked for"),
            ("min = 1\nmax = 2", &["0"], Fail, "`errors` is 0, where 1 to 2 is asked for"),
            ("max = 1", &[], Inconclusive, "`errors` found nothing, where 1 or less is asked for"),
            ("max = 1", &["NaN"], Inconclusive, "`errors` is NaN, where 1 or less is asked for"),
            (
                "max = 1",
                &["0", "1", "0.5"],
                Pass,
                "`errors` is 1 for {pod=\"b\"}, one of 3, where 1 or less is asked for",
            ),
            (
                "max = 1",
                &["0", "NaN"],
                Inconclusive,
                "`errors` is NaN for {pod=\"b\"}, one of 2, where 1 or less is asked for",
            ),
            (
                "max = 1",
                &["NaN", "3", "0"],
                Fail,
                "`errors` is 3 for {pod=\"b\"}, one of 3, where 1 or less is asked for",
            ),
            (
                "min = 1",
                &["3", "0.5", "-2"],
                Fail,
                "`errors` is -2 for {pod=\"c\"}, one of 3, where 1 or more is asked for",
            ),
        ];
        for (bounds, values, verdict, words) in table {
            let measured = measured(bounds, values);
            assert_eq!((measured.verdict(), measured.to_string().as_str()), (verdict, words));
        }
    }

    #[test]
    fn where_there_is_no_answer_it_says_why_in_one_line() {
        let query: Query = toml::from_str("name = \"errors\"\nquery = \"up\"\nmax = 1").unwrap();
        let measured = Measured::new(&query, Err("bad_data:\n\x1b[31mparse error".into()));
        assert_eq!(measured.verdict(), Verdict::Error);
        assert_eq!(measured.to_string(), "`errors` has no answer: bad_data: [31mparse error");
    }

    #[test]
    fn it_is_the_same_after_it_was_written_down() {
        for values in [&["0.5"][..], &["+Inf"], &["1e-300", "7"], &[]] {
            let measured = measured("max = 1", values);
            let json = serde_json::to_string(&measured).unwrap();
            assert_eq!(serde_json::from_str::<Measured>(&json).unwrap(), measured, "{json}");
        }
        assert!(serde_json::to_string(&measured("max = 1", &["-Inf"])).unwrap().contains("\"value\":\"-Inf\""));
        assert!(serde_json::to_string(&measured("max = 1", &["0.25"])).unwrap().contains("\"value\":0.25"));
        assert!(serde_json::from_str::<Value>("\"seven\"").is_err());
    }

    #[test]
    fn numbers_are_written_as_people_read_them() {
        for (number, text) in [
            (3.0, "3"),
            (0.05, "0.05"),
            (1e21, "1e21"),
            (1e-7, "1e-7"),
            (f64::NAN, "NaN"),
            (-0.5, "-0.5"),
            (0.075_000_000_000_000_01, "0.075"),
        ] {
            assert_eq!(Value(number).to_string(), text);
        }
    }
}
