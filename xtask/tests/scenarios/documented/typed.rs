//! Commands of `cargo xtask` as they are written down, held against the command line that there is.

use std::sync::LazyLock;

use clap::Command;
use clap::error::ErrorKind;
use xtask::cli;

/// The command line, which takes its time to be put together.
static COMMAND: LazyLock<Command> = LazyLock::new(cli::command);

/// What may stand for a word in capitals: one of these has to fit.
const SAMPLES: [&str; 7] = ["staging", "10m", "3", "host", "test", "a.b=c", "1.2.3"];

/// Where a command ends and another, or where its output goes, begins.
const ENDS: [&str; 7] = [";", "&&", "||", "|", ">", ">>", "<"];

/// The arguments of every `cargo xtask` in a text, and of every script that stands for one.
pub fn calls(text: &str) -> Vec<Vec<String>> {
    let words = words(text);
    let begins = |at: usize| -> Option<(usize, Vec<String>)> {
        let word = words[at].as_str();
        if word == "xtask" && at > 0 && words[at - 1] == "cargo" {
            return Some((at + 1, Vec::new()));
        }
        let script = word.strip_prefix("scripts/").or_else(|| word.rsplit_once("/scripts/").map(|(_, name)| name))?;
        let verb = script.strip_suffix(".sh").filter(|verb| !verb.contains('*'))?;
        Some((at + 1, vec![verb.to_owned()]))
    };
    let call = |(from, verb): (usize, Vec<String>)| {
        let arguments = words[from..].iter().take_while(|word| !ENDS.contains(&word.as_str()) && !word.contains('…'));
        verb.into_iter().chain(arguments.cloned()).collect()
    };
    (0..words.len()).filter_map(begins).map(call).collect()
}

/// What is wrong with a call: nothing, where some sample in place of its placeholders is taken.
pub fn refused(call: &[String], in_a_sentence: bool) -> Option<String> {
    let Some(hole) = call.iter().position(|word| is_placeholder(word)) else {
        let error = COMMAND.clone().try_get_matches_from(["cargo xtask"].into_iter().chain(words_of(call))).err()?;
        return match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => None,
            // A verb may be talked about without all that it takes.
            ErrorKind::MissingRequiredArgument | ErrorKind::MissingSubcommand if in_a_sentence => None,
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand if in_a_sentence => None,
            _ => Some(error.to_string().lines().next().unwrap_or_default().to_owned()),
        };
    };
    let filled = SAMPLES.iter().map(|sample| {
        let mut call = call.to_vec();
        (*sample).clone_into(&mut call[hole]);
        refused(&call, in_a_sentence)
    });
    filled.min_by_key(Option::is_some).flatten()
}

/// The flags of a verb, in code that begins with its name, that it does not have.
pub fn unknown_flags(span: &str) -> Vec<String> {
    let words = words(span);
    let verb = words.first().and_then(|verb| COMMAND.find_subcommand(verb));
    let Some(verb) = verb.filter(|verb| words.len() > 1 && !verb.is_hide_set()) else { return Vec::new() };
    let verb = verb.find_subcommand(&words[1]).unwrap_or(verb);
    let flags = words.iter().filter_map(|word| word.strip_prefix("--")).filter(|flag| !flag.is_empty());
    let names = flags.map(|flag| flag.split('=').next().unwrap_or(flag));
    names.filter(|name| *name != "help" && !has_flag(verb, name)).map(|name| format!("--{name}")).collect()
}

fn has_flag(verb: &Command, name: &str) -> bool {
    verb.get_arguments().any(|argument| argument.get_long() == Some(name))
}

fn words_of(call: &[String]) -> impl Iterator<Item = &str> {
    call.iter().map(String::as_str)
}

/// A word in capitals, and what a shell would put something in for.
fn is_placeholder(word: &str) -> bool {
    let is_capital = |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit() || "_-=/".contains(letter);
    word.contains('$') || word.starts_with(|c: char| c.is_ascii_uppercase()) && word.chars().all(is_capital)
}

/// The words of a line, as a shell finds them; brackets around what may be left out are no part of one.
pub fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut depth) = (Vec::new(), String::new(), None, 0_i32);
    for letter in text.chars() {
        match (letter, quote) {
            (_, Some(open)) if letter == open => quote = None,
            ('\'' | '"', None) => quote = Some(letter),
            ('[' | ']', None) => {}
            (' ' | '\n', None) if depth == 0 => words.push(std::mem::take(&mut word)),
            (';', None) if depth == 0 => words.extend([std::mem::take(&mut word), ";".to_owned()]),
            _ => {
                // `$(…)` is one word.
                depth = (depth + i32::from(letter == '(') - i32::from(letter == ')')).max(0);
                word.push(letter);
            }
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty() && word != "\\");
    words
}

#[test]
fn what_the_command_line_does_not_take_is_found() {
    let wrong = |text: &str| calls(text).iter().find_map(|call| refused(call, false));
    for good in [
        "cargo xtask",
        "cargo xtask …",
        "cargo xtask up --env NAME && echo done",
        "cd /srv && cargo xtask reap --env \"$ENVIRONMENT\" > log",
        "cargo xtask ci --only STEP --group GROUP",
        "cargo xtask deploy-blue-green --set KEY=VALUE --wait SPAN",
        "cargo xtask image-check [IMAGE…]",
        "scripts/rollback.sh --to v1",
        "/srv/shop/scripts/health-check.sh --timeout 5s",
    ] {
        assert_eq!(wrong(good), None, "{good}");
    }
    for bad in [
        "cargo xtask upp",
        "true; cargo xtask up --no-such-flag",
        "cargo xtask ci --group nobody",
        "cargo xtask deploy-blue-green --wait soon",
        "scripts/rollback.sh --from v1",
        "scripts/rollforward.sh",
    ] {
        assert!(wrong(bad).is_some(), "{bad}");
    }
    assert_eq!(unknown_flags("setup --tools --toolz=x"), ["--toolz"]);
    assert!(unknown_flags("up").is_empty() && unknown_flags("bench service --check").is_empty());
    assert_eq!(words("a \"b c\" 'd' $(e f); g"), ["a", "b c", "d", "$(e f)", ";", "g"]);
}
