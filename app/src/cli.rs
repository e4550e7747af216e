//! The command line: what can be typed, and how it becomes [`Sources`].

use std::{
    env,
    io::{self, IsTerminal},
    path::{Path, PathBuf},
};

use clap::{Args, Parser, Subcommand};

use crate::configuration::{
    self, DIRECTORY_VARIABLE, ENVIRONMENT_VARIABLE, Environment, Problems, SECRETS_VARIABLE, Sources,
};

/// The folder of the configuration when nothing names one.
const DEFAULT_DIRECTORY: &str = "config";

/// The reference service of a blue/green release.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    /// Flags in front of the subcommand.
    #[command(flatten)]
    pub globals: Globals,
    /// What to do; `serve` when absent.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What the binary can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve requests until SIGTERM or SIGINT (default).
    Serve {
        /// Flags behind the subcommand.
        #[command(flatten)]
        globals: Globals,
    },
    /// Ask the running service whether it is ready; exit 0 if so, else 1.
    Healthcheck {
        /// Address to ask instead of the configured one: http://IP:PORT/PATH, with no name to resolve.
        #[arg(long)]
        url: Option<String>,
        /// Flags behind the subcommand.
        #[command(flatten)]
        globals: Globals,
    },
    /// Inspect the configuration.
    Config {
        /// How to inspect it.
        #[command(subcommand)]
        command: ConfigCommand,
    },
}

/// What can be asked about the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Report everything that is wrong; exit 78 if anything is.
    Check {
        /// Check the files of every environment, without this shell's variables and without secrets.
        #[arg(long)]
        all: bool,
        /// Do not miss a secret that the environment requires: none is at hand where a configuration is reviewed.
        #[arg(long)]
        without_secrets: bool,
        /// Flags behind the subcommand.
        #[command(flatten)]
        globals: Globals,
    },
    /// Show each value, which layer gives it and what it overrides; exit 78 if anything is wrong.
    Explain {
        /// One setting, such as server.port, or a section of them; everything when absent.
        key: Option<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// Do not miss a secret that the environment requires.
        #[arg(long)]
        without_secrets: bool,
        /// Flags behind the subcommand.
        #[command(flatten)]
        globals: Globals,
    },
    /// Print the JSON Schema of a configuration file.
    Schema,
    /// Print a .env.template: every setting as a variable, commented out.
    EnvTemplate,
    /// Print the page that documents every setting, in Markdown.
    Reference,
}

/// Flags that every subcommand takes, in front of it or behind.
// Not clap's `global`: that drops a `--set` in front when there is one behind as well.
#[derive(Args, Debug, Default)]
pub struct Globals {
    /// Environment: development, staging or production [variable: APP_ENV].
    #[arg(long, value_name = "ENVIRONMENT")]
    pub env: Option<String>,
    /// Folder of the configuration files [variable: APP_CONFIG_DIR, default: config].
    #[arg(long, value_name = "DIR")]
    pub config_dir: Option<PathBuf>,
    /// Set one setting, over every other source; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

impl Globals {
    /// Joins the flags in front of a subcommand with those behind it, which win.
    #[must_use]
    pub fn and(mut self, behind: Self) -> Self {
        self.set.extend(behind.set);
        Self { env: behind.env.or(self.env), config_dir: behind.config_dir.or(self.config_dir), set: self.set }
    }

    /// The sources of the chosen environment.
    ///
    /// # Errors
    ///
    /// No environment is chosen.
    pub fn sources(&self) -> Result<Sources, Problems> {
        // An unreadable value is no environment; an empty one is as good as none in a compose file.
        let variable = env::var_os(ENVIRONMENT_VARIABLE)
            .map(|word| word.to_string_lossy().into_owned())
            .filter(|word| !word.is_empty());
        let environment = configuration::choose(self.env.as_deref(), variable.as_deref(), is_attended())?;
        let secrets = env::var_os(SECRETS_VARIABLE).filter(|folder| !folder.is_empty()).map(PathBuf::from);
        Ok(Sources { secrets, without_secrets: false, variables: variables(), ..self.files(environment) })
    }

    /// The files and flags of `environment`, without this process's variables and secrets.
    #[must_use]
    pub fn files(&self, environment: Environment) -> Sources {
        let directory = self.config_dir.clone().or_else(|| env::var_os(DIRECTORY_VARIABLE).map(PathBuf::from));
        let directory = directory.unwrap_or_else(|| DEFAULT_DIRECTORY.into());
        Sources { without_secrets: true, flags: self.set.clone(), ..Sources::files(environment, directory) }
    }
}

/// Whether a person is there: at a terminal, and not at that of a container, where a service is run for others.
fn is_attended() -> bool {
    const CONTAINER: [&str; 2] = ["/.dockerenv", "/run/.containerenv"];
    io::stdin().is_terminal() && !CONTAINER.iter().any(|mark| Path::new(mark).exists())
}

/// This process's variables, sorted so that errors come in one order.
fn variables() -> Vec<(String, String)> {
    // What is not Unicode gets a replacement character, which no setting accepts: an error like any other.
    let mut variables: Vec<_> = env::vars_os()
        .map(|(name, text)| {
            let name = name.to_string_lossy().into_owned();
            (name, text.to_string_lossy().into_owned())
        })
        .collect();
    variables.sort();
    variables
}
