use super::{
    super::{DEFINITION, Environment, Setting, derived::template},
    Trial,
};

/// The assignments of the template that have a default behind them, taken out of their comments.
fn assignments() -> Vec<(String, String)> {
    let text = template(&DEFINITION);
    let lines =
        text.lines().map(|line| line.strip_prefix('#').unwrap_or(line)).filter(|line| line.starts_with("APP__"));
    let pairs = lines.map(|line| line.split_once('=').unwrap());
    let has_default = |name: &str| DEFINITION.settings.iter().any(|s| s.variable() == name && s.default.is_some());
    pairs.filter(|(name, _)| has_default(name)).map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
}

#[test]
fn the_template_uncommented_gives_the_defaults() {
    let assignments = assignments();
    let with_default = DEFINITION.settings.iter().filter(|setting| setting.default.is_some());
    assert_eq!(assignments.len(), with_default.clone().count());
    let plain = Trial::new(Environment::Production);
    let mut trial = Trial::new(Environment::Production);
    trial.sources.variables = assignments;
    assert_eq!(trial.settings(), plain.settings());
    let reading = trial.read(&DEFINITION);
    for setting in with_default {
        let origin = reading.given(setting.path).next_back().unwrap().origin.to_string();
        assert_eq!(origin, format!("variable {}", setting.variable()));
    }
}

#[test]
fn the_template_as_it_is_sets_nothing_but_the_environment() {
    let text = template(&DEFINITION);
    let live: Vec<_> = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert_eq!(live, ["APP_ENV=development"]);
}

#[test]
fn no_value_of_the_template_needs_quotes() {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "._-+/:@,%=".contains(character);
    for (name, text) in assignments() {
        assert!(text.chars().all(is_plain), "{name}={text}: a shell and Docker would not read the same");
    }
}

#[test]
fn a_secret_is_a_file_to_name_and_never_a_value() {
    let text = template(&DEFINITION);
    for secret in DEFINITION.settings.iter().filter(|setting| setting.is_secret()) {
        let file = secret.file_variable().unwrap();
        assert!(text.contains(&format!("\n#{file}=\n")), "{file}");
        assert!(!text.contains(&format!("{}=", secret.variable())), "{}", secret.path);
    }
}

#[test]
fn every_setting_is_in_the_template_once() {
    let text = template(&DEFINITION);
    for variable in DEFINITION.settings.iter().map(|s| s.file_variable().unwrap_or_else(|| Setting::variable(s))) {
        assert_eq!(text.matches(&format!("\n#{variable}=")).count(), 1, "{variable}");
    }
}
