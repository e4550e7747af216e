//! The end of a warm colour's time: whoever watches over the colour has it reaped, by the same plan a person would carry
//! out. It is not for the shim to judge whether anything else serves.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::log::Log;
use crate::program;

/// How long after a reaping that did not succeed, a deployer being at work, another is tried.
const AGAIN: Duration = Duration::from_secs(60);

/// Until when a colour is kept warm, and where.
pub(super) struct Warmth {
    pub(super) until: Instant,
    environment: String,
    folder: PathBuf,
}

impl Warmth {
    /// What a request says: `MILLISECONDS-SINCE-1970 ENVIRONMENT FOLDER`.
    pub(super) fn parse(request: &str) -> Option<Warmth> {
        let mut parts = request.splitn(3, ' ');
        let since = Duration::from_millis(parts.next()?.parse().ok()?);
        let until = SystemTime::UNIX_EPOCH.checked_add(since)?;
        let left = until.duration_since(SystemTime::now()).unwrap_or_default();
        let until = Instant::now().checked_add(left)?;
        Some(Warmth { until, environment: parts.next()?.to_owned(), folder: Path::new(parts.next()?).to_owned() })
    }

    /// As it is said to a shim.
    pub(super) fn request(until: SystemTime, environment: &str, folder: &Path) -> String {
        let since = until.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        format!("warm {} {environment} {}\n", since.as_millis(), folder.display())
    }

    /// Has it reaped, without waiting for it; when to try again is until then the new end.
    pub(super) fn reap(&mut self, log: &Arc<Log>) {
        self.until = Instant::now() + AGAIN;
        log.line(b"shim: it was kept warm for as long as it should be, and is reaped");
        let reap = program::own().and_then(|program| {
            let mut reap = Command::new(program);
            reap.args(["reap", "--env", &self.environment]).current_dir(&self.folder);
            reap.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()
        });
        let log = Arc::clone(log);
        match reap {
            // Nobody else collects what is left of it when it ends.
            Ok(reap) => drop(std::thread::spawn(move || {
                if let Ok(ended) = reap.wait_with_output()
                    && !ended.status.success()
                {
                    log.line(&[b"shim: ".as_slice(), &ended.stderr].concat());
                }
            })),
            Err(error) => log.line(format!("shim: it cannot be reaped: {error}").as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_says_until_when_and_where() {
        let request = Warmth::request(SystemTime::now() + Duration::from_secs(60), "development", Path::new("/a b/c"));
        let warmth = Warmth::parse(request.trim_end().strip_prefix("warm ").unwrap()).unwrap();
        assert_eq!((warmth.environment.as_str(), warmth.folder.as_path()), ("development", Path::new("/a b/c")));
        let left = warmth.until.saturating_duration_since(Instant::now());
        assert!(left > Duration::from_secs(55) && left <= Duration::from_secs(60), "{left:?}");
        for foreign in ["", "x development /", "18446744073709551615 development /", "1", "1 development"] {
            assert!(Warmth::parse(foreign).is_none_or(|warmth| warmth.environment == "development"), "{foreign}");
        }
    }
}
