//! A session with the agent in a container: one process on this side for as long as it lasts, one answer to each request.

use std::fmt;
use std::io::{self, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use crate::{docker, random};

/// What runs there.
const SCRIPT: &str = include_str!("agent.sh");
/// How long the container may take to come; an engine under load is slow to start one.
const START: Duration = Duration::from_secs(30);
/// How long an answer may take beyond what was asked for.
const ANSWER: Duration = Duration::from_secs(10);
/// How long the container may take to go once its input has ended.
const END: Duration = Duration::from_secs(5);
/// The status by which the agent says that there is no such thing.
const MISSING: u8 = 2;

/// Why a session is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost(String);

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the session with the Docker engine is lost: {}", self.0)
    }
}

impl std::error::Error for Lost {}

/// What the agent answers.
pub(super) enum Answer {
    Done(String),
    Missing(String),
    Failed(String),
}

/// Why a session did not come about: what was said instead.
#[derive(Debug)]
pub(super) struct NotStarted(pub(super) String);

struct Raw {
    status: u8,
    body: Vec<u8>,
}

/// A session.
pub(super) struct Agent {
    child: Child,
    stdin: Option<ChildStdin>,
    answers: Receiver<Raw>,
    lost: Option<Lost>,
}

impl Agent {
    /// Opens a session by a `docker run` or `docker exec` whose last argument names image or container.
    pub(super) fn open(docker: &[String], guarded: bool) -> anyhow::Result<Result<Agent, NotStarted>> {
        let mut command = docker::command(docker)?;
        // No file has it in it by accident.
        let mark = format!("{:016x}", random::number());
        command.args(["sh", "-c", SCRIPT, "agent", &mark, if guarded { "guarded" } else { "" }]);
        Agent::start(command, mark, START)
    }

    /// Starts what is to be a session, and waits for so long until it is one.
    fn start(mut command: Command, mark: String, within: Duration) -> anyhow::Result<Result<Agent, NotStarted>> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (sender, answers) = channel();
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let Some(stdout) = stdout else { anyhow::bail!("the session's output was not piped") };
        // It ends with the container's output, which ends with the session.
        std::thread::spawn(move || read_answers(BufReader::new(stdout), &mark, &sender));
        let mut agent = Agent { child, stdin, answers, lost: None };
        Ok(match agent.answers.recv_timeout(within) {
            Ok(_) => Ok(agent),
            Err(RecvTimeoutError::Disconnected) => Err(NotStarted(agent.last_words())),
            Err(RecvTimeoutError::Timeout) => {
                let Lost(why) = agent.lose(&format!("no answer within {within:?}"));
                Err(NotStarted(why))
            }
        })
    }

    /// Asks for one operation.
    pub(super) fn ask(
        &mut self,
        operation: &str,
        argument: &str,
        body: &[u8],
        extra: Duration,
    ) -> Result<Answer, Lost> {
        if let Some(lost) = &self.lost {
            return Err(lost.clone());
        }
        let asked = self.send(operation, argument, body);
        let answer = asked.map_err(|error| error.to_string()).and_then(|()| {
            self.answers.recv_timeout(ANSWER + extra).map_err(|error| match error {
                RecvTimeoutError::Timeout => format!("no answer within {:?}", ANSWER + extra),
                RecvTimeoutError::Disconnected => "it has ended".into(),
            })
        });
        let raw = answer.map_err(|why| self.lose(&why))?;
        let text = String::from_utf8_lossy(&raw.body).into_owned();
        Ok(match raw.status {
            0 => Answer::Done(text),
            MISSING => Answer::Missing(text),
            _ => Answer::Failed(text),
        })
    }

    fn send(&mut self, operation: &str, argument: &str, body: &[u8]) -> io::Result<()> {
        let stdin = self.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        stdin.write_all(format!("{operation}\n{argument}\n{}\n", on_a_line(body)).as_bytes())?;
        stdin.flush()
    }

    /// An answer that comes late must never be taken for that to a later question.
    fn lose(&mut self, why: &str) -> Lost {
        let said = self.last_words();
        let lost = Lost(if said.is_empty() { why.to_owned() } else { format!("{why} ({said})") });
        self.lost = Some(lost.clone());
        lost
    }

    /// Ends the session and gives what was said to its standard error.
    fn last_words(&mut self) -> String {
        self.end(END);
        let mut said = String::new();
        if let Some(stderr) = self.child.stderr.take() {
            // What cannot be read is not there to be told.
            let _ = stderr.take(4096).read_to_string(&mut said);
        }
        said.trim().to_owned()
    }

    fn end(&mut self, limit: Duration) {
        drop(self.stdin.take());
        let deadline = std::time::Instant::now() + limit;
        while let Ok(None) = self.child.try_wait() {
            if std::time::Instant::now() >= deadline {
                // Neither can fail in a way that leaves more to be done.
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.end(END);
    }
}

/// Any bytes as `printf %b` takes them, in one line of plain text.
fn on_a_line(body: &[u8]) -> String {
    let mut line = String::with_capacity(body.len());
    for byte in body {
        match byte {
            b'\\' => line.push_str("\\\\"),
            b' '..=b'~' => line.push(char::from(*byte)),
            // Writing to a text cannot fail.
            _ => drop(fmt::Write::write_fmt(&mut line, format_args!("\\0{byte:03o}"))),
        }
    }
    line
}

fn read_answers(mut stdout: impl io::BufRead, mark: &str, answers: &Sender<Raw>) {
    while let Some(raw) = read_answer(&mut stdout, mark) {
        if answers.send(raw).is_err() {
            return;
        }
    }
}

/// One answer, up to the line that ends it; none of one that breaks off.
fn read_answer(stdout: &mut impl io::BufRead, mark: &str) -> Option<Raw> {
    let mut body = Vec::new();
    loop {
        let begun = body.len();
        if stdout.read_until(b'\n', &mut body).ok()? == 0 {
            return None;
        }
        let line = std::str::from_utf8(body.get(begun..)?).unwrap_or_default();
        let status = line.strip_prefix(mark).and_then(|rest| rest.strip_suffix('\n')?.trim_start().parse().ok());
        if let Some(status) = status {
            // The line before it ends what was written, whether that had an end of its own or not.
            body.truncate(begun.saturating_sub(1));
            return Some(Raw { status, body });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The agent as it is in a container, in a folder of this machine.
    fn agent(folder: &std::path::Path) -> (Child, ChildStdin, BufReader<std::process::ChildStdout>) {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "agent", "mark"]).current_dir(folder);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut stdout = BufReader::new(stdout);
        assert_eq!(read_answer(&mut stdout, "mark").unwrap().status, 0);
        (child, stdin, stdout)
    }

    #[test]
    fn any_bytes_come_back_as_they_were_sent_and_half_a_request_leaves_nothing() {
        let dir = crate::testing::TempDir::new();
        let (mut child, mut stdin, mut stdout) = agent(dir.path());
        let mut ask = |operation: &str, argument: &str, body: &[u8]| {
            write!(stdin, "{operation}\n{argument}\n{}\n", on_a_line(body)).unwrap();
            let raw = read_answer(&mut stdout, "mark").unwrap();
            (raw.status, raw.body)
        };
        let every_byte: Vec<u8> = (0..=255).chain(*b"\\0101 %b %s \\c\n\n").collect();
        for contents in [every_byte.as_slice(), b"", b"mark 0\n", b"  no end", b"\nmark 0 is no answer\n"] {
            assert_eq!(ask("replace", "a/file", contents), (0, Vec::new()));
            let read = std::fs::read(dir.path().join("a/file")).unwrap();
            assert_eq!(read, contents);
        }
        assert_eq!(ask("replace", "file", &every_byte), (0, Vec::new()));
        assert_eq!(ask("append", "file", b"\nmore"), (0, Vec::new()));
        assert_eq!(ask("read", "file", b""), (0, [every_byte.as_slice(), b"\nmore"].concat()));
        assert_eq!(ask("list", "a", b""), (0, b"file\n".to_vec()));
        assert_eq!(ask("list", "nowhere", b""), (0, Vec::new()));
        assert_eq!(ask("read", "nothing", b"").0, MISSING);
        stdin.write_all(b"replace\nhalf\nonly so mu").unwrap();
        drop(stdin);
        assert!(child.wait().unwrap().success());
        assert!(!dir.path().join("half").exists());
    }

    #[test]
    fn one_that_says_nothing_in_time_is_told_apart_from_one_that_has_ended() {
        let said = |script: &str, within| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            let started = Agent::start(command, "mark".into(), within).unwrap();
            started.map(drop).unwrap_err().0
        };
        let soon = Duration::from_millis(50);
        assert_eq!(said("exec cat", soon), "no answer within 50ms");
        assert_eq!(said("echo busy >&2; exec cat", soon), "no answer within 50ms (busy)");
        assert_eq!(said("echo refused >&2; exit 125", START), "refused");
    }
}
