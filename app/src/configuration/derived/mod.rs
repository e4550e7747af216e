//! What is derived from the one definition: where values come from, and the files that are generated and checked in.

mod explanation;
mod place;
mod reference;
mod schema;
mod template;

pub use explanation::Explanation;
pub use reference::reference;
pub use schema::schema;
pub use template::template;

use super::{
    DEFINITION, DIRECTORY_VARIABLE, ENVIRONMENT_VARIABLE, Environment, Problems, SECRETS_VARIABLE, Setting, Settings,
    Sources,
};

/// The variables that stand outside of the settings.
const OUTSIDE: [&str; 3] = [ENVIRONMENT_VARIABLE, DIRECTORY_VARIABLE, SECRETS_VARIABLE];

impl Sources {
    /// Reads, merges and validates, and keeps where each value comes from.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with any layer, in the order of the layers.
    pub fn load_explained(&self) -> Result<(Settings, Explanation), Problems> {
        let reading = self.read(&DEFINITION);
        let explanation = Explanation::new(&DEFINITION, self.environment, &reading);
        Ok((reading.settings()?, explanation))
    }
}

/// Which environments want `setting`, and which refuse what: a sentence each, without its full stop.
fn strictness(setting: &Setting) -> impl Iterator<Item = String> {
    let is_required = !setting.required.is_empty();
    let required = is_required.then(|| format!("required in {}", Environment::listed(setting.required)));
    required.into_iter().chain(setting.refusals.iter().map(|refusal| refusal.sentence(setting)))
}

/// A sentence as it begins a line.
fn capitalised(sentence: &str) -> String {
    let mut characters = sentence.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}
