//! A setting that is added to the definition is seen by everything that reads it, with nothing else changed.

use serde_json::{Value, json};

use super::{
    super::{
        DEFINITION, Definition, Environment, Kind, Refusal, Refused, Setting,
        derived::{Explanation, reference, schema, template},
    },
    Trial,
};

const REFUSED: &[Refusal] = &[Refusal {
    environments: &[Environment::Production],
    values: Refused::These(&["1"]),
    reason: "one is nobody's company",
}];

/// The definition with one more setting.
fn with(setting: Setting) -> Definition {
    let settings: Vec<_> = DEFINITION.settings.iter().cloned().chain([setting]).collect();
    Definition { settings: settings.leak(), ..DEFINITION }
}

/// The definition with a setting that has everything a setting can have.
fn with_backlog() -> Definition {
    let setting = Setting::new("server.backlog", &[" How many clients wait."], Kind::Integer(1..=10));
    with(setting.default("7").unit("clients").refused(REFUSED).required(&[Environment::Staging]))
}

fn with_secret() -> Definition {
    with(Setting::new("release.key", &[" What releases are signed with."], Kind::Secret))
}

fn problems(trial: &Trial, definition: &Definition) -> Vec<String> {
    trial.read(definition).problems().iter().map(|problem| trial.shown(&problem.to_string())).collect()
}

#[test]
fn the_loader_takes_it_from_every_layer() {
    let definition = with_backlog();
    let effective = |trial: Trial| {
        let before = problems(&trial, &DEFINITION);
        let reading = trial.read(&definition);
        (before.len(), reading.values().unwrap().value("server.backlog").unwrap().to_string())
    };
    assert_eq!(effective(Trial::development()), (0, "7".to_owned()));
    assert_eq!(effective(Trial::development().file("base.toml", "server.backlog = 2")), (1, "2".to_owned()));
    assert_eq!(effective(Trial::development().variable("APP__SERVER__BACKLOG", "3")), (1, "3".to_owned()));
    assert_eq!(effective(Trial::development().flag("server.backlog=4")), (1, "4".to_owned()));
}

#[test]
fn the_loader_takes_a_secret_from_its_files_and_its_variable() {
    let definition = with_secret();
    let is_given = |trial: Trial| {
        let values = trial.read(&definition).values().unwrap();
        values.value("release.key").unwrap().to_string() == "(secret)"
    };
    let named = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(named.path(), "hush").unwrap();
    assert!(!is_given(Trial::development()));
    assert!(is_given(Trial::development().secret_file("release.key", "hush")));
    assert!(is_given(Trial::development().variable("APP__RELEASE__KEY", "hush")));
    let path = named.path().to_str().unwrap();
    assert!(is_given(Trial::development().variable("APP__RELEASE__KEY_FILE", path)));
}

#[test]
fn the_check_tells_what_is_wrong_with_it() {
    let definition = with_backlog();
    let wrong = |trial: Trial, problem: &str| {
        let problems = problems(&trial, &definition);
        assert_eq!(problems.len(), 1, "{problems:#?}");
        assert!(problems[0].contains(problem), "{problems:#?}");
    };
    let mistyped = |trial: Trial, meant: &str| {
        let problems = problems(&trial, &definition);
        assert_eq!(problems.len(), 1, "{problems:#?}");
        let (_, suggested) = problems[0].split_once("did you mean").unwrap();
        assert!(suggested.contains(meant), "{problems:#?}");
    };
    wrong(Trial::development().flag("server.backlog=11"), "a whole number from 1 to 10");
    wrong(Trial::new(Environment::Production).flag("server.backlog=1"), "one is nobody's company");
    mistyped(Trial::development().variable("APP__SERVER__BAKLOG", "1"), "APP__SERVER__BACKLOG");
    mistyped(Trial::development().file("base.toml", "server.baklog = 1"), "server.backlog");
    mistyped(Trial::development().flag("server.baklog=1"), "server.backlog");
    let unset = with(Setting::new("server.peer", &[" Whom."], Kind::Address).required(&[Environment::Staging]));
    let problems = problems(&Trial::new(Environment::Staging), &unset);
    assert!(problems[0].contains("server.peer: required in staging"), "{problems:#?}");
}

#[test]
fn the_schema_has_it() {
    let leaf = |definition: &Definition, section: &str, key: &str| {
        let schema: Value = serde_json::from_str(&schema(definition)).unwrap();
        schema["properties"][section]["properties"][key].clone()
    };
    assert_eq!(leaf(&DEFINITION, "server", "backlog"), Value::Null);
    assert_eq!(
        leaf(&with_backlog(), "server", "backlog"),
        json!({
            "type": "integer",
            "minimum": 1,
            "maximum": 10,
            "description": "How many clients wait. Valid: a whole number from 1 to 10.",
            "default": 7,
            "x-unit": "clients",
            "x-variable": "APP__SERVER__BACKLOG",
            "x-required-in": ["staging"],
            "x-refused-in": [{
                "environments": ["production"],
                "description": "production refuses 1: one is nobody's company",
            }],
        })
    );
    assert_eq!(
        leaf(&with_secret(), "release", "key"),
        json!({
            "type": "string",
            "description": "What releases are signed with. Valid: a text of at least one character, without line breaks.",
            "not": {},
            "x-variable": "APP__RELEASE__KEY",
            "x-secret": true,
            "x-file-variable": "APP__RELEASE__KEY_FILE",
            "x-secret-file": "release.key",
        })
    );
}

/// What `render` has for the larger definition and not for the shipped one.
fn added(render: fn(&Definition) -> String, definition: &Definition) -> String {
    let before = render(&DEFINITION);
    let after = render(definition);
    let common = before.chars().zip(after.chars()).take_while(|(a, b)| a == b).count();
    let start: usize = after.chars().take(common).map(char::len_utf8).sum();
    let end = start + after.len() - before.len();
    assert_eq!(format!("{}{}", &after[..start], &after[end..]), before, "something else has changed");
    after[start..end].to_owned()
}

#[test]
fn the_template_has_it() {
    let entry = added(template, &with_backlog());
    for part in [
        "How many clients wait.\n# Valid: a whole number from 1 to 10.\n# Unit: clients.\n",
        "# Required in staging.\n# Production refuses 1: one is nobody's company.\n#APP__SERVER__BACKLOG=7\n",
    ] {
        assert!(entry.contains(part), "{entry}");
    }
    let entry = added(template, &with_secret());
    assert!(entry.contains("#APP__RELEASE__KEY_FILE=\n"), "{entry}");
}

#[test]
fn the_reference_has_it() {
    let entry = added(reference, &with_backlog());
    for part in [
        "`server.backlog`\n\nHow many clients wait.\n",
        "- Variable: `APP__SERVER__BACKLOG`\n- Valid: a whole number from 1 to 10\n- Default: `7`\n- Unit: clients\n",
        "- Required in staging\n- Production refuses 1: one is nobody's company\n",
    ] {
        assert!(entry.contains(part), "{entry}");
    }
    let entry = added(reference, &with_secret());
    assert!(entry.contains("`APP__RELEASE__KEY_FILE`"), "{entry}");
}

#[test]
fn the_explanation_has_it() {
    let explain = |definition: &Definition| {
        let trial = Trial::development();
        let explanation = Explanation::new(definition, Environment::Development, &trial.read(definition));
        explanation.only("server.backlog").text(true)
    };
    assert_eq!(explain(&DEFINITION), "");
    assert_eq!(
        explain(&with_backlog()),
        "server.backlog = 7 clients\n    How many clients wait.\n    from default\n    \
             valid: a whole number from 1 to 10\n    required in staging\n    \
             production refuses 1: one is nobody's company\n    variable: APP__SERVER__BACKLOG\n"
    );
}
