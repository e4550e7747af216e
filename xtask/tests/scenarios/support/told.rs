//! A deploy that is followed by what it tells a program.

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStdout};
use std::time::{Duration, Instant};

use super::Fixture;

/// A deploy under way, and what it has told so far by `--json`.
pub struct Told {
    deploy: Child,
    began: Instant,
    events: Lines<BufReader<ChildStdout>>,
    done: Vec<String>,
}

impl Told {
    pub fn begin(fixture: &Fixture, release: &str) -> Told {
        let mut deploy = fixture.deploy_in_background(release, &["--json"]);
        let events = BufReader::new(deploy.stdout.take().unwrap()).lines();
        Told { deploy, began: Instant::now(), events, done: Vec::new() }
    }

    /// Reads on until an operation is done, or there is nothing more to read; how long after the beginning that was.
    pub fn until(&mut self, operation: &str) -> Duration {
        while !self.done.iter().any(|done| done == operation) {
            let Some(line) = self.events.next() else { break };
            // The last line of one that was killed may be torn.
            let event: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap_or_default();
            if event["event"] == "finished" {
                self.done.push(event["operation"]["op"].as_str().unwrap().to_owned());
            }
        }
        self.began.elapsed()
    }

    /// Waits for its end, which has to be a good one.
    #[track_caller]
    pub fn succeed(mut self) {
        assert!(self.deploy.wait().unwrap().success());
    }

    /// Ends it at once, and gives how far it had come.
    pub fn kill(mut self) -> &'static str {
        self.deploy.kill().unwrap();
        self.deploy.wait().unwrap();
        self.until("nothing");
        match ["promote", "set_split"].map(|operation| self.done.iter().any(|done| done == operation)) {
            [true, _] => "after the promotion",
            [false, true] => "shifting",
            [false, false] => "starting",
        }
    }
}
