//! What is in an image: its layers, as `docker save` writes them, read as a stream and never unpacked.

mod archive;
mod guard;
mod layer;
mod look;
mod tree;

use std::io::BufReader;
use std::process::Stdio;
use std::rc::Rc;

use anyhow::Context as _;

use crate::config_lint::committed;
use crate::docker::{self, Image};
use crate::made_of::Package;
use crate::problem::{ExitCode, Problem};

pub use archive::read;
pub use tree::Tree;

/// What is in an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// The lowest first.
    pub layers: Vec<Layer>,
    /// The instructions it was made by, those that have left no layer among them.
    pub history: Vec<String>,
}

/// One layer of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// The digest of what is in it.
    pub digest: String,
    /// The instruction it was made by, where the image says it.
    pub made_by: Option<String>,
    /// In the order of the archive; two layers can be one and the same.
    pub entries: Rc<Vec<Entry>>,
}

impl Layer {
    /// What its files take, in bytes.
    pub fn bytes(&self) -> u64 {
        self.entries.iter().fold(0, |sum, entry| sum.saturating_add(entry.size))
    }
}

/// A file, a folder or whatever else has a name in a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// From the root, without a `/` at its beginning.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// Permissions, with the bits for set-user-id, set-group-id and sticky.
    pub mode: u32,
    /// In bytes; of anything but a file, nothing.
    pub size: u64,
    /// Whether it gives capabilities to whoever runs it.
    pub has_capabilities: bool,
    /// What stands in it that is worth telling.
    pub noted: Noted,
}

impl Entry {
    /// The folder it is in, and its name there.
    pub(super) fn split(&self) -> (&str, &str) {
        self.path.rsplit_once('/').unwrap_or(("", &self.path))
    }
}

/// What has a name in a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link, and what it says.
    Symlink(String),
    /// Another name of a file, and that file's.
    Hardlink(String),
    /// A device, a pipe.
    Other,
}

/// What stands in a file that is worth telling.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Noted {
    /// What looks like a secret.
    pub secrets: Vec<Secret>,
    /// Whether it is a text that is too long to be searched for some.
    pub is_unsearched: bool,
    /// Of a program: what it was made of, by its own word; none where it says nothing, or why that cannot be read.
    pub made_of: Option<Result<Vec<Package>, String>>,
}

/// What looks like a secret; not the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// What it looks like.
    pub kind: committed::Kind,
    /// The SHA-256 of it.
    pub digest: String,
}

impl Secret {
    /// Those in a text.
    pub(super) fn all_in(text: &[u8]) -> impl Iterator<Item = Secret> {
        let secret = |found: committed::Found| {
            let digest = crate::digest::of(text.get(found.range).unwrap_or_default());
            Secret { kind: found.kind, digest }
        };
        committed::scan(text).into_iter().map(secret)
    }
}

impl Contents {
    /// Those of an image that the engine has.
    ///
    /// # Errors
    /// A [`Problem`] when the engine does not give them, or nothing that can be read.
    pub(super) fn of(image: &Image, reference: &str) -> anyhow::Result<Contents> {
        // Engines refuse to save what has nothing in it.
        if image.root_fs.layers.is_empty() {
            return Ok(Contents::default());
        }
        let args = ["save", &image.id];
        let mut command = docker::command(&args)?;
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(docker::not_run)?;
        let stream = child.stdout.take().context("the standard output was not piped")?;
        let mut stream = BufReader::with_capacity(1 << 16, stream);
        let contents = read(&mut stream);
        if contents.is_err() {
            // Whoever has nobody to write to fails for that, whatever it would have said otherwise.
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        }
        drop(stream);
        let output = child.wait_with_output()?;
        match contents {
            Ok(contents) => Ok(contents),
            Err(error) => {
                docker::conclude(&args, &output)?;
                let message = format!("what `docker save` gives of {reference} cannot be read: {error:#}.");
                Err(Problem::new(ExitCode::Failed, message).next(format!("docker save {reference} | tar -t")).into())
            }
        }
    }
}

#[cfg(test)]
mod tests;
