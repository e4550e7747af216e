//! A log of bounded size: what is over the bound moves to a second file, and what was there is gone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

/// The size at which the log moves aside; twice as much is kept at the most.
const LIMIT: u64 = 1024 * 1024;
/// A line longer than this is cut, so that a child without newlines cannot fill the memory.
const MAX_LINE: u64 = 64 * 1024;
/// As much of a log's end as is read for its last lines.
const TAIL: u64 = 256 * 1024;

pub(super) struct Log {
    path: PathBuf,
    rotated: PathBuf,
    open: Mutex<Option<(File, u64)>>,
}

impl Log {
    pub(super) fn new(path: impl Into<PathBuf>, rotated: impl Into<PathBuf>) -> Log {
        Log { path: path.into(), rotated: rotated.into(), open: Mutex::new(None) }
    }

    /// Appends a line. What cannot be written is lost: a full disk must not stop the child.
    pub(super) fn line(&self, line: &[u8]) {
        let mut open = self.open.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if self.append(&mut open, line).is_err() {
            *open = None;
        }
    }

    fn append(&self, open: &mut Option<(File, u64)>, line: &[u8]) -> io::Result<()> {
        if open.as_ref().is_some_and(|(_, size)| *size >= LIMIT) {
            *open = None;
            fs::rename(&self.path, &self.rotated)?;
        }
        let (file, size) = match open {
            Some(open) => open,
            None => {
                let file = OpenOptions::new().create(true).append(true).open(&self.path)?;
                let size = file.metadata()?.len();
                open.insert((file, size))
            }
        };
        let mut whole = line.to_vec();
        whole.push(b'\n');
        *size += whole.len() as u64;
        file.write_all(&whole)
    }

    /// Copies lines until the other side has closed.
    pub(super) fn copy(&self, output: impl Read) {
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        loop {
            line.clear();
            match (&mut output).take(MAX_LINE).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => self.line(line.strip_suffix(b"\n").unwrap_or(&line)),
            }
        }
    }
}

/// The last lines of a log that may have moved on to the second of `parts`.
pub(super) fn tail(parts: &[PathBuf], lines: usize) -> Vec<String> {
    let mut text = String::new();
    for part in parts {
        let Ok(mut file) = File::open(part) else { continue };
        let size = file.metadata().map_or(0, |metadata| metadata.len());
        let mut bytes = Vec::new();
        if file.seek(SeekFrom::Start(size.saturating_sub(TAIL))).is_ok() && file.read_to_end(&mut bytes).is_ok() {
            text.push_str(&String::from_utf8_lossy(&bytes));
        }
    }
    let all: Vec<_> = text.lines().collect();
    all.iter().skip(all.len().saturating_sub(lines)).map(|line| (*line).to_owned()).collect()
}

/// Prints what is appended; a log that has moved aside, or a new one in its place, is read from its beginning.
pub(super) fn follow(path: &Path, out: &mut dyn Write) -> io::Result<()> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::End(0))?;
    let mut chunk = Vec::new();
    loop {
        chunk.clear();
        file.read_to_end(&mut chunk)?;
        out.write_all(&chunk)?;
        out.flush()?;
        if fs::metadata(path).is_ok_and(|now| file.metadata().is_ok_and(|open| open.ino() != now.ino())) {
            file = File::open(path)?;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    #[test]
    fn the_log_stays_bounded_and_its_end_is_kept() {
        let dir = TempDir::new();
        let (path, rotated) = (dir.path().join("log"), dir.path().join("log.1"));
        let log = Log::new(&path, &rotated);
        let line = [b'x'; 1023];
        for _ in 0..5000 {
            log.line(&line);
        }
        log.line(b"the end");
        let sizes = fs::metadata(&path).unwrap().len() + fs::metadata(&rotated).unwrap().len();
        assert!(sizes <= 2 * LIMIT + 1024, "{sizes}");
        assert_eq!(tail(&[rotated, path], 1), ["the end"]);
    }

    #[test]
    fn the_tail_reaches_back_into_the_part_that_moved_aside() {
        let dir = TempDir::new();
        let (path, rotated) = (dir.path().join("log"), dir.path().join("log.1"));
        fs::write(&rotated, "one\ntwo\n").unwrap();
        fs::write(&path, "three\n").unwrap();
        assert_eq!(tail(&[rotated, path], 2), ["two", "three"]);
    }

    #[test]
    fn a_child_without_newlines_is_cut_into_lines() {
        let dir = TempDir::new();
        let path = dir.path().join("log");
        Log::new(&path, dir.path().join("log.1")).copy(&*vec![b'y'; 3 * MAX_LINE as usize]);
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 3);
    }
}
