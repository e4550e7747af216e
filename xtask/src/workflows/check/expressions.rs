//! Expressions name what is there: on GitHub whatever is not, is empty, and nobody is told.

use super::super::expression::{Reference, references};
use super::super::mistake::Mistake;
use super::super::model::{Concurrency, Environment, Job, Pairs, Secrets, Step, Values, Workflow, value};
use super::super::yaml::Text;
use super::line::Call;

/// What the verbs give to the steps after them, by `GITHUB_OUTPUT`.
pub(super) const OUTPUTS: [(&str, &[&str]); 2] = [("docker-build", &["image", "digest"]), ("tag", &["release"])];
/// The secret that every job has.
const OWN_SECRET: &str = "GITHUB_TOKEN";
/// What needs no declaration, or none that stands in a workflow.
const GIVEN: [&str; 5] = ["github", "vars", "runner", "job", "strategy"];

/// What is wrong with the expressions of a workflow.
pub(super) fn mistakes(workflow: &Workflow) -> Vec<Mistake> {
    sites(workflow).iter().flat_map(|site| site.mistakes(workflow)).collect()
}

/// A text that may hold expressions, and what they can see from there.
struct Site<'a> {
    text: &'a Text,
    job: Option<&'a Job>,
    /// How many of the job's steps are over by then; none where steps cannot be seen.
    steps: Option<usize>,
    /// The step it belongs to.
    step: Option<&'a Step>,
    is_condition: bool,
}

fn sites(workflow: &Workflow) -> Vec<Site<'_>> {
    let at = |text| Site { text, job: None, steps: None, step: None, is_condition: false };
    let whole = workflow.name.iter().chain(values(&workflow.env)).chain(turns(workflow.concurrency.as_ref()));
    whole.map(at).chain(workflow.jobs.iter().flat_map(of_job)).collect()
}

fn turns(turns: Option<&Concurrency>) -> impl Iterator<Item = &Text> {
    turns.into_iter().flat_map(|it| [&it.group].into_iter().chain(&it.cancel_in_progress))
}

fn of_job(job: &Job) -> Vec<Site<'_>> {
    let at = |text| Site { text, job: Some(job), steps: None, step: None, is_condition: false };
    let whole = [&job.name, &job.runs_on, &job.timeout_minutes].into_iter().flatten();
    let whole = whole.chain(values(&job.env)).chain(values(&job.with)).chain(turns(job.concurrency.as_ref()));
    let whole = whole.chain(job.secrets.iter().flat_map(|secrets| match secrets {
        Secrets::Named(pairs) => pairs.iter().map(|(_, text)| text).collect(),
        Secrets::Inherited(_) => Vec::new(),
    }));
    let computed = job.strategy.iter().flat_map(|strategy| &strategy.matrix).filter_map(|(_, values)| match values {
        Values::Computed(text) => Some(text),
        Values::Listed(_) => None,
    });
    let environment = job.environment.iter().flat_map(|it: &Environment| [&it.name].into_iter().chain(&it.deployment));
    let whole = whole.chain(computed).chain(environment).map(at);
    let condition = job.condition.iter().map(|text| Site { is_condition: true, ..at(text) });
    let last = values(&job.outputs).chain(job.environment.iter().flat_map(|it| &it.url));
    let last = last.map(|text| Site { steps: Some(job.steps.len()), ..at(text) });
    let steps = job.steps.iter().enumerate().flat_map(|(number, step)| {
        let at = move |text| Site { steps: Some(number), step: Some(step), ..at(text) };
        let texts = [&step.name, &step.working_directory, &step.continue_on_error, &step.timeout_minutes];
        let texts = texts.into_iter().flatten().chain(values(&step.with)).chain(values(&step.env)).map(at);
        texts.chain(step.condition.iter().map(move |text| Site { is_condition: true, ..at(text) }))
    });
    whole.chain(condition).chain(last).chain(steps).collect()
}

fn values(pairs: &Pairs) -> impl Iterator<Item = &Text> {
    pairs.iter().map(|(_, text)| text)
}

impl Site<'_> {
    fn mistakes(&self, workflow: &Workflow) -> Vec<Mistake> {
        let said = match references(self.text, self.is_condition) {
            Ok(references) => references.iter().filter_map(|reference| self.wrong(workflow, reference)).collect(),
            Err(mistake) => vec![mistake.message],
        };
        said.into_iter().map(|message| workflow.mistake(self.text.place, message)).collect()
    }

    /// What is wrong with what an expression names.
    fn wrong(&self, workflow: &Workflow, Reference(names): &Reference) -> Option<String> {
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        match names[..] {
            [context, ..] if GIVEN.contains(&context) => None,
            ["needs", id, ref rest @ ..] => self.needs(workflow, id, rest),
            ["needs"] => self.job.is_none().then(|| "`needs` is known in a job".into()),
            ["steps", id, ref rest @ ..] => self.step(id, rest),
            ["matrix", name, ..] => {
                let matrix = self.job.and_then(|job| job.strategy.as_ref()).map(|strategy| &strategy.matrix);
                let is_there = matrix.is_some_and(|matrix| matrix.iter().any(|(key, _)| *key == name));
                (!is_there).then(|| format!("the job has no `{name}` in a `matrix`"))
            }
            ["inputs", name, ..] => {
                let is_there = workflow.inputs().any(|input| input.name == name);
                (!is_there).then(|| format!("no trigger asks for an input `{name}`"))
            }
            ["secrets", name] => self.secret(name),
            ["env", name, ..] => {
                let is_there = workflow.variable(self.job, self.step, name).is_some();
                (!is_there).then(|| format!("nobody declares `{name}` in an `env`"))
            }
            _ => Some(format!("nobody can say what `{}` is; write its name out", names.join("."))),
        }
    }

    fn needs(&self, workflow: &Workflow, id: &str, rest: &[&str]) -> Option<String> {
        if !self.job.is_some_and(|job| job.needs.iter().any(|needed| *needed == id)) {
            return Some(format!("`needs.{id}` is empty, as this job does not need `{id}`; add it to `needs`"));
        }
        match rest {
            ["result"] => None,
            ["outputs", name] => {
                let is_there = workflow.job(id).is_some_and(|job| value(&job.outputs, name).is_some());
                (!is_there).then(|| format!("job `{id}` has no output `{name}`"))
            }
            _ => Some(format!("of `{id}` there are `result` and `outputs.NAME`")),
        }
    }

    fn step(&self, id: &str, rest: &[&str]) -> Option<String> {
        let found =
            self.job.and_then(|job| job.step(id)).filter(|(number, _)| self.steps.is_some_and(|over| *number < over));
        let Some((_, step)) = found else {
            return Some(format!("no step before this has the id `{id}`"));
        };
        match rest {
            ["outcome" | "conclusion"] => None,
            ["outputs", name] => {
                // What an action gives, only the action says.
                let call = Call::of(step)?;
                let written =
                    OUTPUTS.iter().find(|(verb, _)| *verb == call.verb).map_or(&[][..], |(_, outputs)| *outputs);
                (!written.contains(name)).then(|| format!("`{}` does not write an output `{name}`", call.verb))
            }
            _ => Some(format!("of step `{id}` there are `outcome` and `outputs.NAME`")),
        }
    }

    fn secret(&self, name: &str) -> Option<String> {
        if self.is_condition {
            return Some("GitHub knows no secrets in a condition".into());
        }
        let has_environment = self.job.is_some_and(|job| job.environment.is_some());
        let is_own = name == OWN_SECRET && self.job.is_some();
        (!is_own && !has_environment).then(|| format!("`secrets.{name}` belongs to an environment; the job has none"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli;
    use crate::workflows::check::tests::{changed_one, said};

    #[test]
    fn an_expression_names_what_is_there() {
        for (from, to, expected) in [
            ("    needs: [tag]\n", "    needs: [verify]\n", "`needs.tag` is empty"),
            ("needs.tag.outputs.release", "needs.tag.outputs.version", "job `tag` has no output `version`"),
            ("needs.tag.outputs.release", "needs.tag.success", "of `tag` there are"),
            ("steps.tag.outputs.release", "steps.tag.outputs.version", "`tag` does not write an output `version`"),
            ("steps.image.outputs.digest", "steps.build.outputs.digest", "no step before this has the id `build`"),
            (
                "${{ inputs.release && 'only' || 'found' }}",
                "${{ steps.image.outcome }}",
                "no step before this has the id `image`",
            ),
            ("${{ env.IMAGE }}", "${{ env.PICTURE }}", "nobody declares `PICTURE`"),
            ("inputs.release == ''", "inputs.version == ''", "an input `version`"),
            ("${{ inputs.release && 'only' || 'found' }}", "${{ matrix.reuse }}", "no `reuse` in a `matrix`"),
            (
                "${{ inputs.release && 'only' || 'found' }}",
                "${{ secrets.REUSE }}",
                "`secrets.REUSE` belongs to an environment",
            ),
            ("inputs.action == 'rollback'\n", "secrets.ROLLBACK == ''\n", "no secrets in a condition"),
            ("${{ inputs.release && 'only' || 'found' }}", "${{ inputs.release && }}", "deploy.yml:"),
            ("${{ inputs.release && 'only' || 'found' }}", "${{ env[vars.NAME] }}", "write its name out"),
        ] {
            let found = said(&mistakes(&changed_one("deploy", from, to)));
            assert!(found.iter().any(|said| said.contains(expected)), "{to}: {found:?}");
        }
    }

    #[test]
    fn the_outputs_of_a_verb_are_those_its_code_writes() {
        let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        for (verb, outputs) in OUTPUTS.iter().filter(|(verb, _)| cli::command().find_subcommand(verb).is_some()) {
            let text = std::fs::read_to_string(source.join(verb.replace('-', "_")).with_extension("rs")).unwrap();
            let mut written: Vec<_> =
                text.split("output(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
            written.sort_unstable();
            let mut known = outputs.to_vec();
            known.sort_unstable();
            assert_eq!(written, known, "{verb}");
        }
    }
}
