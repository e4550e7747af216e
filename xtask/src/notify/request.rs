//! A request to a channel, whose secrets show themselves to nobody, and how it is sent.

use std::fmt;
use std::io;
use std::time::Duration;

use super::retry::{Again, Trouble};
use crate::http::{self, Answer};
use crate::url::Target;
use crate::{curl, problem, time};

/// What stands where a secret is.
const MASK: &str = "***";
/// The variables that have a request in the clear go through a proxy; curl knows what to do with them.
const PROXIES: [&str; 3] = ["http_proxy", "all_proxy", "ALL_PROXY"];

/// A text that is shown to nobody but the one it is for.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Hidden(pub(super) String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: &'static str,
    /// As it was checked when the channel was opened.
    pub(super) url: Hidden,
    /// What is no secret.
    pub(super) headers: Vec<(&'static str, String)>,
    /// What the header `Authorization` shows as the right to ask.
    pub(super) bearer: Option<Hidden>,
    /// JSON; empty for none.
    pub(super) body: String,
}

impl Request {
    /// One that brings JSON.
    pub(super) fn json(method: &'static str, url: &Hidden, body: &serde_json::Value) -> Request {
        let headers = vec![("Content-Type", "application/json".to_owned())];
        Request { method, url: url.clone(), headers, bearer: None, body: body.to_string() }
    }

    /// Sends it once, and gives an answer that says it was taken.
    pub(super) fn send(&self, timeout: Duration) -> Result<Answer, Trouble> {
        // What is told of it is read by people.
        let timeout = Duration::from_millis(time::millis(timeout).max(1));
        let target = Target::parse(&self.url.0).map_err(|reason| Trouble::new(reason, Again::Never))?;
        let bearer = self.bearer.as_ref().map(|token| format!("Bearer {}", token.0));
        let own = self.headers.iter().map(|(name, value)| (*name, value.as_str()));
        let user_agent = Some(("User-Agent", concat!("xtask/", env!("CARGO_PKG_VERSION"))));
        let authorization = bearer.as_deref().map(|bearer| ("Authorization", bearer));
        let headers: Vec<_> = own.chain(user_agent).chain(authorization).collect();
        let request = http::Request { method: self.method, headers: &headers, body: &self.body };
        let answer = if target.is_secure || is_proxied() {
            // Without curl there is no way, this time or the next.
            curl::send(&self.url.0, &request, timeout)
                .map_err(|error| Trouble::new(problem::reason(&error), Again::Never))?
        } else {
            http::send_to(&target, &request, timeout)
        };
        let answer = answer.map_err(|error| {
            // A certificate that is not trusted will not be in a moment.
            let again = if error.kind() == io::ErrorKind::PermissionDenied { Again::Never } else { Again::Soon };
            Trouble::new(self.without_secrets(&error.to_string()), again)
        })?;
        if (200..300).contains(&answer.status) { Ok(answer) } else { Err(refused(&answer)) }
    }

    /// The words of a program that was told the secrets.
    fn without_secrets(&self, text: &str) -> String {
        let hidden = [Some(&self.url), self.bearer.as_ref()].into_iter().flatten();
        hidden.fold(text.to_owned(), |text, hidden| text.replace(&hidden.0, MASK))
    }

    /// How it would be sent, without its secrets.
    pub(super) fn masked(&self) -> String {
        let mut text = format!("{} {}", self.method, masked_url(&self.url.0));
        self.headers.iter().for_each(|(name, value)| text.push_str(&format!("\n{name}: {value}")));
        if self.bearer.is_some() {
            text.push_str(&format!("\nAuthorization: Bearer {MASK}"));
        }
        let body = serde_json::from_str::<serde_json::Value>(&self.body).map(|body| format!("\n{body:#}"));
        text + &body.unwrap_or_default()
    }
}

/// The beginning of a URL, which is no secret.
fn masked_url(url: &str) -> String {
    match Target::parse(url) {
        Ok(target) if target.path == "/" => url.to_owned(),
        Ok(target) => format!("{}://{}/{MASK}", if target.is_secure { "https" } else { "http" }, target.server),
        Err(_) => MASK.into(),
    }
}

fn is_proxied() -> bool {
    PROXIES.iter().any(|name| std::env::var(name).is_ok_and(|value| !value.is_empty()))
}

/// The trouble an answer tells of.
fn refused(answer: &Answer) -> Trouble {
    let again = match answer.status {
        429 | 500..=599 => retry_after(answer).map_or(Again::Soon, Again::After),
        _ => Again::Never,
    };
    Trouble { reason: format!("HTTP {}", answer.status), status: Some(answer.status), again }
}

/// How long the other side wants to be left alone, in seconds; a date is not worth a parser.
fn retry_after(answer: &Answer) -> Option<Duration> {
    answer.header("retry-after")?.parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request {
        let url = Hidden("https://chat.example/geheim".into());
        let bearer = Some(Hidden("streng".into()));
        Request { bearer, ..Request::json("POST", &url, &serde_json::json!({ "text": "hello" })) }
    }

    #[test]
    fn no_secret_is_in_what_is_shown() {
        let request = request();
        let error = request.without_secrets("curl says: https://chat.example/geheim with streng");
        for shown in [format!("{request:?}"), request.masked(), error] {
            assert!(!shown.contains("geheim") && !shown.contains("streng") && shown.contains(MASK), "{shown}");
        }
        assert!(request.masked().starts_with("POST https://chat.example/***\nContent-Type: application/json\n"));
        assert!(request.masked().ends_with("\n{\n  \"text\": \"hello\"\n}"));
    }

    #[test]
    fn only_what_may_go_well_another_time_is_tried_again() {
        let answer = |status, headers: &[(&str, &str)]| Answer {
            status,
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body: String::new(),
        };
        let table = [
            (429, None, Again::Soon),
            (429, Some("3"), Again::After(Duration::from_secs(3))),
            (503, Some("2"), Again::After(Duration::from_secs(2))),
            (500, Some("Wed, 21 Oct 2026 07:28:00 GMT"), Again::Soon),
            (302, None, Again::Never),
            (400, None, Again::Never),
            (404, Some("1"), Again::Never),
        ];
        for (status, after, expected) in table {
            let headers: Vec<_> = after.iter().map(|after| ("retry-after", *after)).collect();
            let trouble = refused(&answer(status, &headers));
            assert_eq!((trouble.again, trouble.status), (expected, Some(status)), "{status} {after:?}");
        }
    }
}
