//! All layers of a configuration, read: what each gives, which value wins, and everything that is wrong.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use super::{
    Environment, Settings, file, flags,
    layer::{Given, Layer},
    problem::{Origin, Problem, Problems, excerpt::clip},
    secret_files,
    setting::{
        Definition, Rule, Setting,
        kind::Kind,
        refusal::Refused,
        value::{Value, Values},
    },
    variables,
};

/// Where a configuration is read from.
#[derive(Clone)]
pub struct Sources {
    /// Chooses the file above `base.toml`, and how strict validation is.
    pub environment: Environment,
    /// The folder of the files.
    pub directory: PathBuf,
    /// The folder of the secret files, where there is one.
    pub secrets: Option<PathBuf>,
    /// Whether no secret is at hand, so that none is missed.
    pub without_secrets: bool,
    /// Environment variables; those that do not look like the service's are ignored.
    pub variables: Vec<(String, String)>,
    /// `KEY=VALUE` of each `--set`, the strongest layer.
    pub flags: Vec<String>,
}

/// Names only: what variables and flags hold may be secret, or meant to be.
impl fmt::Debug for Sources {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Sources")
            .field("environment", &self.environment)
            .field("directory", &self.directory)
            .field("secrets", &self.secrets)
            .field("without_secrets", &self.without_secrets)
            .field("variables", &self.variables.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("flags", &self.flags.len())
            .finish()
    }
}

impl Sources {
    /// Only the files of `directory`.
    #[must_use]
    pub fn files(environment: Environment, directory: PathBuf) -> Self {
        Self { environment, directory, secrets: None, without_secrets: false, variables: Vec::new(), flags: Vec::new() }
    }

    /// Reads, merges and validates.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with any layer, in the order of the layers.
    pub fn load(&self) -> Result<Settings, Problems> {
        self.read(&super::DEFINITION).settings()
    }

    /// Reads all layers of what `definition` defines.
    #[must_use]
    pub fn read(&self, definition: &Definition) -> Reading {
        let environment_file = format!("{}.toml", self.environment);
        let (named_secrets, variables) = variables::read(definition, &self.variables);
        let secrets = self.secrets.as_ref().map(|folder| secret_files::folder(definition, folder));
        let layers = [
            Layer::defaults(definition),
            file::read(definition, &self.directory.join("base.toml")),
            file::read(definition, &self.directory.join(environment_file)),
            secrets.unwrap_or_default(),
            named_secrets,
            variables,
            flags::read(definition, &self.flags),
        ];
        let mut reading = Reading { environment: self.environment, given: Vec::new(), problems: Vec::new() };
        for layer in layers {
            for problem in layer.problems {
                // A folder that does not exist is missed by each of its files.
                if !reading.problems.contains(&problem) {
                    reading.problems.push(problem);
                }
            }
            reading.given.extend(layer.given);
        }
        reading.judge(definition, self);
        reading
    }
}

/// What the sources say.
#[derive(Debug)]
pub struct Reading {
    environment: Environment,
    /// Weakest layer first.
    given: Vec<Given>,
    problems: Vec<Problem>,
}

impl Reading {
    /// What each layer gives for the setting at `path`, the weakest first; the last one counts.
    pub fn given(&self, path: &str) -> impl DoubleEndedIterator<Item = &Given> {
        self.given.iter().filter(move |given| given.setting.path == path)
    }

    /// Everything that is wrong, in the order of the layers.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The value of every setting.
    ///
    /// # Errors
    ///
    /// Everything that is wrong.
    pub fn values(self) -> Result<Values, Problems> {
        if self.problems.is_empty() { Ok(self.valid_values()) } else { Err(Problems(self.problems)) }
    }

    /// The values of this service's definition, in their types.
    ///
    /// # Errors
    ///
    /// Everything that is wrong.
    pub(super) fn settings(self) -> Result<Settings, Problems> {
        let environment = self.environment;
        Settings::from_values(environment, &self.values()?).map_err(|message| Problem::new(message).into())
    }

    fn valid_values(&self) -> Values {
        let winners = self.winners().into_iter();
        Values(winners.filter_map(|(path, given)| Some((path, given.value.clone()?))).collect())
    }

    fn winners(&self) -> BTreeMap<&'static str, &Given> {
        self.given.iter().map(|given| (given.setting.path, given)).collect()
    }

    /// Finds what is wrong with the values as a whole.
    fn judge(&mut self, definition: &Definition, sources: &Sources) {
        let winners = self.winners();
        let refused = winners.values().filter_map(|given| refuse(given, self.environment));
        let missing = definition.settings.iter().filter_map(|setting| {
            let given = winners.get(setting.path)?;
            missing(setting, given, sources)
        });
        let values = self.valid_values();
        let broken = definition.rules.iter().filter_map(|rule| broken(rule, &values, &winners));
        let found: Vec<_> = refused.chain(missing).chain(broken).collect();
        self.problems.extend(found);
    }
}

fn refuse(given: &Given, environment: Environment) -> Option<Problem> {
    let Given { setting, value, origin, excerpt } = given;
    let value = value.as_ref()?;
    let refusal = setting.refusal(value, environment)?;
    let refused = if setting.is_secret() { "the secret given".to_owned() } else { clip(&value.to_string()) };
    // Every environment that does, so that checking all of them tells it once.
    let environments: Vec<_> = refusal.environments.iter().map(|environment| environment.as_str()).collect();
    let environments = environments.join(" and ");
    let message = format!("{}: {refused} is refused in {environments}: {}", setting.path, refusal.reason);
    let valid = match (&refusal.values, &setting.kind) {
        (Refused::AnyButDefault, _) => setting.default.unwrap_or("no value").to_owned(),
        (Refused::Outside(range), _) => Kind::Duration(range.clone()).to_string(),
        (Refused::These(texts), Kind::Word(words)) => {
            let left: Vec<_> = words.iter().filter(|word| !texts.contains(word)).copied().collect();
            format!("one of {}", left.join(", "))
        }
        (values, kind) => format!("{kind}, {values}"),
    };
    Some(Problem::new(message).at(origin.clone()).showing(excerpt.clone()).valid(valid).about(setting))
}

fn missing(setting: &'static Setting, given: &Given, sources: &Sources) -> Option<Problem> {
    let environment = sources.environment;
    let is_needed = setting.required.contains(&environment) && !(setting.is_secret() && sources.without_secrets);
    if !is_needed || given.value != Some(Value::Unset) {
        return None;
    }
    let problem = Problem::new(format!("{}: required in {environment}, and nothing gives it", setting.path));
    let problem = problem.about(setting);
    if !setting.is_secret() {
        return Some(problem.valid(format_args!(
            "{}, by {} or in {environment}.toml",
            setting.kind,
            setting.variable()
        )));
    }
    let nearly = sources.secrets.as_ref().and_then(|folder| secret_files::nearly(setting, folder));
    let folder = sources.secrets.as_ref().map_or("secrets".into(), |folder| folder.display().to_string());
    let named = if sources.secrets.is_some() { "" } else { ", and APP_SECRETS_DIR=secrets names its folder" };
    let make = format!("`openssl rand -hex 32 > {folder}/{}` makes one{named}", setting.path);
    let rename = nearly.map(|name| format!("rename its file from `{name}` to `{}`", setting.path));
    Some(problem.valid(setting.ways_for_a_secret()).help(rename.unwrap_or(make)))
}

fn broken(rule: &Rule, values: &Values, winners: &BTreeMap<&'static str, &Given>) -> Option<Problem> {
    if (rule.holds)(values)? {
        return None;
    }
    let about: Vec<_> = rule.settings.iter().filter_map(|path| winners.get(path)).collect();
    let told: Vec<_> = about.iter().filter_map(|given| Some(tell(given, given.value.as_ref()?))).collect();
    let message = format!("{} do not fit together: {}", told.join(" and "), rule.reason);
    // Whoever gave the last of them by hand is who can mend it.
    let (by_hand, by_default): (Vec<&&Given>, Vec<&&Given>) =
        about.into_iter().partition(|given| given.origin != Origin::Default);
    let mut problem = Problem::new(message).valid(rule.valid);
    if let Some((last, others)) = by_hand.split_last() {
        problem = problem.at(last.origin.clone()).showing(last.excerpt.clone()).about(last.setting);
        for other in others {
            let what = format!("{} is given here", other.setting.path);
            problem = problem.and(what, other.origin.clone(), other.excerpt.clone());
        }
    }
    let defaults = by_default.iter().map(|given| format!("nothing sets {}, so its default counts", given.setting.path));
    Some(defaults.fold(problem, Problem::note))
}

fn tell(given: &Given, value: &Value) -> String {
    format!("{} ({})", given.setting.path, clip(&value.to_string()))
}
