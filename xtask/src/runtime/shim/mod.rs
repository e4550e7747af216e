//! The shim: a small process of ours over each colour and over the proxy, as containerd has one over each container. It
//! outlives the command that started it, waits for its child, restarts it, and keeps its exit status and a bounded log.
//! Whether it lives is told by a file lock it holds and never by a process id, which another process may have by now.

mod log;
mod requests;
mod serve;
mod status_file;
mod warmth;

pub use serve::{exec, serve};

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use status_file::StatusFile;

use super::Log;
use crate::host::{ask, is_locked};
use crate::{program, time};

const ALIVE: &str = "alive";
const SOCKET: &str = "shim.sock";
const SPEC: &str = "spec.json";
const STATUS: &str = "status.json";
const LOG: &str = "log";
/// All that a shim takes over from the environment of the command that started it, for the `reap` it may come to run. It
/// outlives that command by days, and so would a secret of the deployer's.
const KEPT: [&str; 15] = [
    "DOCKER_CERT_PATH",
    "DOCKER_CONFIG",
    "DOCKER_CONTEXT",
    "DOCKER_HOST",
    "DOCKER_TLS_VERIFY",
    "HOME",
    "LANG",
    "LLVM_PROFILE_FILE",
    "LOGNAME",
    "PATH",
    "RUST_BACKTRACE",
    "TMPDIR",
    "TZ",
    "USER",
    "XDG_RUNTIME_DIR",
];
const ROTATED: &str = "log.1";
const PREVIOUS: &str = "log.previous";

/// How long a shim may take to answer: it does nothing but wait, so this is about a machine under load.
const ANSWER: Duration = Duration::from_secs(2);
/// How long a shim may take to come or to go.
const CHANGE: Duration = Duration::from_secs(10);

/// What a shim is to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// The program, by its absolute path.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// The whole of its environment.
    pub env: BTreeMap<String, String>,
    /// The folder it is started in.
    pub folder: PathBuf,
    /// The signal that asks it to end.
    pub stop_signal: StopSignal,
}

/// The signal that asks a program to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopSignal {
    /// What services drain at.
    Term,
    /// What HAProxy finishes its requests at.
    Usr1,
}

/// What a shim says of its child.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// What the child is doing.
    pub phase: Phase,
    /// When it was last started.
    #[serde(with = "time::rfc3339")]
    pub started: SystemTime,
    /// How often it has ended by itself.
    pub exits: u32,
    /// How it ended last, in words.
    pub last_exit: Option<String>,
}

/// What a shim's child is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It runs.
    Running,
    /// It has ended by itself and is about to be started again.
    Restarting,
    /// It was asked to end and has not yet.
    Stopping,
    /// It was asked to end, and has.
    Stopped,
}

/// A shim, seen from outside. It is named by its folder.
#[derive(Debug, Clone)]
pub struct Shim {
    folder: PathBuf,
}

impl Shim {
    /// The shim of that folder, whether it lives or not.
    pub fn at(folder: impl Into<PathBuf>) -> Shim {
        Shim { folder: folder.into() }
    }

    /// Whether it lives.
    ///
    /// # Errors
    /// When its lock cannot be looked at.
    pub fn is_alive(&self) -> anyhow::Result<bool> {
        is_locked(&self.folder.join(ALIVE))
    }

    /// What it says of its child, or what it said last; none if it never said anything.
    ///
    /// # Errors
    /// When a living shim does not answer.
    pub fn status(&self) -> anyhow::Result<Option<Status>> {
        if self.is_alive()? {
            match self.ask("status\n", ANSWER) {
                Ok(status) => return Ok(Some(status)),
                // It may have ended between the two questions.
                Err(error) if self.is_alive()? => return Err(error),
                Err(_) => {}
            }
        }
        let last = fs::read_to_string(self.folder.join(STATUS)).ok();
        Ok(last.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Starts a shim over `spec`, and returns when the child was started.
    ///
    /// # Errors
    /// When it is there already, or could not start the child.
    pub fn start(&self, spec: &Spec) -> anyhow::Result<()> {
        if self.is_alive()? {
            bail!("a shim is running in {} already", self.folder.display());
        }
        self.prepare(spec).with_context(|| format!("preparing {}", self.folder.display()))?;
        let mut shim = Command::new(program::own()?)
            .arg0("xtask")
            .args(["shim", "--folder"])
            .arg(&self.folder)
            .env_clear()
            .envs(KEPT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("starting a shim")?;
        let deadline = Instant::now() + CHANGE;
        loop {
            if self.is_alive()? && self.ask("status\n", ANSWER).is_ok() {
                return Ok(());
            }
            if let Some(status) = shim.try_wait()? {
                bail!("the shim ended at once ({status}): {}", self.tail(3).join(" "));
            }
            if Instant::now() >= deadline {
                bail!("the shim did not answer within {CHANGE:?}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn prepare(&self, spec: &Spec) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        for stale in [SOCKET, STATUS, ROTATED] {
            remove(&self.folder.join(stale))?;
        }
        match fs::rename(self.folder.join(LOG), self.folder.join(PREVIOUS)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::write(self.folder.join(SPEC), serde_json::to_string_pretty(spec)?)?;
        OpenOptions::new().create(true).append(true).open(self.folder.join(ALIVE)).map(drop)
    }

    /// Asks the child to end, has it killed after `grace`, and waits until the shim has ended too.
    ///
    /// # Errors
    /// When the shim cannot be told or does not end.
    pub fn stop(&self, grace: Duration) -> anyhow::Result<()> {
        if !self.is_alive()? {
            return self.settle();
        }
        let asked = self.ask(&format!("stop {}\n", grace.as_millis()), grace + CHANGE);
        let deadline = Instant::now() + ANSWER;
        while self.is_alive()? {
            if Instant::now() >= deadline {
                asked?;
                bail!("the shim in {} does not end", self.folder.display());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// A shim that was killed could not say that nothing runs any more, so whoever wanted it to end says it.
    fn settle(&self) -> anyhow::Result<()> {
        let last = self.status()?.filter(|status| status.phase != Phase::Stopped);
        let Some(last) = last else { return Ok(()) };
        let path = self.folder.join(STATUS);
        let write = || StatusFile::open(&path)?.write(&Status { phase: Phase::Stopped, ..last });
        write().with_context(|| format!("writing {}", path.display()))
    }

    /// Has the colour reaped at some time, if it is still kept warm by then; `folder` is one of its project.
    ///
    /// # Errors
    /// When the shim cannot be told.
    pub fn keep_until(&self, until: SystemTime, environment: &str, folder: &Path) -> anyhow::Result<()> {
        self.ask(&warmth::Warmth::request(until, environment, folder), ANSWER).map(drop)
    }

    /// The last lines of the child's output since it was started, oldest first.
    pub fn tail(&self, lines: usize) -> Vec<String> {
        log::tail(&[self.folder.join(ROTATED), self.folder.join(LOG)], lines)
    }

    /// What the child has written; none when it was never started.
    pub(super) fn log(self) -> Option<Box<dyn Log>> {
        self.folder.join(LOG).exists().then(|| Box::new(self) as Box<dyn Log>)
    }

    fn ask(&self, request: &str, timeout: Duration) -> anyhow::Result<Status> {
        let answer = ask(&self.folder.join(SOCKET), request, timeout)
            .with_context(|| format!("asking the shim in {}", self.folder.display()))?;
        serde_json::from_str(&answer)
            .with_context(|| format!("the shim in {} answered `{answer}`", self.folder.display()))
    }
}

impl Log for Shim {
    fn print(&self, lines: usize, follow: bool, out: &mut dyn io::Write) -> io::Result<()> {
        for line in self.tail(lines) {
            writeln!(out, "{line}")?;
        }
        if follow { log::follow(&self.folder.join(LOG), out) } else { Ok(()) }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
