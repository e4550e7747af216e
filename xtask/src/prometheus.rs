//! A Prometheus server, or what speaks its language: asking it, and reading what it says.

use std::collections::BTreeMap;
use std::sync::mpsc::{self, Receiver};
use std::thread;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::http;
use crate::rollout::analysis::{Element, Value};
use crate::rollout::policy::Span;
use crate::rollout::world::Metrics;
use crate::url::{Url, encoded};

/// Asks over HTTP.
#[derive(Debug, Clone, Copy)]
pub struct Prometheus;

impl Metrics for Prometheus {
    fn ask(&self, url: &str, query: &str, timeout: Span) -> Receiver<anyhow::Result<Vec<Element>>> {
        let (answer, answering) = mpsc::channel();
        let (url, query) = (url.to_owned(), query.to_owned());
        // Nobody may be waiting for it any more; and where no thread is to be had, the other end hears that nobody answers.
        let ask = move || drop(answer.send(ask(&url, &query, timeout)));
        drop(thread::Builder::new().name("metrics".into()).spawn(ask));
        answering
    }
}

fn ask(url: &str, query: &str, timeout: Span) -> anyhow::Result<Vec<Element>> {
    let server: Url = url.parse().map_err(anyhow::Error::msg)?;
    // The time is up there when it is up here.
    let target = format!("/api/v1/query?query={}&timeout={}ms", encoded(query), timeout.as_millis());
    let answer = http::get_from(&server, &target, *timeout).with_context(|| url.to_owned())?;
    parse(&answer.body).with_context(|| format!("{url} answered HTTP {}", answer.status))
}

/// What Prometheus' `/api/v1/query` answers with, whatever its status.
#[derive(Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
enum Answer {
    Success {
        data: Data,
    },
    Error {
        #[serde(rename = "errorType")]
        kind: String,
        error: String,
    },
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "resultType")]
    kind: String,
    result: Json,
}

#[derive(Deserialize)]
struct Series {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    value: Option<Point>,
}

/// A time and what was so then.
#[derive(Deserialize)]
struct Point(#[expect(dead_code, reason = "a part of the answer")] f64, Value);

/// The values in an answer of Prometheus: each of a vector's, and the one of a scalar.
///
/// ```
/// use xtask::prometheus::parse;
///
/// let answer = r#"{"status":"success","data":{"resultType":"scalar","result":[1795500000.25,"0.5"]}}"#;
/// assert_eq!(parse(answer).unwrap()[0].value.0, 0.5);
/// ```
///
/// # Errors
/// What the server says is wrong, or what is about its answer.
pub fn parse(body: &str) -> anyhow::Result<Vec<Element>> {
    let answer = serde_json::from_str(body).context("which is no answer of Prometheus")?;
    let Data { kind, result } = match answer {
        Answer::Success { data } => data,
        Answer::Error { kind, error } => bail!("{kind}: {error}"),
    };
    match kind.as_str() {
        "vector" => {
            let series: Vec<Series> = serde_json::from_value(result).context("with a vector that is none")?;
            series.into_iter().map(element).collect()
        }
        "scalar" => {
            let Point(_, value) = serde_json::from_value(result).context("with a scalar that is none")?;
            Ok(vec![Element { labels: BTreeMap::new(), value }])
        }
        other => bail!("with a {other}; what is held against bounds is an instant vector or a scalar"),
    }
}

fn element(series: Series) -> anyhow::Result<Element> {
    let Some(Point(_, value)) = series.value else {
        bail!("with a histogram; `histogram_quantile` makes a number of it");
    };
    Ok(Element { labels: series.metric, value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::time::Duration;

    fn success(kind: &str, result: &str) -> String {
        format!(r#"{{"status":"success","data":{{"resultType":"{kind}","result":{result}}}}}"#)
    }

    #[test]
    fn the_values_of_vectors_and_scalars_are_read() {
        let vector = r#"[{"metric":{"colour":"green","__name__":"up"},"value":[1435781451.781,"1"]},
                         {"metric":{},"value":[1435781451,"NaN"]},{"value":[1,"-Inf"]},{"value":[1,"1.5e-07"]}]"#;
        let elements = parse(&success("vector", vector)).unwrap();
        assert_eq!(elements[0].labels["colour"], "green");
        assert_eq!(elements[0].value, Value(1.0));
        assert!(elements[1].value.0.is_nan());
        assert_eq!((elements[2].value, elements[3].value), (Value(f64::NEG_INFINITY), Value(1.5e-7)));
        assert_eq!(parse(&success("vector", "[]")).unwrap(), []);
        assert_eq!(parse(&success("scalar", "[1.5,\"+Inf\"]")).unwrap()[0].value, Value(f64::INFINITY));
    }

    #[test]
    fn whatever_else_is_told_is_an_error_that_says_what_it_is() {
        let histogram = r#"[{"metric":{},"histogram":[1,{"count":"3","sum":"1"}]}]"#;
        let table = [
            (
                r#"{"status":"error","errorType":"bad_data","error":"parse error: unclosed"}"#.to_owned(),
                "bad_data: parse error",
            ),
            (success("matrix", "[]"), "with a matrix; what is held against bounds is an instant vector"),
            (success("string", "[1,\"a\"]"), "with a string;"),
            (success("vector", histogram), "with a histogram"),
            (success("vector", "[{\"value\":[1,\"one\"]}]"), "`one` is no number"),
            (success("vector", "[{\"value\":[1]}]"), "with a vector that is none"),
            (success("scalar", "{}"), "with a scalar that is none"),
            ("<html>Bad Gateway</html>".to_owned(), "no answer of Prometheus"),
            (success("vector", "[]").replace("]}}", ""), "no answer of Prometheus"),
            (String::new(), "no answer of Prometheus"),
        ];
        for (body, expected) in table {
            let error = format!("{:#}", parse(&body).unwrap_err());
            assert!(error.contains(expected), "{body}: {error}");
        }
    }

    fn asked(url: &str, query: &str) -> anyhow::Result<Vec<Element>> {
        Prometheus.ask(url, query, Span::secs(5)).recv().unwrap()
    }

    #[test]
    fn a_query_is_asked_as_it_was_written() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/prefix", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let count = stream.read(&mut request).unwrap();
            let body = success("vector", "[]");
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
            String::from_utf8_lossy(&request[..count]).into_owned()
        });
        assert_eq!(asked(&url, "up{a=\"b\"} & 1").unwrap(), []);
        let request = server.join().unwrap();
        let line = "GET /prefix/api/v1/query?query=up%7Ba%3D%22b%22%7D%20%26%201&timeout=5000ms HTTP/1.1\r\n";
        assert!(request.starts_with(line), "{request}");
    }

    #[test]
    fn a_source_that_is_not_there_or_says_nothing_is_an_error_with_its_reason() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = asked(&format!("http://{closed}"), "up").unwrap_err();
        assert!(format!("{error:#}").starts_with(&format!("http://{closed}: Connection refused")), "{error:#}");
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap());
        let answer = Prometheus.ask(&url, "up", Span::millis(100)).recv_timeout(Duration::from_secs(30)).unwrap();
        assert!(format!("{:#}", answer.unwrap_err()).contains("nothing within 100ms"));
    }
}
