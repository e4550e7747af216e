use std::{net::IpAddr, time::Duration};

use proptest::{prelude::*, sample::select, string::string_regex, test_runner::TestRunner};

use super::{
    super::{DEFINITION, Kind, LIST_SEPARATOR, Secret, Setting, Value, derived},
    Trial,
    schema::{accepts, as_json},
};

/// Any valid value.
fn any_value(kind: &Kind) -> BoxedStrategy<Value> {
    let text = |pattern| string_regex(pattern).unwrap();
    match kind {
        Kind::Address => any::<IpAddr>().prop_map(Value::Address).boxed(),
        Kind::Integer(range) => range.clone().prop_map(Value::Integer).boxed(),
        Kind::Ratio => (0.0..=1.0).prop_map(Value::Ratio).boxed(),
        Kind::Boolean => any::<bool>().prop_map(Value::Boolean).boxed(),
        Kind::Duration(range) => {
            let nanoseconds = |duration: &Duration| u64::try_from(duration.as_nanos()).unwrap();
            let span = nanoseconds(range.start())..=nanoseconds(range.end());
            span.prop_map(|length| Value::Duration(Duration::from_nanos(length))).boxed()
        }
        Kind::Word(words) => select(*words).prop_map(|word| Value::Text(word.to_owned())).boxed(),
        Kind::Name => text("[A-Za-z0-9._+/:@-]{1,128}").prop_map(Value::Text).boxed(),
        Kind::Origin => {
            let port = proptest::option::of(any::<u16>());
            let named = (text("https?://[a-z0-9.-]{1,30}"), port).prop_map(|(host, port)| match port {
                Some(port) => format!("{host}:{port}"),
                None => host,
            });
            prop_oneof![1 => Just("*".to_owned()), 9 => named].prop_map(Value::Text).boxed()
        }
        Kind::Secret => text("[^\\pC\\u{fffd}]{1,64}").prop_map(|text| Value::Secret(Secret::new(&text))).boxed(),
        Kind::List(item) => proptest::collection::vec(any_value(item), 0..4).prop_map(Value::List).boxed(),
    }
}

/// Runs `test` with many values of each setting that `is_meant`.
fn for_each(is_meant: fn(&Setting) -> bool, test: impl Fn(&'static Setting, Value) -> Result<(), TestCaseError>) {
    for setting in DEFINITION.settings.iter().filter(|setting| is_meant(setting)) {
        let mut runner = TestRunner::new(ProptestConfig { failure_persistence: None, cases: 32, ..Default::default() });
        let outcome = runner.run(&any_value(&setting.kind), |value| test(setting, value));
        outcome.unwrap_or_else(|error| panic!("{}: {error}", setting.path));
    }
}

/// A value as a file writes it.
fn toml_text(value: &Value) -> String {
    match value {
        Value::Integer(_) | Value::Ratio(_) | Value::Boolean(_) => value.to_string(),
        Value::List(items) => format!("[{}]", items.iter().map(toml_text).collect::<Vec<_>>().join(", ")),
        text => toml::Value::String(text.to_string()).to_string(),
    }
}

fn read(trial: &Trial, setting: &Setting) -> Option<Value> {
    trial.read(&DEFINITION).given(setting.path).next_back()?.value.clone()
}

fn without_secrets(setting: &Setting) -> bool {
    !setting.is_secret()
}

#[test]
fn a_valid_value_survives_a_variable() {
    let variable = |setting: &Setting, text: &str| Trial::development().variable(&setting.variable(), text);
    for_each(without_secrets, |setting, value| {
        let trial = variable(setting, &value.to_string());
        prop_assert_eq!(read(&trial, setting), Some(value));
        Ok(())
    });
    for_each(Setting::is_secret, |setting, value| {
        let Value::Secret(secret) = &value else { unreachable!() };
        let trial = variable(setting, secret.expose());
        prop_assert_eq!(read(&trial, setting), Some(value));
        Ok(())
    });
}

#[test]
fn a_valid_value_survives_a_file_which_the_schema_accepts() {
    let schema = serde_json::from_str(&derived::schema(&DEFINITION)).unwrap();
    for_each(without_secrets, |setting, value| {
        let text = format!("{} = {}\n", setting.path, toml_text(&value));
        prop_assert!(accepts(&schema, &as_json(&text)), "{text}");
        let trial = Trial::development().file("base.toml", &text);
        prop_assert_eq!(read(&trial, setting), Some(value));
        Ok(())
    });
}

#[test]
fn a_secret_survives_its_file_with_a_line_break_at_the_end_or_without() {
    for_each(Setting::is_secret, |setting, value| {
        let Value::Secret(secret) = &value else { unreachable!() };
        for end in ["", "\n", "\r\n"] {
            let trial = Trial::development().secret_file(setting.path, &format!("{}{end}", secret.expose()));
            prop_assert_eq!(read(&trial, setting), Some(value.clone()));
        }
        Ok(())
    });
}

#[test]
fn an_item_never_contains_what_separates_items() {
    for_each(
        |_| true,
        |setting, value| {
            if let (Kind::List(_), Value::List(items)) = (&setting.kind, &value) {
                prop_assert!(items.iter().all(|item| !item.to_string().contains(LIST_SEPARATOR)));
            }
            Ok(())
        },
    );
}

/// The pattern that the schema has for a value of this kind, without the ends that a generator cannot take.
fn pattern(is_meant: fn(&Kind) -> bool) -> (&'static Setting, String) {
    let setting = DEFINITION.settings.iter().find(|setting| is_meant(&setting.kind)).unwrap();
    let schema: serde_json::Value = serde_json::from_str(&derived::schema(&DEFINITION)).unwrap();
    let (section, key) = setting.path.split_once('.').unwrap();
    let leaf = &schema["properties"][section]["properties"][key];
    let pattern = leaf.get("items").unwrap_or(leaf)["pattern"].as_str().unwrap();
    (setting, pattern.strip_prefix('^').unwrap().strip_suffix('$').unwrap().to_owned())
}

#[test]
fn what_the_pattern_of_a_duration_allows_is_a_duration() {
    let (_, pattern) = pattern(|kind| matches!(kind, Kind::Duration(_)));
    proptest!(ProptestConfig { failure_persistence: None, ..Default::default() }, |(text in string_regex(&pattern).unwrap())| {
        match humantime::parse_duration(&text) {
            Ok(_) | Err(humantime::DurationError::NumberOverflow) => {}
            Err(error) => prop_assert!(false, "{text:?}: {error}"),
        }
    });
}

#[test]
fn what_the_pattern_of_a_name_or_an_origin_allows_is_one() {
    for is_meant in [|kind: &Kind| matches!(kind, Kind::Name), |kind: &Kind| matches!(kind, Kind::List(Kind::Origin))] {
        let (setting, pattern) = pattern(is_meant);
        proptest!(ProptestConfig { failure_persistence: None, ..Default::default() }, |(text in string_regex(&pattern).unwrap())| {
            let is_port = |port: &str| port.parse::<u32>().is_ok_and(|number| number > 65_535);
            prop_assume!(!text.rsplit(':').next().is_some_and(is_port));
            prop_assert!(setting.kind.read_text(&text).is_some(), "{text:?}");
        });
    }
}

#[test]
fn a_file_of_all_defaults_gives_the_defaults() {
    let defaults = DEFINITION.settings.iter().filter(|setting| setting.default.is_some());
    let lines = defaults.map(|setting| {
        let value = setting.default_value().unwrap();
        format!("{} = {}\n", setting.path, toml_text(&value))
    });
    let trial = Trial::development().file("base.toml", &lines.collect::<String>());
    assert_eq!(trial.settings(), Trial::development().settings());
}
