//! `completions`: lets a shell complete `cargo xtask`.

use clap::Command;
use clap_complete::Shell;

use crate::{cli, out};

/// Flags of `completions`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// In bash and zsh one function completes all of `cargo`: this one steps in for `cargo xtask` and leaves the rest to the one
/// that was there before.
const BASH: &str = r#"
_cargo_xtask_before=$(complete -p cargo 2>/dev/null | sed -nE 's/.* -F ([^ ]+) .*/\1/p')
_cargo_xtask_or_before() {
    if [[ ${COMP_WORDS[1]} == xtask && $COMP_CWORD -gt 1 ]]; then
        _cargo_xtask "$@"
    elif [[ -n $_cargo_xtask_before ]]; then
        "$_cargo_xtask_before" "$@"
    fi
}
complete -F _cargo_xtask_or_before -o bashdefault -o default cargo
"#;
const ZSH: &str = r#"
_cargo_xtask_before=${_comps[cargo]:-_default}
_cargo_xtask_or_before() {
    if [[ ${words[2]} == xtask && $CURRENT -gt 2 ]]; then
        _cargo_xtask "$@"
    else
        $_cargo_xtask_before "$@"
    fi
}
compdef _cargo_xtask_or_before cargo
"#;

/// Prints the script.
///
/// # Errors
/// When it is no text, which would be a mistake of the generator's.
pub fn run(args: &Args) -> anyhow::Result<()> {
    out!("{}", script(args.shell)?);
    Ok(())
}

fn script(shell: Shell) -> anyhow::Result<String> {
    let command = cli::command();
    let verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set()).cloned();
    // To the shell it is `cargo` that has a verb of this name.
    let xtask = Command::new("xtask").subcommands(verbs);
    let mut written = Vec::new();
    clap_complete::generate(shell, &mut Command::new("cargo").subcommand(xtask), "cargo", &mut written);
    let script = String::from_utf8(written)?;
    Ok(match shell {
        Shell::Bash => {
            let (functions, _) = script.rsplit_once("\nif [[").unwrap_or((&script, ""));
            format!("{}\n{BASH}", functions.replacen("_cargo()", "_cargo_xtask()", 1))
        }
        Shell::Zsh => {
            let (functions, _) = script.rsplit_once("\nif [ \"$funcstack[1]\"").unwrap_or((&script, ""));
            let functions = functions.replacen("#compdef cargo\n", "", 1).replacen("_cargo() {", "_cargo_xtask() {", 1);
            format!("{functions}\n{ZSH}")
        }
        _ => script,
    })
}
