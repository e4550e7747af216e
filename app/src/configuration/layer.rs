//! What one source gives: values for settings, and what is wrong with the rest.

use super::{
    problem::{
        Origin, Problem,
        excerpt::{Excerpt, clip},
        spelling,
    },
    setting::{Definition, Setting, value::Value},
};

/// What one source says about one setting.
#[derive(Clone, Debug)]
pub struct Given {
    /// The setting.
    pub setting: &'static Setting,
    /// `None` when it is not valid: then it still hides the weaker layers, about which nothing need be said.
    pub value: Option<Value>,
    /// Where it was given.
    pub origin: Origin,
    /// What stands there, masked.
    pub(super) excerpt: Option<Excerpt>,
}

/// How a source says something.
pub(super) struct Written {
    /// As a message repeats it.
    pub(super) text: String,
    /// What would be valid there.
    pub(super) valid: String,
    pub(super) origin: Origin,
    pub(super) excerpt: Option<Excerpt>,
}

/// One source, read.
#[derive(Debug, Default)]
pub(super) struct Layer {
    pub(super) given: Vec<Given>,
    pub(super) problems: Vec<Problem>,
}

impl Layer {
    /// Takes what a source says about `setting`, or tells that it is not valid, and what may be meant.
    pub(super) fn give(
        &mut self,
        setting: &'static Setting,
        value: Option<Value>,
        written: Written,
        meant: Option<&str>,
    ) {
        let Written { text, valid, origin, excerpt } = written;
        if value.is_none() {
            let problem = if setting.is_secret() {
                Problem::new(format!("{}: the secret given is not valid", setting.path))
            } else {
                Problem::invalid(setting.path, &text)
            };
            let problem = problem.at(origin.clone()).showing(excerpt.clone()).valid(valid);
            self.problems.push(problem.meant(meant).about(setting));
        }
        self.given.push(Given { setting, value, origin, excerpt });
    }

    /// Takes a source that cannot be read: it hides the weaker layers as well.
    pub(super) fn give_nothing(&mut self, setting: &'static Setting, origin: Origin) {
        self.given.push(Given { setting, value: None, origin, excerpt: None });
    }

    /// Takes a file of which nobody knows what else it was to give: what weaker layers say is not judged any more.
    pub(super) fn lose_the_rest(&mut self, definition: &Definition, origin: &Origin) {
        for setting in definition.settings.iter().filter(|setting| !setting.is_secret()) {
            if !self.given.iter().any(|given| given.setting.path == setting.path) {
                self.give_nothing(setting, origin.clone());
            }
        }
    }

    /// Takes text, as variables and flags give it; `name` is how the excerpt calls what is given.
    pub(super) fn give_text(&mut self, setting: &'static Setting, name: &str, text: &str, origin: Origin) {
        let is_shown = !setting.is_secret();
        let written = Written {
            text: quoted(&clip(text)),
            valid: spelling::valid_text(&setting.kind),
            origin,
            excerpt: Some(Excerpt::assignment(name, text, is_shown)),
        };
        self.give(setting, setting.kind.read_text(text), written, spelling::word(&setting.kind, text));
    }

    /// Takes a secret that has a file of its own.
    pub(super) fn give_file(&mut self, setting: &'static Setting, text: &str, origin: Origin) {
        let written = Written { text: String::new(), valid: setting.kind.to_string(), origin, excerpt: None };
        self.give(setting, setting.kind.read_text(text), written, None);
    }

    /// The weakest layer.
    pub(super) fn defaults(definition: &Definition) -> Self {
        let mut layer = Self::default();
        for setting in definition.settings {
            let text = setting.default.unwrap_or_default().to_owned();
            let written = Written { text, valid: setting.kind.to_string(), origin: Origin::Default, excerpt: None };
            layer.give(setting, setting.default_value(), written, None);
        }
        layer
    }
}

/// Text as a message shows it: invisible characters made visible.
pub(super) fn quoted(text: &str) -> String {
    format!("{text:?}")
}
