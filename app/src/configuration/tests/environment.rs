use super::super::{Environment, choose};

#[test]
fn the_flag_beats_the_variable_beats_the_terminal() {
    let chosen = |flag, variable, terminal| choose(flag, variable, terminal).unwrap();
    assert_eq!(chosen(Some("production"), Some("staging"), true), Environment::Production);
    assert_eq!(chosen(None, Some("staging"), true), Environment::Staging);
    assert_eq!(chosen(None, None, true), Environment::Development);
}

#[test]
fn a_server_does_not_guess() {
    let problem = choose(None, None, false).unwrap_err().to_string();
    assert!(problem.starts_with("error: the environment is not set"), "{problem}");
    assert!(problem.contains("APP_ENV"), "{problem}");
}

#[test]
fn a_wrong_word_names_its_origin_and_what_was_meant() {
    assert_eq!(
        choose(None, Some("prod"), true).unwrap_err().to_string(),
        "error: environment: \"prod\" is not valid\n  --> variable APP_ENV\n   |\n   | APP_ENV=prod\n   |         ^^^^ \
         expected one of development, staging, production\n   |\n   = help: did you mean `production`?"
    );
    let flag = choose(Some("stagign"), None, true).unwrap_err().to_string();
    assert!(flag.contains("--> flag --env\n   |\n   | --env=stagign"), "{flag}");
    assert!(flag.ends_with("did you mean `staging`?"), "{flag}");
    let nothing = choose(Some(""), None, true).unwrap_err().to_string();
    assert!(!nothing.contains("did you mean"), "{nothing}");
}

#[test]
fn environments_are_listed_as_a_sentence_has_them() {
    assert_eq!(Environment::listed(&[Environment::Staging]), "staging");
    assert_eq!(Environment::listed(&[Environment::Staging, Environment::Production]), "staging and production");
    assert_eq!(Environment::listed(Environment::ALL), "development, staging and production");
}
