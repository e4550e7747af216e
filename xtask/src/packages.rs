//! The system's package manager. No source is ever added to it and nothing is upgraded.

use std::io::{IsTerminal as _, Write as _};
use std::process::Command;

use crate::problem::{ExitCode, Problem};
use crate::say;

/// Whether something may be installed without asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// It was said on the command line, or a CI system runs the command.
    Given,
    /// Whoever sits at the terminal is asked.
    Ask,
    /// Nobody can be asked.
    Unavailable,
}

impl Consent {
    /// From the flag `--yes`, the variable `CI`, and whether there is a terminal to ask at.
    pub fn from_flag(yes: bool) -> Consent {
        if yes || is_ci() {
            Consent::Given
        } else if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() {
            Consent::Ask
        } else {
            Consent::Unavailable
        }
    }
}

/// Whether a CI system runs this: it says so by the variable `CI`.
pub fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| !value.is_empty() && value != "false" && value != "0")
}

struct Manager {
    program: &'static str,
    install: &'static [&'static str],
    /// What makes it learn of packages it may not have heard of yet.
    refresh: Option<&'static [&'static str]>,
    needs_root: bool,
    /// What makes it wait for another that is at work, as on a machine that updates itself after its start.
    patience: &'static [&'static str],
}

const MANAGERS: [Manager; 6] = [
    Manager {
        program: "apt-get",
        install: &["install", "--yes", "--no-install-recommends", "--no-upgrade"],
        refresh: Some(&["update"]),
        needs_root: true,
        patience: &["-o", "DPkg::Lock::Timeout=300"],
    },
    Manager { program: "dnf", install: &["install", "--assumeyes"], refresh: None, needs_root: true, patience: &[] },
    Manager {
        program: "zypper",
        install: &["--non-interactive", "install"],
        refresh: None,
        needs_root: true,
        patience: &[],
    },
    Manager { program: "apk", install: &["add"], refresh: Some(&["update"]), needs_root: true, patience: &[] },
    Manager {
        program: "pacman",
        install: &["-S", "--needed", "--noconfirm"],
        refresh: None,
        needs_root: true,
        patience: &[],
    },
    Manager { program: "brew", install: &["install"], refresh: None, needs_root: false, patience: &[] },
];

impl Manager {
    fn present() -> Option<&'static Manager> {
        MANAGERS.iter().find(|manager| which::which(manager.program).is_ok())
    }

    /// As a person would type it.
    fn command(&self, package: &str) -> String {
        let sudo = if self.needs_root && !is_root() { "sudo " } else { "" };
        format!("{sudo}{} {} {package}", self.program, self.install.join(" "))
    }

    /// As this process can run it: none where it may not.
    fn invocation(&self, args: &[&str], consent: Consent) -> Option<Command> {
        let mut command = if !self.needs_root || is_root() {
            Command::new(self.program)
        } else {
            let sudo = which::which("sudo").ok()?;
            let mut command = Command::new(sudo);
            // A password can be asked for only where somebody can answer.
            if consent != Consent::Ask && !std::io::stdin().is_terminal() {
                command.arg("-n");
            }
            command.arg(self.program);
            command
        };
        command.args(args).env("DEBIAN_FRONTEND", "noninteractive");
        Some(command)
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The command that installs a package here, as a person would type it.
pub fn command_to_install(package: &str) -> Option<String> {
    Manager::present().map(|manager| manager.command(package))
}

/// Installs a package.
///
/// # Errors
/// A [`Problem`] with exit code 69, the reason and the command to type.
pub fn install(package: &str, purpose: &str, consent: Consent) -> anyhow::Result<()> {
    let missing = format!("`{package}`, which {purpose}, is not installed");
    let Some(manager) = Manager::present() else {
        let message = format!("{missing}, and no package manager known here was found. Install it and put it on PATH.");
        return Err(Problem::new(ExitCode::Unavailable, message).next("cargo xtask doctor").into());
    };
    let command = manager.command(package);
    let refused = |why: &str| Problem::new(ExitCode::Unavailable, format!("{missing}, and {why}.")).next(&command);
    match consent {
        Consent::Unavailable => return Err(refused("there is no terminal to ask at; type this, or add --yes").into()),
        Consent::Ask if !asked(&command, &missing)? => return Err(refused("it was not to be installed now").into()),
        Consent::Given | Consent::Ask => {}
    }
    say!("installing {package}: {command}");
    let mut said = String::new();
    for args in attempts(manager, package) {
        let Some(mut invocation) = manager.invocation(&args, consent) else {
            return Err(refused("this user may not install it and there is no sudo; type this as root").into());
        };
        let output = invocation.output()?;
        said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        if output.status.success() && args.contains(&package) {
            return Ok(());
        }
    }
    let lines: Vec<_> = said.lines().map(str::to_owned).collect();
    let last = lines.iter().skip(lines.len().saturating_sub(5)).cloned();
    Err(refused(&format!("{} could not install it", manager.program)).detail(last).into())
}

/// Installing, and where that fails installing again after the lists of packages were refreshed: a fresh machine has none.
fn attempts<'a>(manager: &'a Manager, package: &'a str) -> Vec<Vec<&'a str>> {
    let install = || [manager.patience, manager.install, &[package]].concat();
    match manager.refresh {
        Some(refresh) => vec![install(), [manager.patience, refresh].concat(), install()],
        None => vec![install()],
    }
}

fn asked(command: &str, missing: &str) -> anyhow::Result<bool> {
    write!(std::io::stderr(), "{missing}. Install it now with `{command}`? [y/N] ")?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_upgraded_and_the_lists_are_refreshed_only_after_a_failure() {
        let apt = &MANAGERS[0];
        let attempts = attempts(apt, "haproxy");
        let wait = "DPkg::Lock::Timeout=300";
        assert_eq!(attempts[0], ["-o", wait, "install", "--yes", "--no-install-recommends", "--no-upgrade", "haproxy"]);
        assert_eq!(attempts[1], ["-o", wait, "update"]);
        assert_eq!(attempts[0], attempts[2]);
    }

    #[test]
    fn the_flag_is_consent() {
        assert_eq!(Consent::from_flag(true), Consent::Given);
    }
}
