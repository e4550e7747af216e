//! What a shim has said last of its child, on disk.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::Status;

/// The last status, in a file whose room was taken when there was some: a disk that has filled up since must not make a
/// colour that was stopped look like one that died. It is never truncated, so that there is one at any time.
pub(super) struct StatusFile(File);

impl StatusFile {
    const SIZE: usize = 1024;

    /// A new one.
    pub(super) fn create(path: &Path) -> io::Result<StatusFile> {
        File::create(path).map(StatusFile)
    }

    /// The one that a shim has left.
    pub(super) fn open(path: &Path) -> io::Result<StatusFile> {
        OpenOptions::new().write(true).open(path).map(StatusFile)
    }

    pub(super) fn write(&self, status: &Status) -> io::Result<()> {
        let text = serde_json::to_string(status)?;
        self.0.write_all_at(format!("{text:size$}", size = StatusFile::SIZE).as_bytes(), 0)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::time::{Duration, SystemTime};

    use super::super::{Phase, STATUS, Shim};
    use super::*;
    use crate::testing::TempDir;

    #[test]
    fn what_a_shim_that_was_killed_could_not_say_is_said_in_the_room_it_has_left() {
        let dir = TempDir::new();
        let path = dir.path().join(STATUS);
        let left = Status { phase: Phase::Running, started: SystemTime::UNIX_EPOCH, exits: 2, last_exit: None };
        StatusFile::create(&path).unwrap().write(&left).unwrap();
        // What is behind it is gone as soon as somebody truncates the file.
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"\n").unwrap();
        let shim = Shim::at(dir.path());
        shim.stop(Duration::ZERO).unwrap();
        assert_eq!(shim.status().unwrap(), Some(Status { phase: Phase::Stopped, ..left }));
        assert_eq!(file.metadata().unwrap().len(), StatusFile::SIZE as u64 + 1);
    }
}
