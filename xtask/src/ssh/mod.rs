//! The way to a Docker engine on another machine, by a key out of a variable and to a host that is known beforehand. The key
//! is in no file: an agent of our own holds it in memory for as long as this process lives.

mod refusal;

use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use duct::Expression;

use crate::problem::{ExitCode, Problem};
use crate::{limited, random, tools};
use refusal::{not_kept, not_pinned};

pub use refusal::{Trust, explain};

/// The variable with the private key, as a text.
pub const KEY: &str = "DEPLOY_SSH_KEY";
/// The variable with the keys of the hosts, as lines of `known_hosts`.
pub const KNOWN_HOSTS: &str = "DEPLOY_SSH_KNOWN_HOSTS";
/// What no program has to know that is started here: who is given the key is given it by hand.
pub(crate) const SECRETS: [&str; 2] = [KEY, KNOWN_HOSTS];
/// What a host is called by in `DOCKER_HOST`.
pub const SCHEME: &str = "ssh://";

/// How long a host may take to be connected to, in seconds.
const CONNECT: u32 = 10;
/// How long until somebody is let in, on a host that is busy.
const ENTER: Duration = Duration::from_secs(40);
/// How long it may take to put a key into the agent.
const ADD: Duration = Duration::from_secs(10);

/// What holds all of it, and clears it away once the process that has started it is gone, however that came about.
const KEEPER: &str = r#"
trap "" HUP INT TERM
echo
exec >/dev/null 2>&1
cat
"$1/ssh" -O exit host
kill "$SSH_AGENT_PID"
rm -rf "$1"
"#;

/// A connection that every `ssh` out of its folder shares.
#[derive(Debug)]
pub struct Pinned {
    /// Where such an `ssh` is, and nobody else can enter.
    folder: PathBuf,
    keeper: Child,
}

impl Pinned {
    /// Connects to a host, which has to show one of the keys it is known by.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 78 for a key that is none, or that comes without the host's, and 69 when there is no ssh
    /// or the host does not let it in.
    pub fn open(host: &str, key: &str, known_hosts: Option<&str>) -> anyhow::Result<Pinned> {
        let known_hosts = known_hosts.filter(|lines| !lines.trim().is_empty()).ok_or_else(|| not_pinned(host))?;
        let ssh = tools::require(&tools::SSH)?;
        let pinned = Pinned::keep(&ssh)?;
        pinned.write("known_hosts", &with_an_end(known_hosts), PRIVATE)?;
        pinned.write("config", &config(&pinned.folder), PRIVATE)?;
        pinned.write("ssh", &wrapper(&ssh, &pinned.folder), PRIVATE_PROGRAM)?;
        pinned.add(&ssh, key)?;
        pinned.connect(host)?;
        Ok(pinned)
    }

    /// The folder that has to come first on the `PATH` of whoever is to go this way.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn keep(ssh: &Path) -> anyhow::Result<Pinned> {
        let folder = private_folder()?;
        let agent = folder.join("agent");
        let mut keeper = Command::new(ssh.with_file_name("ssh-agent"));
        keeper.arg("-a").arg(&agent).args(["sh", "-c", KEEPER, "keeper"]).arg(&folder);
        for secret in SECRETS {
            keeper.env_remove(secret);
        }
        // Ctrl-C is for this process to act on, and ends the connection last.
        keeper.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let keeper = keeper.spawn().inspect_err(|_| drop(fs::remove_dir(&folder)));
        let mut keeper = keeper.context("running ssh-agent")?;
        // It runs once the agent listens.
        let told = keeper.stdout.take().and_then(|told| BufReader::new(told).lines().next());
        if told.is_some_and(|told| told.is_ok()) {
            return Ok(Pinned { folder, keeper });
        }
        let ended = keeper.wait_with_output();
        // Nobody else knows of it.
        let _ = fs::remove_dir_all(&folder);
        Err(not_kept(&agent, &String::from_utf8_lossy(&ended?.stderr)).into())
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> anyhow::Result<()> {
        let path = self.folder.join(name);
        let mut file = File::options().write(true).create_new(true).mode(mode).open(&path)?;
        file.write_all(text.as_bytes()).with_context(|| format!("writing {}", path.display()))
    }

    fn add(&self, ssh: &Path, key: &str) -> anyhow::Result<()> {
        // Nobody is asked for a passphrase, at no terminal.
        let add = duct::cmd!(ssh.with_file_name("ssh-add"), "-q", "-")
            .env("SSH_AUTH_SOCK", self.folder.join("agent"))
            .env("SSH_ASKPASS_REQUIRE", "force")
            .env("SSH_ASKPASS", "false")
            .stdin_bytes(with_an_end(key));
        let added = limited::run(&without_secrets(add), ADD)?;
        if added.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&added.stdout).trim().to_owned();
        let message = format!(
            "{KEY} is no private key that can be used without a passphrase; it has to hold the whole text of one, its first \
             and its last line included. Nothing was started or changed."
        );
        let problem = Problem::new(ExitCode::Configuration, message).detail(said.lines());
        Err(problem.next("ssh-keygen -t ed25519 -N '' -f deploy_key").into())
    }

    fn connect(&self, host: &str) -> anyhow::Result<()> {
        let ssh = duct::cmd!(self.folder.join("ssh"), "-f", "-N", format!("{SCHEME}{}", authority(host)));
        let connected = limited::run(&without_secrets(ssh), ENTER);
        let connected = connected.map_err(|error| explain(host, &format!("{error:#}"), Trust::Pinned))?;
        if connected.status.success() {
            return Ok(());
        }
        Err(explain(host, &String::from_utf8_lossy(&connected.stdout), Trust::Pinned).into())
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        // It has nothing to fail at that would leave more to be done here.
        let _ = self.keeper.wait();
    }
}

const PRIVATE: u32 = 0o600;
const PRIVATE_PROGRAM: u32 = 0o700;

fn private_folder() -> anyhow::Result<PathBuf> {
    // Of this user alone, and gone at the next start of the machine at the latest.
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|folder| folder.is_dir());
    let name = format!("switchyard-{:016x}", random::number());
    let folder = runtime.unwrap_or_else(std::env::temp_dir).join(name);
    DirBuilder::new().mode(PRIVATE_PROGRAM).create(&folder).with_context(|| format!("making {}", folder.display()))?;
    Ok(folder)
}

/// A program that has not the key in its environment, where others of the same user can read it.
pub(crate) fn without_secrets(program: Expression) -> Expression {
    SECRETS.iter().fold(program, |program, secret| program.env_remove(secret))
}

/// What a secret of a CI system has lost: OpenSSH reads no key whose last line does not end.
fn with_an_end(text: &str) -> String {
    let mut lines = text.trim().lines().fold(String::new(), |lines, line| lines + line.trim_end() + "\n");
    if lines.is_empty() {
        lines.push('\n');
    }
    lines
}

/// Nothing of what a person or a machine has configured holds beside it.
fn config(folder: &Path) -> String {
    let at = |name: &str| format!("\"{}\"", folder.join(name).display());
    let settings = [
        ("BatchMode", "yes".into()),
        ("ClearAllForwardings", "yes".into()),
        ("ControlMaster", "auto".into()),
        ("ControlPath", at("master")),
        ("ControlPersist", "60".into()),
        ("GlobalKnownHostsFile", "none".into()),
        ("IdentityAgent", at("agent")),
        ("IdentityFile", "none".into()),
        ("PreferredAuthentications", "publickey".into()),
        ("ServerAliveCountMax", "3".into()),
        ("ServerAliveInterval", "5".into()),
        ("StrictHostKeyChecking", "yes".into()),
        ("UpdateHostKeys", "no".into()),
        ("UserKnownHostsFile", at("known_hosts")),
    ];
    settings.iter().fold("Host *\n".to_owned(), |mut text, (key, value): &(&str, String)| {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "  {key} {value}");
        text
    })
}

/// An `ssh` for whoever looks for one on the `PATH`. `docker` has a time of its own for a connection, of which the first
/// that is told counts.
fn wrapper(ssh: &Path, folder: &Path) -> String {
    let quoted = |path: &Path| format!("'{}'", path.display().to_string().replace('\'', r"'\''"));
    let (ssh, config) = (quoted(ssh), quoted(&folder.join("config")));
    format!("#!/bin/sh\nexec {ssh} -F {config} -o ConnectTimeout={CONNECT} \"$@\"\n")
}

/// `[user@]host[:port]` of an `ssh://` URL, which may have a path after it.
fn authority(host: &str) -> &str {
    let rest = host.strip_prefix(SCHEME).unwrap_or(host);
    rest.split('/').next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem;

    #[test]
    fn a_key_is_given_the_end_it_has_lost() {
        for text in ["a\nb", "a\nb\n", "a\r\nb\r\n", "\na  \nb\n\n"] {
            assert_eq!(with_an_end(text), "a\nb\n", "{text:?}");
        }
        assert_eq!(with_an_end(" "), "\n");
    }

    #[test]
    fn a_key_without_the_hosts_is_refused_before_anything_is_made() {
        for known_hosts in [None, Some("  \n")] {
            let error = Pinned::open("ssh://deploy@shop:2222", "key", known_hosts).unwrap_err();
            assert_eq!(problem::exit_code(&error), ExitCode::Configuration);
            let text = error.to_string();
            assert!(text.contains("DEPLOY_SSH_KNOWN_HOSTS is not"), "{text}");
            assert!(text.contains("next: ssh-keyscan -p 2222 shop | ssh-keygen -lf -"), "{text}");
        }
    }
}
