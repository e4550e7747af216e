//! Running what takes minutes: with somebody looking on who may change their mind, and an end to what hangs.

use std::collections::VecDeque;
use std::io::{self, BufRead as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::interrupt::UnderWay;
use crate::problem::{ExitCode, Problem};
use crate::{docker, say};

/// The longest that a builder may say nothing. The longest it has reason to is while the whole program is optimised and
/// linked, a minute or two on a slow machine.
const SILENCE: Duration = Duration::from_secs(10 * 60);
/// How long it has to end in order once it was told to; then it is killed.
const GRACE: Duration = Duration::from_secs(10);
/// How long its last words may be on their way after its end. Whoever else has the pipe may keep it open for ever.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How often it is looked after.
const GLANCE: Duration = Duration::from_millis(100);
/// How many of its lines are kept.
const LINES: usize = 20;

/// Whether what a command says is for a person while it runs, or only if it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Voice {
    PassedOn,
    Kept,
}

/// Runs a `docker` command that may take minutes, and listens to its standard error while it does. A request to end is
/// passed on to it and to all it has started. One that goes silent is ended, and tried once more.
///
/// # Errors
/// A [`Problem`] with exit code 130 when it was asked to end, 69 when it went silent twice, else those of
/// [`docker::read`]; the refusal has the last lines.
pub(super) fn watch(args: &[&str], variables: &[(&str, &str)], voice: Voice) -> anyhow::Result<()> {
    let command = || {
        let mut command = docker::command(args)?;
        // The engine's own builder, whatever was chosen for other work: it alone sees the engine's images.
        command.envs(variables.iter().copied()).env_remove("BUILDX_BUILDER");
        Ok(command)
    };
    let under_way = UnderWay::begin()?;
    let ended = twice(command, voice, SILENCE, &under_way)
        .and_then(|output| docker::conclude(args.get(..1).unwrap_or_default(), &output).map(drop));
    if under_way.is_cancelled() && ended.is_err() {
        let message = "ended while it was building; nothing was started or changed.";
        return Err(Problem::new(ExitCode::Interrupted, message).into());
    }
    ended
}

/// How a command has come to its end.
enum End {
    /// By itself, or as a person has asked for.
    Own(Output),
    /// It was ended, as it had become silent; with the last it said.
    Silent(String),
}

/// Runs a command, and once more if it goes silent.
fn twice(
    command: impl Fn() -> anyhow::Result<Command>,
    voice: Voice,
    silence: Duration,
    under_way: &UnderWay,
) -> anyhow::Result<Output> {
    let span = humantime::format_duration(silence);
    let last = match once(&mut command()?, voice, silence, under_way)? {
        End::Own(output) => return Ok(output),
        End::Silent(last) => last,
    };
    say!("the builder has said nothing for {span} and was ended; trying once more. The last it said: {last}");
    match once(&mut command()?, voice, silence, under_way)? {
        End::Own(output) => Ok(output),
        End::Silent(last) => {
            let message = format!(
                "the builder has said nothing for {span}, was ended, and the same again; nothing was started or changed."
            );
            let problem = Problem::new(ExitCode::Unavailable, message).detail([format!("the last it said: {last}")]);
            Err(problem.next("docker info").next("cargo xtask docker-build --builder host").into())
        }
    }
}

fn once(command: &mut Command, voice: Voice, silence: Duration, under_way: &UnderWay) -> anyhow::Result<End> {
    // A group of its own: what the command has started is ended with it, or it would go on with the same build.
    let piped = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
    let mut child = piped.spawn().map_err(docker::not_run)?;
    let mut said = Said::by(&mut child, voice)?;
    let (mut told_to_end, mut is_silent) = (None, false);
    let status = loop {
        said.listen(GLANCE);
        if let Some(status) = child.try_wait()? {
            break status;
        }
        match told_to_end {
            None if under_way.is_cancelled() || said.heard.elapsed() > silence => {
                is_silent = !under_way.is_cancelled();
                told_to_end = Some(Instant::now());
                signal(&child, Signal::TERM);
            }
            Some(at) if Instant::elapsed(&at) > GRACE => signal(&child, Signal::KILL),
            _ => {}
        }
    };
    said.listen_to_the_end();
    if is_silent {
        signal(&child, Signal::KILL);
        return Ok(End::Silent(said.last()));
    }
    Ok(End::Own(said.with(status)))
}

/// To the child and all it has started; those that have ended by themselves are not there any more.
fn signal(child: &Child, signal: Signal) {
    let _ = kill_process_group(Pid::from_child(child), signal);
}

/// What a command says.
struct Said {
    voice: Voice,
    lines: Receiver<String>,
    last: VecDeque<String>,
    /// When it last said something.
    heard: Instant,
}

impl Said {
    fn by(child: &mut Child, voice: Voice) -> anyhow::Result<Said> {
        let said = child.stderr.take().context("the standard error was not piped")?;
        let (sender, lines) = mpsc::channel();
        // It ends when the pipe does, or nobody listens any more; nobody waits for it.
        std::thread::spawn(move || {
            let lines = io::BufReader::new(said).split(b'\n').map_while(Result::ok);
            lines.map(|line| String::from_utf8_lossy(&line).into_owned()).try_for_each(|line| sender.send(line))
        });
        Ok(Said { voice, lines, last: VecDeque::new(), heard: Instant::now() })
    }

    /// Waits for a line and passes it on; whether there can be more.
    fn listen(&mut self, wait: Duration) -> bool {
        match self.lines.recv_timeout(wait) {
            Ok(line) => {
                if self.voice == Voice::PassedOn {
                    say!("{line}");
                }
                self.heard = Instant::now();
                if self.last.len() == LINES {
                    self.last.pop_front();
                }
                self.last.push_back(line);
                true
            }
            Err(RecvTimeoutError::Timeout) => true,
            Err(RecvTimeoutError::Disconnected) => {
                // It ends in a moment, or has closed its standard error for reasons of its own.
                std::thread::sleep(GLANCE / 10);
                false
            }
        }
    }

    fn listen_to_the_end(&mut self) {
        let until = Instant::now() + LAST_WORDS;
        while Instant::now() < until && self.listen(GLANCE) {}
    }

    fn last(&self) -> String {
        self.last.iter().rfind(|line| !line.is_empty()).cloned().unwrap_or_else(|| "nothing at all".into())
    }

    fn with(self, status: ExitStatus) -> Output {
        Output { status, stdout: Vec::new(), stderr: Vec::from(self.last).join("\n").into_bytes() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::exit_code;
    use crate::testing::TempDir;

    const LIMIT: Duration = Duration::from_millis(300);

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn run(script: &str) -> anyhow::Result<Output> {
        twice(|| Ok(shell(script)), Voice::Kept, LIMIT, &UnderWay::default())
    }

    #[test]
    fn what_goes_silent_is_ended_with_all_it_started_tried_once_more_and_told() {
        let folder = TempDir::new();
        let began = folder.path().join("began");
        // The one that sleeps is a child of the shell's, has its pipe, and would outlive it.
        let script = format!("echo $$ >>{}; echo a word >&2; sleep 600; echo never >&2", began.display());
        let error = run(&script).unwrap_err();
        assert_eq!(exit_code(&error), ExitCode::Unavailable);
        for part in ["said nothing for 300ms", "the last it said: a word", "next: docker info", "--builder host"] {
            assert!(error.to_string().contains(part), "{error}");
        }
        let groups = std::fs::read_to_string(began).unwrap();
        assert_eq!(groups.lines().count(), 2, "{groups}");
        for group in groups.lines() {
            let group = Pid::from_raw(group.parse().unwrap()).unwrap();
            let deadline = Instant::now() + Duration::from_secs(10);
            while rustix::process::test_kill_process_group(group).is_ok() {
                assert!(Instant::now() < deadline, "something of {group:?} still runs");
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }

    #[test]
    fn what_is_slow_and_says_so_is_left_alone_and_a_second_try_can_succeed() {
        assert!(run("for word in 1 2 3 4 5; do sleep 0.1; echo $word >&2; done").unwrap().status.success());
        let folder = TempDir::new();
        let script = format!("cd {}; if mkdir began 2>/dev/null; then sleep 600; fi; exit 3", folder.path().display());
        assert_eq!(run(&script).unwrap().status.code(), Some(3));
    }

    #[test]
    fn who_else_has_the_pipe_is_not_waited_for() {
        let began = Instant::now();
        let script = || Ok(shell("sleep 5 & echo done >&2"));
        let output = twice(script, Voice::Kept, Duration::from_secs(20), &UnderWay::default()).unwrap();
        assert_eq!((output.status.success(), output.stderr.as_slice()), (true, &b"done"[..]));
        assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    }
}
