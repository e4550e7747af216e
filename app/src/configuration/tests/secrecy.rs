use std::panic;

use super::{super::DEFINITION, Trial};
use crate::context::Context;

const PLANTED: &str = "planted-0f3b9c1d7e5a2468-where-nobody-may-see-it";

/// With the secret in each layer that may have one, and in those that must not.
fn trials() -> [Trial; 6] {
    let named = Trial::development().secret_file("elsewhere", PLANTED);
    let path = named.sources.secrets.clone().unwrap().join("elsewhere");
    [
        Trial::development().variable("APP__METRICS__TOKEN", PLANTED),
        Trial::development().secret_file("metrics.token", PLANTED),
        named.variable("APP__METRICS__TOKEN_FILE", path.to_str().unwrap()),
        Trial::development().variable("APP__METRICS__TOKEM", PLANTED),
        Trial::development().flag(&format!("metrics.token={PLANTED}")),
        Trial::development().file("base.toml", &format!("metrics.token = \"{PLANTED}\"\n")),
    ]
}

#[track_caller]
fn hides(text: &str) {
    assert!(!text.contains("0f3b9c1d"), "{text}");
}

#[test]
fn nothing_that_is_read_shows_a_secret_when_debugged() {
    for trial in trials() {
        let reading = trial.read(&DEFINITION);
        hides(&format!("{:?}", trial.sources));
        hides(&format!("{reading:?} {reading:#?}"));
        hides(&format!("{:?} {}", trial.explanation(), trial.explanation().json()));
        hides(&trial.explanation().text(true));
        for problem in reading.problems() {
            hides(&format!("{problem} {problem:?}"));
        }
        match reading.values() {
            Ok(values) => hides(&format!("{values:?}")),
            Err(problems) => hides(&format!("{problems} {problems:?}")),
        }
    }
}

#[test]
fn nothing_that_serves_shows_a_secret_when_debugged() {
    for trial in trials().into_iter().take(3) {
        let (settings, explanation) = trial.sources.load_explained().unwrap();
        assert!(settings.metrics.token.as_ref().is_some_and(|token| token.matches(PLANTED.as_bytes())));
        hides(&format!("{settings:?} {settings:#?}"));
        let context = Context::new(&settings, explanation).unwrap();
        hides(&format!("{context:?} {context:#?}"));
    }
}

#[test]
fn a_panic_over_the_settings_does_not_show_a_secret() {
    for trial in trials().into_iter().take(3) {
        let (settings, others) = (trial.settings(), Trial::development().settings());
        let panicked = panic::catch_unwind(|| assert_eq!(settings, others)).unwrap_err();
        let message = panicked.downcast_ref::<String>().unwrap();
        assert!(message.contains("Settings"), "{message}");
        hides(message);
    }
}
