//! What one source gives: values for settings, and what is wrong with the rest.

use super::{
    problem::{Origin, Problem},
    setting::{Definition, Setting},
    value::Value,
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
}

/// One source, read.
#[derive(Debug, Default)]
pub(super) struct Layer {
    pub(super) given: Vec<Given>,
    pub(super) problems: Vec<Problem>,
}

impl Layer {
    /// Takes what a source says about `setting`; `written` is how it says it.
    pub(super) fn give(&mut self, setting: &'static Setting, value: Option<Value>, written: &str, origin: Origin) {
        if value.is_none() {
            let problem = if setting.is_secret() {
                Problem::new(format!("{}: the secret given is not valid", setting.path))
            } else {
                Problem::invalid(setting.path, written)
            };
            self.problems.push(problem.at(origin.clone()).valid(&setting.kind));
        }
        self.given.push(Given { setting, value, origin });
    }

    /// Takes a source that cannot be read: it hides the weaker layers as well.
    pub(super) fn give_nothing(&mut self, setting: &'static Setting, origin: Origin) {
        self.given.push(Given { setting, value: None, origin });
    }

    /// Takes text, as variables and flags give it.
    pub(super) fn give_text(&mut self, setting: &'static Setting, text: &str, origin: Origin) {
        self.give(setting, setting.kind.read_text(text), &quoted(text), origin);
    }

    /// The weakest layer.
    pub(super) fn defaults(definition: &Definition) -> Self {
        let mut layer = Self::default();
        for setting in definition.settings {
            let written = setting.default.unwrap_or_default();
            layer.give(setting, setting.default_value(), written, Origin::Default);
        }
        layer
    }
}

/// Text as a message shows it: invisible characters made visible.
pub(super) fn quoted(text: &str) -> String {
    format!("{text:?}")
}
