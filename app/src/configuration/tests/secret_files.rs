use std::{fs, os::unix::fs::symlink, path::PathBuf};

use super::{super::Environment, Trial};

const TOKEN: &str = "open-says-me-to-the-hidden-cave-of-forty";

impl Trial {
    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    #[track_caller]
    fn has_the_token(&self) {
        let token = self.settings().metrics.token;
        assert!(token.is_some_and(|token| token.matches(TOKEN.as_bytes())));
    }
}

#[test]
fn the_folder_gives_a_secret_and_a_named_file_is_stronger() {
    let trial = Trial::new(Environment::Production).secret_file("metrics.token", &format!("{TOKEN}\r\n"));
    trial.has_the_token();
    let other = TOKEN.replace("forty", "fifty");
    let trial = Trial::new(Environment::Production).secret_file("metrics.token", &other).file("named", TOKEN);
    let named = trial.path("named");
    trial.variable("APP__METRICS__TOKEN_FILE", named.to_str().unwrap()).has_the_token();
}

#[test]
fn a_secret_behind_symbolic_links_is_followed_and_a_new_one_is_read_at_the_next_start() {
    let trial = Trial::new(Environment::Production).secret_file("metrics.token", "").file("first", TOKEN);
    let link = trial.path("secrets/metrics.token");
    fs::remove_file(&link).unwrap();
    symlink(trial.path("current"), &link).unwrap();
    symlink(trial.path("first"), trial.path("current")).unwrap();
    trial.has_the_token();
    let next = TOKEN.replace("forty", "sixty");
    fs::write(trial.path("second"), &next).unwrap();
    fs::remove_file(trial.path("current")).unwrap();
    symlink(trial.path("second"), trial.path("current")).unwrap();
    assert!(trial.settings().metrics.token.is_some_and(|token| token.matches(next.as_bytes())));
}

#[test]
fn a_file_that_cannot_be_a_secret_is_refused_and_nothing_of_it_is_shown() {
    let named = |path: &str| {
        let trial = Trial::new(Environment::Staging).variable("APP__METRICS__TOKEN_FILE", path);
        trial.problem()
    };
    for (path, cause) in [
        ("/dev/zero", "longer than 65536 bytes"),
        ("/dev/null", "is empty"),
        ("/", "cannot be read"),
        ("/nowhere/token", "does not exist"),
    ] {
        let problem = named(path);
        assert!(problem.contains(cause) && problem.contains("named by APP__METRICS__TOKEN_FILE"), "{path}: {problem}");
    }
    for text in ["two\nlines", "a\u{1b}[2Jb", "\n"] {
        let problem = Trial::new(Environment::Staging).secret_file("metrics.token", text).problem();
        assert!(!problem.contains("lines") && !problem.contains("2J"), "{problem}");
    }
}

#[test]
fn a_secret_in_the_variable_that_should_name_its_file_is_not_shown() {
    let alone = Trial::development().variable("APP__METRICS__TOKEN_FILE", TOKEN);
    let twice = Trial::development().variable("APP__METRICS__TOKEN", TOKEN).variable("APP__METRICS__TOKEN_FILE", TOKEN);
    for problem in [alone.problem(), twice.problem()] {
        assert!(problem.contains("APP__METRICS__TOKEN_FILE") && !problem.contains(TOKEN), "{problem}");
    }
    let relative = Trial::development().variable("APP__METRICS__TOKEN_FILE", "./nowhere/token").problem();
    assert!(relative.contains("./nowhere/token"), "{relative}");
}

#[test]
fn a_secret_is_refused_where_others_can_read_it() {
    let trial = Trial::development()
        .file("base.toml", &format!("metrics.token = \"{TOKEN}\""))
        .flag(&format!("metrics.token={TOKEN}"));
    let problems = trial.problems();
    assert_eq!(problems.len(), 2, "{problems:#?}");
    for problem in problems {
        assert!(problem.contains("APP__METRICS__TOKEN_FILE") && !problem.contains(TOKEN), "{problem}");
    }
}

#[test]
fn a_secret_that_can_be_guessed_or_is_missing_does_not_start_staging_or_production() {
    for environment in [Environment::Staging, Environment::Production] {
        let with = |text: &str| Trial::new(environment).variable("APP__METRICS__TOKEN", text);
        with(TOKEN).has_the_token();
        for weak in ["0f4e1d2c3b5a6978", "00000000000000000000000000000000", "changeme-changeme-changeme-changeme"] {
            let problem = with(weak).problem();
            assert!(problem.contains("it can be guessed") && !problem.contains(weak), "{problem}");
        }
        let mut without = Trial::new(environment);
        without.sources.without_secrets = false;
        assert!(without.problem().contains("metrics.token: required"));
    }
}

#[test]
fn nothing_in_a_value_is_expanded() {
    let text = "$HOME-${HOME}-%HOME%-{colour}-`id`-$(id)-0123456789";
    let trial = Trial::new(Environment::Production).variable("APP__METRICS__TOKEN", text);
    assert!(trial.settings().metrics.token.is_some_and(|token| token.matches(text.as_bytes())));
    let problem = Trial::development().variable("APP__LOG__LEVEL", "${LEVEL:-info}").problem();
    assert!(problem.contains("\"${LEVEL:-info}\" is not valid"), "{problem}");
}

#[test]
fn a_secret_of_a_newer_release_does_not_stop_an_older_one() {
    let trial =
        Trial::new(Environment::Production).secret_file("metrics.token", TOKEN).secret_file("database.password", "new");
    trial.has_the_token();
}
