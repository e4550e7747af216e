//! JSON of this tool's own, described in docs/notifications.md. What is added to it later changes no version; what is taken
//! away or means something else does.

use std::time::SystemTime;

use hmac_sha256::HMAC;
use serde::Serialize;

use super::message::{Message, Words};
use super::request::{Hidden, Request};
use crate::digest::hex;

/// The version of the body.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Body<'a> {
    version: u32,
    id: &'a str,
    #[serde(flatten)]
    message: &'a Message,
    title: String,
    text: String,
}

/// The request that tells a message. `id` is the same however often it is told, so that a receiver can tell once from twice.
pub(super) fn request(url: &Hidden, secret: Option<&Hidden>, words: &Words, message: &Message, id: &str) -> Request {
    let (title, text) = words.say(message, str::to_owned);
    let body = serde_json::json!(Body { version: VERSION, id, message, title, text });
    let mut request = Request::json("POST", url, &body);
    let seconds = message.at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs().to_string();
    request.headers.push(("X-Switchyard-Event", message.event.name().into()));
    request.headers.push(("X-Switchyard-Delivery", id.into()));
    let signature = secret.map(|secret| signature(&secret.0, &seconds, &request.body));
    request.headers.push(("X-Switchyard-Timestamp", seconds));
    request.headers.extend(signature.map(|signature| ("X-Switchyard-Signature", signature)));
    request
}

/// What proves where a body comes from, and when it was made.
fn signature(secret: &str, seconds: &str, body: &str) -> String {
    format!("sha256={}", hex(&HMAC::mac(format!("{seconds}.{body}"), secret)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Occasion;
    use crate::notify::message::example;

    fn told(secret: Option<&Hidden>, event: Occasion) -> Request {
        request(&Hidden("https://a.example/".into()), secret, &Words::default(), &example(event), "0123")
    }

    #[test]
    fn the_body_has_every_fact_under_a_name_that_stays() {
        let body: serde_json::Value = serde_json::from_str(&told(None, Occasion::Success).body).unwrap();
        let expected = serde_json::json!({
            "version": 1,
            "id": "0123",
            "at": "2026-11-27T21:00:00.250Z",
            "event": "success",
            "action": "deploy",
            "test": false,
            "environment": "staging",
            "release": "v2",
            "before": "v1",
            "colour": "green",
            "by": "me@host",
            "seconds": 12.34,
            "reason": null,
            "url": "http://127.0.0.1:8180",
            "link": "https://github.example/o/r/actions/runs/7",
            "title": "v2 serves staging",
            "text": "green, v1 before it, after 12.3 s, by me@host",
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn a_body_is_signed_together_with_its_time_and_only_with_a_secret() {
        let secret = Hidden("geheim".into());
        let request = told(Some(&secret), Occasion::Failure);
        let header =
            |name: &str| request.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        assert_eq!(header("X-Switchyard-Event").as_deref(), Some("failure"));
        assert_eq!(header("X-Switchyard-Delivery").as_deref(), Some("0123"));
        assert_eq!(header("X-Switchyard-Timestamp").as_deref(), Some("1795813200"));
        let expected = signature("geheim", "1795813200", &request.body);
        assert_eq!(header("X-Switchyard-Signature"), Some(expected.clone()));
        assert_ne!(signature("geheim", "1795813201", &request.body), expected);
        assert!(told(None, Occasion::Failure).headers.iter().all(|(name, _)| *name != "X-Switchyard-Signature"));
        // What `printf 1.a | openssl dgst -sha256 -hmac key` prints.
        assert_eq!(signature("key", "1", "a"), SIGNED_BY_OPENSSL);
    }

    const SIGNED_BY_OPENSSL: &str = "sha256=32a5f52f8b585db06b5960c1b30992c0575588cf6343eeb646efa5bfd9ca5a17";
}
