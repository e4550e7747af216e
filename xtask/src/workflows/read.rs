//! From the tree of a file to the workflow, with everything that is wrong on the way.

use super::mistake::Mistake;
use super::model::{
    Concurrency, Environment, Input, Job, Pairs, Permissions, Secrets, Step, Strategy, Trigger, Values, Workflow,
};
use super::yaml::{self, Node, Place, Text, Value};

/// What an event that starts a workflow can be.
const EVENTS: [&str; 4] = ["push", "pull_request", "workflow_dispatch", "workflow_call"];

/// Reads a workflow.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn workflow(path: &str, text: &str) -> Result<Workflow, Vec<Mistake>> {
    let root = yaml::parse(text).map_err(|wrong| vec![Mistake::new(path, wrong.place, wrong.message)])?;
    let mut reader = Reader { file: path, mistakes: Vec::new() };
    let mut fields = reader.fields(root, "a workflow");
    let name = reader.text(fields.take("name"));
    let triggers = reader.required(&mut fields, "on").map(|node| reader.triggers(node)).unwrap_or_default();
    let permissions = fields.take("permissions").and_then(|node| reader.permissions(node));
    let concurrency = fields.take("concurrency").and_then(|node| reader.concurrency(node));
    let env = reader.pairs(fields.take("env"));
    let jobs = reader.required(&mut fields, "jobs");
    let jobs = jobs.map(|node| reader.entries(node, "the jobs")).unwrap_or_default();
    let jobs = jobs.into_iter().map(|(id, node)| reader.job(id, node)).collect();
    reader.end(fields);
    if !reader.mistakes.is_empty() {
        return Err(reader.mistakes);
    }
    let (path, source) = (path.to_owned(), text.to_owned());
    Ok(Workflow { path, source, name, triggers, permissions, concurrency, env, jobs })
}

/// What a mapping has, until it is taken.
struct Fields {
    what: &'static str,
    place: Place,
    left: Vec<(Text, Node)>,
    known: Vec<&'static str>,
}

impl Fields {
    fn take(&mut self, key: &'static str) -> Option<Node> {
        self.known.push(key);
        let place = self.left.iter().position(|(name, _)| *name == key)?;
        Some(self.left.remove(place).1)
    }
}

struct Reader<'a> {
    file: &'a str,
    mistakes: Vec<Mistake>,
}

impl Reader<'_> {
    fn wrong(&mut self, place: Place, message: impl Into<String>) {
        self.mistakes.push(Mistake::new(self.file, place, message));
    }

    fn fields(&mut self, node: Node, what: &'static str) -> Fields {
        Fields { what, place: node.place, left: self.entries(node, what), known: Vec::new() }
    }

    /// The keys of a mapping with their values.
    fn entries(&mut self, node: Node, what: &str) -> Vec<(Text, Node)> {
        match node.value {
            Value::Map(entries) => entries,
            Value::Null => Vec::new(),
            _ => {
                self.wrong(node.place, format!("{what} is a mapping, of keys with their values"));
                Vec::new()
            }
        }
    }

    fn required(&mut self, fields: &mut Fields, key: &'static str) -> Option<Node> {
        let node = fields.take(key);
        if node.is_none() {
            self.wrong(fields.place, format!("{} has to have `{key}`", fields.what));
        }
        node
    }

    /// Says which keys nobody has taken.
    fn end(&mut self, fields: Fields) {
        let Fields { what, left, known, .. } = fields;
        for (key, _) in left {
            let known = known.join("`, `");
            self.wrong(key.place, format!("{what} has no `{key}` here; it can have `{known}`"));
        }
    }

    fn text(&mut self, node: Option<Node>) -> Option<Text> {
        let Node { value, place } = node?;
        match value {
            Value::Scalar(value) => Some(Text { value, place }),
            Value::Null => {
                self.wrong(place, "this has no value; write one, or leave the key out");
                None
            }
            Value::List(_) | Value::Map(_) => {
                self.wrong(place, "this is one value, neither a list nor a mapping");
                None
            }
        }
    }

    /// One value, or a list of them.
    fn texts(&mut self, node: Option<Node>) -> Vec<Text> {
        match node {
            Some(Node { value: Value::List(nodes), .. }) => {
                nodes.into_iter().filter_map(|node| self.text(Some(node))).collect()
            }
            node => self.text(node).into_iter().collect(),
        }
    }

    fn pairs(&mut self, node: Option<Node>) -> Pairs {
        let entries = node.map(|node| self.entries(node, "this")).unwrap_or_default();
        entries.into_iter().filter_map(|(key, node)| Some((key, self.text(Some(node))?))).collect()
    }

    /// A mapping, a list of names, or one name.
    fn triggers(&mut self, node: Node) -> Vec<Trigger> {
        let entries = match node {
            Node { value: Value::Map(entries), .. } => entries,
            node => {
                let nothing = |event: Text| (event.clone(), Node { value: Value::Null, place: event.place });
                self.texts(Some(node)).into_iter().map(nothing).collect()
            }
        };
        entries.into_iter().map(|(event, node)| self.trigger(event, node)).collect()
    }

    fn trigger(&mut self, event: Text, node: Node) -> Trigger {
        if !EVENTS.iter().any(|known| event == *known) {
            self.wrong(event.place, format!("no workflow here starts by `{event}`; there are {}", EVENTS.join(", ")));
        }
        let mut fields = self.fields(node, "an event");
        let branches = self.texts(fields.take("branches"));
        let tags = self.texts(fields.take("tags"));
        let types = self.texts(fields.take("types"));
        let inputs = fields.take("inputs").map(|node| self.entries(node, "the inputs")).unwrap_or_default();
        let inputs = inputs.into_iter().map(|(name, node)| self.input(name, node)).collect();
        self.end(fields);
        Trigger { event, branches, tags, types, inputs }
    }

    fn input(&mut self, name: Text, node: Node) -> Input {
        let mut fields = self.fields(node, "an input");
        let input = Input {
            name,
            description: self.text(fields.take("description")),
            kind: self.text(fields.take("type")),
            default: self.text(fields.take("default")),
            required: self.text(fields.take("required")),
            options: self.texts(fields.take("options")),
        };
        self.end(fields);
        input
    }

    fn permissions(&mut self, node: Node) -> Option<Permissions> {
        let place = node.place;
        if matches!(node.value, Value::Scalar(_)) {
            return Some(Permissions { place, all: self.text(Some(node)), scopes: Vec::new() });
        }
        Some(Permissions { place, all: None, scopes: self.pairs(Some(node)) })
    }

    fn concurrency(&mut self, node: Node) -> Option<Concurrency> {
        let place = node.place;
        if matches!(node.value, Value::Scalar(_)) {
            return Some(Concurrency { place, group: self.text(Some(node))?, cancel_in_progress: None, queue: None });
        }
        let mut fields = self.fields(node, "`concurrency`");
        let group = self.required(&mut fields, "group");
        let group = self.text(group);
        let cancel_in_progress = self.text(fields.take("cancel-in-progress"));
        let queue = self.text(fields.take("queue"));
        self.end(fields);
        Some(Concurrency { place, group: group?, cancel_in_progress, queue })
    }

    fn environment(&mut self, node: Node) -> Option<Environment> {
        if matches!(node.value, Value::Scalar(_)) {
            return Some(Environment { name: self.text(Some(node))?, url: None, deployment: None });
        }
        let mut fields = self.fields(node, "`environment`");
        let name = self.required(&mut fields, "name");
        let name = self.text(name);
        let url = self.text(fields.take("url"));
        let deployment = self.text(fields.take("deployment"));
        self.end(fields);
        Some(Environment { name: name?, url, deployment })
    }

    fn strategy(&mut self, node: Node) -> Strategy {
        let mut fields = self.fields(node, "`strategy`");
        let matrix = self.required(&mut fields, "matrix").map(|node| self.entries(node, "`matrix`"));
        let matrix = matrix.unwrap_or_default().into_iter().filter_map(|(name, node)| {
            let values = match node.value {
                Value::Scalar(_) => Values::Computed(self.text(Some(node))?),
                _ => Values::Listed(self.texts(Some(node))),
            };
            Some((name, values))
        });
        let matrix = matrix.collect();
        let fail_fast = self.text(fields.take("fail-fast"));
        self.end(fields);
        Strategy { matrix, fail_fast }
    }

    fn secrets(&mut self, node: Node) -> Secrets {
        match &node.value {
            Value::Scalar(value) if value == "inherit" => Secrets::Inherited(node.place),
            _ => Secrets::Named(self.pairs(Some(node))),
        }
    }

    fn job(&mut self, id: Text, node: Node) -> Job {
        let mut fields = self.fields(node, "a job");
        let job = Job {
            name: self.text(fields.take("name")),
            needs: self.texts(fields.take("needs")),
            condition: self.text(fields.take("if")),
            runs_on: self.text(fields.take("runs-on")),
            timeout_minutes: self.text(fields.take("timeout-minutes")),
            permissions: fields.take("permissions").and_then(|node| self.permissions(node)),
            concurrency: fields.take("concurrency").and_then(|node| self.concurrency(node)),
            environment: fields.take("environment").and_then(|node| self.environment(node)),
            strategy: fields.take("strategy").map(|node| self.strategy(node)),
            env: self.pairs(fields.take("env")),
            outputs: self.pairs(fields.take("outputs")),
            steps: self.steps(fields.take("steps")),
            uses: self.text(fields.take("uses")),
            with: self.pairs(fields.take("with")),
            secrets: fields.take("secrets").map(|node| self.secrets(node)),
            id,
        };
        match (&job.uses, job.steps.is_empty()) {
            (None, true) => self.wrong(job.id.place, format!("job `{}` has neither `steps` nor `uses`", job.id)),
            (Some(uses), false) => self.wrong(uses.place, "a job that calls a workflow has no steps of its own"),
            _ => {}
        }
        self.end(fields);
        job
    }

    fn steps(&mut self, node: Option<Node>) -> Vec<Step> {
        let Some(node) = node else { return Vec::new() };
        let Value::List(nodes) = node.value else {
            self.wrong(node.place, "the steps are a list");
            return Vec::new();
        };
        nodes.into_iter().map(|node| self.step(node)).collect()
    }

    fn step(&mut self, node: Node) -> Step {
        let place = node.place;
        let mut fields = self.fields(node, "a step");
        let step = Step {
            place,
            id: self.text(fields.take("id")),
            name: self.text(fields.take("name")),
            condition: self.text(fields.take("if")),
            uses: self.text(fields.take("uses")),
            with: self.pairs(fields.take("with")),
            run: self.text(fields.take("run")),
            env: self.pairs(fields.take("env")),
            shell: self.text(fields.take("shell")),
            working_directory: self.text(fields.take("working-directory")),
            continue_on_error: self.text(fields.take("continue-on-error")),
            timeout_minutes: self.text(fields.take("timeout-minutes")),
        };
        if step.uses.is_some() == step.run.is_some() {
            self.wrong(place, "a step has either `uses` or `run`");
        }
        self.end(fields);
        step
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(text: &str) -> Vec<String> {
        Workflow::parse("w.yml", text).unwrap_err().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn all_that_is_unknown_or_of_the_wrong_kind_is_told_at_once_with_its_place() {
        let text = "on: [push, cron]
permissions:
  contents: [read]
jobs:
  a:
    runs-on: x
    step: []
  b:
    steps:
      - run: x
        uses: y
        env: x
    strategy: { matrix: { os: [x] }, max-parallel: 1 }
";
        assert_eq!(
            mistakes(text),
            [
                "w.yml:1:12: no workflow here starts by `cron`; there are push, pull_request, workflow_dispatch, workflow_call",
                "w.yml:3:13: this is one value, neither a list nor a mapping",
                "w.yml:5:3: job `a` has neither `steps` nor `uses`",
                "w.yml:7:5: a job has no `step` here; it can have `name`, `needs`, `if`, `runs-on`, `timeout-minutes`, `permissions`, `concurrency`, `environment`, `strategy`, `env`, `outputs`, `steps`, `uses`, `with`, `secrets`",
                "w.yml:13:38: `strategy` has no `max-parallel` here; it can have `matrix`, `fail-fast`",
                "w.yml:12:14: this is a mapping, of keys with their values",
                "w.yml:10:9: a step has either `uses` or `run`",
            ]
        );
        assert_eq!(
            mistakes("name: x\n"),
            ["w.yml:1:1: a workflow has to have `on`", "w.yml:1:1: a workflow has to have `jobs`"]
        );
        assert_eq!(mistakes("a: 1\na: 2\n"), ["w.yml:2:1: `a` is given twice, first in line 1; leave one"]);
    }

    #[test]
    fn a_workflow_keeps_its_order_and_its_places() {
        let text = "name: w
on:
  push:
    branches: main
  workflow_dispatch:
    inputs:
      release: { type: string, default: '' }
permissions: {}
concurrency: one
env: { A: 1 }
jobs:
  b:
    uses: ./x.yml
    secrets: inherit
  a:
    needs: b
    if: always()
    runs-on: x
    environment: { name: staging, url: there }
    strategy:
      fail-fast: false
      matrix: { group: [one, two], other: '${{ fromJSON(x) }}' }
    steps:
      - id: s
        run: cargo xtask ci
";
        let workflow = Workflow::parse(".github/workflows/w.yml", text).unwrap();
        assert_eq!(workflow.stem(), "w");
        assert_eq!(workflow.jobs.iter().map(|job| job.id.value.as_str()).collect::<Vec<_>>(), ["b", "a"]);
        assert_eq!(workflow.trigger("push").unwrap().branches, ["main"]);
        assert_eq!(workflow.inputs().next().unwrap().default.as_ref().unwrap(), &"");
        assert_eq!(workflow.permissions.as_ref().unwrap().scopes, []);
        let [b, a] = &workflow.jobs[..] else { panic!("two jobs") };
        assert_eq!(workflow.needed_by(a), [b]);
        assert!(matches!(b.secrets, Some(Secrets::Inherited(_))));
        let (number, step) = a.step("s").unwrap();
        assert_eq!((number, step.run.as_ref().unwrap().place), (0, Place { line: 25, column: 14 }));
        let matrix = &a.strategy.as_ref().unwrap().matrix;
        assert!(
            matches!((&matrix[0].1, &matrix[1].1), (Values::Listed(listed), Values::Computed(_)) if listed.len() == 2)
        );
        assert_eq!(workflow.line(25), "        run: cargo xtask ci");
    }
}
