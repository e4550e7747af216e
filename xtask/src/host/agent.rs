//! A session with the agent in a container: one process on this side for as long as it lasts, one answer to each request.

use std::fmt;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use crate::docker;

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
        let mut command = docker::command(docker);
        command.args(["sh", "-c", SCRIPT, "agent", if guarded { "guarded" } else { "" }]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (sender, answers) = channel();
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let Some(stdout) = stdout else { anyhow::bail!("the session's output was not piped") };
        // It ends with the container's output, which ends with the session.
        std::thread::spawn(move || read_answers(stdout, &sender));
        let mut agent = Agent { child, stdin, answers, lost: None };
        match agent.answers.recv_timeout(START) {
            Ok(_) => Ok(Ok(agent)),
            Err(_) => Ok(Err(NotStarted(agent.last_words()))),
        }
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
        let mut request = format!("{operation} {} {argument}\n", body.len()).into_bytes();
        request.extend_from_slice(body);
        stdin.write_all(&request)?;
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

fn read_answers(stdout: impl Read, answers: &Sender<Raw>) {
    let mut stdout = BufReader::new(stdout);
    let mut line = String::new();
    while stdout.read_line(&mut line).is_ok_and(|count| count > 0) {
        let Some(raw) = read_answer(line.trim_end(), &mut stdout) else { return };
        if answers.send(raw).is_err() {
            return;
        }
        line.clear();
    }
}

fn read_answer(header: &str, stdout: &mut impl Read) -> Option<Raw> {
    if header == "ready" {
        return Some(Raw { status: 0, body: Vec::new() });
    }
    let (status, length) = header.split_once(' ')?;
    let (status, length) = (status.parse().ok()?, length.parse().ok()?);
    let mut body = Vec::new();
    stdout.take(length).read_to_end(&mut body).ok()?;
    (body.len() as u64 == length).then_some(Raw { status, body })
}
