//! The machine xtask itself runs on, by its file system.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;

use super::{Host, Peer, Session};
use crate::{http, limited};

/// The longest path a Unix socket can be reached by (`sun_path` less its final zero).
const MAX_SOCKET_PATH: usize = 107;

/// This machine.
#[derive(Debug, Clone)]
pub struct Local {
    root: PathBuf,
}

impl Local {
    /// This machine, with the environment's folder at `root`.
    pub fn new(root: impl Into<PathBuf>) -> Local {
        Local { root: root.into() }
    }

    fn create_parent(&self, path: &str) -> io::Result<PathBuf> {
        let path = self.root.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        Ok(path)
    }

    fn open_append(&self, path: &str) -> io::Result<File> {
        OpenOptions::new().create(true).append(true).open(self.create_parent(path)?)
    }
}

impl Host for Local {
    fn read(&self, path: &str) -> anyhow::Result<Option<String>> {
        let path = self.root.join(path);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
        }
    }

    fn replace(&self, path: &str, contents: &str) -> anyhow::Result<()> {
        let replace = || -> io::Result<()> {
            let target = self.create_parent(path)?;
            let staged = target.with_added_extension("new");
            let mut file = File::create(&staged)?;
            file.write_all(contents.as_bytes())?;
            file.sync_all()?;
            fs::rename(&staged, &target)?;
            sync_folder(&target)
        };
        replace().with_context(|| format!("replacing {}", self.root.join(path).display()))
    }

    fn append(&self, path: &str, text: &str) -> anyhow::Result<()> {
        let append = || -> io::Result<()> {
            let mut file = self.open_append(path)?;
            file.write_all(text.as_bytes())?;
            file.sync_data()
        };
        append().with_context(|| format!("writing {}", self.root.join(path).display()))
    }

    fn reserve(&self, path: &str, bytes: u64) -> anyhow::Result<()> {
        let reserve = || -> io::Result<()> {
            let file = self.open_append(path)?;
            allocate(&file, bytes)?;
            sync_folder(&self.root.join(path))
        };
        reserve().with_context(|| format!("making room for {}", self.root.join(path).display()))
    }

    fn list(&self, folder: &str) -> anyhow::Result<Vec<String>> {
        let path = self.root.join(folder);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error).with_context(|| format!("listing {}", path.display())),
        };
        let mut names = entries
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<io::Result<Vec<_>>>()
            .with_context(|| format!("listing {}", path.display()))?;
        names.sort();
        Ok(names)
    }

    fn remove(&self, path: &str) -> anyhow::Result<()> {
        let path = self.root.join(path);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("removing {}", path.display()))
            }
            _ => Ok(()),
        }
    }

    fn run(&self, folder: &str, program: &[&str]) -> anyhow::Result<(bool, String)> {
        let (name, args) = program.split_first().context("no program was named")?;
        let ran = limited::run(&duct::cmd(*name, args).dir(self.root.join(folder)), limited::CHECK)?;
        Ok((ran.status.success(), String::from_utf8_lossy(&ran.stdout).into_owned()))
    }

    fn ask(&self, peer: Peer<'_>, request: &str, timeout: Duration) -> io::Result<String> {
        match peer {
            Peer::Socket(path) => ask(&self.root.join(path), request, timeout),
            Peer::Address(address) => http::exchange(address, request, timeout),
        }
    }

    fn post(&self, path: &str, contents: &str) -> anyhow::Result<bool> {
        self.replace(path, contents).map(|()| true)
    }

    fn try_lock(&self, path: &str) -> anyhow::Result<Option<Session>> {
        let lock = || -> io::Result<Option<Session>> {
            let file = self.open_append(path)?;
            match file.try_lock() {
                // The lock of a file that its last holder has removed keeps nobody out.
                Ok(()) if !is_at(&file, &self.root.join(path)) => Ok(None),
                Ok(()) => Ok(Some(Session::new(file))),
                Err(TryLockError::WouldBlock) => Ok(None),
                Err(TryLockError::Error(error)) => Err(error),
            }
        };
        lock().with_context(|| format!("locking {}", self.root.join(path).display()))
    }

    fn is_locked(&self, path: &str) -> anyhow::Result<bool> {
        is_locked(&self.root.join(path))
    }
}

/// Whether somebody holds the lock of the file at `path`, without taking it for more than a moment.
///
/// # Errors
/// When it is there and cannot be looked at.
pub fn is_locked(path: &Path) -> anyhow::Result<bool> {
    let look = || match File::open(path) {
        Ok(file) => match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    };
    look().with_context(|| format!("looking who holds {}", path.display()))
}

/// Whether an open file is the one that a path names.
fn is_at(file: &File, path: &Path) -> bool {
    let named = fs::metadata(path).map(|named| (named.dev(), named.ino()));
    named.is_ok_and(|named| file.metadata().is_ok_and(|open| named == (open.dev(), open.ino())))
}

/// Writes `request` to the Unix socket at `path` and reads until the other side has said all it has to say.
///
/// # Errors
/// When nobody listens, or not all of it came within `timeout`.
pub fn ask(path: &Path, request: &str, timeout: Duration) -> io::Result<String> {
    exchange(path, request, timeout).map_err(|error| match error.kind() {
        // The kernel calls a time that is over a resource that is unavailable.
        io::ErrorKind::WouldBlock => io::Error::new(io::ErrorKind::TimedOut, format!("nothing within {timeout:?}")),
        _ => error,
    })
}

fn exchange(path: &Path, request: &str, timeout: Duration) -> io::Result<String> {
    let mut stream = connect(path, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    stream.write_all(request.as_bytes())?;
    // Some of those who listen keep the connection open for another request until they are told there is none.
    stream.shutdown(Shutdown::Write)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// A checkout can lie deeper than a socket's path may be long; the kernel's own name for the open folder is short.
fn connect(path: &Path, timeout: Duration) -> io::Result<UnixStream> {
    use std::os::fd::AsRawFd as _;
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return join_queue(path, timeout) };
    if path.as_os_str().len() <= MAX_SOCKET_PATH {
        return join_queue(path, timeout);
    }
    let folder = File::open(parent)?;
    join_queue(&Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name), timeout)
}

/// Connects, which waits for ever where a listener that hangs has its queue full, unless a time was set before.
#[cfg(target_os = "linux")]
fn join_queue(path: &Path, timeout: Duration) -> io::Result<UnixStream> {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with, sockopt};
    let address = SocketAddrUnix::new(path)?;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(timeout))?;
    rustix::io::retry_on_intr(|| connect(&socket, &address))?;
    Ok(socket.into())
}

/// Elsewhere a full queue refuses at once.
#[cfg(not(target_os = "linux"))]
fn join_queue(path: &Path, _: Duration) -> io::Result<UnixStream> {
    UnixStream::connect(path)
}

/// Makes a rename or a new file survive a power cut.
fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

#[cfg(target_os = "linux")]
fn allocate(file: &File, bytes: u64) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    match fallocate(file, FallocateFlags::KEEP_SIZE, file.metadata()?.len(), bytes) {
        // Some file systems cannot reserve; then only a write can tell.
        Err(rustix::io::Errno::OPNOTSUPP) => Ok(()),
        result => Ok(result?),
    }
}

#[cfg(not(target_os = "linux"))]
fn allocate(_: &File, _: u64) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    #[test]
    fn a_replaced_file_is_whole_and_leaves_nothing_beside_it() {
        let dir = TempDir::new();
        let host = Local::new(dir.path());
        host.replace("maps/split.map", "green 0\n").unwrap();
        host.replace("maps/split.map", "green 50\n").unwrap();
        assert_eq!(host.read("maps/split.map").unwrap().as_deref(), Some("green 50\n"));
        assert_eq!(host.list("maps").unwrap(), ["split.map"]);
        assert_eq!(host.read("maps/other").unwrap(), None);
    }

    #[test]
    fn a_lock_is_refused_while_held_and_free_after() {
        let dir = TempDir::new();
        let host = Local::new(dir.path());
        let held = host.try_lock("lock").unwrap();
        assert!(held.is_some());
        assert!(host.try_lock("lock").unwrap().is_none());
        drop(held);
        assert!(host.try_lock("lock").unwrap().is_some());
    }

    #[test]
    fn a_socket_deeper_than_a_socket_path_may_be_long_is_reached() {
        use std::os::unix::net::UnixListener;
        let dir = TempDir::new();
        let deep = dir.path().join("d".repeat(90)).join("e".repeat(90));
        fs::create_dir_all(&deep).unwrap();
        let folder = File::open(&deep).unwrap();
        let short = format!("/proc/self/fd/{}/s", std::os::fd::AsRawFd::as_raw_fd(&folder));
        let listener = UnixListener::bind(short).unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 4];
            stream.read_exact(&mut request).unwrap();
            stream.write_all(b"pong").unwrap();
        });
        assert_eq!(ask(&deep.join("s"), "ping", Duration::from_secs(5)).unwrap(), "pong");
        server.join().unwrap();
    }

    #[test]
    fn a_listener_whose_queue_is_full_is_not_waited_for_longer_than_was_said() {
        use std::os::unix::net::UnixListener;
        use std::sync::mpsc;
        let dir = TempDir::new();
        let path = dir.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        // It stays in the queue even when who joined it has gone.
        drop(UnixStream::connect(&path).unwrap());
        let (sender, told) = mpsc::channel();
        std::thread::spawn(move || sender.send(ask(&path, "ping", Duration::from_millis(50))));
        let told = told.recv_timeout(Duration::from_secs(10)).expect("it hangs").unwrap_err();
        assert_eq!(told.kind(), io::ErrorKind::TimedOut);
        assert_eq!(told.to_string(), "nothing within 50ms");
    }
}
