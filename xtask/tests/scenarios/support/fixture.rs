//! A project of its own for each test: its own folder, its own ports, the real binaries.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// This repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The binary of the reference service, built once.
pub fn service() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| xtask::cargo::build(repository(), "app", "app", "dev").unwrap())
}

pub struct Fixture {
    root: PathBuf,
    ports: Ports,
    _turn: File,
}

impl Fixture {
    /// A project that may share the machine with other tests.
    pub fn new() -> Fixture {
        let turn = turn();
        turn.lock_shared().unwrap();
        Fixture::with_turn(turn)
    }

    /// A project that has the machine to itself, for tests that need its whole speed.
    pub fn alone() -> Fixture {
        let turn = turn();
        turn.lock().unwrap();
        Fixture::with_turn(turn)
    }

    fn with_turn(turn: File) -> Fixture {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("switchyard-test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let root = std::env::temp_dir().join(name);
        let fixture = Fixture { root, ports: Ports::take(), _turn: turn };
        for file in fs::read_dir(repository().join("config")).unwrap() {
            fixture.copy(&Path::new("config").join(file.unwrap().file_name()));
        }
        fixture.copy(Path::new("docker/haproxy/haproxy.cfg"));
        let delivery = fixture.read("config/delivery.toml");
        fixture.write("config/delivery.toml", &fixture.ports.put_into(&delivery));
        fixture
    }

    fn copy(&self, path: &Path) {
        let target = self.root.join(path);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(repository().join(path), target).unwrap();
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).unwrap()
    }

    pub fn write(&self, path: &str, text: &str) {
        fs::write(self.root.join(path), text).unwrap();
    }

    /// Replaces text in `delivery.toml`, which has to be there.
    pub fn edit_delivery(&self, from: &str, to: &str) {
        let text = self.read("config/delivery.toml");
        assert!(text.contains(from), "`{from}` is not in delivery.toml");
        self.write("config/delivery.toml", &text.replacen(from, to, 1));
    }

    /// The folder the environment keeps everything in.
    pub fn state(&self) -> PathBuf {
        self.root.join(".switchyard/development")
    }

    /// Where the service of the development environment is reached.
    pub fn address(&self) -> SocketAddr {
        self.ports.address(0)
    }

    pub fn green_address(&self) -> SocketAddr {
        self.ports.address(2)
    }

    pub fn staging_blue_address(&self) -> SocketAddr {
        self.ports.address(4)
    }

    pub fn blue_address(&self) -> SocketAddr {
        self.ports.address(1)
    }

    /// `xtask`, with what the tests always add.
    pub fn xtask(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(args).current_dir(&self.root).stdin(Stdio::null());
        command.env_remove("CI").env_remove("APP_ENV");
        command
    }

    /// Runs it and gives what it printed.
    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::from(self.xtask(args).output().unwrap())
    }

    /// `up` or `deploy-blue-green` of the reference service, under a name.
    pub fn release(&self, verb: &str, name: &str, more: &[&str]) -> Ran {
        let binary = service().to_str().unwrap();
        self.run(&[&[verb, "--release", name, "--binary", binary], more].concat())
    }

    /// Starts a deploy and does not wait for it.
    pub fn deploy_in_background(&self, name: &str, more: &[&str]) -> Child {
        let binary = service().to_str().unwrap();
        let args = [&["deploy-blue-green", "--release", name, "--binary", binary], more].concat();
        self.xtask(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    pub fn status(&self) -> serde_json::Value {
        serde_json::from_str(&self.run(&["status", "--json"]).ok().stdout).unwrap()
    }

    /// Ends everything that was started.
    pub fn end(&self) {
        for environment in ["development", "staging", "production"] {
            let _ = self.xtask(&["down", "--env", environment, "--yes", "--wait", "30s"]).output();
        }
    }

    /// Ends a process that belongs to this project, and no other.
    #[track_caller]
    pub fn kill(&self, pid: u32) {
        let command = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
        let folder = fs::read_link(format!("/proc/{pid}/cwd")).unwrap();
        let root = self.root.to_str().unwrap();
        assert!(command.contains(root) || folder.starts_with(&self.root), "{pid} is not of {root}: {command}");
        self.signal(pid, rustix::process::Signal::KILL);
    }

    #[track_caller]
    pub fn signal(&self, pid: u32, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }
}

/// The process that listens at an address of this machine.
pub fn pid_at(address: SocketAddr) -> Option<u32> {
    let holder = xtask::port::holder(address.port())?;
    holder.rsplit_once("(pid ")?.1.trim_end_matches(')').parse().ok()
}

/// The process that has started another.
pub fn parent(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse().ok())
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.end();
        let _ = fs::remove_dir_all(&self.root);
    }
}

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

/// Polls until something is so.
#[track_caller]
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "it never came about: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Where tests of this user take turns.
fn shared() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("switchyard-tests-{}", rustix::process::getuid().as_raw()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn turn() -> File {
    File::options().create(true).append(true).open(shared().join("turn")).unwrap()
}

/// Nine ports below the range the kernel takes ports for outgoing connections from, held by a file lock.
struct Ports {
    first: u16,
    _held: File,
}

impl Ports {
    const BLOCK: u16 = 10;

    fn take() -> Ports {
        let folder = shared();
        for first in (20_000..30_000).step_by(usize::from(Ports::BLOCK)) {
            let file = File::options().create(true).append(true).open(folder.join(first.to_string())).unwrap();
            let free = || (first..first + 9).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok());
            if file.try_lock().is_ok() && free() {
                return Ports { first, _held: file };
            }
        }
        panic!("no nine ports are free");
    }

    fn address(&self, number: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.first + number))
    }

    fn put_into(&self, delivery: &str) -> String {
        let ports = [8080, 8081, 8082, 8180, 8181, 8182, 8280, 8281, 8282];
        ports.iter().zip(0..).fold(delivery.to_owned(), |text, (port, number)| {
            text.replace(&format!("127.0.0.1:{port}"), &self.address(number).to_string())
        })
    }
}
