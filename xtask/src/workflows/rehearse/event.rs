//! What has happened on GitHub, as far as a workflow can see: an event, at a branch or a tag, with inputs.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::pattern;
use crate::problem::{ExitCode, Problem};
use crate::workflows::model::{Input, Trigger, Workflow};

/// An event that can be rehearsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub(super) enum Kind {
    /// A branch or a tag was pushed.
    Push,
    /// A pull request was opened, or got another commit.
    PullRequest,
    /// Somebody has started the workflow by hand.
    WorkflowDispatch,
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::Push, Kind::PullRequest, Kind::WorkflowDispatch];

    /// As workflows name it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Push => "push",
            Kind::PullRequest => "pull_request",
            Kind::WorkflowDispatch => "workflow_dispatch",
        }
    }

    fn usual_ref(self) -> &'static str {
        match self {
            Kind::Push | Kind::WorkflowDispatch => "refs/heads/main",
            Kind::PullRequest => "refs/pull/1/merge",
        }
    }
}

/// What has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) kind: Kind,
    /// `refs/heads/BRANCH`, `refs/tags/TAG` or `refs/pull/NUMBER/merge`.
    pub(super) reference: String,
    /// What somebody has said by hand, and what is so without a word.
    pub(super) inputs: Map<String, Value>,
}

/// The branch that a pull request is for.
pub(super) const BASE: &str = "main";

impl Event {
    /// The one that was asked for, or the first that the workflow waits for.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 2 where the workflow does not run on it, or takes no such inputs.
    pub(super) fn of(
        workflow: &Workflow,
        kind: Option<Kind>,
        reference: Option<&str>,
        inputs: &[(String, String)],
    ) -> Result<Event, Problem> {
        let runs_on = |kind: &Kind| workflow.trigger(kind.name()).is_some();
        let Some(kind) = kind.or_else(|| Kind::ALL.into_iter().find(runs_on)) else {
            let message = format!("{} runs on no event that can be rehearsed; other workflows call it.", workflow.path);
            return Err(Problem::new(ExitCode::Usage, message));
        };
        let reference = reference.unwrap_or(kind.usual_ref()).to_owned();
        let refused = |what: String| {
            let said: Vec<_> = workflow.triggers.iter().map(described).collect();
            let message = format!("{} does not run on {what}; it runs on {}.", workflow.path, said.join(", "));
            Problem::new(ExitCode::Usage, message)
        };
        let Some(trigger) = workflow.trigger(kind.name()) else { return Err(refused(kind.name().into())) };
        let event = Event { kind, reference, inputs: chosen(&trigger.inputs, inputs)? };
        if event.ref_type().is_none() {
            let message =
                format!("`{}` is no ref; one is refs/heads/main, refs/tags/v1 or refs/pull/1/merge.", event.reference);
            return Err(Problem::new(ExitCode::Usage, message));
        }
        if event.starts(trigger) { Ok(event) } else { Err(refused(format!("{} to {}", kind.name(), event.reference))) }
    }

    /// The branch, the tag, or what GitHub calls a pull request.
    pub(super) fn ref_name(&self) -> &str {
        let beginnings = ["refs/heads/", "refs/tags/", "refs/pull/"];
        beginnings.iter().find_map(|it| self.reference.strip_prefix(it)).unwrap_or(&self.reference)
    }

    /// `branch` or `tag`; none for what is no ref.
    fn ref_type(&self) -> Option<&'static str> {
        let is = |beginning| self.reference.strip_prefix(beginning).is_some_and(|rest: &str| !rest.is_empty());
        let is_branch = is("refs/heads/") || is("refs/pull/");
        is_branch.then_some("branch").or(is("refs/tags/").then_some("tag"))
    }

    fn starts(&self, trigger: &Trigger) -> bool {
        let (own, others) = match (self.kind, self.ref_type()) {
            (Kind::WorkflowDispatch, _) => return true,
            (Kind::PullRequest, _) => return trigger.branches.is_empty() || fits(&trigger.branches, BASE),
            (Kind::Push, Some("tag")) => (&trigger.tags, &trigger.branches),
            (Kind::Push, _) => (&trigger.branches, &trigger.tags),
        };
        if own.is_empty() { others.is_empty() } else { fits(own, self.ref_name()) }
    }

    /// The context `github`, but for what differs between jobs.
    pub(super) fn context(
        &self,
        commit: &str,
        repository: &str,
        workflow: &str,
        workspace: &Path,
    ) -> Map<String, Value> {
        let owner = repository.split('/').next().unwrap_or_default();
        let is_pull_request = self.kind == Kind::PullRequest;
        let (head, base) = if is_pull_request { ("change", BASE) } else { ("", "") };
        let payload = match self.kind {
            Kind::Push => json!({ "ref": self.reference, "after": commit }),
            Kind::PullRequest => {
                json!({ "number": 1, "pull_request": { "number": 1, "head": { "ref": head }, "base": { "ref": base } } })
            }
            Kind::WorkflowDispatch => json!({ "ref": self.reference, "inputs": self.inputs }),
        };
        let context = json!({
            "actor": owner,
            "api_url": "https://api.github.com",
            "base_ref": base,
            "event": payload,
            "event_name": self.kind.name(),
            "head_ref": head,
            "ref": self.reference,
            "ref_name": self.ref_name(),
            "ref_type": self.ref_type(),
            "repository": repository,
            "repository_owner": owner,
            "run_attempt": "1",
            "run_id": "1",
            "run_number": "1",
            "server_url": "https://github.com",
            "sha": commit,
            "token": "",
            "triggering_actor": owner,
            "workflow": workflow,
            "workspace": workspace,
        });
        context.as_object().cloned().unwrap_or_default()
    }
}

fn fits(patterns: &[impl std::ops::Deref<Target = str>], name: &str) -> bool {
    patterns.iter().any(|pattern| pattern::fits(pattern, name))
}

/// A trigger in a few words.
fn described(trigger: &Trigger) -> String {
    let refs: Vec<_> = trigger.branches.iter().chain(&trigger.tags).map(|pattern| &**pattern).collect();
    if refs.is_empty() { trigger.event.to_string() } else { format!("{} to {}", trigger.event, refs.join(" or ")) }
}

/// The inputs of a workflow, as they were given or are without a word.
///
/// # Errors
/// A [`Problem`] with exit code 2 for one that is not there, is missing, or is of another type.
pub(super) fn chosen(known: &[Input], given: &[(String, String)]) -> Result<Map<String, Value>, Problem> {
    let usage = |message: String| Problem::new(ExitCode::Usage, message);
    if let Some((name, _)) = given.iter().find(|(name, _)| !known.iter().any(|input| input.name == name.as_str())) {
        let names: Vec<_> = known.iter().map(|input| &*input.name).collect();
        let there_are = if names.is_empty() { "none".into() } else { names.join(", ") };
        return Err(usage(format!("there is no input `{name}` here; there are: {there_are}.")));
    }
    let mut chosen = Map::new();
    for input in known {
        let given = given.iter().rev().find(|(name, _)| input.name == name.as_str()).map(|(_, value)| value.as_str());
        let Some(value) = given.or(input.default.as_deref()) else {
            if input.required.as_deref() == Some("true") {
                return Err(usage(format!("the input `{}` has to be given.", input.name))
                    .next(format!("--input {}=VALUE", input.name)));
            }
            chosen.insert(input.name.to_string(), Value::String(String::new()));
            continue;
        };
        let options: Vec<_> = input.options.iter().map(|option| &**option).collect();
        let kind = input.kind.as_deref().unwrap_or("string");
        let value = match kind {
            "boolean" => value.parse().map(Value::Bool).ok(),
            "number" => value.parse::<i64>().map(Value::from).ok(),
            "choice" => options.contains(&value).then(|| value.into()),
            _ => Some(value.into()),
        };
        let Some(value) = value else {
            let wanted =
                if options.is_empty() { format!("a {kind}") } else { format!("one of {}", options.join(", ")) };
            return Err(usage(format!("the input `{}` is {wanted}.", input.name)));
        };
        chosen.insert(input.name.to_string(), value);
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEPLOY: &str = "
on:
  push:
    branches: [main, 'release/**']
    tags: ['v*']
  workflow_dispatch:
    inputs:
      environment: { type: choice, options: [staging, production], default: staging }
      release: { type: string }
      force: { type: boolean, default: 'false' }
jobs:
  a: { runs-on: x, steps: [{ run: 'true' }] }
";

    fn event(kind: Option<Kind>, reference: Option<&str>, inputs: &[(&str, &str)]) -> Result<Event, String> {
        let workflow = Workflow::parse("deploy.yml", DEPLOY).unwrap();
        let inputs: Vec<_> = inputs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Event::of(&workflow, kind, reference, &inputs).map_err(|problem| problem.to_string())
    }

    #[test]
    fn a_workflow_runs_on_what_its_triggers_name() {
        let push = Some(Kind::Push);
        let table = [
            (push, Some("refs/heads/main"), true),
            (push, Some("refs/heads/release/1/a"), true),
            (push, Some("refs/heads/other"), false),
            (push, Some("refs/tags/v1.0"), true),
            (push, Some("refs/tags/main"), false),
            (push, Some("main"), false),
            (push, Some("refs/heads/"), false),
            (None, None, true),
            (Some(Kind::PullRequest), None, false),
            (Some(Kind::WorkflowDispatch), Some("refs/heads/other"), true),
        ];
        for (kind, reference, expected) in table {
            assert_eq!(event(kind, reference, &[]).is_ok(), expected, "{kind:?} {reference:?}");
        }
        let refused = event(push, Some("refs/heads/other"), &[]).unwrap_err();
        let expected =
            "does not run on push to refs/heads/other; it runs on push to main or release/** or v*, workflow_dispatch";
        assert!(refused.contains(expected), "{refused}");
    }

    #[test]
    fn inputs_have_their_types_and_what_they_are_without_a_word() {
        let by_hand = Some(Kind::WorkflowDispatch);
        let inputs = event(by_hand, None, &[("force", "true"), ("release", "v1")]).unwrap().inputs;
        assert_eq!(Value::Object(inputs), json!({ "environment": "staging", "release": "v1", "force": true }));
        assert_eq!(event(by_hand, None, &[]).unwrap().inputs["release"], "");
        for (name, value, expected) in [
            ("environment", "moon", "one of staging, production"),
            ("force", "perhaps", "the input `force` is a boolean"),
            ("other", "1", "no input `other` here; there are: environment, release, force"),
        ] {
            assert!(event(by_hand, None, &[(name, value)]).unwrap_err().contains(expected));
        }
        // A push has none.
        assert!(event(None, None, &[("release", "v1")]).unwrap_err().contains("there are: none"));
    }
}
