//! The engine of this machine as that of another: behind an ssh server of the test's own.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::engine::Background;
use super::{Fixture, Ran, eventually, parent, service};

/// The variable by which a fixture names its engine.
pub const DOCKER_HOST: &str = "TEST_DOCKER_HOST";

const HERE: &str = "runtime = \"compose\"";

fn there() -> String {
    format!("{HERE}\ndocker_host = {{ env = \"{DOCKER_HOST}\" }}")
}

/// A server that lets one key in, to the engine alone.
pub struct Sshd<'a> {
    fixture: &'a Fixture,
    folder: PathBuf,
    user: String,
    port: u16,
    server: Background,
}

impl<'a> Sshd<'a> {
    /// Starts it, and has the development environment run behind it.
    pub fn before(fixture: &'a Fixture) -> Sshd<'a> {
        let folder = fixture.root().join("sshd");
        fs::create_dir_all(fixture.root().join("run")).unwrap();
        fs::create_dir_all(&folder).unwrap();
        for name in ["host", "key", "other"] {
            run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(folder.join(name)));
        }
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
        let allowed = format!("restrict,command=\"docker system dial-stdio\" {}", read("key.pub"));
        fs::write(folder.join("authorized_keys"), allowed).unwrap();
        let (at, port) = (folder.display(), fixture.spare_address().port());
        let config = format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {at}/host\nPidFile none\nAuthorizedKeysFile {at}/authorized_keys\n\
             AuthenticationMethods publickey\nPermitRootLogin prohibit-password\nUsePAM no\nStrictModes no\n\
             SetEnv PATH=\"{}\"\n",
            std::env::var("PATH").unwrap()
        );
        fs::write(folder.join("config"), config).unwrap();
        if rustix::process::getuid().is_root() {
            // Where it shuts itself in before anybody is let in; the system's own has it as well.
            fs::create_dir_all("/run/sshd").unwrap();
        }
        let sshd = xtask::tools::require(&xtask::tools::SSHD).unwrap();
        let server = Background::start(Command::new(sshd).arg("-Df").arg(folder.join("config")));
        eventually("the ssh server listens", || TcpStream::connect(fixture.spare_address()).is_ok());
        fixture.edit_delivery(HERE, &there());
        let user = run(Command::new("id").arg("-un")).trim().to_owned();
        Sshd { fixture, folder, user, port, server }
    }

    /// What `docker` is told.
    pub fn url(&self) -> String {
        format!("ssh://{}@127.0.0.1:{}", self.user, self.port)
    }

    /// A key that it made: `host`, `key`, `other`, or the public one of each.
    pub fn key(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap()
    }

    /// A line of `known_hosts` by which it has that key.
    pub fn known_as(&self, key: &str) -> String {
        format!("[127.0.0.1]:{} {}", self.port, self.key(&format!("{key}.pub")))
    }

    /// The fingerprint of the key it shows.
    pub fn fingerprint(&self) -> String {
        let told = run(Command::new("ssh-keygen").arg("-lf").arg(self.folder.join("host.pub")));
        told.split_whitespace().nth(1).unwrap().to_owned()
    }

    /// Lets a command go by it, with the right key and a folder of its own to keep things in.
    pub fn lead(&self, mut command: Command) -> Command {
        let (key, known_hosts) = (self.key("key"), self.known_as("host"));
        command.env(DOCKER_HOST, self.url()).env("XDG_RUNTIME_DIR", self.kept());
        // What does not go by it is not to find the same engine all the same.
        command.env("DOCKER_HOST", "unix:///nowhere/docker.sock");
        // As a CI system gives it: without the end of its last line.
        command.env("DEPLOY_SSH_KEY", key.trim_end()).env("DEPLOY_SSH_KNOWN_HOSTS", known_hosts.trim_end());
        command
    }

    /// Runs a command by it.
    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::from(self.lead(self.fixture.xtask(args)).output().unwrap())
    }

    /// Runs `up` or `deploy-blue-green` of the reference service by it, under a name.
    pub fn release(&self, verb: &str, name: &str) -> Ran {
        self.run(&[verb, "--release", name, "--binary", service().to_str().unwrap()])
    }

    /// Starts a deploy by it and does not wait for it.
    pub fn deploy_in_background(&self, name: &str) -> Child {
        let args = ["deploy-blue-green", "--release", name, "--binary", service().to_str().unwrap()];
        let mut deploy = self.lead(self.fixture.xtask(&args));
        deploy.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    pub fn status(&self) -> serde_json::Value {
        serde_json::from_str(&self.run(&["status", "--json"]).ok().stdout).unwrap()
    }

    /// Where connections keep what they need.
    fn kept(&self) -> PathBuf {
        self.fixture.root().join("run")
    }

    /// Ends every connection there is, as a network does that is gone; new ones are accepted.
    pub fn cut(&self) {
        let server = self.server.id();
        let is_of_it = |pid: u32| std::iter::successors(Some(pid), |pid| parent(*pid)).any(|pid| pid == server);
        let of_it: Vec<_> = pids().into_iter().filter(|pid| *pid != server && is_of_it(*pid)).collect();
        assert!(!of_it.is_empty(), "nobody is connected");
        of_it.into_iter().for_each(|pid| self.fixture.signal(pid, rustix::process::Signal::KILL));
    }

    /// Waits until nothing is left of any connection: no file, and no process that works with one.
    #[track_caller]
    pub fn assert_nothing_is_kept(&self) {
        let folder = self.kept();
        let at_work = || {
            let commands = pids().into_iter().filter_map(|pid| fs::read_to_string(format!("/proc/{pid}/cmdline")).ok());
            commands.filter(|command| command.contains(folder.to_str().unwrap())).collect::<Vec<_>>()
        };
        eventually("nothing is kept", || fs::read_dir(&folder).unwrap().next().is_none() && at_work().is_empty());
    }

    /// Fails where the private key stands in a file of a connection, in a list of arguments, or in the environment of
    /// anybody but the deployer it was given to.
    #[track_caller]
    pub fn assert_key_is_nowhere_but_with(&self, deployer: u32) {
        let key = self.key("key");
        let secret = key.lines().nth(1).unwrap();
        let folders: Vec<_> = fs::read_dir(self.kept()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(folders.len(), 1, "{folders:?}");
        let mut files = 0;
        for entry in fs::read_dir(&folders[0]).unwrap().map(|entry| entry.unwrap()) {
            if entry.file_type().unwrap().is_file() {
                files += 1;
                assert!(!fs::read_to_string(entry.path()).unwrap().contains(secret), "{:?}", entry.path());
            }
        }
        assert_eq!(files, 3, "{folders:?}");
        let has_it = |pid: u32, file: &str| {
            let text = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            String::from_utf8_lossy(&text).contains(secret)
        };
        assert!(has_it(deployer, "environ"), "nobody has it");
        let program = |pid: u32| fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
        for pid in pids() {
            // What is about to become another program is the deployer's until it is.
            let is_the_deployer = program(pid) == program(deployer);
            let has_it = has_it(pid, "cmdline") || (!is_the_deployer && has_it(pid, "environ"));
            assert!(!has_it, "{pid} has it: {}", program(pid).display());
        }
    }
}

impl Drop for Sshd<'_> {
    fn drop(&mut self) {
        // What is left is ended without it.
        self.fixture.edit_delivery(&there(), HERE);
    }
}

fn pids() -> Vec<u32> {
    let entries = fs::read_dir(Path::new("/proc")).unwrap();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}
