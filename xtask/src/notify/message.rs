//! What is told: the facts about one event of a rollout, and the words for them. Pure.

use std::time::SystemTime;

use serde::Serialize;

use crate::delivery::Occasion;
use crate::foreign::{first, plain};
use crate::placeholder;
use crate::rollout::colour::Colour;

/// The names that may stand between braces in a channel's `title` and `text`.
pub const PLACEHOLDERS: [&str; 13] = [
    "headline",
    "details",
    "event",
    "action",
    "environment",
    "release",
    "before",
    "colour",
    "by",
    "seconds",
    "reason",
    "url",
    "link",
];

/// The longest reason that is told, in bytes: a chat takes no more than some thousand.
const LONGEST_REASON: usize = 1500;

/// What was done, or tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Action {
    /// A release was rolled out.
    Deploy,
    /// A rollout that was left as it stood was finished.
    Promote,
    /// An earlier release was taken again.
    Rollback,
    /// A rollout was taken back.
    Abort,
    /// An environment was put right.
    Recover,
    /// None of these: somebody has something to say.
    Notify,
}

impl Action {
    /// As it is written.
    pub(super) fn name(self) -> &'static str {
        match self {
            Action::Deploy => "deploy",
            Action::Promote => "promote",
            Action::Rollback => "rollback",
            Action::Abort => "abort",
            Action::Recover => "recover",
            Action::Notify => "notify",
        }
    }
}

/// An event, with all that is known of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Message {
    /// When.
    #[serde(with = "crate::time::rfc3339")]
    pub(super) at: SystemTime,
    /// What.
    pub(super) event: Occasion,
    /// Of what.
    pub(super) action: Action,
    /// Whether nothing has happened, and somebody wants to see whether this arrives.
    pub(super) test: bool,
    /// Where.
    pub(super) environment: String,
    /// The release it is about.
    pub(super) release: Option<String>,
    /// The release that served before.
    pub(super) before: Option<String>,
    /// The colour of the release.
    pub(super) colour: Option<Colour>,
    /// Who did it: user and host.
    pub(super) by: String,
    /// How long it took, where it is over.
    pub(super) seconds: Option<f64>,
    /// Why, where there is more to say.
    pub(super) reason: Option<String>,
    /// Where the service is reached.
    pub(super) url: String,
    /// The run that did it, where it is one on GitHub.
    pub(super) link: Option<String>,
}

impl Message {
    /// The one line that says it all.
    pub(super) fn headline(&self) -> String {
        let environment = &self.environment;
        let release = self.release.as_deref().unwrap_or("a release");
        match (self.event, self.action) {
            _ if self.test => format!("a test of what {environment} tells; nothing has happened"),
            (Occasion::Start, _) => format!("{release} is being rolled out in {environment}"),
            (Occasion::Success, Action::Recover) => format!("{environment} was put right: {release} serves"),
            (Occasion::Success, _) => format!("{release} serves {environment}"),
            (Occasion::Failure, Action::Recover) => format!("{environment} could not be put right"),
            (Occasion::Failure, Action::Rollback) => format!("{environment} could not be rolled back to {release}"),
            (Occasion::Failure, Action::Abort) => format!("{release} could not be taken back in {environment}"),
            (Occasion::Failure, _) => format!("{release} was not rolled out in {environment}"),
            (Occasion::Rollback, Action::Rollback | Action::Notify) => {
                format!("{environment} was rolled back to {release}")
            }
            (Occasion::Rollback, _) => format!("{release} was taken back in {environment}"),
        }
    }

    /// The reason, and below it what else is known.
    pub(super) fn details(&self) -> String {
        let facts = [
            self.colour.map(|colour| colour.to_string()),
            self.before.as_ref().map(|before| format!("{before} before it")),
            self.seconds.map(|seconds| format!("after {seconds:.1} s")),
            Some(format!("by {}", self.by)),
        ];
        let facts = facts.into_iter().flatten().collect::<Vec<_>>().join(", ");
        self.reason().into_iter().chain([facts]).collect::<Vec<_>>().join("\n")
    }

    /// The reason as plain text, cut where it is too long.
    fn reason(&self) -> Option<String> {
        let reason = plain(self.reason.as_deref()?);
        let cut = first(&reason, LONGEST_REASON);
        Some(if cut.len() < reason.len() { format!("{cut} …") } else { reason })
    }

    fn value(&self, name: &str) -> String {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        match name {
            "headline" => self.headline(),
            "details" => self.details(),
            "event" => self.event.name().into(),
            "action" => self.action.name().into(),
            "environment" => self.environment.clone(),
            "release" => text(&self.release),
            "before" => text(&self.before),
            "colour" => self.colour.map(|colour| colour.to_string()).unwrap_or_default(),
            "by" => self.by.clone(),
            "seconds" => self.seconds.map(|seconds| format!("{seconds:.1}")).unwrap_or_default(),
            "reason" => self.reason().unwrap_or_default(),
            "url" => self.url.clone(),
            "link" => text(&self.link),
            unknown => format!("{{{unknown}}}"),
        }
    }
}

/// The words of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Words {
    /// The first line.
    pub(super) title: String,
    /// What follows.
    pub(super) text: String,
}

impl Default for Words {
    fn default() -> Words {
        Words { title: "{headline}".into(), text: "{details}".into() }
    }
}

impl Words {
    /// Both with their placeholders filled in. `escape` is for what comes from elsewhere, and not for the words themselves.
    pub(super) fn say(&self, message: &Message, escape: fn(&str) -> String) -> (String, String) {
        let say = |template: &str| placeholder::fill(template, |name| escape(&message.value(name)));
        (say(&self.title), say(&self.text))
    }
}

/// A text in which nothing is a tag, an entity or a mention, for Slack and for HTML.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A message that tells everything, for tests.
#[cfg(test)]
pub(super) fn example(event: Occasion) -> Message {
    Message {
        at: SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(1_795_813_200_250),
        event,
        action: Action::Deploy,
        test: false,
        environment: "staging".into(),
        release: Some("v2".into()),
        before: Some("v1".into()),
        colour: Some(Colour::Green),
        by: "me@host".into(),
        seconds: (event != Occasion::Start).then_some(12.34),
        reason: (event == Occasion::Failure).then(|| "could not smoke-test green: <b>500</b> & more".into()),
        url: "http://127.0.0.1:8180".into(),
        link: Some("https://github.example/o/r/actions/runs/7".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_has_words_of_its_own() {
        let table = [
            (Occasion::Start, Action::Deploy, "v2 is being rolled out in staging"),
            (Occasion::Success, Action::Deploy, "v2 serves staging"),
            (Occasion::Success, Action::Promote, "v2 serves staging"),
            (Occasion::Success, Action::Recover, "staging was put right: v2 serves"),
            (Occasion::Failure, Action::Deploy, "v2 was not rolled out in staging"),
            (Occasion::Failure, Action::Rollback, "staging could not be rolled back to v2"),
            (Occasion::Failure, Action::Abort, "v2 could not be taken back in staging"),
            (Occasion::Failure, Action::Recover, "staging could not be put right"),
            (Occasion::Rollback, Action::Rollback, "staging was rolled back to v2"),
            (Occasion::Rollback, Action::Abort, "v2 was taken back in staging"),
            (Occasion::Rollback, Action::Deploy, "v2 was taken back in staging"),
        ];
        for (event, action, expected) in table {
            assert_eq!(Message { action, ..example(event) }.headline(), expected);
        }
        let test = Message { test: true, ..example(Occasion::Success) };
        assert!(test.headline().contains("nothing has happened"));
        let unnamed = Message { release: None, ..example(Occasion::Failure) };
        assert_eq!(unnamed.headline(), "a release was not rolled out in staging");
    }

    #[test]
    fn what_is_not_known_is_not_spoken_of() {
        assert_eq!(example(Occasion::Success).details(), "green, v1 before it, after 12.3 s, by me@host");
        let bare = Message { before: None, colour: None, ..example(Occasion::Start) };
        assert_eq!(bare.details(), "by me@host");
        let failed = example(Occasion::Failure).details();
        assert_eq!(failed.lines().next(), Some("could not smoke-test green: <b>500</b> & more"));
    }

    #[test]
    fn every_placeholder_stands_for_something_and_what_comes_from_elsewhere_is_escaped() {
        let message = example(Occasion::Failure);
        for name in PLACEHOLDERS {
            let words = Words { title: format!("<{{{name}}}>"), text: String::new() };
            let (said, _) = words.say(&message, escaped);
            assert!(said.len() > 2 && !said.contains('{') && !said.contains("<b>"), "{name}: {said}");
        }
        let words = Words { title: "{release} in {{braces}}".into(), text: "{reason}".into() };
        let (title, text) = words.say(&message, escaped);
        assert_eq!(
            (title.as_str(), text.as_str()),
            ("v2 in {braces}", "could not smoke-test green: &lt;b&gt;500&lt;/b&gt; &amp; more")
        );
    }

    #[test]
    fn a_reason_is_plain_and_no_longer_than_a_chat_takes() {
        let reason = Some(format!("\x1b[31mred{}", "ä".repeat(LONGEST_REASON)));
        let told = Message { reason, ..example(Occasion::Failure) }.reason().unwrap();
        assert!(told.starts_with("redää") && told.ends_with("ä …") && told.len() < LONGEST_REASON + 8, "{told}");
    }
}
