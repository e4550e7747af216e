//! What one source gives: values for settings, and what is wrong with the rest.

use super::{
    definition::{self, SETTINGS, Setting},
    problem::{Origin, Problem},
    value::Value,
};

/// What one source says about one setting.
pub(super) struct Given {
    pub(super) setting: &'static Setting,
    /// `None` when it is not valid: then it still hides the weaker layers, about which nothing need be said.
    pub(super) value: Option<Value>,
    pub(super) origin: Origin,
}

/// One source, read.
#[derive(Default)]
pub(super) struct Layer {
    pub(super) given: Vec<Given>,
    pub(super) problems: Vec<Problem>,
}

impl Layer {
    /// Takes what a source says about `setting`; `written` is how it says it.
    pub(super) fn give(&mut self, setting: &'static Setting, value: Option<Value>, written: &str, origin: Origin) {
        if value.is_none() {
            let problem = Problem::invalid(setting.path, written).at(origin.clone()).valid(&setting.kind);
            self.problems.push(problem);
        }
        self.given.push(Given { setting, value, origin });
    }

    /// The weakest layer.
    pub(super) fn defaults() -> Self {
        let mut layer = Self::default();
        for setting in SETTINGS {
            let written = setting.default.unwrap_or_default();
            layer.give(setting, setting.default_value(), written, Origin::Default);
        }
        layer
    }

    /// The variables that start with the prefix. Others are none of our business.
    pub(super) fn variables(variables: &[(String, String)]) -> Self {
        let mut layer = Self::default();
        let names: Vec<_> = SETTINGS.iter().map(Setting::variable).collect();
        for (name, text) in variables {
            let origin = Origin::Variable(name.clone());
            if !name.starts_with(definition::VARIABLE_PREFIX) {
                continue;
            }
            match names.iter().zip(SETTINGS).find(|(known, _)| *known == name) {
                Some((_, setting)) => {
                    layer.give(setting, setting.kind.read_text(text), &quoted(text), origin);
                }
                None => {
                    let candidates = names.iter().map(String::as_str);
                    let problem = Problem::unknown(name, candidates).at(origin);
                    layer.problems.push(problem);
                }
            }
        }
        layer
    }

    /// The strongest layer: `KEY=VALUE` of each `--set`, the last one winning.
    pub(super) fn flags(flags: &[String]) -> Self {
        let mut layer = Self::default();
        for flag in flags {
            let origin = Origin::Flag(format!("--set {flag}"));
            let Some((path, text)) = flag.split_once('=') else {
                let problem =
                    Problem::invalid("--set", &quoted(flag)).at(origin).valid("KEY=VALUE such as server.port=8081");
                layer.problems.push(problem);
                continue;
            };
            match definition::find(path) {
                Some(setting) => {
                    layer.give(setting, setting.kind.read_text(text), &quoted(text), origin);
                }
                None => {
                    let candidates = SETTINGS.iter().map(|setting| setting.path);
                    let problem = Problem::unknown(path, candidates).at(origin);
                    layer.problems.push(problem);
                }
            }
        }
        layer
    }
}

/// Text as a message shows it: invisible characters made visible.
fn quoted(text: &str) -> String {
    format!("{text:?}")
}
