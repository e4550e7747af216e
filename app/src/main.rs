//! The binary of the reference service: parse, one match, done.

use std::process::ExitCode;

use app::{
    cli::{Cli, Command, ConfigCommand},
    commands::{config_check, healthcheck, serve},
};
use clap::Parser;

fn main() -> ExitCode {
    let Cli { globals, command } = Cli::parse();
    match command {
        None => serve::run(&globals),
        Some(Command::Serve { globals: more }) => serve::run(&globals.and(more)),
        Some(Command::Healthcheck { url, globals: more }) => healthcheck::run(url.as_deref(), &globals.and(more)),
        Some(Command::Config { command: ConfigCommand::Check { all, without_secrets, globals: more } }) => {
            config_check::run(all, without_secrets, &globals.and(more))
        }
    }
}
