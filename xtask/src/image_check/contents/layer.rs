//! One layer: what has a name in it, and what is worth telling of each.

use std::io::{self, Read};

use super::guard::{self, each};
use super::{Entry, Kind, look};

/// The most that is kept of an image, in bytes: hundred thousands of names.
pub(super) const ROOM: usize = 256 << 20;
/// What a name takes besides its own length.
const OF_A_NAME: usize = 256;
/// What an extended attribute's name begins with in a tar archive, and the one that gives capabilities (capabilities(7)).
const CAPABILITIES: &str = "SCHILY.xattr.security.capability";

/// Reads it, as long as there is room.
///
/// # Errors
/// When it is no archive, or has more in it than there is room for.
pub(super) fn read(reader: &mut dyn Read, room: &mut usize) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    each(reader, |given| {
        let entry = entry(given)?;
        let link = match &entry.kind {
            Kind::Symlink(target) | Kind::Hardlink(target) => target.len(),
            _ => 0,
        };
        let packages = entry.noted.made_of.as_ref().and_then(|list| list.as_ref().ok()).map_or(0, Vec::len);
        let taken = OF_A_NAME * (1 + packages + entry.noted.secrets.len()) + entry.path.len() + link;
        *room = room.checked_sub(taken).ok_or_else(|| io::Error::other("it has more files than can be looked at"))?;
        entries.push(entry);
        Ok(())
    })?;
    Ok(entries)
}

fn entry(given: &mut guard::Entry<'_, '_>) -> io::Result<Entry> {
    let path = clean(&given.path_bytes());
    let target = given.link_name_bytes();
    let kind = match given.header().entry_type() {
        tar::EntryType::Regular | tar::EntryType::Continuous => Kind::File,
        tar::EntryType::Directory => Kind::Folder,
        // What it says is relative to where it stands, or to the root.
        tar::EntryType::Symlink => Kind::Symlink(shown(&target.unwrap_or_default())),
        tar::EntryType::Link => Kind::Hardlink(clean(&target.unwrap_or_default())),
        _ => Kind::Other,
    };
    let mode = given.header().mode()? & 0o7777;
    let extensions = given.pax_extensions()?.into_iter().flatten().flatten();
    let has_capabilities = extensions.filter_map(|extension| extension.key().ok()).any(|key| key == CAPABILITIES);
    let is_file = kind == Kind::File;
    let size = if is_file { given.size() } else { 0 };
    let noted = if is_file { look::at(given, size)? } else { super::Noted::default() };
    Ok(Entry { path, kind, mode, size, has_capabilities, noted })
}

/// A path from the root, whichever way it is written.
pub(super) fn clean(path: &[u8]) -> String {
    let path = shown(path);
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// A name as text that no terminal obeys.
fn shown(name: &[u8]) -> String {
    let replaced = |letter: char| if letter.is_control() { char::REPLACEMENT_CHARACTER } else { letter };
    String::from_utf8_lossy(name).chars().map(replaced).collect()
}
