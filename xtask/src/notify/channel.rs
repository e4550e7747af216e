//! A channel with its secrets at hand, and how it is told.

use std::path::Path;
use std::time::Duration;

use toml::Spanned;

use super::deployments::{Deployments, Send};
use super::message::{Message, Words};
use super::request::Hidden;
use super::retry::{Trouble, insist};
use super::{grafana, slack, webhook};
use crate::delivery::{Address, Channel, Kind, Occasion, SecretSource};
use crate::github::Job;
use crate::http::Answer;
use crate::ledger::Notification;
use crate::rollout::world::Clock;
use crate::url::Target;
use crate::{random, secrets, time};

/// What a job on GitHub has as the right to its own repository.
const GITHUB_TOKEN: &str = "GITHUB_TOKEN";

/// The host at which a channel could be told of something, or why it could not; none where it is for another place.
pub fn is_open(channel: &Channel, root: &Path) -> Option<Result<String, String>> {
    match Open::new(channel, root) {
        Ok(open) => Some(Ok(open.host)),
        Err(Closed::Missing(why)) => Some(Err(why)),
        Err(Closed::NotHere) => None,
    }
}

/// A channel that can be told.
pub(super) struct Open {
    name: String,
    /// The host alone, for people and files.
    pub(super) host: String,
    words: Words,
    way: Way,
}

enum Way {
    Slack(Hidden),
    Webhook { url: Hidden, secret: Option<Hidden> },
    Grafana { url: Hidden, token: Option<Hidden>, begun: Option<u64> },
    Github(Deployments),
}

/// Why a channel cannot be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Closed {
    /// What it needs is missing, in words.
    Missing(String),
    /// It is for another place than this.
    NotHere,
}

impl Open {
    /// Takes what a channel needs from where `delivery.toml` says it is.
    pub(super) fn new(channel: &Channel, root: &Path) -> Result<Open, Closed> {
        let words = Words::default();
        let words = Words {
            title: channel.title.as_ref().map_or(words.title, |title| title.get_ref().clone()),
            text: channel.text.as_ref().map_or(words.text, |text| text.get_ref().clone()),
        };
        let hidden = |source: &SecretSource| {
            let missing = || Closed::Missing(format!("{source} is missing or empty"));
            secrets::read(source, root).map(Hidden).ok_or_else(missing)
        };
        let url = || match channel.url.as_ref().map(Spanned::get_ref) {
            Some(Address::Known(text)) => Ok(Hidden(text.clone())),
            Some(Address::Secret(source)) => {
                let url = hidden(source)?;
                let reason = |reason| Closed::Missing(format!("{source} is no URL that can be asked: {reason}"));
                Target::parse(&url.0).map_err(reason)?;
                Ok(url)
            }
            None => Err(Closed::Missing("it has no URL".into())),
        };
        let given = |source: Option<&SecretSource>| source.map(hidden).transpose();
        let token = channel.token.as_ref().map(Spanned::get_ref);
        let way = match channel.kind {
            Kind::Slack => Way::Slack(url()?),
            Kind::Webhook => {
                Way::Webhook { url: url()?, secret: given(channel.secret.as_ref().map(Spanned::get_ref))? }
            }
            Kind::Grafana => Way::Grafana { url: url()?, token: given(token)?, begun: None },
            Kind::Github => {
                let job = Job::here().ok_or(Closed::NotHere)?;
                let token = hidden(token.unwrap_or(&SecretSource::Env(GITHUB_TOKEN.into())))?;
                Way::Github(Deployments { job, token })
            }
        };
        Ok(Open { name: channel.name().to_owned(), host: way.host(), words, way })
    }

    /// Tells a message, in as many attempts as there is time for until `deadline` by the clock.
    pub(super) fn tell(&mut self, message: &Message, clock: &dyn Clock, deadline: Duration) -> Notification {
        let began = clock.elapsed();
        let id = format!("{:016x}{:016x}", random::number(), random::number());
        let tried = insist(clock, deadline, jitter, |left| {
            let until = clock.elapsed() + left;
            self.attempt(message, &id, &|request| request.send(until.saturating_sub(clock.elapsed())))
        });
        let (status, error) = match tried.result {
            Ok(answer) => (Some(answer.status), None),
            Err(trouble) => (trouble.status, Some(trouble.reason)),
        };
        Notification {
            delivered: error.is_none(),
            status,
            attempts: tried.attempts,
            millis: time::millis(clock.elapsed().saturating_sub(began)),
            error,
            ..untold(&self.name, &self.host, message)
        }
    }

    /// Tells a message once by whoever sends a request and brings the answer.
    pub(super) fn attempt(&mut self, message: &Message, id: &str, send: Send<'_>) -> Result<Answer, Trouble> {
        let words = &self.words;
        match &mut self.way {
            Way::Slack(url) => send(&slack::request(url, words, message)),
            Way::Webhook { url, secret } => send(&webhook::request(url, secret.as_ref(), words, message, id)),
            Way::Grafana { url, token, begun } => {
                let answer = send(&grafana::request(url, token.as_ref(), words, message, *begun))?;
                *begun = grafana::made(&answer).filter(|_| message.event == Occasion::Start);
                Ok(answer)
            }
            Way::Github(deployments) => deployments.tell(send, words, message),
        }
    }
}

impl Way {
    fn host(&self) -> String {
        let url = match self {
            Way::Slack(url) | Way::Webhook { url, .. } | Way::Grafana { url, .. } => &url.0,
            Way::Github(deployments) => &deployments.job.api,
        };
        Target::parse(url).map_or_else(|_| "nowhere".into(), |target| target.server.to_owned())
    }
}

/// The notification of a channel that was not told.
pub(super) fn untold(channel: &str, host: &str, message: &Message) -> Notification {
    Notification {
        at: message.at,
        event: message.event,
        test: message.test,
        release: message.release.clone(),
        channel: channel.to_owned(),
        host: host.to_owned(),
        delivered: false,
        status: None,
        attempts: 0,
        millis: 0,
        error: None,
    }
}

/// From 0 to 1.
fn jitter() -> f64 {
    f64::from(u32::try_from(random::number() >> 32).unwrap_or_default()) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Delivery;
    use crate::testing::{DELIVERY, TempDir};

    fn open(channel: &str, root: &Path) -> Result<Open, Closed> {
        let text = format!("{DELIVERY}\n[[notifications]]\nname = \"a\"\n{channel}");
        Open::new(&Delivery::parse(&text).unwrap().notifications[0], root)
    }

    #[test]
    fn a_channel_is_left_out_where_what_it_needs_is_missing_and_its_secret_is_not_told() {
        let folder = TempDir::new();
        std::fs::write(folder.path().join("url"), "https://chat.example:8443/T/B/key\n").unwrap();
        std::fs::write(folder.path().join("wrong"), "chat.example/T/B/key\n").unwrap();
        let chat =
            open("kind = \"slack\"\nurl = { file = \"url\" }", folder.path()).unwrap_or_else(|_| panic!("closed"));
        assert_eq!(chat.host, "chat.example:8443");
        let cases = [
            ("kind = \"slack\"\nurl = { file = \"none\" }", "the file none is missing or empty"),
            ("kind = \"slack\"\nurl = { file = \"wrong\" }", "the file wrong is no URL that can be asked: it does not"),
            (
                "kind = \"webhook\"\nurl = \"http://a\"\nsecret = { file = \"none\" }",
                "the file none is missing or empty",
            ),
        ];
        for (channel, expected) in cases {
            let Err(Closed::Missing(reason)) = open(channel, folder.path()) else { panic!("{channel}") };
            assert!(reason.starts_with(expected) && !reason.contains("T/B"), "{reason}");
        }
    }

    #[test]
    fn what_is_random_is_so_each_time() {
        assert_ne!(random::number(), random::number());
        assert!((0..100).map(|_| jitter()).all(|jitter| (0.0..=1.0).contains(&jitter)));
    }
}
