//! Tar archives of somebody else's, an entry at a time and within bounds. What the `tar` crate takes into memory by itself,
//! long names and extended headers, is what it reads between two entries: that is where it is held.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

/// The most that stands between two entries, in bytes: headers, long names and extended attributes.
const HEADERS: u64 = 1 << 20;
/// The most of an archive that is read, in bytes; a few of them, compressed, can stand for any number.
const ARCHIVE: u64 = 32 << 30;

/// An entry, with its contents to be read.
pub(super) type Entry<'a, 'r> = tar::Entry<'a, Guard<'r>>;

/// A reader that fails once it has given as much as it may.
pub(super) struct Guard<'r> {
    inner: &'r mut dyn Read,
    left: Rc<Left>,
}

/// How much may still be read, in bytes.
struct Left {
    headers: Cell<u64>,
    archive: Cell<u64>,
}

impl Read for Guard<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Left { headers, archive } = &*self.left;
        let most = usize::try_from(headers.get().min(archive.get())).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 && !buffer.is_empty() {
            let what = if archive.get() == 0 { "the archive" } else { "what stands before an entry" };
            return Err(io::Error::other(format!("{what} is longer than anything that is read here")));
        }
        let read = self.inner.read(buffer.get_mut(..most).unwrap_or_default())?;
        headers.set(headers.get().saturating_sub(read as u64));
        archive.set(archive.get().saturating_sub(read as u64));
        Ok(read)
    }
}

/// Gives `take` each entry of an archive, in order.
///
/// # Errors
/// When it is no archive, is cut off or has no end, and the first error of `take`.
pub(super) fn each(
    reader: &mut dyn Read,
    mut take: impl FnMut(&mut Entry<'_, '_>) -> io::Result<()>,
) -> io::Result<()> {
    let left = Rc::new(Left { headers: Cell::new(HEADERS), archive: Cell::new(ARCHIVE) });
    let mut archive = tar::Archive::new(Guard { inner: reader, left: Rc::clone(&left) });
    for entry in archive.entries()? {
        let mut entry = entry?;
        left.headers.set(u64::MAX);
        // It stands for as many zeros as it says, and no image is made of such.
        if entry.header().entry_type().is_gnu_sparse() {
            return Err(io::Error::other("there is a sparse file in it"));
        }
        take(&mut entry)?;
        io::copy(&mut entry, &mut io::sink())?;
        left.headers.set(HEADERS);
    }
    Ok(())
}
