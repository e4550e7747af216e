//! The seam under router and ledger: files, sockets, commands and the lock of the place an environment lives in. All paths
//! are relative to the environment's folder there.

mod agent;
mod container;
mod local;

use std::any::Any;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

pub use agent::Lost;
pub use container::{Container, MOUNT, Names};
pub use local::{Local, ask, is_locked};

/// Held for as long as its owner lives, and let go of whatever way the owner ends.
pub struct Session(#[expect(dead_code, reason = "held for its lock, which ends with it")] Box<dyn Any + Send>);

impl Session {
    pub(crate) fn new(held: impl Any + Send) -> Session {
        Session(Box::new(held))
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session")
    }
}

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer<'a> {
    /// Whoever listens at a Unix socket.
    Socket(&'a str),
    /// Whoever listens at a TCP address.
    Address(SocketAddr),
}

/// What router and ledger ask of the place an environment lives in.
pub trait Host: Send + Sync {
    /// The whole file, or none if there is none.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    fn read(&self, path: &str) -> anyhow::Result<Option<String>>;
    /// Replaces the file so that a reader sees the old or the new one, whole, and a crash leaves one of them.
    ///
    /// # Errors
    /// When it is not on disk; the old file is then still there.
    fn replace(&self, path: &str, contents: &str) -> anyhow::Result<()>;
    /// Appends to the file, on disk when it returns.
    ///
    /// # Errors
    /// When it is not on disk.
    fn append(&self, path: &str, text: &str) -> anyhow::Result<()>;
    /// Makes sure that `bytes` more can be appended even when the disk is full by then.
    ///
    /// # Errors
    /// When there is no room.
    fn reserve(&self, path: &str, bytes: u64) -> anyhow::Result<()>;
    /// The names of the files in a folder, sorted; none where there is no folder.
    ///
    /// # Errors
    /// When it cannot be read.
    fn list(&self, folder: &str) -> anyhow::Result<Vec<String>>;
    /// Removes a file, if it is there.
    ///
    /// # Errors
    /// When it is there and cannot be removed.
    fn remove(&self, path: &str) -> anyhow::Result<()>;
    /// Runs a program that only looks at files, in a folder, and gives whether it succeeded and what it said.
    ///
    /// # Errors
    /// When it cannot be run.
    fn run(&self, folder: &str, program: &[&str]) -> anyhow::Result<(bool, String)>;
    /// Writes one request to a peer and reads what comes back until its end.
    ///
    /// # Errors
    /// When nobody listens, or not all of it came within `timeout`.
    fn ask(&self, peer: Peer<'_>, request: &str, timeout: Duration) -> io::Result<String>;
    /// Leaves a file, whole, for whoever holds the lock; whether there was somebody to leave it for.
    ///
    /// # Errors
    /// When it is not on disk.
    fn post(&self, path: &str, contents: &str) -> anyhow::Result<bool>;
    /// Takes the lock, or returns none when another holds it.
    ///
    /// # Errors
    /// When it can be neither taken nor found held.
    fn try_lock(&self, path: &str) -> anyhow::Result<Option<Session>>;
    /// Whether somebody holds the lock, without taking it or leaving a trace.
    ///
    /// # Errors
    /// When it is there and cannot be looked at.
    fn is_locked(&self, path: &str) -> anyhow::Result<bool>;
}
