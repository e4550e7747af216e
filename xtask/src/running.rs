//! A command of somebody else's while it runs: a process group of its own, whose output goes to a file.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process_group};

/// How long a command may take to put back what it has started, before it is killed.
const GRACE: Duration = Duration::from_secs(20);
/// How often it is looked at; what it costs is seen in `cargo xtask bench pipeline`.
pub(crate) const TICK: Duration = Duration::from_millis(5);

/// A command that runs.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    /// When it was started.
    pub(crate) began: Instant,
    limit: Duration,
    /// When it was told to end, and what is to be said against it then.
    told: Option<(Instant, Ended)>,
    /// What it has written.
    pub(crate) log: PathBuf,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    /// By itself, well.
    Well,
    /// Not well, or not in time.
    Badly {
        /// What it has ended with, where it did so by itself.
        code: Option<i32>,
        /// The same in words.
        reason: String,
    },
    /// Because a person has asked for the end of the run.
    Interrupted,
}

impl Running {
    /// Starts it, with its output and its errors in one file. Once `limit` has passed it is told to end.
    ///
    /// # Errors
    /// When there is no such program, or nowhere to write to.
    pub(crate) fn start(mut command: Command, log: PathBuf, limit: Duration) -> anyhow::Result<Running> {
        let open = || -> anyhow::Result<(File, File)> {
            fs::create_dir_all(log.parent().unwrap_or(Path::new("")))?;
            let file = File::create(&log)?;
            Ok((file.try_clone()?, file))
        };
        let (output, errors) = open().with_context(|| format!("writing {}", log.display()))?;
        // Ctrl-C at a terminal reaches this program alone, which passes it on and waits.
        command.stdin(Stdio::null()).stdout(output).stderr(errors).process_group(0);
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn().with_context(|| format!("starting {program}"))?;
        Ok(Running { child, began: Instant::now(), limit, told: None, log })
    }

    /// How it has ended, if it has. One that takes too long is told to.
    ///
    /// # Errors
    /// When the system does not say.
    pub(crate) fn poll(&mut self) -> anyhow::Result<Option<Ended>> {
        if let Some(status) = self.child.try_wait()? {
            // What it has left behind in its group has nobody to end it any more.
            self.signal(Signal::KILL);
            return Ok(Some(self.ended(status)));
        }
        match &self.told {
            None if self.began.elapsed() > self.limit => {
                let limit = humantime::format_duration(self.limit);
                let reason = format!("it had not ended after {limit}, and was ended");
                self.tell(Ended::Badly { code: None, reason });
            }
            Some((since, _)) if since.elapsed() > GRACE => self.signal(Signal::KILL),
            _ => {}
        }
        Ok(None)
    }

    /// Tells it to end, as Ctrl-C would.
    pub(crate) fn interrupt(&mut self) {
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
            None => Ended::Badly { code: status.code(), reason: status.to_string() },
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
    use crate::testing::TempDir;

    fn run(script: &str, limit: Duration, interrupt: bool) -> (Ended, String) {
        let folder = TempDir::new();
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let mut running = Running::start(command, folder.path().join("logs/step.log"), limit).unwrap();
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

    fn badly(code: Option<i32>, reason: &str) -> Ended {
        Ended::Badly { code, reason: reason.into() }
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn it_ends_with_what_the_command_says_and_keeps_both_streams() {
        assert_eq!(run("echo one; echo two >&2", LONG, false), (Ended::Well, "one\ntwo\n".into()));
        assert_eq!(run("exit 3", LONG, false).0, badly(Some(3), "exit status: 3"));
    }

    #[test]
    fn what_takes_too_long_is_ended_with_all_it_has_started() {
        let (ended, said) = run("sleep 61 & echo $!; wait", Duration::from_millis(100), false);
        assert_eq!(ended, badly(None, "it had not ended after 100ms, and was ended"));
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
