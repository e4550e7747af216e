//! The shim's own side: what runs behind the hidden verbs.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, bail};
use shared_child::SharedChild;
use shared_child::unix::SharedChildExt as _;
use signal_hook::consts::{SIGTERM, SIGUSR1};

use super::log::Log;
use super::requests::{Message, SHUTDOWN_GRACE, forward_signals, listen};
use super::status_file::StatusFile;
use super::warmth::Warmth;
use super::{ALIVE, LOG, Phase, ROTATED, SOCKET, SPEC, STATUS, Spec, Status, StopSignal, remove};
use crate::program;

/// The pause before the first restart; it doubles with each one that follows.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);
/// A child that ran this long has earned a fresh count of its failures.
const GOOD_RUN: Duration = Duration::from_secs(30);

/// Runs the shim of `folder` until its child was told to end, and has.
///
/// # Errors
/// When there is a shim already, or its files cannot be used; what goes wrong later is in the log.
pub fn serve(folder: &Path) -> anyhow::Result<()> {
    // A shim started by hand may lead a session already, which is as good.
    let _ = rustix::process::setsid();
    // From here the socket's name is short, however deep the folder lies.
    std::env::set_current_dir(folder).with_context(|| format!("entering {}", folder.display()))?;
    let log = Arc::new(Log::new(LOG, ROTATED));
    let result = Supervisor::take_over(&log).and_then(|mut supervisor| supervisor.run());
    if let Err(error) = &result {
        log.line(format!("shim: {error:#}").as_bytes());
    }
    result
}

/// Becomes `command`, after asking the kernel to end it together with the shim that started it, whose process id is
/// `parent`: a child that outlived its shim would hold a port that nobody watches.
///
/// # Errors
/// When the shim has died meanwhile, or the program cannot be run.
pub fn exec(parent: u32, command: &[String]) -> anyhow::Result<()> {
    #[cfg(target_os = "linux")]
    {
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
        let now = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get().unsigned_abs());
        if now != Some(parent) {
            bail!("the shim has died");
        }
    }
    let (program, args) = command.split_first().context("no program was named")?;
    Err(Command::new(program).args(args).exec()).with_context(|| format!("running {program}"))
}

struct Supervisor {
    spec: Spec,
    status: Status,
    log: Arc<Log>,
    child: Option<Arc<SharedChild>>,
    /// When the child was started, or ended by itself.
    began: Instant,
    /// Its end, once that was asked for.
    stop: Option<Stop>,
    failures: u32,
    warmth: Option<Warmth>,
    sender: Sender<Message>,
    messages: Receiver<Message>,
    status_file: StatusFile,
    _alive: fs::File,
}

impl Supervisor {
    fn take_over(log: &Arc<Log>) -> anyhow::Result<Supervisor> {
        let alive = hold_alive()?;
        let spec = serde_json::from_str(&fs::read_to_string(SPEC).context("reading the spec")?)?;
        remove(Path::new(SOCKET))?;
        let listener = UnixListener::bind(SOCKET).context("opening the socket")?;
        let (sender, messages) = mpsc::channel();
        listen(listener, sender.clone());
        forward_signals(sender.clone())?;
        let status = Status { phase: Phase::Running, started: SystemTime::now(), exits: 0, last_exit: None };
        let status_file = StatusFile::create(Path::new(STATUS)).context("creating the status")?;
        Ok(Supervisor {
            spec,
            status,
            log: Arc::clone(log),
            child: None,
            began: Instant::now(),
            stop: None,
            failures: 0,
            warmth: None,
            sender,
            messages,
            status_file,
            _alive: alive,
        })
    }

    fn run(&mut self) -> anyhow::Result<()> {
        self.launch();
        while self.status.phase != Phase::Stopped {
            let reap_at = self.warmth.as_ref().map(|warmth| warmth.until).filter(|_| self.stop.is_none());
            let next = [self.wake_at(), reap_at].into_iter().flatten().min();
            match self.next_message(next)? {
                None if reap_at.is_some_and(|at| at <= Instant::now()) => {
                    self.warmth.iter_mut().for_each(|warmth| warmth.reap(&self.log));
                }
                None if self.stop.is_some() => self.kill(),
                None => self.launch(),
                Some(Message::Ask(stream)) => self.answer(stream),
                Some(Message::Warm(warmth, stream)) => {
                    self.warmth = Some(warmth);
                    self.answer(stream);
                }
                Some(Message::Exited(status)) => self.exited(&in_words(status))?,
                Some(Message::Stop(grace, stream)) => self.end_within(grace, stream)?,
            }
        }
        Ok(())
    }

    /// When there is something to be done to the child, whatever is asked until then.
    fn wake_at(&self) -> Option<Instant> {
        match (&self.stop, self.status.phase) {
            (Some(stop), _) => Some(stop.kill_at),
            (None, Phase::Restarting) => Some(self.began + self.backoff()),
            _ => None,
        }
    }

    fn next_message(&self, wake: Option<Instant>) -> anyhow::Result<Option<Message>> {
        let Some(wake) = wake else { return Ok(Some(self.messages.recv()?)) };
        match self.messages.recv_timeout(wake.saturating_duration_since(Instant::now())) {
            Ok(message) => Ok(Some(message)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => bail!("every source of messages is gone"),
        }
    }

    fn launch(&mut self) {
        self.began = Instant::now();
        self.status.started = SystemTime::now();
        match self.spawn() {
            Ok(child) => {
                self.status.phase = Phase::Running;
                self.child = Some(child);
            }
            Err(error) => self.failed(&format!("it cannot be started: {error}"), Duration::ZERO),
        }
        self.write_status();
    }

    /// The kernel binds the child's life to the thread that starts it, so this is only called from the main one.
    fn spawn(&self) -> io::Result<Arc<SharedChild>> {
        let mut command = Command::new(program::own()?);
        command.args(["shim-exec", "--parent", &std::process::id().to_string(), "--"]).arg(&self.spec.program);
        command.args(&self.spec.args).env_clear().envs(&self.spec.env).current_dir(&self.spec.folder);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = Arc::new(SharedChild::spawn(&mut command)?);
        let (stdout, stderr) = (child.take_stdout(), child.take_stderr());
        let log = Arc::clone(&self.log);
        let out = std::thread::spawn(move || stdout.into_iter().for_each(|stdout| log.copy(stdout)));
        let log = Arc::clone(&self.log);
        let err = std::thread::spawn(move || stderr.into_iter().for_each(|stderr| log.copy(stderr)));
        let (waited, sender) = (Arc::clone(&child), self.sender.clone());
        std::thread::spawn(move || {
            let status = waited.wait().unwrap_or_default();
            // What it wrote last is in the log before its end is told, unless a child of its own holds the pipe open.
            let deadline = Instant::now() + Duration::from_millis(200);
            while !(out.is_finished() && err.is_finished()) && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(2));
            }
            // Only a shim that has ended does not listen any more.
            let _ = sender.send(Message::Exited(status));
        });
        Ok(child)
    }

    fn exited(&mut self, how: &str) -> anyhow::Result<()> {
        if self.stop.is_some() {
            self.log.line(format!("shim: ended with {how}").as_bytes());
            return self.finish();
        }
        self.failed(how, self.began.elapsed());
        self.began = Instant::now();
        Ok(())
    }

    fn failed(&mut self, how: &str, after: Duration) {
        self.child = None;
        self.failures = if after >= GOOD_RUN { 1 } else { self.failures + 1 };
        self.status.exits += 1;
        self.status.last_exit = Some(how.chars().take(200).collect());
        self.status.phase = Phase::Restarting;
        self.log.line(format!("shim: ended with {how}, starting again in {:?}", self.backoff()).as_bytes());
        self.write_status();
    }

    fn backoff(&self) -> Duration {
        FIRST_BACKOFF.saturating_mul(1 << self.failures.saturating_sub(1).min(10)).min(LONGEST_BACKOFF)
    }

    fn end_within(&mut self, grace: Duration, stream: Option<UnixStream>) -> anyhow::Result<()> {
        let is_first = self.stop.is_none();
        let stop = self.stop.get_or_insert_with(|| Stop { kill_at: Instant::now() + grace, streams: Vec::new() });
        stop.streams.extend(stream);
        if self.child.is_none() {
            return self.finish();
        }
        if is_first {
            self.ask_to_end();
        }
        Ok(())
    }

    fn ask_to_end(&mut self) {
        self.status.phase = Phase::Stopping;
        let signal = match self.spec.stop_signal {
            StopSignal::Term => SIGTERM,
            StopSignal::Usr1 => SIGUSR1,
        };
        if let Some(child) = &self.child
            && let Err(error) = child.send_signal(signal)
        {
            self.log.line(format!("shim: cannot ask it to end: {error}").as_bytes());
        }
    }

    fn kill(&mut self) {
        self.log.line(b"shim: it has not ended in its time and is killed");
        if let Some(child) = &self.child
            && let Err(error) = child.kill()
        {
            self.log.line(format!("shim: cannot kill it: {error}").as_bytes());
        }
        if let Some(stop) = &mut self.stop {
            stop.kill_at += SHUTDOWN_GRACE;
        }
    }

    fn finish(&mut self) -> anyhow::Result<()> {
        self.status.phase = Phase::Stopped;
        self.write_status();
        remove(Path::new(SOCKET))?;
        let streams = self.stop.take().into_iter().flat_map(|stop| stop.streams);
        streams.for_each(|stream| self.answer(stream));
        Ok(())
    }

    fn answer(&self, mut stream: UnixStream) {
        // Whoever asked and went away does not need the answer.
        let _ = serde_json::to_writer(&mut stream, &self.status);
    }

    fn write_status(&self) {
        if let Err(error) = self.status_file.write(&self.status) {
            self.log.line(format!("shim: the status cannot be written: {error}").as_bytes());
        }
    }
}

struct Stop {
    kill_at: Instant,
    streams: Vec<UnixStream>,
}

/// An observer holds the lock for a moment when it looks, so one refusal says nothing.
fn hold_alive() -> anyhow::Result<fs::File> {
    let alive = OpenOptions::new().create(true).append(true).open(ALIVE).context("opening the lock")?;
    let deadline = Instant::now() + Duration::from_secs(1);
    while alive.try_lock().is_err() {
        if Instant::now() >= deadline {
            bail!("another shim is running here");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(alive)
}

fn in_words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => {
            let name = signal_hook::low_level::signal_name(signal).unwrap_or("unknown");
            format!("signal {signal} ({name})")
        }
        (None, None) => "an unknown status".into(),
    }
}
