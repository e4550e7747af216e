//! Secrets that were built in. Whoever can pull an image has every layer of it, those included that a later one has covered,
//! and every instruction it was made by. No secret is shown.

use std::collections::BTreeSet;

use super::Subject;
use super::contents::{Entry, Kind, Layer, Secret, Tree};
use super::row::Row;
use crate::config_lint::committed;
use crate::delivery::CommittedSecrets;

/// Files that are kept because of the secret in them (Dockle, `CIS-DI-0010`; trivy and gitleaks have the same).
const FILES: [&str; 23] = [
    ".bash_history",
    ".dockercfg",
    ".env",
    ".git-credentials",
    ".htpasswd",
    ".my.cnf",
    ".netrc",
    ".npmrc",
    ".pgpass",
    ".pypirc",
    ".s3cfg",
    ".vault-token",
    "_netrc",
    "credentials",
    "credentials.json",
    "credentials.toml",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "id_rsa",
    "secrets.yaml",
    "secrets.yml",
    "terraform.tfstate",
];
/// The same, by the folder too.
const PATHS: [&str; 2] = [".docker/config.json", ".kube/config"];
/// How their names end.
const ENDINGS: [&str; 7] = [".jks", ".kdbx", ".keystore", ".p12", ".pfx", ".ppk", ".tfvars"];
/// What the name of an example ends in.
const EXAMPLES: [&str; 4] = [".example", ".sample", ".schema", ".template"];
/// Folders with everything that was ever committed.
const HISTORIES: [&str; 3] = [".git", ".hg", ".svn"];

/// A row about files, and one about what is written beside them.
pub(super) fn rows(subject: &Subject<'_>) -> Vec<Row> {
    let allowed = allowed(&subject.project.delivery.committed_secrets);
    let layers = subject.contents.layers.iter().enumerate();
    let files = layers.flat_map(|(number, layer)| in_layer(number, layer, &subject.tree, &allowed));
    let remedy = "leave it out of what is copied, revoke it, and give its successor through environments.NAME.secrets";
    let files = noting(Row::none_of("secret-files", files.collect(), remedy), &subject.contents.layers);
    let remedy =
        "take it out of ENV, LABEL and ARG, revoke it, and give its successor through environments.NAME.secrets";
    vec![files, Row::none_of("secret-values", values(subject, &allowed), remedy)]
}

/// The same row, with what nobody has searched.
fn noting(row: Row, layers: &[Layer]) -> Row {
    let unsearched =
        layers.iter().flat_map(|layer| layer.entries.iter()).filter(|entry| entry.noted.is_unsearched).count();
    let found = match unsearched {
        0 => row.found,
        1 => format!("{}; one text is too long to be searched", row.found),
        count => format!("{}; {count} texts are too long to be searched", row.found),
    };
    Row { found, ..row }
}

/// What somebody has looked at, whatever file it stands in.
fn allowed(settings: &CommittedSecrets) -> BTreeSet<&str> {
    settings.allow.iter().filter_map(|allow| Some(allow.sha256.as_ref()?.get_ref().as_str())).collect()
}

fn in_layer(number: usize, layer: &Layer, tree: &Tree<'_>, allowed: &BTreeSet<&str>) -> Vec<String> {
    let found = |entry: &Entry| {
        let why = by_name(entry).map(str::to_owned).or_else(|| by_content(&entry.noted.secrets, allowed))?;
        let hidden = if tree.has(entry) { "" } else { ", which a later layer only covers" };
        Some(format!("/{} of layer {}: {why}{hidden}", entry.path, number + 1))
    };
    layer.entries.iter().filter_map(found).collect()
}

fn by_name(entry: &Entry) -> Option<&'static str> {
    let (_, name) = entry.split();
    let is_example = EXAMPLES.iter().any(|ending| name.ends_with(ending));
    match entry.kind {
        Kind::Folder => HISTORIES.contains(&name).then_some("everything that was ever committed"),
        Kind::File if !is_example => {
            let of_path = PATHS.iter().any(|path| entry.path == *path || entry.path.ends_with(&format!("/{path}")));
            let of_name = FILES.contains(&name) || name.starts_with(".env.");
            let is_secret = of_path || of_name || ENDINGS.iter().any(|ending| name.ends_with(ending));
            is_secret.then_some("its name is that of a file with secrets")
        }
        _ => None,
    }
}

fn by_content(secrets: &[Secret], allowed: &BTreeSet<&str>) -> Option<String> {
    let secrets = secrets.iter().filter(|secret| !allowed.contains(secret.digest.as_str()));
    let told: BTreeSet<_> =
        secrets.map(|secret| format!("{} (SHA-256 {})", secret.kind.what(), secret.digest)).collect();
    (!told.is_empty()).then(|| told.into_iter().collect::<Vec<_>>().join(", "))
}

/// Variables, labels and instructions.
fn values(subject: &Subject<'_>, allowed: &BTreeSet<&str>) -> Vec<String> {
    let config = &subject.image.config;
    let variables = config.env.iter().flatten().filter_map(|variable| variable.split_once('='));
    let variables =
        variables.filter_map(|(name, value)| Some(format!("variable {name}: {}", given(name, value, allowed)?)));
    let labels = config.labels.iter().flatten();
    let labels = labels.filter_map(|(name, value)| Some(format!("label {name}: {}", given(name, value, allowed)?)));
    let instructions = subject.contents.history.iter().enumerate();
    let instructions = instructions.filter_map(|(number, instruction)| {
        let why = instructed(instruction, allowed)?;
        Some(format!("instruction {}: {why}", number + 1))
    });
    variables.chain(labels).chain(instructions).collect()
}

/// What is wrong with a value that is given a name.
fn given(name: &str, value: &str, allowed: &BTreeSet<&str>) -> Option<String> {
    let is_allowed = allowed.contains(crate::digest::of(value).as_str());
    let secrets: Vec<_> = Secret::all_in(format!("{name}={value}").as_bytes()).collect();
    let by_name = || committed::names_a_secret(name) && !is_allowed && !value.is_empty() && !value.starts_with('/');
    by_content(&secrets, allowed).or_else(|| by_name().then(|| "its name is that of a secret".to_owned()))
}

/// What is wrong with an instruction: a value in it, or an argument of the build, which every `RUN` after it keeps.
fn instructed(instruction: &str, allowed: &BTreeSet<&str>) -> Option<String> {
    let (_, arguments) = instruction.split_once('|').unwrap_or_default();
    let mut words = arguments.split(' ');
    let count = words.next().and_then(|count| count.parse().ok()).unwrap_or(0);
    let mut arguments = words.take(count).filter_map(|word| word.split_once('='));
    let argument =
        arguments.find_map(|(name, value)| Some(format!("argument {name}: {}", given(name, value, allowed)?)));
    argument.or_else(|| by_content(&Secret::all_in(instruction.as_bytes()).collect::<Vec<_>>(), allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(path: &str, kind: Kind) -> bool {
        let entry =
            Entry { path: path.into(), kind, mode: 0, size: 0, has_capabilities: false, noted: Default::default() };
        by_name(&entry).is_some()
    }

    #[test]
    fn a_file_that_is_kept_for_its_secret_is_known_by_its_name() {
        for path in
            [".env", "app/.env", "app/.env.production", "root/.ssh/id_rsa", "home/a/.docker/config.json", "x/tls.p12"]
        {
            assert!(named(path, Kind::File), "{path}");
        }
        for path in
            ["app/env", ".env.template", ".env.example", "config.json", "app/tls.pem", "release/config/base.toml"]
        {
            assert!(!named(path, Kind::File), "{path}");
        }
        assert!(named("app/.git", Kind::Folder) && !named("app/.git", Kind::File) && !named("app/.env", Kind::Folder));
    }

    #[test]
    fn a_value_is_a_secret_by_its_name_and_by_itself() {
        let none = BTreeSet::new();
        let key = ["AK", "IA", "K4QZ7XN2WJ5RT3VM"].concat();
        for (name, value) in [("DB_PASSWORD", "hunter2"), ("API_TOKEN", "x"), ("ANYTHING", &key)] {
            let told = given(name, value, &none).unwrap();
            assert!(value == "x" || !told.contains(value), "{told}");
        }
        for (name, value) in [
            ("PATH", "/usr/bin"),
            ("TOKEN", ""),
            ("TOKEN_FILE", "x"),
            ("DB_PASSWORD", "/run/secrets/db"),
            ("PUBLIC_KEY", "abc"),
        ] {
            assert_eq!(given(name, value, &none), None, "{name}");
        }
        let digest = crate::digest::of("hunter2");
        assert_eq!(given("DB_PASSWORD", "hunter2", &BTreeSet::from([digest.as_str()])), None);
    }

    #[test]
    fn an_argument_of_the_build_stays_in_the_instruction_after_it() {
        let none = BTreeSet::new();
        let told = instructed("RUN |2 A=b API_TOKEN=hunter2 /bin/sh -c make # buildkit", &none).unwrap();
        assert_eq!(told, "argument API_TOKEN: its name is that of a secret");
        assert_eq!(instructed("RUN |1 A=b /bin/sh -c export API_TOKEN=$(cat /run/secrets/x)", &none), None);
        assert_eq!(instructed("COPY dir:1 in /", &none), None);
    }
}
