//! A step's command while it runs: a process group of its own, whose output goes to a file.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process_group};

use super::step::Step;
use crate::problem::ExitCode;

/// How long a command may take to put back what it has started, before it is killed.
const GRACE: Duration = Duration::from_secs(20);
/// How often it is looked at; what it costs is seen in `cargo xtask bench pipeline`.
pub(super) const TICK: Duration = Duration::from_millis(5);

/// A command that runs.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    /// When it was started.
    pub(super) began: Instant,
    limit: Duration,
    /// Whether it is a verb of this program, whose exit codes are known.
    is_own: bool,
    /// When it was told to end, and what is to be said against it then.
    told: Option<(Instant, Ended)>,
    /// What it has written.
    pub(super) log: PathBuf,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ended {
    /// By itself, well.
    Well,
    /// Not well, or not in time; with the reason.
    Badly(String),
    /// By itself, since something is missing on this machine; its error says what.
    Unavailable,
    /// Because a person has asked for the end of the run.
    Interrupted,
}

impl Running {
    /// Starts it, with its output and its errors in one file.
    ///
    /// # Errors
    /// When there is no such program, or nowhere to write to.
    pub(super) fn start(step: &Step, mut command: Command, root: &Path) -> anyhow::Result<Running> {
        let log = root.join("target/xtask/ci/logs").join(step.id).with_extension("log");
        let open = || -> anyhow::Result<(File, File)> {
            fs::create_dir_all(log.parent().unwrap_or(root))?;
            let file = File::create(&log)?;
            Ok((file.try_clone()?, file))
        };
        let (output, errors) = open().with_context(|| format!("writing {}", log.display()))?;
        // Ctrl-C at a terminal reaches this program alone, which passes it on and waits.
        command.stdin(Stdio::null()).stdout(output).stderr(errors).process_group(0);
        let program = command.get_program().to_string_lossy().into_owned();
        let is_own = step.command.starts_with(&["cargo", "xtask"]);
        let child = command.spawn().with_context(|| format!("starting {program}"))?;
        Ok(Running { child, began: Instant::now(), limit: step.limit, is_own, told: None, log })
    }

    /// How it has ended, if it has. One that takes too long is told to.
    ///
    /// # Errors
    /// When the system does not say.
    pub(super) fn poll(&mut self) -> anyhow::Result<Option<Ended>> {
        if let Some(status) = self.child.try_wait()? {
            // What it has left behind in its group has nobody to end it any more.
            self.signal(Signal::KILL);
            return Ok(Some(self.ended(status)));
        }
        match &self.told {
            None if self.began.elapsed() > self.limit => {
                let limit = humantime::format_duration(self.limit);
                self.tell(Ended::Badly(format!("it had not ended after {limit}, and was ended")));
            }
            Some((since, _)) if since.elapsed() > GRACE => self.signal(Signal::KILL),
            _ => {}
        }
        Ok(None)
    }

    /// Tells it to end, as Ctrl-C would.
    pub(super) fn interrupt(&mut self) {
        self.tell(Ended::Interrupted);
    }

    fn tell(&mut self, ended: Ended) {
        if self.told.is_none() {
            self.told = Some((Instant::now(), ended));
            self.signal(Signal::INT);
        }
    }

    fn signal(&self, signal: Signal) {
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // A group that is gone needs no signal.
        let _ = group.map(|group| kill_process_group(group, signal));
    }

    fn ended(&mut self, status: ExitStatus) -> Ended {
        match self.told.take() {
            Some((_, ended)) => ended,
            None if status.success() => Ended::Well,
            None if self.is_own && status.code() == Some(ExitCode::Unavailable.number().into()) => Ended::Unavailable,
            None => Ended::Badly(status.to_string()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Only where the runner itself has failed: no command outlives it.
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal(Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ci::step::USUAL;
    use crate::testing::TempDir;

    fn run(script: &str, limit: Duration, interrupt: bool) -> (Ended, String) {
        let folder = TempDir::new();
        let step = Step { id: "step", limit, ..USUAL };
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let mut running = Running::start(&step, command, folder.path()).unwrap();
        let log = running.log.clone();
        loop {
            if let Some(ended) = running.poll().unwrap() {
                return (ended, fs::read_to_string(log).unwrap());
            }
            // It has said that it is ready for it.
            if interrupt && fs::read_to_string(&log).unwrap().contains("ready") {
                running.interrupt();
            }
            assert!(running.began.elapsed() < Duration::from_secs(60));
            std::thread::sleep(TICK);
        }
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn it_ends_with_what_the_command_says_and_keeps_both_streams() {
        assert_eq!(run("echo one; echo two >&2", LONG, false), (Ended::Well, "one\ntwo\n".into()));
        assert_eq!(run("exit 3", LONG, false).0, Ended::Badly("exit status: 3".into()));
    }

    #[test]
    fn what_takes_too_long_is_ended_with_all_it_has_started() {
        let (ended, said) = run("sleep 61 & echo $!; wait", Duration::from_millis(100), false);
        assert_eq!(ended, Ended::Badly("it had not ended after 100ms, and was ended".into()));
        let child = Pid::from_raw(said.trim().parse().unwrap()).unwrap();
        let began = Instant::now();
        while rustix::process::test_kill_process(child).is_ok() {
            assert!(began.elapsed() < Duration::from_secs(10), "{child:?} lives on");
            std::thread::sleep(TICK);
        }
    }

    #[test]
    fn who_is_interrupted_may_clean_up() {
        let script = "trap 'echo cleaned; exit 0' INT; echo ready; while :; do sleep 0.01; done";
        let (ended, said) = run(script, LONG, true);
        assert_eq!(ended, Ended::Interrupted);
        assert!(said.ends_with("cleaned\n"), "{said}");
    }
}
