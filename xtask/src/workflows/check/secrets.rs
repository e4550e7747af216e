//! Whoever deploys has the secrets that the environment asks for: without one it ends, and after its approval at that.

use super::super::mistake::Mistake;
use super::super::model::Workflow;
use super::deployment::{DEPLOYS, GOES_BACK};
use super::line::CallSite;
use crate::delivery::{Delivery, Environment, FILE, SecretSource};

/// What the deployments of a workflow lack of what `delivery` asks for.
pub(super) fn mistakes(workflow: &Workflow, delivery: &Delivery) -> Vec<Mistake> {
    // What a rollback brings back has its secrets already.
    let needs = |site: &CallSite<'_>| DEPLOYS.contains(&site.call.verb.as_str()) && site.call.verb != GOES_BACK;
    CallSite::all(workflow).filter(needs).flat_map(|site| of_call(&site, delivery)).collect()
}

fn of_call(site: &CallSite<'_>, delivery: &Delivery) -> Vec<Mistake> {
    let CallSite { workflow, job, step, .. } = site;
    let target = site.given("--env").unwrap_or_default();
    let Some(environment) = delivery.environments.get(&target) else {
        let known: Vec<_> = delivery.environments.keys().map(String::as_str).collect();
        let message = format!("`--env` names an environment of {FILE}: {}; it is `{target}`", known.join(", "));
        return vec![workflow.mistake(step.place, message)];
    };
    let missing = variables(environment).filter(|name| workflow.variable(Some(job), Some(step), name).is_none());
    let message =
        |name| format!("{FILE} takes a secret of {target} from `{name}`; declare it in the `env` of the step");
    missing.map(|name| workflow.mistake(step.place, message(name))).collect()
}

/// The variables of the deployer's from which an environment takes what a release and its proxy are given.
fn variables(environment: &Environment) -> impl Iterator<Item = &String> {
    let of_proxy = environment.tls.iter().map(|tls| &tls.get_ref().certificate).chain(&environment.preview_key);
    let sources = environment.secret_sources().map(|(_, source)| source).chain(of_proxy);
    sources.filter_map(|source| match source {
        SecretSource::Env(name) => Some(name),
        SecretSource::File(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflows::check::tests::{changed_one, delivery, said};

    #[test]
    fn what_an_environment_asks_for_is_given_to_whoever_deploys_there() {
        let found = |from: &str, to: &str| said(&mistakes(&changed_one("deploy", from, to), &delivery()));
        for name in ["STAGING_METRICS_TOKEN", "PRODUCTION_METRICS_TOKEN"] {
            let missing = found(&format!("          {name}: ${{{{ secrets.{name} }}}}\n"), "");
            assert!(missing.len() == 1 && missing[0].contains(&format!("from `{name}`; declare it")), "{missing:?}");
        }
        let nowhere = found("deploy-blue-green --env staging", "deploy-blue-green --env moon");
        assert!(nowhere.len() == 1 && nowhere[0].contains("production, staging; it is `moon`"), "{nowhere:?}");
    }

    #[test]
    fn what_the_proxy_is_given_counts_too_and_a_file_does_not() {
        let mut delivery = delivery();
        let real = changed_one("deploy", "name: deploy", "name: deploy");
        let staging = delivery.environments.get_mut("staging").unwrap();
        staging.preview_key = Some(SecretSource::File("key".into()));
        assert_eq!(said(&mistakes(&real, &delivery)), Vec::<String>::new());
        let staging = delivery.environments.get_mut("staging").unwrap();
        staging.preview_key = Some(SecretSource::Env("PREVIEW_KEY".into()));
        let missing = said(&mistakes(&real, &delivery));
        assert!(missing.len() == 1 && missing[0].contains("of staging from `PREVIEW_KEY`"), "{missing:?}");
    }
}
