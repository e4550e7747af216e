//! The service's settings, as the JSON Schema describes them that it prints. docs/configuration.md says what that has to
//! hold.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::finding::Finding;
use super::lines::Lines;
use super::service::Binary;

/// What is known about the service's settings.
#[derive(Debug)]
pub(crate) struct Settings {
    /// What the name of every variable begins with that sets one.
    pub(crate) prefix: String,
    /// Every variable the service reads.
    pub(crate) variables: BTreeSet<String>,
    /// Those that are no secrets: key and variable.
    pub(crate) open: Vec<(String, String)>,
    /// Those that are.
    pub(crate) secrets: Vec<SecretSetting>,
}

/// A setting whose value is nobody's business.
#[derive(Debug)]
pub(crate) struct SecretSetting {
    /// Its key, such as `metrics.token`.
    pub(crate) key: String,
    /// The variable that sets it.
    pub(crate) variable: String,
    /// The variable that names a file holding it.
    pub(crate) file_variable: Option<String>,
    /// What that file is called in the folder of secrets.
    pub(crate) file: String,
    /// The environments that do not start without it.
    pub(crate) required_in: Vec<String>,
}

#[derive(Deserialize)]
struct Schema {
    #[serde(rename = "x-variable-prefix")]
    prefix: String,
    #[serde(rename = "x-variables", default)]
    variables: Vec<String>,
    #[serde(default)]
    properties: BTreeMap<String, Node>,
}

#[derive(Deserialize)]
struct Node {
    #[serde(default)]
    properties: BTreeMap<String, Node>,
    #[serde(rename = "x-variable")]
    variable: Option<String>,
    #[serde(rename = "x-secret", default)]
    is_secret: bool,
    #[serde(rename = "x-file-variable")]
    file_variable: Option<String>,
    #[serde(rename = "x-secret-file")]
    file: Option<String>,
    #[serde(rename = "x-required-in", default)]
    required_in: Vec<String>,
}

/// Asks the service for its settings; none where it has no such command.
pub(super) fn ask(binary: &Binary<'_>, lines: &Lines<'_>) -> Option<Result<Settings, Vec<Finding>>> {
    let args = binary.project.delivery.service.commands.config_schema.as_ref()?;
    let asked = binary.print(args).map_err(|reason| vec![reason]).and_then(|text| {
        parse(&text)
            .map_err(|wrong| wrong.into_iter().map(|it| format!("prints no schema of settings: {it}")).collect())
    });
    let at = |what: String| {
        let message = format!("`{}` {what}", binary.line(args));
        lines.finding(&["service", "commands", "config_schema"], message)
    };
    Some(asked.map_err(|wrong: Vec<String>| wrong.into_iter().map(at).collect()))
}

/// Reads the schema that a service prints.
///
/// # Errors
/// With all that it lacks.
pub(crate) fn parse(text: &str) -> Result<Settings, Vec<String>> {
    let schema: Schema = serde_json::from_str(text).map_err(|error| vec![error.to_string()])?;
    if schema.prefix.is_empty() {
        return Err(vec!["`x-variable-prefix` is empty".into()]);
    }
    let variables = schema.variables.into_iter().collect();
    let settings = Settings { prefix: schema.prefix, variables, open: Vec::new(), secrets: Vec::new() };
    let mut reader = Reader { settings, wrong: Vec::new() };
    reader.read("", schema.properties);
    let Reader { settings, wrong } = reader;
    if wrong.is_empty() { Ok(settings) } else { Err(wrong) }
}

struct Reader {
    settings: Settings,
    wrong: Vec<String>,
}

impl Reader {
    fn read(&mut self, above: &str, nodes: BTreeMap<String, Node>) {
        for (name, mut node) in nodes {
            let key = if above.is_empty() { name } else { format!("{above}.{name}") };
            self.read(&key, std::mem::take(&mut node.properties));
            if let Some(variable) = node.variable.take() {
                self.setting(key, variable, node);
            } else if node.is_secret {
                self.wrong.push(format!("`{key}` is a secret and has no `x-variable`"));
            }
        }
    }

    fn setting(&mut self, key: String, variable: String, node: Node) {
        let settings = &mut self.settings;
        for variable in std::iter::once(&variable).chain(&node.file_variable) {
            if !variable.starts_with(&settings.prefix) {
                self.wrong.push(format!("`{variable}` of `{key}` does not begin with {}", settings.prefix));
            }
            settings.variables.insert(variable.clone());
        }
        match (node.is_secret, node.file) {
            (false, _) => settings.open.push((key, variable)),
            (true, Some(file)) => {
                let (file_variable, required_in) = (node.file_variable, node.required_in);
                settings.secrets.push(SecretSetting { key, variable, file_variable, file, required_in });
            }
            (true, None) => self.wrong.push(format!("`{key}` is a secret and has no `x-secret-file`")),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config_lint::service::tests::Scripted;

    /// A service with three settings, of which one is a secret.
    pub(in crate::config_lint) const SCHEMA: &str = r#"{
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "x-variable-prefix": "SHOP__",
        "x-variables": ["SHOP_ENV"],
        "type": "object",
        "properties": {
            "port": { "type": "integer", "x-variable": "SHOP__PORT" },
            "log": { "type": "object", "properties": { "level": { "x-variable": "SHOP__LOG__LEVEL" } } },
            "metrics": { "properties": { "token": {
                "x-variable": "SHOP__METRICS__TOKEN", "x-secret": true, "x-file-variable": "SHOP__METRICS__TOKEN_FILE",
                "x-secret-file": "metrics.token", "x-required-in": ["production"]
            } } }
        }
    }"#;

    pub(in crate::config_lint) fn settings() -> Settings {
        parse(SCHEMA).unwrap()
    }

    #[test]
    fn a_schema_gives_every_variable_and_every_secret() {
        let settings = settings();
        assert_eq!(settings.prefix, "SHOP__");
        let variables: Vec<_> = settings.variables.iter().map(String::as_str).collect();
        let expected =
            ["SHOP_ENV", "SHOP__LOG__LEVEL", "SHOP__METRICS__TOKEN", "SHOP__METRICS__TOKEN_FILE", "SHOP__PORT"];
        assert_eq!(variables, expected);
        let open: Vec<_> = settings.open.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(open, ["log.level", "port"]);
        let [secret] = &settings.secrets[..] else { panic!("{:?}", settings.secrets) };
        assert_eq!((secret.key.as_str(), secret.file.as_str()), ("metrics.token", "metrics.token"));
        assert_eq!(secret.required_in, ["production"]);
    }

    #[test]
    fn what_a_schema_lacks_is_told_at_the_command_that_prints_it() {
        let shop = |schema: &str| {
            let script = format!("cat <<'END'\n{schema}\nEND\n");
            let shop = Scripted::new(&script, "[service.commands]\nconfig_schema = [\"schema\"]\n");
            ask(&shop.binary(), &Lines::of(&shop.text)).unwrap().map(drop)
        };
        assert_eq!(shop(SCHEMA), Ok(()));
        let table = [
            ("nothing", "expected"),
            ("{}", "x-variable-prefix"),
            (&SCHEMA.replace("\"SHOP__\"", "\"\""), "`x-variable-prefix` is empty"),
            (&SCHEMA.replace("\"x-secret-file\": \"metrics.token\",", ""), "has no `x-secret-file`"),
            (&SCHEMA.replace("\"x-variable\": \"SHOP__METRICS__TOKEN\",", ""), "has no `x-variable`"),
            (&SCHEMA.replace("\"SHOP__PORT\"", "\"PORT\""), "`PORT` of `port` does not begin with SHOP__"),
        ];
        for (schema, expected) in table {
            let told = shop(schema).unwrap_err();
            let [told] = &told[..] else { panic!("{told:?}") };
            let told = told.to_string();
            let begins = "config/delivery.toml:37: `shop schema` prints no schema of settings: ";
            assert!(told.starts_with(begins) && told.contains(expected), "{expected} in {told}");
        }
        let shop = Scripted::new("exit 3", "[service.commands]\nconfig_schema = [\"schema\"]\n");
        let told = ask(&shop.binary(), &Lines::of(&shop.text)).unwrap().unwrap_err();
        assert!(told[0].message.starts_with("`shop schema` fails: exit status: 3"), "{told:?}");
        assert!(ask(&Scripted::new("exit 3", "").binary(), &Lines::of("")).is_none());
    }
}
