//! A workflow as GitHub runs it, with the place of every text. It knows what the workflows here use and refuses the rest: what
//! nobody checks and nobody rehearses cannot slip in.

use super::mistake::Mistake;
use super::read;
use super::yaml::{Place, Text};

/// Names with their values, in order.
pub type Pairs = Vec<(Text, Text)>;

/// The value of a name.
pub fn value<'a>(pairs: &'a Pairs, name: &str) -> Option<&'a Text> {
    pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// A file of `.github/workflows`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workflow {
    /// From the project's folder, with `/` between folders.
    pub path: String,
    /// All of the file, for what a parser does not see: its comments.
    pub source: String,
    /// As GitHub shows it.
    pub name: Option<Text>,
    /// What starts it, in order.
    pub triggers: Vec<Trigger>,
    /// What its token may do where a job says nothing.
    pub permissions: Option<Permissions>,
    /// Which runs take turns.
    pub concurrency: Option<Concurrency>,
    /// Variables of every step.
    pub env: Pairs,
    /// Its jobs, in order.
    pub jobs: Vec<Job>,
}

impl Workflow {
    /// Reads one. `path` is its file's, from the project's folder.
    ///
    /// # Errors
    /// Everything that is wrong with it; only the first thing where it is not even YAML.
    pub fn parse(path: &str, text: &str) -> Result<Workflow, Vec<Mistake>> {
        read::workflow(path, text)
    }

    /// The name of its file without the extension.
    pub fn stem(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or(&self.path);
        name.rsplit_once('.').map_or(name, |(stem, _)| stem)
    }

    /// The job of that id.
    pub fn job(&self, id: &str) -> Option<&Job> {
        self.jobs.iter().find(|job| job.id == id)
    }

    /// What starts it by that event.
    pub fn trigger(&self, event: &str) -> Option<&Trigger> {
        self.triggers.iter().find(|trigger| trigger.event == event)
    }

    /// The inputs of whoever starts it, by whatever event.
    pub fn inputs(&self) -> impl Iterator<Item = &Input> {
        self.triggers.iter().flat_map(|trigger| &trigger.inputs)
    }

    /// What a variable is for a step, as it is written there, at its job or at the workflow.
    pub fn variable<'a>(&'a self, job: Option<&'a Job>, step: Option<&'a Step>, name: &str) -> Option<&'a Text> {
        let env = [step.map(|step| &step.env), job.map(|job| &job.env), Some(&self.env)];
        env.into_iter().flatten().find_map(|env| value(env, name))
    }

    /// The jobs that have to be over before this one begins, by whatever way.
    pub fn needed_by<'a>(&'a self, job: &'a Job) -> Vec<&'a Job> {
        let mut found: Vec<&Job> = Vec::new();
        let mut open = vec![job];
        while let Some(job) = open.pop() {
            for needed in job.needs.iter().filter_map(|id| self.job(id)) {
                if !found.iter().any(|known| known.id == needed.id) {
                    found.push(needed);
                    open.push(needed);
                }
            }
        }
        found
    }

    /// What is wrong at a place of it.
    pub fn mistake(&self, place: Place, message: impl Into<String>) -> Mistake {
        Mistake::new(&self.path, place, message)
    }

    /// A line of the file, from 1; the empty text beyond its end.
    pub fn line(&self, number: usize) -> &str {
        number.checked_sub(1).and_then(|before| self.source.lines().nth(before)).unwrap_or_default()
    }
}

/// An event that starts a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    /// `push`, `pull_request`, `workflow_dispatch`, `workflow_call`.
    pub event: Text,
    /// The branches it has to be on, as patterns; any where there are none.
    pub branches: Vec<Text>,
    /// The tags it has to be of, as patterns; any where there are neither tags nor branches.
    pub tags: Vec<Text>,
    /// Its kinds.
    pub types: Vec<Text>,
    /// What whoever starts it says.
    pub inputs: Vec<Input>,
}

/// What whoever starts a workflow says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Its name.
    pub name: Text,
    /// What it is, in words.
    pub description: Option<Text>,
    /// `string`, `choice`, `boolean`, `environment` or `number`.
    pub kind: Option<Text>,
    /// What it is where nothing is said.
    pub default: Option<Text>,
    /// `true` where something has to be said.
    pub required: Option<Text>,
    /// What can be chosen.
    pub options: Vec<Text>,
}

/// What a token may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permissions {
    /// Where it is said.
    pub place: Place,
    /// `read-all` or `write-all`, where it is said in one word.
    pub all: Option<Text>,
    /// Scopes with `read`, `write` or `none`.
    pub scopes: Pairs,
}

/// Who takes turns with whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concurrency {
    /// Where it is said.
    pub place: Place,
    /// Those with the same name take turns.
    pub group: Text,
    /// `true`, or an expression, where one that runs gives way.
    pub cancel_in_progress: Option<Text>,
    /// `max` where all wait; otherwise the newest alone does.
    pub queue: Option<Text>,
}

/// Where a job deploys to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Its name.
    pub name: Text,
    /// Where to look at what was deployed.
    pub url: Option<Text>,
    /// `false` where its secrets are wanted, and no deployment is to be recorded.
    pub deployment: Option<Text>,
}

/// The variants of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strategy {
    /// Names with the values that each takes.
    pub matrix: Vec<(Text, Values)>,
    /// `false` where the others go on after one has failed.
    pub fail_fast: Option<Text>,
}

/// The values of a name of the matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Values {
    /// Written out.
    Listed(Vec<Text>),
    /// What an expression gives, such as `${{ fromJSON(…) }}`.
    Computed(Text),
}

/// The secrets that a called workflow is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secrets {
    /// All of them: `inherit`.
    Inherited(Place),
    /// These.
    Named(Pairs),
}

/// A job: steps on one machine, or a called workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its name within the workflow.
    pub id: Text,
    /// As GitHub shows it.
    pub name: Option<Text>,
    /// The jobs that have to be over before.
    pub needs: Vec<Text>,
    /// Under which condition it runs; without one, when all it needs have succeeded.
    pub condition: Option<Text>,
    /// The kind of machine.
    pub runs_on: Option<Text>,
    /// How long it may take, in minutes.
    pub timeout_minutes: Option<Text>,
    /// What its token may do.
    pub permissions: Option<Permissions>,
    /// Which jobs take turns with it.
    pub concurrency: Option<Concurrency>,
    /// Where it deploys to.
    pub environment: Option<Environment>,
    /// Its variants.
    pub strategy: Option<Strategy>,
    /// Variables of all its steps.
    pub env: Pairs,
    /// What it tells the jobs that need it.
    pub outputs: Pairs,
    /// Its steps, in order; none where it calls a workflow.
    pub steps: Vec<Step>,
    /// The workflow it calls.
    pub uses: Option<Text>,
    /// The inputs of that.
    pub with: Pairs,
    /// The secrets of that.
    pub secrets: Option<Secrets>,
}

impl Job {
    /// The step of that id, with its number from 0.
    pub fn step(&self, id: &str) -> Option<(usize, &Step)> {
        self.steps.iter().enumerate().find(|(_, step)| step.id.as_ref().is_some_and(|other| *other == id))
    }
}

/// A step: an action, or a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Where it begins.
    pub place: Place,
    /// Its name within the job.
    pub id: Option<Text>,
    /// As GitHub shows it.
    pub name: Option<Text>,
    /// Under which condition it runs; without one, when no step has failed.
    pub condition: Option<Text>,
    /// The action.
    pub uses: Option<Text>,
    /// The inputs of that.
    pub with: Pairs,
    /// The command line.
    pub run: Option<Text>,
    /// Its variables.
    pub env: Pairs,
    /// What runs the command line.
    pub shell: Option<Text>,
    /// Where that runs, from the checkout.
    pub working_directory: Option<Text>,
    /// `true` where its failure does not count.
    pub continue_on_error: Option<Text>,
    /// How long it may take, in minutes.
    pub timeout_minutes: Option<Text>,
}
