//! Every `run:` is one verb of this program that exists, with flags that exist, and variables that somebody has declared.

use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::super::expression::inner;
use super::super::mistake::Mistake;
use super::super::model::{Job, Step, Values, Workflow};
use super::super::yaml::Text;
use super::line::{self, Word};

/// The flags by which a verb says what it would do, and does nothing.
const PRINTS: [&str; 4] = ["--plan", "--dry-run", "--list", "--why"];
/// What stands for a value that nobody knows before the workflow runs.
const UNKNOWN: &str = "value-of-";

/// What is wrong with the command lines of a workflow. `command` is the command line that takes them.
pub(super) fn mistakes(workflow: &Workflow, command: &Command) -> Vec<Mistake> {
    let steps = workflow.jobs.iter().flat_map(|job| job.steps.iter().map(move |step| (job, step)));
    let lines = steps.filter_map(|(job, step)| Some((job, step, step.run.as_ref()?)));
    let wrong = |(job, step, run): (&Job, &Step, &Text)| {
        let said = of_line(workflow, job, step, run, command);
        said.into_iter().map(|message| workflow.mistake(run.place, message)).collect::<Vec<_>>()
    };
    lines.flat_map(wrong).collect()
}

fn of_line(workflow: &Workflow, job: &Job, step: &Step, run: &Text, command: &Command) -> Vec<String> {
    if run.contains("${{") {
        return vec![
            "an expression in a command line becomes part of it: give it by `env`, and write \"$NAME\"".into(),
        ];
    }
    let line = run.trim_end();
    if line.contains('\n') {
        return vec![
            "these are several lines; a `run` is one `cargo xtask` verb, and each gets a step of its own".into(),
        ];
    }
    let env = |name: &str| workflow.variable(Some(job), Some(step), name);
    if line::is_allowed(line) {
        return undeclared(["EXPECTED", "NEEDS"], env);
    }
    let words = match line::words(line) {
        Ok(words) => words,
        Err(message) => return vec![message],
    };
    let [cargo, xtask, args @ ..] = &words[..] else {
        return vec!["this is no `cargo xtask` verb".into()];
    };
    if (cargo.written().as_str(), xtask.written().as_str()) != ("cargo", "xtask") {
        return vec!["this is no `cargo xtask` verb, nor one of the lines that are allowed beside it".into()];
    }
    let said = undeclared(args.iter().flat_map(Word::variables), env);
    said.into_iter().chain(refused(job, args, command, env)).collect()
}

fn undeclared<'a>(names: impl IntoIterator<Item = &'a str>, env: impl Fn(&str) -> Option<&'a Text>) -> Vec<String> {
    let names = names.into_iter().filter(|name| env(name).is_none());
    names.map(|name| format!("nobody declares `{name}` in an `env` of the step, the job or the workflow")).collect()
}

/// What is wrong with a verb and its flags in any of the job's variants.
fn refused<'a>(
    job: &Job,
    args: &[Word],
    command: &Command,
    env: impl Fn(&str) -> Option<&'a Text> + Copy,
) -> Vec<String> {
    let variants = job.strategy.iter().flat_map(|strategy| &strategy.matrix).map(|(_, values)| length(values));
    let mut refused = Vec::new();
    for variant in 0..variants.max().unwrap_or(1).max(1) {
        let given = |name: &str| {
            let text = env(name).map(|text| known(text, job, variant).unwrap_or_else(|| format!("{UNKNOWN}{name}")));
            text.unwrap_or_default()
        };
        let args: Vec<_> = args.iter().map(|word| word.with(given)).collect();
        for message in prints(&args).into_iter().chain(accept(command, args).err()) {
            if !refused.contains(&message) {
                refused.push(message);
            }
        }
    }
    refused
}

/// By which of its flags a verb does nothing: what comes after it in the job would be about what was there before.
fn prints(args: &[String]) -> Option<String> {
    let flag = args.iter().find(|arg| PRINTS.contains(&arg.as_str()))?;
    Some(format!("`{flag}` only prints, and does nothing; leave it out"))
}

fn length(values: &Values) -> usize {
    match values {
        Values::Listed(values) => values.len(),
        Values::Computed(_) => 1,
    }
}

/// What a variable is in one of the job's variants, where that stands in the file.
fn known(text: &Text, job: &Job, variant: usize) -> Option<String> {
    let Some(expression) = inner(text) else {
        return (!text.contains("${{")).then(|| text.value.clone());
    };
    let name = expression.strip_prefix("matrix.")?;
    let (_, values) = job.strategy.as_ref()?.matrix.iter().find(|(key, _)| *key == name)?;
    match values {
        Values::Listed(values) => values.get(variant % values.len().max(1)).map(|value| value.value.clone()),
        Values::Computed(_) => None,
    }
}

/// Whether this program's own command line takes these arguments, whatever the values are that nobody knows yet.
fn accept(command: &Command, mut args: Vec<String>) -> Result<(), String> {
    for _ in 0..=args.len() {
        let typed = [command.get_name()].into_iter().chain(args.iter().map(String::as_str));
        let error = match command.clone().try_get_matches_from(typed) {
            Ok(matches) if matches.subcommand_name().is_some() => return Ok(()),
            Ok(_) => return Err("this names no verb; `cargo xtask --help` lists them".into()),
            Err(error) => error,
        };
        let Some(unknown) = unknown(&error) else { return Err(in_one_line(&error)) };
        match error.get(ContextKind::ValidValue) {
            // One of those it will be; the rest of the line is looked at with the first.
            Some(ContextValue::Strings(valid)) if !valid.is_empty() => {
                args.iter_mut().for_each(|arg| *arg = arg.replace(&unknown, &valid[0]));
            }
            // What makes it good is in code, and the rest of the line cannot be told from here.
            _ => return Ok(()),
        }
    }
    Ok(())
}

/// The value that an error is about, if nobody can know it before the workflow runs.
fn unknown(error: &clap::Error) -> Option<String> {
    if !matches!(error.kind(), ErrorKind::InvalidValue | ErrorKind::ValueValidation) {
        return None;
    }
    match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) if value.contains(UNKNOWN) => Some(value.clone()),
        _ => None,
    }
}

fn in_one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
    let said = lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
    let said = said.trim_start_matches("error: ");
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return "this prints a help text and does nothing".into();
    }
    format!("the command line does not take this: {said}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli;
    use crate::workflows::check::tests::{one_step, said};

    fn of(workflow: &Workflow) -> Vec<Mistake> {
        mistakes(workflow, &cli::command())
    }

    #[test]
    fn a_line_is_one_verb_with_flags_that_exist_and_variables_that_are_declared() {
        for (line, expected) in [
            ("cargo xtask ci --group ${{ matrix.group }}", "an expression in a command line"),
            ("|\n          cargo xtask ci\n          cargo xtask status", "several lines"),
            ("cargo build", "no `cargo xtask` verb"),
            ("cargo xtask", "this names no verb"),
            ("cargo xtask cy", "unrecognized subcommand 'cy'"),
            ("cargo xtask ci --grop \"$GROUP\"", "unexpected argument '--grop'"),
            ("cargo xtask ci --group speed", "invalid value 'speed'"),
            ("cargo xtask ci --group \"$OTHER\"", "nobody declares `OTHER`"),
            ("cargo xtask ci --group $GROUP", "in double quotes"),
            ("cargo xtask ci; true", "`;` is for the shell"),
            ("cargo xtask ci --help", "does nothing"),
            ("cargo xtask ci --group \"$GROUP\" --yes --keep-going --dry-run", "`--dry-run` only prints"),
            ("cargo xtask ci --list", "`--list` only prints"),
            ("cargo xtask ci --why", "`--why` only prints"),
            ("cargo xtask deploy-blue-green --env staging --wait 15m --plan", "`--plan` only prints"),
        ] {
            let workflow = one_step(line);
            let found = said(&of(&workflow));
            assert!(found.iter().any(|said| said.contains(expected)), "{line}: {found:?}");
            let place = if line.starts_with('|') { "w.yml:16:11: " } else { "w.yml:15:14: " };
            assert!(found.iter().all(|said| said.starts_with(place)), "{found:?}");
        }
        for line in
            ["cargo xtask ci --group \"$GROUP\"", "cargo xtask down --env \"$ENVIRONMENT\" --yes", line::ALLOWED[0]]
        {
            let found = said(&of(&one_step(&format!("|\n          {line}"))));
            assert_eq!(found, Vec::<String>::new(), "{line}");
        }
    }

    #[test]
    fn every_value_of_the_matrix_is_tried() {
        let found = said(&of(&one_step("cargo xtask ci --group \"$WRONG\"")));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("invalid value 'speed'"), "{found:?}");
    }

    #[test]
    fn what_nobody_knows_yet_hides_nothing_behind_it() {
        let found = said(&of(&one_step("cargo xtask docker-build --builder \"$ENVIRONMENT\" --pushh")));
        assert!(found[0].contains("'--pushh'"), "{found:?}");
        assert!(of(&one_step("cargo xtask rollback --wait \"$ENVIRONMENT\"")).is_empty());
    }
}
