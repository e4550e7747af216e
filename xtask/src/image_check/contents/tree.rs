//! What a container of an image sees: each layer over those below it, with what it has taken away gone (OCI image layout,
//! "Whiteouts").

use std::collections::BTreeMap;
use std::ops::Bound;

use super::{Contents, Entry, Kind};

/// What a name begins with that takes another away, and the one that takes away all beside it.
const WHITEOUT: &str = ".wh.";
const OPAQUE: &str = ".wh..wh..opq";
/// How many links may lead from one to another, as for the kernel.
const LINKS: usize = 40;

/// What a container of an image sees.
#[derive(Debug)]
pub struct Tree<'a> {
    entries: BTreeMap<&'a str, &'a Entry>,
}

impl<'a> Tree<'a> {
    /// That of all layers together.
    pub fn of(contents: &'a Contents) -> Tree<'a> {
        let mut tree = Tree { entries: BTreeMap::new() };
        for layer in &contents.layers {
            // First, since they are about what is below.
            layer.entries.iter().for_each(|entry| tree.take_away(entry));
            layer.entries.iter().filter(|entry| !is_whiteout(entry)).for_each(|entry| tree.put(entry));
        }
        tree
    }

    /// All of it, by path.
    pub fn entries(&self) -> impl Iterator<Item = &'a Entry> {
        self.entries.values().copied()
    }

    /// Whether this very entry, and not another in its place, is there.
    pub fn has(&self, entry: &Entry) -> bool {
        self.entries.get(entry.path.as_str()).is_some_and(|there| std::ptr::eq(*there, entry))
    }

    /// What is found at a path, through links.
    pub fn find(&self, path: &str) -> Option<&'a Entry> {
        let mut path = path.to_owned();
        for _ in 0..LINKS {
            match self.step(&path)? {
                Step::Found(entry) => return Some(entry),
                Step::Leads(to) => path = to,
            }
        }
        None
    }

    /// Goes along a path up to its end or to the first link.
    fn step(&self, path: &str) -> Option<Step<'a>> {
        let path = super::layer::clean(path.as_bytes());
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        for end in ends {
            let (before, rest) = path.split_at_checked(end)?;
            let link = self.entries.get(before).map(|entry| &entry.kind);
            match link {
                Some(Kind::Symlink(target)) if target.starts_with('/') => {
                    return Some(Step::Leads(format!("{target}{rest}")));
                }
                Some(Kind::Symlink(target)) => {
                    let folder = before.rsplit_once('/').map_or("", |(folder, _)| folder);
                    return Some(Step::Leads(format!("{folder}/{target}{rest}")));
                }
                Some(Kind::Hardlink(target)) if rest.is_empty() => return Some(Step::Leads(target.clone())),
                _ => {}
            }
        }
        self.entries.get(path.as_str()).map(|entry| Step::Found(entry))
    }

    fn take_away(&mut self, entry: &'a Entry) {
        let (folder, name) = entry.split();
        if name == OPAQUE {
            self.remove_below(folder);
        } else if let Some(name) = name.strip_prefix(WHITEOUT) {
            let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
            self.entries.remove(path.as_str());
            self.remove_below(&path);
        }
    }

    fn put(&mut self, entry: &'a Entry) {
        let before = self.entries.insert(&entry.path, entry);
        if entry.kind != Kind::Folder && before.is_some_and(|before| before.kind == Kind::Folder) {
            self.remove_below(&entry.path);
        }
    }

    fn remove_below(&mut self, folder: &str) {
        let start = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let from = (Bound::Included(start.as_str()), Bound::Unbounded);
        let below = self.entries.range::<str, _>(from).map(|(path, _)| *path);
        let below: Vec<_> = below.take_while(|path| path.starts_with(&start)).collect();
        for path in below {
            self.entries.remove(path);
        }
    }
}

enum Step<'a> {
    Found(&'a Entry),
    Leads(String),
}

fn is_whiteout(entry: &Entry) -> bool {
    entry.split().1.starts_with(WHITEOUT)
}
