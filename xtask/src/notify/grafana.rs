//! Grafana's annotations, by <https://grafana.com/docs/grafana/latest/developers/http_api/annotations/>: a point where a
//! rollout begins, which becomes a region at its end.

use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::json;

use super::message::{Message, Words, escaped};
use super::request::{Hidden, Request};
use crate::delivery::Occasion;
use crate::http::Answer;
use crate::time;

/// The request that tells a message; `begun` is the annotation that its beginning is, if there is one.
pub(super) fn request(
    url: &Hidden,
    token: Option<&Hidden>,
    words: &Words,
    message: &Message,
    begun: Option<u64>,
) -> Request {
    let (title, text) = words.say(message, escaped);
    let took = message.seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let end = millis(message.at);
    let mut body = json!({ "tags": tags(message), "text": format!("{title}\n{text}") });
    let base = url.0.trim_end_matches('/');
    let (method, url) = match begun {
        Some(id) => {
            body["timeEnd"] = end.into();
            ("PATCH", format!("{base}/api/annotations/{id}"))
        }
        None => {
            body["time"] = took.map_or(end, |took| millis(message.at - took)).into();
            if message.event != Occasion::Start {
                body["timeEnd"] = end.into();
            }
            ("POST", format!("{base}/api/annotations"))
        }
    };
    Request { bearer: token.cloned(), ..Request::json(method, &Hidden(url), &body) }
}

/// The annotation that an answer says was made.
pub(super) fn made(answer: &Answer) -> Option<u64> {
    #[derive(Deserialize)]
    struct Made {
        id: u64,
    }
    serde_json::from_str(&answer.body).ok().map(|Made { id }| id)
}

fn tags(message: &Message) -> Vec<String> {
    let release = message.release.as_ref().map(|release| format!("release:{release}"));
    let test = message.test.then(|| "test".to_owned());
    let tags = ["switchyard".to_owned(), message.action.name().into(), message.event.name().into()];
    tags.into_iter().chain([format!("environment:{}", message.environment)]).chain(release).chain(test).collect()
}

fn millis(at: SystemTime) -> u64 {
    time::millis(at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::message::example;

    fn told(event: Occasion, begun: Option<u64>) -> (Request, serde_json::Value) {
        let (url, token) = (Hidden("http://g.example:3000/".into()), Hidden("glsa_x".into()));
        let request = request(&url, Some(&token), &Words::default(), &example(event), begun);
        let body = serde_json::from_str(&request.body).unwrap();
        assert_eq!(request.bearer, Some(token));
        (request, body)
    }

    #[test]
    fn a_rollout_begins_as_a_point_and_becomes_a_region() {
        let (request, body) = told(Occasion::Start, None);
        assert_eq!((request.method, request.url.0.as_str()), ("POST", "http://g.example:3000/api/annotations"));
        let expected = json!({
            "tags": ["switchyard", "deploy", "start", "environment:staging", "release:v2"],
            "text": "v2 is being rolled out in staging\ngreen, v1 before it, by me@host",
            "time": 1_795_813_200_250_u64,
        });
        assert_eq!(body, expected);
        let (request, body) = told(Occasion::Success, Some(7));
        assert_eq!((request.method, request.url.0.as_str()), ("PATCH", "http://g.example:3000/api/annotations/7"));
        assert_eq!((&body["timeEnd"], &body["time"]), (&json!(1_795_813_200_250_u64), &json!(null)));
    }

    #[test]
    fn an_end_whose_beginning_was_not_told_is_a_region_of_its_own() {
        let (request, body) = told(Occasion::Failure, None);
        assert_eq!(request.method, "POST");
        assert_eq!((&body["time"], &body["timeEnd"]), (&json!(1_795_813_187_910_u64), &json!(1_795_813_200_250_u64)));
        assert!(body["text"].as_str().unwrap().contains("&lt;b&gt;500"), "{body}");
    }

    #[test]
    fn what_was_made_is_known_by_its_number() {
        let answer = |body: &str| Answer { status: 200, headers: Vec::new(), body: body.into() };
        assert_eq!(made(&answer(r#"{"message":"Annotation added","id":1}"#)), Some(1));
        assert_eq!(made(&answer("<html>")), None);
    }
}
