//! What is deployed was tested, is one image, and is asked for its health.

use super::super::expression::inner;
use super::super::mistake::Mistake;
use super::super::model::{Job, Workflow, value};
use super::super::yaml::{Place, Text};
use super::line::{Call, CallSite};

/// The workflow that tests everything.
const TESTS: &str = "/ci-cd.yml";
/// The verbs that bring another release to where one serves.
pub(super) const DEPLOYS: [&str; 3] = ["up", "deploy-blue-green", "rollback"];
/// The one that goes back to what was tested before it served. It waits for no tests: whoever calls it cannot.
pub(super) const GOES_BACK: &str = "rollback";
/// What brings nothing new, and gives everything to what a rollout has begun with.
const PROMOTES: &str = "promote";
/// The verb that makes the image.
const BUILDS: &str = "docker-build";
/// The image that is deployed.
const IMAGE: Made = Made { verb: BUILDS, output: "image", by_hand: None };
/// The name of the release that is deployed.
const RELEASE: Made = Made { verb: "tag", output: "release", by_hand: Some("inputs.release") };

/// What is wrong with how a workflow deploys.
pub(super) fn mistakes(workflow: &Workflow) -> Vec<Mistake> {
    let untested = workflow.jobs.iter().filter_map(|job| untested(workflow, job));
    let built = builders(workflow).into_iter().chain(CallSite::all(workflow).filter_map(|site| pushed(&site)));
    let deploying = CallSite::all(workflow).filter(|site| DEPLOYS.contains(&site.call.verb.as_str()));
    let deploying = deploying.flat_map(|site| {
        let what = Deployment(site);
        let said = [what.place(), what.turns(), what.image(), what.release(), what.health()];
        said.into_iter().flatten().collect::<Vec<_>>()
    });
    untested.chain(built).chain(deploying).collect()
}

/// Whether a call changes what others see, by what may not have been tested.
pub(crate) fn publishes(call: &Call) -> bool {
    let verb = call.verb.as_str();
    (DEPLOYS.contains(&verb) && verb != GOES_BACK) || verb == PROMOTES || call.has("--push")
}

fn untested(workflow: &Workflow, job: &Job) -> Option<Mistake> {
    let (step, call) = Call::all(job).find(|(_, call)| publishes(call))?;
    let tests = |job: &&Job| job.uses.as_ref().is_some_and(|uses| uses.ends_with(TESTS));
    if workflow.needed_by(job).iter().any(tests) {
        return None;
    }
    let message =
        format!("`{}` runs before every test has passed: its job has to need the one that calls ci-cd.yml", call.verb);
    Some(workflow.mistake(step.place, message))
}

/// Everything but the first job that makes the image: there is one image.
fn builders(workflow: &Workflow) -> Vec<Mistake> {
    let builds = CallSite::all(workflow).filter(|site| site.call.verb == BUILDS || site.call.verb == "up");
    let more = builds.skip(1).map(|CallSite { job, step, call, .. }| {
        let message = format!("`{}` in job `{}` builds again; what is deployed is the one image", call.verb, job.id);
        workflow.mistake(step.place, message)
    });
    more.collect()
}

/// Whether the image goes by the name of its release: by any other, one that is there already would be taken for it.
fn pushed(site: &CallSite<'_>) -> Option<Mistake> {
    let CallSite { workflow, job, step, call } = site;
    let tag = call.value("--tag").unwrap_or_default();
    let name = tag.rsplit_once(":$").and_then(|(_, name)| workflow.variable(Some(job), Some(step), name));
    if call.verb != BUILDS || !call.has("--push") || RELEASE.is(workflow, name) {
        return None;
    }
    let message = "the image is pushed by the name of its release: `--tag \"$IMAGE:$NAME\"`, where NAME is the output of the \
                   job that runs `tag`, which is its output `release`";
    Some(workflow.mistake(step.place, message))
}

/// A call that deploys.
struct Deployment<'a>(CallSite<'a>);

impl Deployment<'_> {
    fn mistake(&self, place: Place, message: impl Into<String>) -> Option<Mistake> {
        Some(self.0.workflow.mistake(place, message))
    }

    /// What the environment is called, as it is written at the job.
    fn target(&self) -> Option<String> {
        self.0.given("--env")
    }

    /// Whether GitHub knows where it deploys to, and gives it that environment's secrets and protection.
    fn place(&self) -> Option<Mistake> {
        let CallSite { job, call, .. } = &self.0;
        let Some(environment) = &job.environment else {
            let message = "a job that deploys has an `environment`, for its protection and its secrets";
            return self.mistake(job.id.place, message);
        };
        if self.target().as_deref() != Some(&*environment.name.value) {
            let message = format!("`environment` and `--env` of `{}` have to name the same", call.verb);
            return self.mistake(environment.name.place, message);
        }
        environment
            .deployment
            .as_ref()
            .and_then(|text| self.mistake(text.place, "this is a deployment; let it be recorded"))
    }

    /// Whether two deployments to the same environment take turns, and none is dropped.
    fn turns(&self) -> Option<Mistake> {
        let (job, target) = (self.0.job, self.target().unwrap_or_default());
        let Some(turns) = &job.concurrency else {
            return self.mistake(job.id.place, "a job that deploys has a `concurrency` group of its environment");
        };
        if !turns.group.contains(&target) {
            return self
                .mistake(turns.group.place, format!("the group of a deployment names its environment, `{target}`"));
        }
        if turns.cancel_in_progress.as_ref().is_some_and(|text| *text != "false") {
            return self.mistake(turns.place, "a deployment that runs is never cancelled: `cancel-in-progress: false`");
        }
        let queues = turns.queue.as_ref().is_some_and(|queue| *queue == "max");
        (!queues).then(|| self.mistake(turns.place, "deployments wait in a line: `queue: max`")).flatten()
    }

    /// Whether what is rolled out is the image that was built, by its digest.
    fn image(&self) -> Option<Mistake> {
        let CallSite { workflow, step, call, .. } = &self.0;
        if call.verb == GOES_BACK || IMAGE.is(workflow, self.0.variable("--image")) {
            return None;
        }
        let message = "what is rolled out is the one image: `--image \"$NAME\"`, where NAME is the output of the job that \
                       runs `docker-build`, which is its output `image`";
        self.mistake(step.place, message)
    }

    /// Whether it is rolled out by the name that its tag has.
    fn release(&self) -> Option<Mistake> {
        let CallSite { workflow, step, call, .. } = &self.0;
        if call.verb == GOES_BACK || RELEASE.is(workflow, self.0.variable("--release")) {
            return None;
        }
        let message = "what is rolled out has the name of its tag: `--release \"$NAME\"`, where NAME is the output of the job \
                       that runs `tag`, which is its output `release`";
        self.mistake(step.place, message)
    }

    /// Whether it is asked for its health afterwards.
    fn health(&self) -> Option<Mistake> {
        let CallSite { job, step, call, .. } = &self.0;
        let env = call.value("--env");
        let after = Call::all(job).skip_while(|(other, _)| other.place != step.place);
        let mut asked = after.filter(|(_, call)| call.verb == "health-check" && call.value("--env") == env);
        if asked.next().is_some() {
            return None;
        }
        let message = format!("after `{}` the same job asks by `health-check` of the same `--env`", call.verb);
        self.mistake(step.place, message)
    }
}

/// What a job makes for those after it.
struct Made {
    verb: &'static str,
    /// What the verb calls it.
    output: &'static str,
    /// Where whoever starts the workflow may name one that was made before.
    by_hand: Option<&'static str>,
}

impl Made {
    /// Whether a text is this, out of the job that has made it.
    fn is(&self, workflow: &Workflow, text: Option<&Text>) -> bool {
        let output = text.and_then(|text| inner(text)?.strip_prefix("needs.")?.split_once(".outputs."));
        output.is_some_and(|(job, name)| workflow.job(job).is_some_and(|job| self.is_output(job, name)))
    }

    fn is_output(&self, job: &Job, output: &str) -> bool {
        let text = value(&job.outputs, output).and_then(|text| inner(text)).unwrap_or_default();
        let own = match text.split_once("||") {
            Some((by_hand, own)) if self.by_hand == Some(by_hand.trim()) => own.trim(),
            _ => text,
        };
        let id = own.strip_prefix("steps.").and_then(|rest| rest.strip_suffix(&format!(".outputs.{}", self.output)));
        let call = id.and_then(|id| job.step(id)).and_then(|(_, step)| Call::of(step));
        call.is_some_and(|call| call.verb == self.verb)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflows::check::tests::{changed_one, said};

    #[test]
    fn what_is_deployed_was_tested_is_one_image_and_is_asked_for_its_health() {
        for (from, to, expected) in [
            ("    needs: [verify]\n", "", "`tag` runs before every test has passed"),
            ("cargo xtask rollback --env", "cargo xtask promote --env", "`promote` runs before every test has passed"),
            (
                "    uses: ./.github/workflows/ci-cd.yml",
                "    uses: ./.github/workflows/x.yml",
                "`docker-build` runs before",
            ),
            ("cargo xtask setup --builder", "cargo xtask docker-build", "`docker-build` in job `image` builds again"),
            ("cargo xtask history --env staging", "cargo xtask up --env staging", "`up` in job `staging` builds again"),
            ("    environment:\n      name: staging\n      url: ${{ vars.URL }}\n", "", "has an `environment`"),
            ("      name: staging\n      url", "      name: production\n      url", "have to name the same"),
            ("      name: production\n", "      name: production\n      deployment: false\n", "let it be recorded"),
            (
                "      group: deploy-production\n",
                "      group: deploy-staging\n",
                "names its environment, `production`",
            ),
            (
                "      group: rollback-${{ inputs.environment }}\n      cancel-in-progress: false",
                "      group: rollback-${{ inputs.environment }}\n      cancel-in-progress: true",
                "is never cancelled",
            ),
            (
                "      group: deploy-staging\n      cancel-in-progress: false\n      queue: max",
                "      group: deploy-staging\n      cancel-in-progress: false",
                "wait in a line",
            ),
            ("IMAGE: ${{ needs.image.outputs.image }}", "IMAGE: ${{ needs.tag.outputs.release }}", "is the one image"),
            ("image: ${{ steps.image.outputs.image }}", "image: ${{ steps.other.outputs.image }}", "is the one image"),
            (" --image \"$IMAGE\" --wait", " --wait", "is the one image"),
            (
                "      IMAGE: ${{ needs.image.outputs.image }}\n      RELEASE: ${{ needs.tag.outputs.release }}",
                "      IMAGE: ${{ needs.image.outputs.image }}\n      RELEASE: anything",
                "has the name of its tag",
            ),
            (" --release \"$RELEASE\" --image", " --release v1 --image", "has the name of its tag"),
            ("${{ inputs.release || steps", "${{ github.ref_name || steps", "has the name of its tag"),
            ("      RELEASE: ${{ needs.tag.outputs.release }}", "      RELEASE: latest", "by the name of its release"),
            ("\"$IMAGE:$RELEASE\"", "\"$IMAGE:latest\"", "by the name of its release"),
            (
                "cargo xtask health-check --env production",
                "cargo xtask health-check --env staging",
                "asks by `health-check`",
            ),
        ] {
            let found = said(&mistakes(&changed_one("deploy", from, to)));
            assert!(found.iter().any(|said| said.contains(expected)), "{to}: {found:?}");
        }
    }
}
