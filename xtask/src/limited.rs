//! Running a program of somebody else's, for a limited time.

use std::os::unix::process::CommandExt as _;
use std::process::Output;
use std::time::Duration;

use anyhow::bail;
use duct::Expression;
use rustix::process::{Pid, Signal, getpgid, kill_process_group};

/// How long a program may take that only looks at files.
pub const CHECK: Duration = Duration::from_secs(30);

/// Runs it with its output and its errors in one stream, in the order in which they were written.
///
/// # Errors
/// When it cannot be run, or has not ended after `limit` and was killed. That it failed is no error here.
pub fn run(expression: &Expression, limit: Duration) -> anyhow::Result<Output> {
    wait(&expression.stderr_to_stdout(), limit)
}

/// The same with its output and its errors apart.
///
/// # Errors
/// Those of [`run`].
pub fn run_apart(expression: &Expression, limit: Duration) -> anyhow::Result<Output> {
    wait(&expression.stderr_capture(), limit)
}

/// The same in a process group of its own: Ctrl-C at a terminal is for us to act on, in order, and what is killed takes with
/// it what it has started.
pub fn in_own_group(expression: &Expression) -> Expression {
    expression.before_spawn(|command| {
        command.process_group(0);
        Ok(())
    })
}

fn wait(expression: &Expression, limit: Duration) -> anyhow::Result<Output> {
    let handle = expression.stdin_null().stdout_capture().unchecked().start()?;
    if let Some(output) = handle.wait_timeout(limit)? {
        return Ok(output.clone());
    }
    handle.pids().into_iter().for_each(end_group);
    handle.kill()?;
    bail!("it has not ended after {limit:?} and was killed");
}

/// Kills a program's process group, where it has one of its own.
fn end_group(program: u32) {
    let pid = i32::try_from(program).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid.filter(|pid| getpgid(Some(*pid)) == Ok(*pid)) {
        // It may have ended by now, and all of it.
        let _ = kill_process_group(pid, Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    #[test]
    fn a_program_that_does_not_end_is_ended() {
        let error = run(&duct::cmd!("sleep", "60"), Duration::from_millis(50)).unwrap_err();
        assert!(error.to_string().contains("has not ended after 50ms"), "{error}");
    }

    #[test]
    fn what_has_a_group_of_its_own_takes_it_along() {
        let folder = TempDir::new();
        let program = duct::cmd!("sh", "-c", "sleep 60 & echo $! >started; wait").dir(folder.path());
        // On a busy machine it may be killed before it has started anything.
        let started = (0..7).find_map(|doubled| {
            run(&in_own_group(&program), Duration::from_millis(250 << doubled)).unwrap_err();
            std::fs::read_to_string(folder.path().join("started")).ok().filter(|pid| pid.ends_with('\n'))
        });
        let started = started.unwrap();
        let ended = || {
            !std::fs::read_to_string(format!("/proc/{}/cmdline", started.trim())).unwrap_or_default().contains("sleep")
        };
        let deadline = std::time::Instant::now() + CHECK;
        while !ended() {
            assert!(std::time::Instant::now() < deadline, "{started} still runs");
            std::thread::yield_now();
        }
    }

    #[test]
    fn what_it_says_comes_in_one_stream() {
        let output = run(&duct::cmd!("sh", "-c", "echo one; echo two >&2; exit 3"), CHECK).unwrap();
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(3), &b"one\ntwo\n"[..]));
    }

    #[test]
    fn what_it_prints_is_kept_apart_from_what_it_says_about_it() {
        let output = run_apart(&duct::cmd!("sh", "-c", "echo one; echo two >&2; exit 3"), CHECK).unwrap();
        assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b"one\n"[..], &b"two\n"[..]));
        assert_eq!(output.status.code(), Some(3));
    }
}
