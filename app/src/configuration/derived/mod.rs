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

use super::{Problems, Refusal, Setting, Settings, Sources, problem::Problem};

impl Sources {
    /// Reads, merges and validates, and keeps where each value comes from.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with any layer, in the order of the layers.
    pub fn load_explained(&self) -> Result<(Settings, Explanation), Problems> {
        let reading = self.read(&super::DEFINITION);
        let explanation = Explanation::new(&super::DEFINITION, self.environment, &reading);
        let settings = Settings::from_values(self.environment, &reading.values()?);
        settings.map(|settings| (settings, explanation)).map_err(|message| Problem::new(message).into())
    }
}

/// Which environments want `setting`, and which refuse what: a sentence each, without its full stop.
fn strictness(setting: &Setting) -> impl Iterator<Item = String> {
    let required = (!setting.required.is_empty()).then(|| {
        let environments = super::Environment::listed(setting.required);
        format!("required in {environments}")
    });
    required.into_iter().chain(setting.refusals.iter().map(|refusal: &Refusal| refusal.sentence(setting)))
}

/// The names of the variables that stand outside of the settings.
const OUTSIDE: [&str; 3] = [super::ENVIRONMENT_VARIABLE, super::DIRECTORY_VARIABLE, super::SECRETS_VARIABLE];

/// Writes lines behind one another; writing to a text cannot fail.
fn lines(lines: impl IntoIterator<Item = String>) -> String {
    lines.into_iter().map(|line| line + "\n").collect()
}
