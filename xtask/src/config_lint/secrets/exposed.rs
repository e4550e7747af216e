//! Files that give a secret's value to whoever may look at a container, an image or a workflow.

use crate::config_lint::finding::Finding;
use crate::config_lint::settings::SecretSetting;
use crate::config_lint::sources::{Kind, Source};
use crate::config_lint::variables::words;

/// What is shown, and what would not show it.
pub(super) fn advice(secret: &SecretSetting) -> String {
    let SecretSetting { key, variable, file, .. } = secret;
    let named = secret.file_variable.as_ref().map(|name| format!(", which {name} can name")).unwrap_or_default();
    format!("{variable}, the value of the secret `{key}`; give it as the file `{file}` in the folder of secrets{named}")
}

/// The lines of a file that show it.
pub(super) fn findings(source: &Source, secret: &SecretSetting) -> Vec<Finding> {
    let (lines, message) = match source.kind {
        Kind::Compose => (in_compose(source, secret), format!("shows {}", advice(secret))),
        Kind::Dockerfile => (in_a_dockerfile(source, secret), format!("keeps {}", advice(secret))),
        Kind::Workflow => {
            let SecretSetting { key, variable, .. } = secret;
            let message = format!(
                "{variable} is the value of the secret `{key}`; a workflow has it from `${{{{ secrets.NAME }}}}` and \
                 nothing else"
            );
            (in_a_workflow(source, secret), message)
        }
        // A script may pass it on, and what delivery.toml gives the service was looked at as such.
        Kind::Script | Kind::Delivery => return Vec::new(),
    };
    lines.into_iter().map(|line| Finding::at(&source.path, line, message.clone())).collect()
}

/// Any use but as the source of a secret: `environment: VARIABLE`, in one line, reads what is passed as a file.
fn in_compose(source: &Source, secret: &SecretSetting) -> Vec<usize> {
    let shows = |line: &str| {
        let line = without_comment(line);
        let is_source = line
            .trim()
            .strip_prefix("environment:")
            .is_some_and(|value| value.trim().trim_matches(['"', '\'']) == secret.variable);
        !is_source && names(line, secret)
    };
    source.lines().filter(|(_, line)| shows(line)).map(|(number, _)| number).collect()
}

/// `ENV` and `ARG` stay in the image's history; a mounted secret does not.
fn in_a_dockerfile(source: &Source, secret: &SecretSetting) -> Vec<usize> {
    let (mut lines, mut stays, mut goes_on) = (Vec::new(), false, false);
    for (number, line) in source.lines().filter(|(_, line)| !line.trim_start().starts_with('#')) {
        if !goes_on {
            let instruction = words(line).next().unwrap_or_default();
            stays = ["ENV", "ARG"].iter().any(|it| instruction.eq_ignore_ascii_case(it));
        }
        goes_on = line.trim_end().ends_with('\\');
        if stays && names(line, secret) {
            lines.push(number);
        }
    }
    lines
}

fn in_a_workflow(source: &Source, secret: &SecretSetting) -> Vec<usize> {
    let lines: Vec<_> = source.lines().map(|(number, line)| (number, without_comment(line).trim_end())).collect();
    let mut shown = Vec::new();
    for (at, (number, line)) in lines.iter().enumerate() {
        let below = lines.iter().skip(at + 1).map(|(_, below)| *below).find(|below| !below.is_empty());
        let is_fine = |value: &str| if value.is_empty() { is_declared(line, below) } else { is_of_the_vault(value) };
        if !values(line, &secret.variable).all(|value| is_fine(value.trim())) {
            shown.push(*number);
        }
    }
    shown
}

/// Whether a key without a value beside it has none below either: nothing, or what is said about a secret of that name, as a
/// workflow that others call does.
fn is_declared(line: &str, below: Option<&str>) -> bool {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let is_key = |line: &str| {
        line.trim_start()
            .split_once(':')
            .is_some_and(|(key, rest)| words(key).eq([key]) && (rest.is_empty() || rest.starts_with(' ')))
    };
    below.is_none_or(|below| indent(below) <= indent(line) || is_key(below))
}

fn names(line: &str, secret: &SecretSetting) -> bool {
    words(line).any(|word| word == secret.variable)
}

/// What a line sets a variable to, as YAML or a shell writes that: `NAME: value` and `NAME=value`.
fn values<'a>(line: &'a str, variable: &'a str) -> impl Iterator<Item = &'a str> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    line.match_indices(variable).filter_map(move |(at, _)| {
        let (before, after) = (line.get(..at)?, line.get(at + variable.len()..)?);
        if before.ends_with(is_part) || after.starts_with(is_part) {
            return None;
        }
        let after = after.trim_start_matches(['"', '\'']);
        after.strip_prefix('=').or_else(|| after.trim_start().strip_prefix(':'))
    })
}

/// `${{ secrets.NAME }}` and nothing beside it.
fn is_of_the_vault(value: &str) -> bool {
    let value = value.trim().trim_matches(['"', '\'']);
    let inside = value.strip_prefix("${{").and_then(|value| value.strip_suffix("}}")).map(str::trim);
    let name = inside.and_then(|inside| inside.strip_prefix("secrets."));
    name.is_some_and(|name| !name.is_empty() && words(name).eq([name]))
}

/// A line of YAML up to its comment.
fn without_comment(line: &str) -> &str {
    let comment =
        line.match_indices('#').find(|(at, _)| line[..*at].chars().next_back().is_none_or(char::is_whitespace));
    comment.map_or(line, |(at, _)| &line[..at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config_lint::settings::tests::settings;

    /// The lines that are told of, each of which names the secret.
    fn told(kind: Kind, text: &str) -> Vec<usize> {
        let source = Source { path: "file".into(), kind, text: text.replace("TOKEN", "SHOP__METRICS__TOKEN") };
        let found = findings(&source, &settings().secrets[0]);
        assert!(found.iter().all(|finding| finding.message.contains("the value of the secret `metrics.token`")));
        found.into_iter().map(|finding| finding.place.unwrap().line.unwrap()).collect()
    }

    #[test]
    fn compose_passes_it_as_a_file_alone() {
        let wrong =
            "environment:\n  TOKEN: ${X}\n  - TOKEN\n  - TOKEN=x\n  OTHER: ${TOKEN:-none}\n  environment: {TOKEN: x}\n";
        assert_eq!(told(Kind::Compose, wrong), [2, 3, 4, 5, 6]);
        let fine = "secrets:\n  metrics.token:\n    environment: TOKEN # TOKEN\n    environment: \"TOKEN\"\n# TOKEN\n  TOKEN_FILE: /run/secrets/metrics.token\n";
        assert_eq!(told(Kind::Compose, fine), [0; 0]);
    }

    #[test]
    fn nothing_of_it_stays_in_an_image() {
        let wrong =
            "FROM scratch\nENV A=1 \\\n  # TOKEN\n  TOKEN=x \\\n  B=$TOKEN\narg TOKEN\nRUN true\nARG A=${TOKEN}\n";
        assert_eq!(told(Kind::Dockerfile, wrong), [4, 5, 6, 8]);
        let fine = "# ENV TOKEN\nRUN --mount=type=secret,id=t,env=TOKEN \\\n  ENV TOKEN\nENV TOKEN_FILE=/run/secrets/metrics.token\n";
        assert_eq!(told(Kind::Dockerfile, fine), [0; 0]);
    }

    #[test]
    fn a_workflow_has_it_from_its_secrets_alone() {
        let wrong = "env:\n  TOKEN: geheim\n  TOKEN: ${{ vars.TOKEN }}\n  TOKEN: ${{ secrets.A || 'geheim' }}\n  TOKEN:\n    geheim\n  \
                     \"TOKEN\" : x${{ secrets.A }}\n  run: TOKEN=geheim cargo xtask up\n  run: echo \"TOKEN=$X\" >> \"$GITHUB_ENV\"\n";
        assert_eq!(told(Kind::Workflow, wrong), [2, 3, 4, 5, 7, 8, 9]);
        let fine = "env:\n  TOKEN: ${{ secrets.A }}\n  TOKEN: \"${{secrets.TOKEN}}\" # why\n  run: test -n \"$TOKEN\"\n  # TOKEN: x\n  \
                    TOKEN_FILE: path\n  MY_TOKEN: y\non:\n  workflow_call:\n    secrets:\n      TOKEN:\n        required: true\n      TOKEN:\n    TOKEN:";
        assert_eq!(told(Kind::Workflow, fine), [0; 0]);
    }

    #[test]
    fn a_script_may_pass_it_on() {
        assert_eq!(told(Kind::Script, "TOKEN=$(pass show token) cargo xtask up\n"), [0; 0]);
    }
}
