//! Environment variables as layers: those that hold a value, and those that name a file which holds a secret.

use super::{
    layer::Layer,
    problem::{Origin, Problem, excerpt::Excerpt},
    secret_files,
    setting::{Definition, FILE_SUFFIX, Setting, VARIABLE_PREFIX},
};

/// What a variable says, by its name.
enum Meaning {
    /// It holds this setting's value.
    Value(&'static Setting),
    /// It names the file that holds this secret.
    File(&'static Setting),
    /// It looks like one of ours, and is none.
    Unknown(Problem),
    /// It is none of our business.
    Foreign,
}

/// Reads the variables into the layer of secret files and the one of variables.
///
/// The value of an unknown one is nowhere repeated: it may be a secret whose name has a typing error.
pub(super) fn read(definition: &Definition, variables: &[(String, String)]) -> (Layer, Layer) {
    let (mut files, mut values) = (Layer::default(), Layer::default());
    for (name, text) in variables {
        let origin = Origin::Variable(name.clone());
        match meaning(definition, name) {
            Meaning::Value(setting) => values.give_text(setting, name, text, origin),
            Meaning::File(setting) if is_set(variables, &setting.variable()) => {
                let message = format!("{}: given twice, by {} and by {name}", setting.path, setting.variable());
                let problem = Problem::new(message).at(origin).showing(Excerpt::assignment(name, text, false));
                values.problems.push(problem.valid("one of the two").about(setting));
            }
            Meaning::File(setting) => secret_files::named(&mut files, setting, name, text),
            Meaning::Unknown(problem) => {
                values.problems.push(problem.at(origin).showing(Excerpt::name(name, 0)));
            }
            Meaning::Foreign => {}
        }
    }
    (files, values)
}

fn is_set(variables: &[(String, String)], name: &str) -> bool {
    variables.iter().any(|(known, _)| known == name)
}

fn meaning(definition: &Definition, name: &str) -> Meaning {
    if let Some(setting) = definition.settings.iter().find(|setting| setting.variable() == name) {
        return Meaning::Value(setting);
    }
    if let Some(setting) = definition.settings.iter().find(|setting| setting.file_variable().as_deref() == Some(name)) {
        return Meaning::File(setting);
    }
    let known: Vec<_> = definition
        .settings
        .iter()
        .flat_map(|setting| std::iter::once(setting.variable()).chain(setting.file_variable()))
        .collect();
    let named = |variable: &str| definition.settings.iter().find(|setting| setting.variable() == variable);
    if let Some(setting) = name.strip_suffix(FILE_SUFFIX).and_then(named) {
        let problem =
            Problem::new(format!("{name}: {} is no secret, and only secrets are read from files", setting.path));
        return Meaning::Unknown(problem.meant(Some(&setting.variable())));
    }
    if let Some(meant) = known.iter().find(|known| plain(known) == plain(name)) {
        return Meaning::Unknown(Problem::new(format!("{name}: no such setting")).meant(Some(meant)));
    }
    if name.to_uppercase().starts_with(VARIABLE_PREFIX) {
        return Meaning::Unknown(Problem::unknown(name, known.iter().map(String::as_str)));
    }
    Meaning::Foreign
}

/// A name without what is easily mistaken in it: `APP_SERVER_PORT` and `app__server__port` are meant to be the same.
fn plain(name: &str) -> String {
    name.to_uppercase().replace('_', "")
}
