//! A `run:` as the shell takes it apart, as far as it is one command with arguments.

use super::super::model::{Job, Step, Workflow};
use super::super::yaml::Text;

/// What a `run:` may be besides a verb, each with its reason.
pub(super) const ALLOWED: [&str; 1] = [
    // A gate that needs a build to say no could fail to say it.
    "jq --exit-status --arg expected \"$EXPECTED\" '($expected | split(\" \")) as $run | ($run - keys == []) and \
     all(to_entries[]; .value.result == if .key | IN($run[]) then \"success\" else \"skipped\" end)' <<< \"$NEEDS\"",
];

/// Whether a line is one of those.
pub(super) fn is_allowed(run: &str) -> bool {
    ALLOWED.contains(&run.trim_end())
}

/// A part of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Variable(String),
}

/// A word of a line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Word(Vec<Piece>);

impl Word {
    fn push(&mut self, letter: char) {
        match self.0.last_mut() {
            Some(Piece::Text(text)) => text.push(letter),
            _ => self.0.push(Piece::Text(letter.to_string())),
        }
    }

    /// What it says, with each variable's value.
    pub(super) fn with(&self, value: impl Fn(&str) -> String) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Variable(name) => value(name),
        };
        self.0.iter().map(piece).collect()
    }

    /// What it says, with each variable as it is written.
    pub(super) fn written(&self) -> String {
        self.with(|name| format!("${name}"))
    }

    /// The variables in it.
    pub(super) fn variables(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Text(_) => None,
            Piece::Variable(name) => Some(name.as_str()),
        })
    }
}

/// Takes a line apart.
///
/// # Errors
/// What of it is more than one command with its arguments, and what would be right.
pub(super) fn words(line: &str) -> Result<Vec<Word>, String> {
    let mut words = Vec::new();
    let mut word: Option<Word> = None;
    let mut quote = None;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (None, ' ' | '\t') => words.extend(word.take()),
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (Some(open), _) if open == letter => quote = None,
            (Some('"'), '$') => {
                let mut name = String::new();
                while let Some(next) = letters.next_if(|next| next.is_ascii_alphanumeric() || *next == '_') {
                    name.push(next);
                }
                if name.is_empty() {
                    return Err("after `$` the name of a variable is wanted, and nothing else".into());
                }
                word.get_or_insert_default().0.push(Piece::Variable(name));
            }
            (None, '$') => return Err("a variable stands in double quotes: \"$NAME\"".into()),
            (None, ';' | '&' | '|' | '<' | '>' | '(' | ')' | '*' | '?' | '[' | ']' | '{' | '}' | '~' | '#' | '!') => {
                return Err(format!("`{letter}` is for the shell; a line is one `cargo xtask` verb with its flags"));
            }
            (None | Some('"'), '`' | '\\') => return Err(format!("`{letter}` is for the shell; do without it")),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    if quote.is_some() {
        return Err("a quote is not closed".into());
    }
    words.extend(word);
    Ok(words)
}

/// A verb with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    /// Which.
    pub(crate) verb: String,
    /// What follows it.
    pub(super) args: Vec<Word>,
}

impl Call {
    /// The verb that a step calls, where it does.
    pub(crate) fn of(step: &Step) -> Option<Call> {
        let words = words(step.run.as_ref()?.trim_end()).ok()?;
        let [cargo, xtask, verb, args @ ..] = &words[..] else { return None };
        let is_verb = cargo.written() == "cargo" && xtask.written() == "xtask";
        is_verb.then(|| Call { verb: verb.written(), args: args.to_vec() })
    }

    /// The verbs that a job calls, in order, each with its step.
    pub(crate) fn all(job: &Job) -> impl Iterator<Item = (&Step, Call)> {
        job.steps.iter().filter_map(|step| Some((step, Call::of(step)?)))
    }

    /// Whether a flag is given.
    pub(crate) fn has(&self, flag: &str) -> bool {
        self.args.iter().any(|arg| is_flag(&arg.written(), flag))
    }

    /// A flag's value as it is written, variables as `$NAME`.
    pub(crate) fn value(&self, flag: &str) -> Option<String> {
        let place = self.args.iter().position(|arg| is_flag(&arg.written(), flag))?;
        match self.args[place].written().split_once('=') {
            Some((_, value)) => Some(value.to_owned()),
            None => self.args.get(place + 1).map(Word::written),
        }
    }
}

/// A call, and where it stands.
#[derive(Debug)]
pub(crate) struct CallSite<'a> {
    pub(crate) workflow: &'a Workflow,
    pub(crate) job: &'a Job,
    pub(crate) step: &'a Step,
    pub(crate) call: Call,
}

impl<'a> CallSite<'a> {
    /// The calls of a workflow, in order.
    pub(crate) fn all(workflow: &'a Workflow) -> impl Iterator<Item = CallSite<'a>> {
        let of_job = move |job| Call::all(job).map(move |(step, call)| CallSite { workflow, job, step, call });
        workflow.jobs.iter().flat_map(of_job)
    }

    /// What a flag is given: the word itself, or what is written for the variable that it is.
    pub(crate) fn given(&self, flag: &str) -> Option<String> {
        let value = self.call.value(flag)?;
        if value.starts_with('$') { self.variable(flag).map(|text| text.value.clone()) } else { Some(value) }
    }

    /// What is written for the variable that a flag is given.
    pub(super) fn variable(&self, flag: &str) -> Option<&'a Text> {
        let value = self.call.value(flag)?;
        self.workflow.variable(Some(self.job), Some(self.step), value.strip_prefix('$')?)
    }
}

fn is_flag(arg: &str, flag: &str) -> bool {
    arg.strip_prefix(flag).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_command_with_arguments_is_taken_apart_and_nothing_else_is() {
        let said = |line| words(line).unwrap().iter().map(Word::written).collect::<Vec<_>>();
        assert_eq!(
            said("cargo  xtask ci --group=\"$GROUP\" 'a b' \"\""),
            ["cargo", "xtask", "ci", "--group=$GROUP", "a b", ""]
        );
        let word = &words("\"$IMAGE:$RELEASE\"").unwrap()[0];
        assert_eq!(word.variables().collect::<Vec<_>>(), ["IMAGE", "RELEASE"]);
        assert_eq!(word.with(str::to_lowercase), "image:release");
        for (line, expected) in [
            ("cargo xtask ci $GROUP", "in double quotes"),
            ("cargo xtask ci && true", "`&` is for the shell"),
            ("cargo xtask ci > log", "`>` is for the shell"),
            ("cargo xtask ci \"$(date)\"", "the name of a variable"),
            ("cargo xtask ci `date`", "is for the shell; do without it"),
            ("cargo xtask ci 'x", "not closed"),
        ] {
            let message = words(line).unwrap_err();
            assert!(message.contains(expected), "{line}: {message}");
        }
    }

    #[test]
    fn a_call_tells_its_flags() {
        let args = words("--env \"$ENVIRONMENT\" --reuse=only --push").unwrap();
        let call = Call { verb: "x".into(), args };
        assert_eq!(call.value("--env").as_deref(), Some("$ENVIRONMENT"));
        assert_eq!(call.value("--reuse").as_deref(), Some("only"));
        assert!(call.has("--push") && call.has("--reuse") && !call.has("--re"));
    }
}
