//! Whether each environment has the secrets its service does not start without, and nothing gives them away.

mod exposed;

use super::closest::closest;
use super::finding::Finding;
use super::lines::Lines;
use super::settings::{SecretSetting, Settings};
use super::sources::Source;
use crate::delivery::Environment;
use crate::project::Project;

/// The secrets that an environment lacks, has under a name that is nearly theirs, or shows.
pub(super) fn findings(project: &Project, lines: &Lines<'_>, settings: &Settings, sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, environment) in &project.delivery.environments {
        findings.extend(missing(name, environment, lines, settings));
        findings.extend(misspelt(name, environment, lines, settings));
    }
    for secret in &settings.secrets {
        if project.delivery.service.env.contains_key(&secret.variable) {
            let message = format!("service.env shows {}", exposed::advice(secret));
            findings.push(lines.finding(&["service", "env", &secret.variable], message));
        }
        findings.extend(sources.iter().flat_map(|source| exposed::findings(source, secret)));
    }
    findings
}

fn missing(name: &str, environment: &Environment, lines: &Lines<'_>, settings: &Settings) -> Vec<Finding> {
    let required = settings.secrets.iter().filter(|secret| secret.required_in.iter().any(|it| it == name));
    let missing = required.filter(|secret| !environment.secrets.contains_key(secret.file.as_str()));
    let told = missing.map(|SecretSetting { key, file, variable, .. }| {
        let message = format!(
            "{name} does not start without the secret `{key}`, and environments.{name}.secrets has no `{file}`; add\n\
             [environments.{name}.secrets]\n\"{file}\" = {{ env = \"{variable}\" }}"
        );
        lines.finding(&["environments", name, "secrets"], message)
    });
    told.collect()
}

/// A service may have secrets of its own kind; one is a slip of the finger where what it resembles is not there.
fn misspelt(name: &str, environment: &Environment, lines: &Lines<'_>, settings: &Settings) -> Vec<Finding> {
    let known: Vec<_> = settings.secrets.iter().map(|secret| secret.file.as_str()).collect();
    let absent: Vec<_> = known.iter().copied().filter(|file| !environment.secrets.contains_key(*file)).collect();
    let others = environment.secrets.keys().map(|secret| secret.get_ref().as_str());
    let others = others.filter(|secret| !known.contains(secret));
    let told = others.filter_map(|secret| {
        let meant = closest(secret, absent.iter().copied())?;
        let message =
            format!("environments.{name}.secrets: the service has no secret `{secret}`\ndid you mean: {meant}");
        Some(lines.finding(&["environments", name, "secrets", secret], message))
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config_lint::settings::tests::settings;
    use crate::delivery::Delivery;
    use crate::testing::DELIVERY;

    fn told(text: &str) -> Vec<String> {
        let project = Project { root: "/".into(), delivery: Delivery::parse(text).unwrap() };
        findings(&project, &Lines::of(text), &settings(), &[]).iter().map(ToString::to_string).collect()
    }

    fn with(secrets: &str) -> String {
        format!("{DELIVERY}\n[environments.production.secrets]\n{secrets}\n")
    }

    #[test]
    fn an_environment_that_lacks_a_required_secret_is_told_what_to_add() {
        let expected = "config/delivery.toml:28: production does not start without the secret `metrics.token`, and \
                        environments.production.secrets has no `metrics.token`; add\n[environments.production.secrets]\n\
                        \"metrics.token\" = { env = \"SHOP__METRICS__TOKEN\" }";
        assert_eq!(told(DELIVERY), [expected]);
        // What it says is right.
        let added = expected.split_once("add\n[environments.production.secrets]\n").unwrap().1;
        assert_eq!(told(&with(added)), [""; 0]);
        assert_eq!(told(&with("other = { file = \"f\" }")).len(), 1);
    }

    #[test]
    fn a_name_that_is_nearly_a_secret_s_is_told_and_others_are_a_service_s_own() {
        let token = "\"metrics.token\" = { env = \"T\" }";
        let found = told(&with("\"metrics.tokn\" = { env = \"T\" }"));
        let expected = "config/delivery.toml:37: environments.production.secrets: the service has no secret `metrics.tokn`\n\
                        did you mean: metrics.token";
        assert!(found.len() == 2 && found[1] == expected, "{found:#?}");
        for other in ["database", "\"metrics.tokem\""] {
            assert_eq!(told(&with(&format!("{token}\n{other} = {{ env = \"T\" }}"))), [""; 0], "{other}");
        }
    }

    #[test]
    fn a_secret_is_no_variable_of_the_service_s() {
        let text = with("\"metrics.token\" = { env = \"T\" }")
            .replace("env = { SHOP_COLOUR", "env = { SHOP__METRICS__TOKEN = \"geheim\", SHOP_COLOUR");
        let found = told(&text);
        let [found] = &found[..] else { panic!("{found:#?}") };
        assert!(found.starts_with("config/delivery.toml:8: service.env shows SHOP__METRICS__TOKEN, "), "{found}");
        let file = text.replace("SHOP__METRICS__TOKEN =", "SHOP__METRICS__TOKEN_FILE =");
        assert_eq!(told(&file), [""; 0]);
    }
}
