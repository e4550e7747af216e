//! Who is told of a rollout, and how.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::{Environment, SecretSource};
use crate::notify::PLACEHOLDERS;
use crate::placeholder;
use crate::rollout::policy::Span;
use crate::url::Target;

/// What a channel can be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Occasion {
    /// A release begins to be rolled out.
    Start,
    /// It serves.
    Success,
    /// It does not, or an environment could not be put right.
    Failure,
    /// Somebody went back to an earlier release, or took a rollout back.
    Rollback,
}

impl Occasion {
    /// As it is typed and written down.
    pub fn name(self) -> &'static str {
        match self {
            Occasion::Start => "start",
            Occasion::Success => "success",
            Occasion::Failure => "failure",
            Occasion::Rollback => "rollback",
        }
    }
}

/// In whose words it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Slack's incoming webhooks, which Mattermost and others understand.
    Slack,
    /// JSON of this tool's own, which can be signed.
    Webhook,
    /// The status of a deployment on GitHub.
    Github,
    /// An annotation in Grafana.
    Grafana,
}

/// Where a channel is reached.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "a URL is a text, { env = \"VARIABLE\" } or { file = \"PATH\" }")]
pub enum Address {
    /// For everybody to read.
    Known(String),
    /// As a secret.
    Secret(SecretSource),
}

/// One of those who are told.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// What it is called in the history.
    pub name: Spanned<String>,
    /// In whose words it is told.
    pub kind: Kind,
    /// Where it is reached; Grafana by the URL its own paths begin with, GitHub by what a job's variables say.
    pub url: Option<Spanned<Address>>,
    /// What a webhook's body is signed with.
    pub secret: Option<Spanned<SecretSource>>,
    /// What Grafana or GitHub is shown as the right to it; for GitHub that is `GITHUB_TOKEN` where nothing is said.
    pub token: Option<Spanned<SecretSource>>,
    /// What it is told of; everything where nothing is said.
    pub on: Option<Spanned<Vec<Occasion>>>,
    /// The environments it is told about; all of them where nothing is said.
    pub environments: Option<Spanned<Vec<Spanned<String>>>>,
    /// The first line, with placeholders.
    pub title: Option<Spanned<String>>,
    /// What follows, with placeholders.
    pub text: Option<Spanned<String>>,
    /// How long it may take to be told, all attempts together (100 ms to 1 min).
    #[serde(default = "ten_seconds")]
    pub timeout: Spanned<Span>,
}

fn ten_seconds() -> Spanned<Span> {
    Spanned::new(0..0, Span::secs(10))
}

/// The longest name of a channel.
const LONGEST_NAME: usize = 40;

/// What is wrong in all of them.
pub(super) fn mistakes(
    channels: &[Channel],
    environments: &BTreeMap<String, Environment>,
) -> Vec<(Range<usize>, String)> {
    let mut names = BTreeSet::new();
    let mut found = Vec::new();
    for channel in channels {
        found.extend(channel.mistakes(environments));
        if !names.insert(channel.name()) {
            found.push((
                channel.name.span(),
                format!("two channels of `notifications` are called `{}`", channel.name()),
            ));
        }
    }
    found
}

impl Channel {
    /// What it is called.
    pub fn name(&self) -> &str {
        self.name.get_ref()
    }

    /// Whether it is told about an environment.
    pub fn is_about(&self, environment: &str) -> bool {
        let named = self.environments.as_ref();
        named.is_none_or(|named| named.get_ref().iter().any(|name| name.get_ref() == environment))
    }

    /// Whether it is told of such a thing.
    pub fn hears(&self, event: Occasion) -> bool {
        self.on.as_ref().is_none_or(|on| on.get_ref().contains(&event))
    }

    fn mistakes(&self, environments: &BTreeMap<String, Environment>) -> Vec<(Range<usize>, String)> {
        let mut found = Vec::new();
        let mut mistake = |span: Range<usize>, key: &str, text: &str| {
            found.push((span, format!("notifications.{}.{key}: {text}", self.name())));
        };
        if !is_name(self.name()) {
            mistake(self.name.span(), "name", "a name has up to 40 letters, digits, `-` and `_`, and no more");
        }
        self.look_at_the_keys(&mut mistake);
        self.look_at_the_url(&mut mistake);
        if let Some(on) = self.on.as_ref().filter(|on| on.get_ref().is_empty()) {
            mistake(on.span(), "on", "it would be told of nothing; leave it out for everything");
        }
        if let Some(none) = self.environments.as_ref().filter(|named| named.get_ref().is_empty()) {
            mistake(none.span(), "environments", "it would be told of none; leave it out for all of them");
        }
        for name in self.environments.iter().flat_map(Spanned::get_ref) {
            if !environments.contains_key(name.get_ref()) {
                let known: Vec<_> = environments.keys().map(String::as_str).collect();
                let text = format!("there is no environment `{}`; there are {}", name.get_ref(), known.join(", "));
                mistake(name.span(), "environments", &text);
            }
        }
        let templates = [("title", self.title.as_ref()), ("text", self.text.as_ref())];
        for (key, template) in templates.into_iter().filter_map(|(key, template)| Some((key, template?))) {
            let told = placeholder::mistakes(template.get_ref(), &PLACEHOLDERS);
            told.iter().for_each(|text| mistake(template.span(), key, text));
        }
        let timeout = self.timeout.get_ref();
        if !(Span::millis(100)..=Span::secs(60)).contains(timeout) {
            mistake(self.timeout.span(), "timeout", &format!("it is {timeout}; from 100ms to 1m is right"));
        }
        found
    }

    /// Whether it has what one of its kind needs, and nothing else.
    fn look_at_the_keys(&self, mistake: &mut impl FnMut(Range<usize>, &str, &str)) {
        match (&self.url, self.kind) {
            (None, Kind::Slack | Kind::Webhook | Kind::Grafana) => {
                mistake(self.name.span(), "url", "it has none; add url = { env = \"VARIABLE\" }");
            }
            (Some(url), Kind::Github) => mistake(url.span(), "url", "GitHub's is that of the job, GITHUB_API_URL"),
            _ => {}
        }
        if let Some(secret) = self.secret.as_ref().filter(|_| self.kind != Kind::Webhook) {
            mistake(secret.span(), "secret", "only a `webhook` is signed");
        }
        if let Some(token) = self.token.as_ref().filter(|_| matches!(self.kind, Kind::Slack | Kind::Webhook)) {
            mistake(token.span(), "token", "only `grafana` and `github` are shown one");
        }
    }

    /// A URL that everybody can read may have nothing in it that opens anything.
    fn look_at_the_url(&self, mistake: &mut impl FnMut(Range<usize>, &str, &str)) {
        const HIDE: &str = "write url = { env = \"VARIABLE\" } or { file = \"PATH\" }";
        let Some(url) = &self.url else { return };
        let Address::Known(text) = url.get_ref() else { return };
        match Target::parse(text) {
            // Not shown, as it may be one that should not stand here.
            Err(reason) => mistake(url.span(), "url", &format!("it is none that can be asked: {reason}")),
            Ok(_) if self.kind == Kind::Slack => {
                mistake(url.span(), "url", &format!("whoever knows it can write there; {HIDE}"));
            }
            Ok(target) if target.path.contains('?') => {
                mistake(url.span(), "url", &format!("what follows the `?` may be a secret; {HIDE}"));
            }
            Ok(_) => {}
        }
    }
}

fn is_name(name: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    (1..=LONGEST_NAME).contains(&name.len()) && name.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Delivery;
    use crate::testing::DELIVERY;

    const CHAT: &str = "[[notifications]]\nname = \"chat\"\nkind = \"slack\"\nurl = { env = \"CHAT\" }\n";

    fn parse(more: &str) -> Result<Delivery, Vec<String>> {
        Delivery::parse(&format!("{DELIVERY}\n{more}"))
    }

    #[test]
    fn what_is_right_is_read_and_what_is_not_said_is_everything() {
        let more = r#"
            [[notifications]]
            name = "hook"
            kind = "webhook"
            url = "https://events.example/deploys"
            secret = { file = "hook.key" }
            on = ["failure", "rollback"]
            environments = ["production"]
            title = "{headline}"
            text = "{reason} {{sic}}"
            timeout = "2s"
            [[notifications]]
            name = "graphs"
            kind = "grafana"
            url = "http://127.0.0.1:3000"
            token = { env = "GRAFANA_TOKEN" }
            [[notifications]]
            name = "github"
            kind = "github"
        "#;
        let channels = parse(&format!("{CHAT}{more}")).unwrap().notifications;
        assert_eq!(channels.iter().map(Channel::name).collect::<Vec<_>>(), ["chat", "hook", "graphs", "github"]);
        let [chat, hook, ..] = channels.as_slice() else { panic!("{channels:?}") };
        assert!(chat.hears(Occasion::Start) && chat.is_about("development") && chat.is_about("production"));
        assert!(!hook.hears(Occasion::Start) && hook.hears(Occasion::Rollback));
        assert!(!hook.is_about("development") && hook.is_about("production"));
        assert_eq!((*chat.timeout.get_ref(), *hook.timeout.get_ref()), (Span::secs(10), Span::secs(2)));
    }

    #[test]
    fn every_mistake_is_told_where_it_stands() {
        // What replaces which text of a right one, and what is said at which line of it.
        let cases = [
            ("\"chat\"", "\"c h\"", 2, "notifications.c h.name: a name has"),
            ("\"chat\"", "\"\"", 2, "a name has"),
            ("url = { env = \"CHAT\" }", "", 2, "url: it has none"),
            ("{ env = \"CHAT\" }", "\"https://chat.example/services/T/B/key\"", 4, "whoever knows it can write there"),
            ("{ env = \"CHAT\" }", "\"ftp://chat.example\"", 4, "it does not begin with https:// or http://"),
            ("\n", "\nsecret = { env = \"S\" }\n", 2, "secret: only a `webhook` is signed"),
            ("\n", "\ntoken = { env = \"S\" }\n", 2, "token: only `grafana` and `github`"),
            ("\n", "\non = []\n", 2, "on: it would be told of nothing"),
            ("\n", "\nenvironments = []\n", 2, "environments: it would be told of none"),
            ("\n", "\nenvironments = [\"prod\"]\n", 2, "no environment `prod`; there are development, production"),
            ("\n", "\ntitle = \"{relase}\"\n", 2, "title: there is no placeholder {relase}; there are {headline}"),
            ("\n", "\ntext = \"{wat}\"\n", 2, "text: there is no placeholder {wat}"),
            ("\n", "\ntimeout = \"2m\"\n", 2, "timeout: it is 2m; from 100ms to 1m"),
            ("slack", "github", 4, "url: GitHub's is that of the job"),
        ];
        let above = DELIVERY.lines().count() + 1;
        for (from, to, line, expected) in cases {
            let mistakes = parse(&CHAT.replacen(from, to, 1)).unwrap_err();
            assert_eq!(mistakes.len(), 1, "{to}: {mistakes:?}");
            let place = format!("config/delivery.toml:{}:", above + line);
            assert!(mistakes[0].starts_with(&place) && mistakes[0].contains(expected), "{to}: {mistakes:?}");
        }
        let twice = parse(&CHAT.repeat(2)).unwrap_err();
        assert!(twice[0].contains("two channels of `notifications` are called `chat`"), "{twice:?}");
        let query = CHAT.replace("slack", "webhook").replace("{ env = \"CHAT\" }", "\"https://a.example/?key=1\"");
        assert!(parse(&query).unwrap_err()[0].contains("what follows the `?`"));
    }

    #[test]
    fn what_is_no_event_no_kind_or_no_key_is_shown_with_what_there_is() {
        for (from, to, expected) in [
            ("\n", "\non = [\"begin\"]\n", "unknown variant `begin`, expected one of `start`, `success`"),
            ("slack", "slak", "unknown variant `slak`, expected one of `slack`, `webhook`"),
            ("\n", "\nchannel = \"#ops\"\n", "unknown field `channel`"),
            ("{ env = \"CHAT\" }", "{ evn = \"CHAT\" }", "a URL is a text, { env = \"VARIABLE\" }"),
        ] {
            let mistakes = parse(&CHAT.replacen(from, to, 1)).unwrap_err().join("\n");
            assert!(mistakes.contains(expected) && mistakes.contains("TOML parse error at line "), "{to}: {mistakes}");
        }
    }

    #[test]
    fn a_url_that_should_not_stand_there_is_not_repeated_in_what_is_said_of_it() {
        let said =
            parse(&CHAT.replace("{ env = \"CHAT\" }", "\"https://chat.example/geheim\"")).unwrap_err().join("\n");
        assert!(!said.contains("geheim"), "{said}");
    }
}
