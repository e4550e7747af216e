//! Whether every variable of the service that is named anywhere exists.

use std::collections::BTreeSet;

use super::closest::did_you_mean;
use super::finding::Finding;
use super::lines::Lines;
use super::settings::Settings;
use super::sources::Source;
use crate::delivery::Service;
use crate::project::Project;

/// The variables that files name and the service does not read, and a template that makes others than it reads.
pub(super) fn findings(project: &Project, lines: &Lines<'_>, settings: &Settings, sources: &[Source]) -> Vec<Finding> {
    let unknown = sources.iter().flat_map(|source| unknown(source, settings));
    let template = template(&project.delivery.service, settings)
        .map(|message| lines.finding(&["service", "setting_variable"], message));
    unknown.chain(template).collect()
}

fn unknown(source: &Source, settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in source.lines() {
        let names: BTreeSet<_> = words(line).filter(|word| word.starts_with(&settings.prefix)).collect();
        for name in names.into_iter().filter(|name| !settings.knows(name)) {
            let meant = did_you_mean(name, settings.variables.iter().map(String::as_str));
            let message = format!("{name} is no variable the service reads{meant}");
            findings.push(Finding::at(&source.path, number, message));
        }
    }
    findings
}

/// What a line consists of where names are letters, digits and underscores.
pub(super) fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').filter(|word| !word.is_empty())
}

impl Settings {
    /// Whether there is such a variable, or a name that ends with an underscore, as in `SHOP__LOG__*`, is the beginning of
    /// one.
    fn knows(&self, name: &str) -> bool {
        let begins = || self.variables.iter().any(|variable| variable.starts_with(name));
        self.variables.contains(name) || name.ends_with('_') && begins()
    }
}

/// The first setting that `--set` would pass in another variable than its own.
fn template(service: &Service, settings: &Settings) -> Option<String> {
    let secrets = settings.secrets.iter().map(|secret| (&secret.key, &secret.variable));
    let mut all = settings.open.iter().map(|(key, variable)| (key, variable)).chain(secrets);
    all.find_map(|(key, variable)| {
        let made = service.variable(key).filter(|made| made != variable)?;
        Some(format!("service.setting_variable makes {made} of `{key}`, which the service reads from {variable}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config_lint::settings::tests::settings;
    use crate::config_lint::sources::Kind;
    use crate::delivery::Delivery;
    use crate::testing::DELIVERY;

    fn told(text: &str) -> Vec<String> {
        let source = Source { path: "a.sh".into(), kind: Kind::Script, text: text.into() };
        unknown(&source, &settings()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_variable_that_does_not_exist_is_told_at_its_line_with_the_one_that_was_meant() {
        let text = "SHOP__PORT=1\n- SHOP__LOG__LEVL=${SHOP__LOG__LEVL:-info}\n# SHOP__DATABASE is gone\n";
        let expected = [
            "a.sh:2: SHOP__LOG__LEVL is no variable the service reads\ndid you mean: SHOP__LOG__LEVEL",
            "a.sh:3: SHOP__DATABASE is no variable the service reads",
        ];
        assert_eq!(told(text), expected);
    }

    #[test]
    fn names_are_whole_words_and_the_beginning_of_one_may_stand_for_all() {
        let fine =
            "SHOP_ENV SHOP_OTHER MYSHOP__X shop__x SHOP__METRICS__TOKEN_FILE SHOP__ SHOP__LOG__* \"SHOP__{KEY}\"";
        assert_eq!(told(fine), [""; 0]);
        for wrong in ["SHOP__PORT2", "SHOP__PORTS", "SHOP__LGO__*", "SHOP__port", "x=SHOP__X;"] {
            assert_eq!(told(wrong).len(), 1, "{wrong}");
        }
    }

    #[test]
    fn a_template_has_to_make_the_variables_that_the_service_reads() {
        let template = |template: &str| {
            let text = DELIVERY.replace("SHOP__{KEY}", template);
            template_of(&Delivery::parse(&text).unwrap().service)
        };
        fn template_of(service: &Service) -> Option<String> {
            super::template(service, &settings())
        }
        assert_eq!(template("SHOP__{KEY}"), None);
        let told = "service.setting_variable makes SHOP_LOG__LEVEL of `log.level`, which the service reads from SHOP__LOG__LEVEL";
        assert_eq!(template("SHOP_{KEY}").as_deref(), Some(told));
    }
}
