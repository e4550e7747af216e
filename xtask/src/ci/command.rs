//! A step's command, for the system and for a person to paste.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use super::step::Step;
use crate::tools::Toolbox;
use crate::{cargo, github, program};

/// The command as the system takes it.
///
/// # Errors
/// When an argument stands for files and there are none, or the project's tools cannot be named to it.
pub(super) fn of(words: &[&str], step: &Step, root: &Path, tools: Toolbox<'_>) -> anyhow::Result<Command> {
    let (mut command, args) = match words {
        // This program itself: to ask cargo for it would wait for whoever builds.
        ["cargo", "xtask", args @ ..] => (Command::new(program::own()?), args),
        ["cargo", args @ ..] => (Command::new(cargo::program()), args),
        [program, args @ ..] => (Command::new(program), args),
        [] => anyhow::bail!("the step `{}` has no command", step.id),
    };
    for arg in args {
        command.args(expand(arg, root)?);
    }
    // What a verb of this program finds is annotated once, with everything else its log tells of.
    if words.starts_with(&["cargo", "xtask"]) {
        command.env_remove("GITHUB_ACTIONS");
    }
    // The summary of a job is this run's to write, and a verb or a test that a step runs has none.
    command.env_remove(github::SUMMARY_FILE);
    command.current_dir(root).envs(tools.environment(step.needs)?).envs(step.env.iter().copied());
    cargo::foreign_variables().iter().for_each(|name| {
        command.env_remove(name);
    });
    Ok(command)
}

/// The command as it can be pasted into a shell, in the project's folder.
pub(super) fn line(words: &[&str], step: &Step) -> String {
    let variables = step.env.iter().map(|(name, value)| format!("{name}={}", quote(value)));
    variables.chain(words.iter().map(|word| quote(word))).collect::<Vec<_>>().join(" ")
}

/// The line by which a shell finds what the commands after it need.
pub(super) fn export(name: &str, value: &OsStr) -> String {
    format!("export {name}={}", quote(&value.to_string_lossy()))
}

/// A word as a shell takes it; a `*` stays one, since it means the same there.
fn quote(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=,+@%*".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// The files an argument with a `*` stands for, or the argument.
fn expand(arg: &str, root: &Path) -> anyhow::Result<Vec<String>> {
    let Some((before, after)) = arg.split_once('*') else { return Ok(vec![arg.to_owned()]) };
    let (folder, beginning) = before.rsplit_once('/').unwrap_or((".", before));
    let entries = fs::read_dir(root.join(folder)).with_context(|| format!("looking for {arg}"))?;
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let fits = name.strip_prefix(beginning).is_some_and(|rest| rest.ends_with(after));
        if fits && entry.path().is_file() {
            files.push(format!("{folder}/{name}"));
        }
    }
    anyhow::ensure!(!files.is_empty(), "there is no file {arg}");
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ci::step::USUAL;
    use crate::testing::TempDir;

    #[test]
    fn a_line_can_be_pasted() {
        let step = Step { env: &[("RUSTDOCFLAGS", "-D warnings")], ..USUAL };
        assert_eq!(line(&["cargo", "doc", "--no-deps"], &step), "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps");
        assert_eq!(line(&["shellcheck", "scripts/*.sh", "it's"], &USUAL), r"shellcheck scripts/*.sh 'it'\''s'");
    }

    #[test]
    fn an_argument_stands_for_files_that_are_there() {
        let folder = TempDir::new();
        fs::create_dir(folder.path().join("scripts")).unwrap();
        for name in ["b.sh", "a.sh", "README.md"] {
            fs::write(folder.path().join("scripts").join(name), "").unwrap();
        }
        assert_eq!(expand("scripts/*.sh", folder.path()).unwrap(), ["scripts/a.sh", "scripts/b.sh"]);
        assert_eq!(expand("--all", folder.path()).unwrap(), ["--all"]);
        assert_eq!(expand("docker/*", folder.path()).unwrap_err().to_string(), "looking for docker/*");
        assert_eq!(expand("scripts/*.py", folder.path()).unwrap_err().to_string(), "there is no file scripts/*.py");
    }
}
