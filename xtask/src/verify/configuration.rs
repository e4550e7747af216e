//! A3: what the service's own binary says of its settings, as each environment.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use serde_json::Value;

use super::measured::{Measured, Told};
use super::verdict::{Short, Shown, none_of, require};
use crate::config_lint::committed::LARGEST;
use crate::delivery::{Environment, SecretSource};
use crate::size::Size;
use crate::{digest, git, limited};

/// What it explains of one setting, by its key.
type Explained = BTreeMap<String, Value>;

/// What the service is asked for its settings with.
fn explain<'m>(measured: &'m Measured<'_>) -> Result<&'m Vec<String>, Short> {
    let lacking = "service.commands.config_explain does not say how the service tells the values of its settings";
    let args = measured.project.delivery.service.commands.config_explain.as_ref();
    args.ok_or_else(|| Short::unknown(lacking))
}

fn read(said: &str) -> Result<Explained, Short> {
    let said: Value =
        serde_json::from_str(said).map_err(|error| Short::missed(format!("it prints no JSON: {error}")))?;
    let settings = said.get("settings").and_then(Value::as_object);
    let settings = settings.ok_or_else(|| Short::missed("it prints no `settings`"))?;
    Ok(settings.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
}

/// Its settings in one environment, with all that `delivery.toml` gives it there.
fn explained(measured: &Measured<'_>, environment: (&str, &Environment)) -> Result<Explained, Short> {
    let (args, binary) = (explain(measured)?, measured.binary()?);
    let wrong = |why| Short::missed(format!("`{}` in {} {why}", binary.line(args), environment.0));
    read(&binary.print_in(args, environment).map_err(wrong)?)
}

/// The keys whose values are not the same everywhere.
fn differing(all: &[Explained]) -> Vec<&str> {
    let keys: BTreeSet<_> = all.iter().flat_map(BTreeMap::keys).collect();
    let value = |explained: &Explained, key: &String| explained.get(key).and_then(|it| it.get("value").cloned());
    let first = all.first();
    let differs = |key: &&String| first.is_some_and(|first| all.iter().any(|it| value(it, key) != value(first, key)));
    keys.into_iter().filter(differs).map(String::as_str).collect()
}

/// The layer that gives a setting its value, where that is told.
fn layer<'a>(explained: &'a Explained, key: &str) -> Option<&'a str> {
    explained.get(key)?.get("origin")?.get("layer")?.as_str()
}

/// The keys whose values nobody gives from outside the code. What is left to the code in one environment and given in another
/// is given where it differs; where no layer is told, nobody is known to have given it.
fn in_code<'a>(all: &[Explained], keys: &[&'a str]) -> impl Iterator<Item = &'a str> {
    let is_given = |explained: &Explained, key: &str| !matches!(layer(explained, key), None | Some("default"));
    keys.iter().copied().filter(move |key| !all.iter().any(|explained| is_given(explained, key)))
}

/// Every value that differs between environments is given from outside the code.
pub(super) fn externalised(measured: &Measured<'_>) -> Shown {
    none_of(measured.findings()?.iter().map(ToString::to_string).collect())?;
    let environments = &measured.project.delivery.environments;
    let all = environments.iter().map(|(name, environment)| explained(measured, (name, environment)));
    let all: Vec<_> = all.collect::<Result<_, _>>()?;
    let differing = differing(&all);
    none_of(in_code(&all, &differing).map(|key| format!("{key} differs by what the code says")).collect())?;
    Ok(vec![
        format!("config-lint has nothing to say about {} environments", environments.len()),
        format!(
            "{} settings; {} differ between environments, each by a file or a variable: {}",
            all.first().map_or(0, BTreeMap::len),
            differing.len(),
            differing.join(", ")
        ),
    ])
}

/// No secret is in a file of the project, and the service shows none that it was given.
pub(super) fn secrets(measured: &Measured<'_>) -> Shown {
    none_of(measured.findings()?.iter().map(ToString::to_string).collect())?;
    let root = &measured.project.root;
    let files = git::paths_of(root, &[]).map_err(|_| Short::unknown("this is no checkout of git to be searched"))?;
    let environments = &measured.project.delivery.environments;
    let sources = || environments.values().flat_map(Environment::secret_sources);
    let tracked = sources().filter_map(|(secret, source)| match source {
        SecretSource::File(path) => Some((secret, path)),
        SecretSource::Env(_) => None,
    });
    let tracked = tracked.filter(|(_, path)| git::files(root, &[path]).is_ok_and(|files| !files.is_empty()));
    none_of(tracked.map(|(secret, path)| format!("git tracks {path}, the file of {secret}")).collect())?;
    require(sources().count() > 0, || "no environment has a secret: there is none that is managed".into())?;
    let shown = planted(measured)?;
    Ok(vec![
        format!("no secret in {} files of up to {}", files.len(), Size::from(LARGEST)),
        format!("{} secrets of {} environments, each from outside", sources().count(), environments.len()),
        shown,
    ])
}

/// Gives the service secrets, and looks whether it shows them where it tells all that it was given. Its logs and answers it
/// does not look at.
fn planted(measured: &Measured<'_>) -> Result<String, Short> {
    let (args, binary, settings) = (explain(measured)?, measured.binary()?, measured.settings()?);
    let mut told = 0;
    for (name, environment) in &measured.project.delivery.environments {
        for secret in &settings.secrets {
            let planted = digest::of(format!("{name} {} {}", secret.key, std::process::id()).as_bytes());
            let (args, mut env) = binary.asked(args, (name, environment));
            env.insert(secret.variable.clone(), planted.clone());
            let command = duct::cmd(&binary.path, args).full_env(env).dir(&measured.project.root);
            let ran = Told::of(&command, limited::CHECK)?;
            let shows = [&ran.stdout, &ran.stderr].iter().any(|text| text.contains(&planted));
            require(!shows, || format!("`{}` shows {} in {name}", secret.variable, secret.key))?;
            let knows = ran.stdout.contains(&secret.key);
            require(knows, || format!("the service does not tell of {} in {name}, which it was given", secret.key))?;
            told += 1;
        }
    }
    require(told > 0, || "the service has no setting that is a secret: there is none that it could show".into())?;
    Ok(format!("{told} secrets were given to the service, and `{}` shows none of them", args.join(" ")))
}

/// One binary is another environment's by one variable.
pub(super) fn switching(measured: &Measured<'_>) -> Shown {
    let (args, binary) = (explain(measured)?, measured.binary()?);
    let delivery = &measured.project.delivery;
    let switches = delivery.service.env.iter().filter(|(_, value)| value.contains("{environment}"));
    let switches: Vec<_> = switches.map(|(name, _)| name.as_str()).collect();
    let by_args = delivery.service.args.iter().any(|arg| arg.contains("{environment}"));
    require(!switches.is_empty() || by_args, || "service.env gives no variable the {environment}".into())?;
    let first = delivery.environments.iter().next().ok_or_else(|| Short::missed("there is no environment"))?;
    let (_, base) = binary.asked(args, (first.0, first.1));
    let (mut all, mut slowest) = (Vec::new(), std::time::Duration::ZERO);
    for (name, environment) in &delivery.environments {
        let (args, own) = binary.asked(args, (name, environment));
        // All else stays as it was in the first of them.
        let env = base.iter().map(|(name, value)| {
            let is_switch = switches.contains(&name.as_str());
            (name.clone(), own.get(name).filter(|_| is_switch).unwrap_or(value).clone())
        });
        let env: BTreeMap<_, _> = env.collect();
        let began = Instant::now();
        let ran = Told::of(&duct::cmd(&binary.path, args).full_env(env).dir(&measured.project.root), limited::CHECK)?;
        slowest = slowest.max(began.elapsed());
        require(ran.code == Some(0), || format!("as {name} it ends with {:?}", ran.code))?;
        all.push(read(&ran.stdout)?);
    }
    let differing = differing(&all);
    require(!differing.is_empty(), || "no value differs between environments: there is nothing to switch".into())?;
    let names: Vec<_> = delivery.environments.keys().map(String::as_str).collect();
    Ok(vec![
        format!(
            "one binary as {}, by {} alone, in {} ms at the most",
            names.join(", "),
            switches.join(", "),
            slowest.as_millis()
        ),
        format!(
            "{} of {} values differ: {}",
            differing.len(),
            all.first().map_or(0, BTreeMap::len),
            differing.join(", ")
        ),
    ])
}

/// Values of one file stand over those of another.
pub(super) fn layers(measured: &Measured<'_>) -> Shown {
    let mut files: BTreeSet<String> = BTreeSet::new();
    let mut over = BTreeSet::new();
    let environments = &measured.project.delivery.environments;
    for (name, environment) in environments {
        for (key, setting) in explained(measured, (name, environment))? {
            let file = |layered: &Value| Some(layered.get("origin")?.get("path")?.as_str()?.to_owned());
            let below = setting.get("overrides").and_then(Value::as_array).into_iter().flatten().filter_map(file);
            let below: Vec<_> = below.collect();
            let is_over = file(&setting).is_some_and(|file| below.iter().any(|below| *below != file));
            over.extend(is_over.then(|| format!("{key} in {name}")));
            files.extend(file(&setting).into_iter().chain(below));
        }
    }
    let short = |path: &String| crate::foreign::relative(path, &measured.project.root);
    let files: Vec<_> = files.iter().map(short).collect();
    require(!over.is_empty(), || format!("no file of an environment stands over one of all: {}", files.join(", ")))?;
    let over: Vec<_> = over.into_iter().collect();
    Ok(vec![
        format!("files: {}", files.join(", ")),
        format!("an environment's stands over that of all: {}", over.join(", ")),
    ])
}

/// Variables give values, and files of secrets do.
pub(super) fn variables(measured: &Measured<'_>) -> Shown {
    let (settings, environments) = (measured.settings()?, &measured.project.delivery.environments);
    let mut given = BTreeSet::new();
    for (name, environment) in environments {
        let explained = explained(measured, (name, environment))?;
        given.extend(explained.keys().filter(|key| layer(&explained, key) == Some("variable")).cloned());
    }
    require(!given.is_empty(), || "no variable that service.env gives is taken for a value".into())?;
    let given: Vec<_> = given.into_iter().collect();
    let known = settings.open.len() + settings.secrets.len();
    Ok(vec![format!("{known} settings have a variable; by one are given {}", given.join(", "))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_between_environments_is_found_with_where_it_comes_from() {
        let of = |text: &str| read(text).unwrap();
        let one =
            of(r#"{ "settings": { "a": { "value": 1, "origin": { "layer": "default" } }, "b": { "value": "x" } } }"#);
        let two = of(
            r#"{ "settings": { "a": { "value": 2, "origin": { "layer": "file" } }, "b": { "value": "x" }, "c": { "value": 1 } } }"#,
        );
        assert_eq!((layer(&one, "a"), layer(&two, "a"), layer(&one, "b")), (Some("default"), Some("file"), None));
        let all = [one, two];
        assert_eq!(differing(&all), ["a", "c"]);
        assert_eq!(in_code(&all, &["a", "b", "c"]).collect::<Vec<_>>(), ["b", "c"]);
        assert!(differing(&[]).is_empty());
        assert_eq!(read("{}").unwrap_err(), Short::missed("it prints no `settings`"));
        assert!(read("nothing").is_err());
    }
}
