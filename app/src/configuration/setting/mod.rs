//! One setting: everything that is known about it, and in one place.

pub(super) mod define;
pub(super) mod kind;
pub(super) mod refusal;
pub(super) mod secret;
pub(super) mod value;

use self::{
    kind::Kind,
    refusal::{Refusal, Refused},
    value::{Value, Values},
};
use crate::configuration::{names::Environment, secret_files::SECRETS_VARIABLE};

/// The prefix of every variable that sets a setting.
pub const VARIABLE_PREFIX: &str = "APP__";

/// What, appended to a secret's variable, makes the one that names a file instead.
pub const FILE_SUFFIX: &str = "_FILE";

/// One setting.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Section and key, such as `server.port`.
    pub path: &'static str,
    /// The lines of its documentation.
    pub docs: &'static [&'static str],
    /// The values it may have.
    pub kind: Kind,
    /// The weakest layer, as text; `None` for an optional setting, which is then unset.
    pub default: Option<&'static str>,
    /// What its number counts, for a setting without a unit in its value.
    pub unit: Option<&'static str>,
    /// The environments that do not start without it.
    pub required: &'static [Environment],
    /// Values that are valid as such, but not everywhere.
    pub refusals: &'static [Refusal],
}

impl Setting {
    /// An optional setting, valid everywhere.
    #[must_use]
    pub const fn new(path: &'static str, docs: &'static [&'static str], kind: Kind) -> Self {
        Self { path, docs, kind, default: None, unit: None, required: &[], refusals: &[] }
    }

    /// With this value, as text, where no layer gives one.
    #[must_use]
    pub const fn default(mut self, text: &'static str) -> Self {
        self.default = Some(text);
        self
    }

    /// With a number that counts these.
    #[must_use]
    pub const fn unit(mut self, unit: &'static str) -> Self {
        self.unit = Some(unit);
        self
    }

    /// Which these environments do not start without.
    #[must_use]
    pub const fn required(mut self, environments: &'static [Environment]) -> Self {
        self.required = environments;
        self
    }

    /// Of which some environments refuse some values.
    #[must_use]
    pub const fn refused(mut self, refusals: &'static [Refusal]) -> Self {
        self.refusals = refusals;
        self
    }

    /// What it does, in one line.
    #[must_use]
    pub fn doc(&self) -> String {
        one_line(self.docs)
    }

    /// The part of its path behind the section.
    #[must_use]
    pub fn key(&self) -> &'static str {
        self.path.split_once('.').map_or(self.path, |(_, key)| key)
    }

    /// Whether nobody may see its value.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        matches!(self.kind, Kind::Secret)
    }

    /// The variable that sets it, such as `APP__SERVER__PORT`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("{VARIABLE_PREFIX}{}", self.path.to_uppercase().replace('.', "__"))
    }

    /// The variable that names a file which holds it, for a secret.
    #[must_use]
    pub fn file_variable(&self) -> Option<String> {
        self.is_secret().then(|| self.variable() + FILE_SUFFIX)
    }

    /// How a secret can be given.
    #[must_use]
    pub fn ways_for_a_secret(&self) -> String {
        let (path, variable) = (self.path, self.variable());
        format!(
            "the file {path} in the folder {SECRETS_VARIABLE}, a file named by {variable}{FILE_SUFFIX}, or {variable}"
        )
    }

    /// The value when no layer gives one; `None` when the definition itself is wrong.
    #[must_use]
    pub fn default_value(&self) -> Option<Value> {
        self.default.map_or(Some(Value::Unset), |text| self.kind.read_text(text))
    }

    /// Why `value` may not stand in `environment`, if it may not.
    #[must_use]
    pub fn refusal(&self, value: &Value, environment: Environment) -> Option<&'static Refusal> {
        self.refusals
            .iter()
            .filter(|refusal| refusal.environments.contains(&environment))
            .find(|refusal| refusal.values.contain(value, self))
    }

    /// What would be valid in `environment`.
    #[must_use]
    pub fn valid(&self, environment: Environment) -> String {
        let refusals = self.refusals.iter().filter(|refusal| refusal.environments.contains(&environment));
        let mut valid = self.kind.to_string();
        for refusal in refusals {
            match refusal.values {
                Refused::AnyButDefault => valid = self.default.unwrap_or("unset").to_owned(),
                _ => valid = format!("{valid}, {}", refusal.values),
            }
        }
        valid
    }
}

/// Lines of documentation as one.
fn one_line(docs: &[&str]) -> String {
    docs.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

/// Settings that belong together.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// The part of its settings' paths before the dot.
    pub name: &'static str,
    /// The lines of its documentation.
    pub docs: &'static [&'static str],
}

impl Section {
    /// What its settings are about, in one line.
    #[must_use]
    pub fn doc(&self) -> String {
        one_line(self.docs)
    }
}

/// What several settings have to fit together for.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The settings it is about; the rule is asked when all of them are valid.
    pub settings: &'static [&'static str],
    /// Whether they fit.
    pub(crate) holds: fn(&Values) -> Option<bool>,
    /// Why they have to, as the end of "… do not fit together: ".
    pub reason: &'static str,
    /// What would be right.
    pub valid: &'static str,
}

/// Every setting there is, and what they have to fit together for. Loader, error messages, template, schema, reference and
/// explanation all read the one [`DEFINITION`](crate::configuration::DEFINITION).
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    /// What the sections are about.
    pub sections: &'static [Section],
    /// The settings, section by section.
    pub settings: &'static [Setting],
    /// The rules across them.
    pub rules: &'static [Rule],
}

impl Definition {
    /// The setting at `path`.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<&'static Setting> {
        self.settings.iter().find(|setting| setting.path == path)
    }

    /// Whether `path` is a section, the part of a path before its dot.
    #[must_use]
    pub fn is_section(&self, path: &str) -> bool {
        self.sections().any(|section| section == path)
    }

    /// The section of every setting; each as often as it has settings.
    pub fn sections(&self) -> impl Iterator<Item = &'static str> {
        self.paths().filter_map(|path| path.split_once('.')).map(|(section, _)| section)
    }

    /// The settings of `section`.
    pub fn settings_of(&self, section: &Section) -> impl Iterator<Item = &'static Setting> {
        let name = section.name;
        let is_here = move |setting: &&Setting| setting.path.split_once('.').is_some_and(|(of, _)| of == name);
        self.settings.iter().filter(is_here)
    }

    /// The path of every setting.
    pub fn paths(&self) -> impl Iterator<Item = &'static str> {
        self.settings.iter().map(|setting| setting.path)
    }
}
