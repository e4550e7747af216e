//! The binary of the reference service: parse, one match, done.

use std::process::ExitCode;

use app::{
    cli::{Cli, Command, ConfigCommand, Globals},
    commands::{config_check, config_explain, config_print, healthcheck, serve},
    configuration::derived,
};
use clap::Parser;

fn main() -> ExitCode {
    let Cli { globals, command } = Cli::parse();
    match command {
        None => serve::run(&globals),
        Some(Command::Serve { globals: more }) => serve::run(&globals.and(more)),
        Some(Command::Healthcheck { url, globals: more }) => healthcheck::run(url.as_deref(), &globals.and(more)),
        Some(Command::Config { command }) => config(command, globals),
    }
}

fn config(command: ConfigCommand, globals: Globals) -> ExitCode {
    match command {
        ConfigCommand::Check { all, without_secrets, globals: more } => {
            config_check::run(all, without_secrets, &globals.and(more))
        }
        ConfigCommand::Explain { key, json, without_secrets, globals: more } => {
            config_explain::run(key.as_deref(), json, without_secrets, &globals.and(more))
        }
        ConfigCommand::Schema => config_print::run(derived::schema),
        ConfigCommand::EnvTemplate => config_print::run(derived::template),
        ConfigCommand::Reference => config_print::run(derived::reference),
    }
}
