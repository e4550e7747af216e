use std::collections::{BTreeMap, BTreeSet};

use super::super::{DEFINITION, Environment, Setting, Settings, Value, Values};

fn defaults() -> BTreeMap<&'static str, Value> {
    let default = |setting: &Setting| {
        let value = setting.default_value();
        let value = value.unwrap_or_else(|| panic!("{}: bad default", setting.path));
        (setting.path, value)
    };
    DEFINITION.settings.iter().map(default).collect()
}

#[test]
fn paths_are_unique_and_have_a_section_and_a_key() {
    let paths: BTreeSet<_> = DEFINITION.settings.iter().map(|setting| setting.path).collect();
    assert_eq!(paths.len(), DEFINITION.settings.len());
    for path in paths {
        assert_eq!(path.split('.').count(), 2, "{path}");
    }
}

#[test]
fn the_typed_settings_read_every_setting() {
    let whole = Values(defaults());
    assert!(Settings::from_values(Environment::Development, &whole).is_ok());
    for setting in DEFINITION.settings {
        let mut values = defaults();
        values.remove(setting.path);
        let settings = Settings::from_values(Environment::Development, &Values(values));
        assert!(settings.is_err(), "nothing reads {}", setting.path);
    }
}

#[test]
fn every_default_is_allowed_everywhere() {
    for (path, value) in defaults() {
        let setting = DEFINITION.find(path).unwrap();
        for environment in Environment::ALL {
            assert!(setting.refusal(&value, *environment).is_none(), "{path}");
        }
    }
}

#[test]
fn a_variable_is_named_after_its_path() {
    let variables: Vec<_> = DEFINITION.settings.iter().map(Setting::variable).collect();
    assert!(variables.contains(&"APP__SERVER__PORT".to_owned()));
    assert!(variables.contains(&"APP__FAULTS__CRASH_AFTER".to_owned()));
}

#[test]
fn base_toml_documents_every_setting_in_the_words_of_the_definition() {
    let base = include_str!("../../../../config/base.toml");
    let comments: Vec<_> = base.lines().filter_map(|line| line.strip_prefix("# ")).collect();
    let comments = comments.join(" ");
    for setting in DEFINITION.settings.iter().filter(|setting| !setting.is_secret()) {
        assert!(comments.contains(&setting.doc()), "{}", setting.path);
        let (_, key) = setting.path.split_once('.').unwrap();
        assert!(base.contains(&format!("{key} = ")), "{}", setting.path);
    }
}

#[test]
fn every_setting_is_in_a_documented_section() {
    let listed = DEFINITION.sections.iter().flat_map(|section| DEFINITION.settings_of(section));
    assert!(listed.map(|setting| setting.path).eq(DEFINITION.paths()));
    assert!(DEFINITION.sections.iter().all(|section| !section.doc().is_empty()));
}
