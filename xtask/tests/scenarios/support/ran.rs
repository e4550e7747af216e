//! What a command that was run has said.

use std::process::Output;

/// What a command has printed, and how it ended.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Ran {
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ran {
    /// Fails unless it succeeded.
    #[track_caller]
    pub fn ok(self) -> Ran {
        assert_eq!(self.code, 0, "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// What `--json` has printed: an object a line.
    #[track_caller]
    pub fn lines(&self) -> Vec<serde_json::Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The last of these lines, which says how it ended.
    #[track_caller]
    pub fn report(&self) -> serde_json::Value {
        let last = self.lines().pop().unwrap();
        assert_eq!(last["event"], "report", "{}", self.stdout);
        last
    }

    /// Fails unless it failed with that exit code and one error that holds every one of `parts`.
    #[track_caller]
    pub fn refused(self, code: i32, parts: &[&str]) -> Ran {
        assert_eq!(self.code, code, "{}\n{}", self.stdout, self.stderr);
        let errors = self.stderr.lines().filter(|line| line.starts_with("error:")).count();
        assert_eq!(errors, 1, "{}", self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        for part in parts {
            assert!(self.stderr.contains(part), "`{part}` is not in:\n{}", self.stderr);
        }
        self
    }
}
