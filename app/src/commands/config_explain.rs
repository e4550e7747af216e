//! `app config explain`: where each value comes from.

use std::process::ExitCode;

use super::{EXIT_CONFIGURATION, EXIT_USAGE, complain, print_text};
use crate::{
    cli::Globals,
    configuration::{DEFINITION, Problem, Sources, derived::Explanation},
};

/// Explains the setting or the section at `key`, or everything, as text or as JSON.
///
/// Whatever is wrong with the configuration follows, on standard error. Exits 0, 78 on problems, or 2 where nothing is at
/// `key`.
#[must_use]
pub fn run(key: Option<&str>, json: bool, without_secrets: bool, globals: &Globals) -> ExitCode {
    if let Some(problem) = key.and_then(unknown) {
        complain(problem);
        return ExitCode::from(EXIT_USAGE);
    }
    let sources = match globals.sources() {
        Ok(sources) => Sources { without_secrets, ..sources },
        Err(problems) => {
            complain(problems);
            return ExitCode::from(EXIT_CONFIGURATION);
        }
    };
    let reading = sources.read(&DEFINITION);
    let explanation = Explanation::new(&DEFINITION, sources.environment, &reading);
    let explanation = key.into_iter().fold(explanation, Explanation::only);
    let is_one = key.is_some_and(|key| DEFINITION.find(key).is_some());
    print_text(&if json { explanation.json() } else { explanation.text(is_one) });
    match reading.values() {
        Ok(_) => ExitCode::SUCCESS,
        Err(problems) => {
            complain(problems);
            ExitCode::from(EXIT_CONFIGURATION)
        }
    }
}

fn unknown(key: &str) -> Option<Problem> {
    let is_known = DEFINITION.find(key).is_some() || DEFINITION.is_section(key);
    (!is_known).then(|| Problem::unknown(key, DEFINITION.paths().chain(DEFINITION.sections())))
}
