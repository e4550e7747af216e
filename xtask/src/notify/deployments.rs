//! The status of a deployment on GitHub, by <https://docs.github.com/en/rest/deployments/statuses>. A job with an
//! `environment` has a deployment by then; where there is none for this commit, one is made.

use serde::Deserialize;
use serde_json::json;

use super::message::{Message, Words};
use super::request::{Hidden, Request};
use super::retry::{Again, Trouble};
use crate::delivery::Occasion;
use crate::foreign::first;
use crate::github::Job;
use crate::http::Answer;
use crate::url::encoded;

/// The longest description of a status, in characters; one of bytes is no longer.
const LONGEST: usize = 140;

/// What sends a request and gives the answer to it.
pub(super) type Send<'a> = &'a dyn Fn(&Request) -> Result<Answer, Trouble>;

/// Whose deployments these are, and the right to them.
#[derive(Debug, Clone)]
pub(super) struct Deployments {
    pub(super) job: Job,
    pub(super) token: Hidden,
}

#[derive(Deserialize)]
struct Deployment {
    id: u64,
}

impl Deployments {
    /// Tells a message. Of a test nothing is to be seen: it only looks whether the token opens the deployments.
    pub(super) fn tell(&self, send: Send<'_>, words: &Words, message: &Message) -> Result<Answer, Trouble> {
        let answer = send(&self.list(message))?;
        if message.test {
            return Ok(answer);
        }
        let newest: Vec<Deployment> = read(&answer)?;
        let id = match newest.first() {
            Some(deployment) => deployment.id,
            None => read::<Deployment>(&send(&self.create(message))?)?.id,
        };
        send(&self.status(id, words, message))
    }

    /// The newest alone, which GitHub lists first: many of them would be a longer answer than is read.
    fn list(&self, message: &Message) -> Request {
        let environment = encoded(&message.environment);
        let query = format!("?sha={}&environment={environment}&per_page=1", encoded(&self.job.commit));
        self.request("GET", &query, None)
    }

    /// Of the commit as it is, whatever else is asked of it: it was tested before, and is deployed by now.
    fn create(&self, message: &Message) -> Request {
        let body = json!({
            "ref": self.job.commit,
            "environment": message.environment,
            "auto_merge": false,
            "required_contexts": [],
        });
        self.request("POST", "", Some(&body))
    }

    fn status(&self, id: u64, words: &Words, message: &Message) -> Request {
        let (title, _) = words.say(message, str::to_owned);
        let body = json!({
            "state": state(message.event),
            "description": first(&title, LONGEST),
            "environment_url": message.url,
            "log_url": message.link,
        });
        self.request("POST", &format!("/{id}/statuses"), Some(&body))
    }

    fn request(&self, method: &'static str, path: &str, body: Option<&serde_json::Value>) -> Request {
        let Job { api, repository, .. } = &self.job;
        let url = Hidden(format!("{}/repos/{repository}/deployments{path}", api.trim_end_matches('/')));
        let headers = vec![
            ("Accept", "application/vnd.github+json".to_owned()),
            ("X-GitHub-Api-Version", "2022-11-28".to_owned()),
        ];
        let body = body.map(ToString::to_string).unwrap_or_default();
        Request { method, url, headers, bearer: Some(self.token.clone()), body }
    }
}

fn state(event: Occasion) -> &'static str {
    match event {
        Occasion::Start => "in_progress",
        Occasion::Success => "success",
        Occasion::Failure => "failure",
        Occasion::Rollback => "inactive",
    }
}

fn read<T: for<'de> Deserialize<'de>>(answer: &Answer) -> Result<T, Trouble> {
    let nothing = |_| Trouble::new("the answer is none of GitHub's", Again::Never);
    serde_json::from_str(&answer.body).map_err(nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::message::example;
    use std::cell::RefCell;

    /// What is sent, in order, to one who answers so.
    fn told(message: &Message, listed: &str) -> (Vec<Request>, Result<Answer, Trouble>) {
        let job = Job { api: "https://api.github.example".into(), repository: "o/r".into(), commit: "abc".into() };
        let deployments = Deployments { job, token: Hidden("ghs_x".into()) };
        let sent = RefCell::new(Vec::new());
        let send = |request: &Request| {
            sent.borrow_mut().push(request.clone());
            let body = if request.method == "GET" { listed } else { r#"{"id": 9}"# };
            Ok(Answer { status: 200, headers: Vec::new(), body: body.into() })
        };
        let result = deployments.tell(&send, &Words::default(), message);
        (sent.into_inner(), result)
    }

    #[test]
    fn the_newest_deployment_of_the_commit_is_given_a_status() {
        let (sent, result) = told(&example(Occasion::Success), r#"[{"id": 8}]"#);
        result.unwrap();
        let deployments = "https://api.github.example/repos/o/r/deployments";
        assert_eq!(sent[0].url.0, format!("{deployments}?sha=abc&environment=staging&per_page=1"));
        assert_eq!((sent.len(), sent[1].url.0.as_str()), (2, format!("{deployments}/8/statuses").as_str()));
        let body: serde_json::Value = serde_json::from_str(&sent[1].body).unwrap();
        let expected = json!({
            "state": "success",
            "description": "v2 serves staging",
            "environment_url": "http://127.0.0.1:8180",
            "log_url": "https://github.example/o/r/actions/runs/7",
        });
        assert_eq!(body, expected);
        assert!(sent.iter().all(|request| request.bearer == Some(Hidden("ghs_x".into()))));
    }

    #[test]
    fn where_there_is_none_one_is_made_that_nothing_holds_up() {
        let (sent, result) = told(&example(Occasion::Start), "[]");
        result.unwrap();
        let created: serde_json::Value = serde_json::from_str(&sent[1].body).unwrap();
        assert_eq!((&created["ref"], &created["auto_merge"]), (&json!("abc"), &json!(false)));
        assert_eq!(created["required_contexts"], json!([]));
        assert!(sent[2].url.0.ends_with("/9/statuses") && sent[2].body.contains("in_progress"));
    }

    #[test]
    fn a_test_leaves_no_trace_and_a_description_is_as_short_as_it_must_be() {
        let (sent, _) = told(&Message { test: true, ..example(Occasion::Success) }, "[]");
        assert_eq!(sent.len(), 1);
        let long = Message { release: Some("v".repeat(200)), ..example(Occasion::Rollback) };
        let (sent, _) = told(&long, r#"[{"id": 1}]"#);
        let body: serde_json::Value = serde_json::from_str(&sent[1].body).unwrap();
        assert_eq!((body["description"].as_str().unwrap().len(), &body["state"]), (LONGEST, &json!("inactive")));
        assert!(told(&long, "<html>").1.unwrap_err().reason.contains("none of GitHub's"));
    }
}
