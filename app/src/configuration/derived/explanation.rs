//! `config explain` and `GET /api/v1/config`: where each value comes from, and what it overrides.

use serde::{Serialize, Serializer};
use serde_json::json;

use super::{place, strictness};
use crate::configuration::{Definition, Environment, Given, Origin, Reading, Setting, Value};

/// The effective configuration with the origin of each value. It holds no secret, only that there is one.
#[derive(Debug, Serialize)]
pub struct Explanation {
    #[serde(serialize_with = "word")]
    environment: Environment,
    #[serde(serialize_with = "by_path")]
    settings: Vec<Explained>,
    /// As `config check` tells them.
    problems: Vec<String>,
}

/// One setting.
#[derive(Debug, Serialize)]
struct Explained {
    #[serde(skip)]
    setting: &'static Setting,
    status: Status,
    #[serde(flatten)]
    effective: Layered,
    /// What it overrides, the strongest first.
    overrides: Vec<Layered>,
    /// Why the environment refuses the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<&'static str>,
    #[serde(rename = "secret")]
    is_secret: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'static str>,
    valid: String,
    doc: String,
    variable: String,
}

/// How a setting stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Status {
    /// It has a value.
    Set,
    /// No layer gives it, and it is optional here.
    Unset,
    /// No layer gives it, and the environment requires it.
    Missing,
    /// What the strongest layer gives is no value of its kind.
    Invalid,
    /// The environment refuses its value.
    Refused,
}

/// What one layer says, masked from the start.
#[derive(Debug, Serialize)]
struct Layered {
    value: serde_json::Value,
    #[serde(skip)]
    text: String,
    #[serde(serialize_with = "place::serialize")]
    origin: Origin,
}

impl Explanation {
    /// Explains what `reading` has found for each setting of `definition`.
    #[must_use]
    pub fn new(definition: &Definition, environment: Environment, reading: &Reading) -> Self {
        let explain = |setting| Explained::new(setting, environment, reading);
        Self {
            environment,
            settings: definition.settings.iter().filter_map(explain).collect(),
            problems: reading.problems().iter().map(ToString::to_string).collect(),
        }
    }

    /// Keeps the setting at `key`, or those of the section of that name.
    #[must_use]
    pub fn only(mut self, key: &str) -> Self {
        let is_meant = |path: &str| path.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        self.settings.retain(|explained| is_meant(explained.setting.path));
        self
    }

    /// For people: each value with what gives it and what it overrides; `is_detailed` adds what the setting is.
    #[must_use]
    pub fn text(&self, is_detailed: bool) -> String {
        let texts: Vec<_> = self.settings.iter().map(|explained| explained.text(is_detailed)).collect();
        texts.join(if is_detailed { "\n" } else { "" })
    }

    /// For machines: the same as JSON, with a line break at its end.
    #[must_use]
    pub fn json(&self) -> String {
        // It consists of texts and numbers, which JSON has words for.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

impl Explained {
    fn new(setting: &'static Setting, environment: Environment, reading: &Reading) -> Option<Self> {
        let mut layers = reading.given(setting.path).rev();
        let strongest = layers.next()?;
        let refused = strongest.value.as_ref().and_then(|value| setting.refusal(value, environment));
        let status = match &strongest.value {
            None => Status::Invalid,
            Some(Value::Unset) if setting.required.contains(&environment) => Status::Missing,
            Some(Value::Unset) => Status::Unset,
            Some(_) if refused.is_some() => Status::Refused,
            Some(_) => Status::Set,
        };
        let is_given = |given: &&Given| given.value != Some(Value::Unset);
        Some(Self {
            setting,
            status,
            effective: Layered::new(strongest),
            overrides: layers.filter(is_given).map(Layered::new).collect(),
            refused: refused.map(|refusal| refusal.reason),
            is_secret: setting.is_secret(),
            unit: setting.unit,
            valid: setting.valid(environment),
            doc: setting.doc(),
            variable: setting.variable(),
        })
    }

    fn text(&self, is_detailed: bool) -> String {
        let Self { setting, effective, .. } = self;
        let unit = self.unit.filter(|_| self.status == Status::Set).map(|unit| format!(" {unit}"));
        let mut text = format!("{} = {}{}\n", setting.path, effective.text, unit.unwrap_or_default());
        let mut add = |line: &str| text.extend(["    ", line, "\n"]);
        if is_detailed {
            add(&self.doc);
        }
        add(&match self.status {
            Status::Unset => "optional, and nothing gives it".to_owned(),
            Status::Missing => format!("required in {}, and nothing gives it", Environment::listed(setting.required)),
            _ => format!("from {}", effective.from()),
        });
        if let Some(reason) = self.refused {
            add(&format!("refused: {reason}"));
        }
        for layered in &self.overrides {
            add(&format!("over {}, from {}", layered.text, layered.from()));
        }
        if is_detailed {
            add(&format!("valid: {}", self.valid));
            strictness(setting).for_each(|sentence| add(&sentence));
            add(&match setting.file_variable() {
                Some(file) => format!("variables: {}, or {file} with the path of a file", self.variable),
                None => format!("variable: {}", self.variable),
            });
        }
        text
    }
}

impl Layered {
    fn new(given: &Given) -> Self {
        let text = match &given.value {
            None => "(not valid)".to_owned(),
            Some(Value::List(items)) if items.is_empty() => "(empty)".to_owned(),
            Some(value) => value.to_string(),
        };
        let value = given.value.as_ref().map_or(serde_json::Value::Null, masked);
        Self { value, text, origin: given.origin.clone() }
    }

    fn from(&self) -> String {
        match &self.origin {
            Origin::SecretFile { trimmed: true, .. } => {
                format!("{}; the line break at its end was left out", self.origin)
            }
            origin => origin.to_string(),
        }
    }
}

/// A value in the types of JSON; what has none there is the text that a variable would give.
fn masked(value: &Value) -> serde_json::Value {
    match value {
        Value::Integer(number) => json!(number),
        Value::Ratio(share) => json!(share),
        Value::Boolean(boolean) => json!(boolean),
        Value::List(items) => items.iter().map(masked).collect(),
        Value::Unset => serde_json::Value::Null,
        // Of a secret, the mask.
        Value::Address(_) | Value::Duration(_) | Value::Text(_) | Value::Secret(_) => json!(value.to_string()),
    }
}

fn word<S: Serializer>(environment: &Environment, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(environment.as_str())
}

/// In the order of the definition, which a map of `serde_json` would not keep.
fn by_path<S: Serializer>(settings: &[Explained], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(settings.iter().map(|explained| (explained.setting.path, explained)))
}
