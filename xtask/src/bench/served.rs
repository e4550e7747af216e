//! A service that is measured: a plain process, started as `delivery.toml` says, with no proxy before it.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::delivery::{Environment, Service};
use crate::http;
use crate::problem::{ExitCode, Problem};
use crate::rollout::colour::Colour;
use crate::rollout::record::Launch;
use crate::service::Start;
use crate::{program, secrets};

const POLL: Duration = Duration::from_millis(5);
const PROBE: Duration = Duration::from_secs(1);
/// How many of its last lines are shown of one that does not come up.
const LINES: usize = 10;

/// One of the two that are compared.
#[derive(Debug, Clone)]
pub(super) struct Side {
    /// What a person calls it.
    pub(super) name: String,
    pub(super) program: PathBuf,
    /// Where its files are.
    pub(super) release_dir: PathBuf,
    /// How it is started.
    pub(super) service: Service,
    /// What is set for it alone.
    pub(super) settings: Vec<(String, String)>,
}

/// Where both run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// The environment whose settings they get.
    pub(super) name: &'a str,
    pub(super) environment: &'a Environment,
    /// For what they write, and for the secrets.
    pub(super) folder: &'a Path,
}

/// One that runs; it ends when it goes out of scope, and with this program however that ends.
#[derive(Debug)]
pub(super) struct Served {
    child: Child,
    pub(super) address: SocketAddr,
}

impl Served {
    /// Starts it, and waits until it is ready.
    ///
    /// # Errors
    /// A [`Problem`] with what it has written when it does not become ready in time.
    pub(super) fn start(side: &Side, colour: Colour, address: SocketAddr, place: &Place<'_>) -> anyhow::Result<Served> {
        let log = place.folder.join(colour.name()).with_extension("log");
        let output = File::create(&log).with_context(|| format!("writing {}", log.display()))?;
        let settings = side.settings.iter().cloned().collect();
        let secrets_dir = place.folder.join(secrets::FOLDER);
        let start = Start {
            environment: place.name,
            address,
            colour,
            launch: &Launch { release: "bench".into(), settings },
            release_dir: &side.release_dir.to_string_lossy(),
            secrets_dir: &secrets_dir.to_string_lossy(),
        };
        let mut command = Command::new(program::own()?);
        command.args(["shim-exec", "--parent", &std::process::id().to_string(), "--"]).arg(&side.program);
        command.args(start.args(&side.service.args)).current_dir(&side.release_dir);
        command.env_clear().envs(start.env_with_inherited(&side.service));
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let mut served = Served { child: command.spawn()?, address };
        served.wait(side, *place.environment.rollout.startup_timeout, &log)?;
        Ok(served)
    }

    fn wait(&mut self, side: &Side, patience: Duration, log: &Path) -> anyhow::Result<()> {
        let deadline = Instant::now() + patience;
        loop {
            let probe = http::get(self.address, &side.service.health.ready, PROBE);
            if probe.is_good() {
                return Ok(());
            }
            let ended = self.child.try_wait()?;
            if ended.is_some() || Instant::now() > deadline {
                let how = ended.map_or_else(|| probe.to_string(), |status| format!("it ended with {status}"));
                let said = fs::read_to_string(log).unwrap_or_default();
                let lines: Vec<_> = said.lines().map(str::to_owned).collect();
                let message = format!("{} does not become ready: {how}.", side.name);
                let last = lines.iter().skip(lines.len().saturating_sub(LINES)).cloned();
                return Err(Problem::new(ExitCode::Failed, message)
                    .detail(last)
                    .next("cargo xtask config-lint")
                    .into());
            }
            std::thread::sleep(POLL);
        }
    }

    /// The processor time it has taken so far; none where the system does not say.
    pub(super) fn processor_time(&self) -> Option<Duration> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).ok()?;
        let taken = tasks.flatten().filter_map(|task| {
            let told = fs::read_to_string(task.path().join("schedstat")).ok()?;
            told.split(' ').next()?.parse::<u64>().ok()
        });
        Some(Duration::from_nanos(taken.sum()))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // One that has ended by itself needs no more.
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}
