//! Running a program of somebody else's, for a limited time.

use std::os::unix::process::CommandExt as _;
use std::process::Output;
use std::time::Duration;

use anyhow::bail;
use duct::Expression;

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

/// The same in a process group of its own: Ctrl-C at a terminal is for us to act on, in order.
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
    handle.kill()?;
    bail!("it has not ended after {limit:?} and was killed");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_does_not_end_is_ended() {
        let error = run(&duct::cmd!("sleep", "60"), Duration::from_millis(50)).unwrap_err();
        assert!(error.to_string().contains("has not ended after 50ms"), "{error}");
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
