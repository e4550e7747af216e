//! Slack's incoming webhooks, as <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks> has them;
//! Mattermost and others take the same, and show `text` where they know no blocks.

use serde_json::json;

use super::message::{Message, Words, escaped};
use super::request::{Hidden, Request};
use crate::foreign::first;

/// The longest text of a block, in characters; one of bytes is no longer.
const LONGEST: usize = 3000;

/// The request that tells a message.
pub(super) fn request(url: &Hidden, words: &Words, message: &Message) -> Request {
    let (title, text) = words.say(message, escaped);
    let section =
        json!({ "type": "section", "text": { "type": "mrkdwn", "text": cut(&format!("*{title}*\n{text}")) } });
    let link = message.link.as_ref().map(|link| format!("<{}|the run>", escaped(link)));
    let links: Vec<_> = [Some(escaped(&message.url)), link].into_iter().flatten().collect();
    let context = json!({ "type": "context", "elements": [{ "type": "mrkdwn", "text": links.join("  ·  ") }] });
    let body = json!({ "text": cut(&format!("{title}\n{text}")), "blocks": [section, context] });
    Request::json("POST", url, &body)
}

fn cut(text: &str) -> &str {
    first(text, LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Occasion;
    use crate::notify::message::example;

    fn body(words: &Words, message: &Message) -> serde_json::Value {
        let request = request(&Hidden("https://chat.example/T/B/K".into()), words, message);
        assert_eq!((request.method, request.headers[0].1.as_str()), ("POST", "application/json"));
        serde_json::from_str(&request.body).unwrap()
    }

    #[test]
    fn a_failure_is_told_in_text_and_blocks_and_nothing_foreign_is_markup() {
        let text = "could not smoke-test green: &lt;b&gt;500&lt;/b&gt; &amp; more\ngreen, v1 before it, after 12.3 s, by me@host";
        let expected = json!({
            "text": format!("v2 was not rolled out in staging\n{text}"),
            "blocks": [
                {
                    "type": "section",
                    "text": { "type": "mrkdwn", "text": format!("*v2 was not rolled out in staging*\n{text}") },
                },
                {
                    "type": "context",
                    "elements": [{
                        "type": "mrkdwn",
                        "text": "http://127.0.0.1:8180  ·  <https://github.example/o/r/actions/runs/7|the run>",
                    }],
                },
            ],
        });
        assert_eq!(body(&Words::default(), &example(Occasion::Failure)), expected);
    }

    #[test]
    fn own_words_may_have_markup_and_a_block_is_no_longer_than_it_may_be() {
        let words = Words { title: "<!here> {release}".into(), text: "x".repeat(4000) };
        let told = body(&words, &Message { release: Some("<!channel>".into()), ..example(Occasion::Start) });
        assert!(told["text"].as_str().unwrap().starts_with("<!here> &lt;!channel&gt;\nxxx"), "{told}");
        assert_eq!(told["blocks"][0]["text"]["text"].as_str().unwrap().len(), LONGEST);
    }
}
