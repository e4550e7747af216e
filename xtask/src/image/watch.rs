//! Running what takes minutes, with somebody looking on who may change their mind.

use std::collections::VecDeque;
use std::io::{self, BufRead as _};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};

use crate::interrupt::UnderWay;
use crate::problem::{ExitCode, Problem};
use crate::{docker, say};

/// Runs a `docker` command that takes minutes, and passes on what it writes to its standard error while it does. It is part
/// of the terminal's process group, so that Ctrl-C ends it too; any other request to end it is passed on.
///
/// # Errors
/// A [`Problem`] with exit code 130 when it was asked to end, else those of [`docker::read`]; the refusal has the last
/// lines.
pub(super) fn watch(args: &[&str], variables: &[(&str, &str)]) -> anyhow::Result<()> {
    const LAST: usize = 20;
    const GLANCE: Duration = Duration::from_millis(100);
    let under_way = UnderWay::begin()?;
    let mut command = Command::new("docker");
    command.args(args).envs(variables.iter().copied()).stdin(Stdio::null());
    // The engine's own builder, whatever was chosen for other work: it alone sees the engine's images.
    command.env_remove("BUILDX_BUILDER");
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().map_err(docker::not_run)?;
    let said = child.stderr.take().context("the standard error was not piped")?;
    let (sender, lines) = mpsc::channel();
    // It ends when the pipe does, or nobody listens any more.
    let reader = std::thread::spawn(move || {
        let lines = io::BufReader::new(said).split(b'\n').map_while(Result::ok);
        lines.map(|line| String::from_utf8_lossy(&line).into_owned()).try_for_each(|line| sender.send(line))
    });
    let (mut last, mut passed_on) = (VecDeque::new(), false);
    loop {
        match lines.recv_timeout(GLANCE) {
            Ok(line) => {
                say!("{line}");
                if last.len() == LAST {
                    last.pop_front();
                }
                last.push_back(line);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if under_way.is_cancelled() && !passed_on {
            passed_on = true;
            // It may have ended by itself.
            let _ = kill_process(Pid::from_child(&child), Signal::TERM);
        }
    }
    // What it could not pass on, nobody waits for.
    let _ = reader.join();
    let output = Output { status: child.wait()?, stdout: Vec::new(), stderr: Vec::from(last).join("\n").into_bytes() };
    let ended = docker::conclude(args.get(..1).unwrap_or_default(), &output).map(drop);
    if under_way.is_cancelled() && ended.is_err() {
        return Err(Problem::new(
            ExitCode::Interrupted,
            "ended while it was building; nothing was started or changed.",
        )
        .into());
    }
    ended
}
