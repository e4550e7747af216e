//! A container's log.

use std::io;
use std::process::Stdio;

use crate::docker;
use crate::runtime::Log;

/// What a container has written, as the engine keeps it.
pub(super) struct ContainerLog {
    pub(super) container: String,
}

impl Log for ContainerLog {
    fn print(&self, lines: usize, follow: bool, out: &mut dyn io::Write) -> io::Result<()> {
        let tail = lines.to_string();
        let mut args = vec!["logs", "--tail", &tail];
        if follow {
            args.push("--follow");
        }
        args.push(&self.container);
        // Both its outputs in the order they were written, which the engine knows and two pipes do not.
        let (mut reader, writer) = io::pipe()?;
        let mut command = docker::command(&args).map_err(io::Error::other)?;
        command.stdout(writer.try_clone()?).stderr(writer).stdin(Stdio::null());
        let mut child = command.spawn()?;
        // The command holds the pipe's other end open.
        drop(command);
        let copied = io::copy(&mut reader, &mut WriteThrough(out));
        if copied.is_err() {
            child.kill()?;
        }
        child.wait()?;
        copied.map(drop)
    }
}

/// Whoever follows wants each line as it comes.
struct WriteThrough<'a>(&'a mut dyn io::Write);

impl io::Write for WriteThrough<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(bytes)?;
        self.0.flush()?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
