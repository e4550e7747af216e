//! Which environment's configuration applies.

use super::{
    names::Environment,
    problem::{
        Origin, Problem, Problems,
        excerpt::{Excerpt, clip},
        suggest,
    },
};

/// The variable that names the environment.
pub const ENVIRONMENT_VARIABLE: &str = "APP_ENV";

/// Chooses the environment: the flag, else the variable, else development if a person is at the terminal.
///
/// # Errors
///
/// The chosen word is no environment, or nothing chooses and nobody is there: a server must not guess.
pub fn choose(flag: Option<&str>, variable: Option<&str>, at_terminal: bool) -> Result<Environment, Problems> {
    match (flag, variable) {
        (Some(word), _) => named(word, Origin::Flag("--env".to_owned()), "--env"),
        (None, Some(word)) => named(word, Origin::Variable(ENVIRONMENT_VARIABLE.to_owned()), ENVIRONMENT_VARIABLE),
        (None, None) if at_terminal => Ok(Environment::Development),
        (None, None) => Err(Problem::new(format!("the environment is not set: give --env or {ENVIRONMENT_VARIABLE}"))
            .valid(valid())
            .into()),
    }
}

fn named(word: &str, origin: Origin, name: &str) -> Result<Environment, Problems> {
    Environment::from_word(word).ok_or_else(|| {
        let words = Environment::WORDS.iter().copied();
        // `prod` is farther from `production` than any slip of the finger.
        let meant = words
            .clone()
            .find(|known| !word.is_empty() && known.starts_with(word))
            .or_else(|| suggest::closest(word, words));
        let problem = Problem::invalid("environment", &format!("{:?}", clip(word))).at(origin);
        problem.showing(Excerpt::assignment(name, word, true)).valid(valid()).meant(meant).into()
    })
}

fn valid() -> String {
    format!("one of {}", Environment::WORDS.join(", "))
}
