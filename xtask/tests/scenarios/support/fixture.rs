//! A project of its own for each test: its own folder, its own ports, its own corner of the Docker engine, the real
//! binaries.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::engine::{PROXY_IMAGE, docker, pid_of};
use super::prober::{FULL, LESS, Prober};
use super::ran::Ran;
use super::traces::Traces;
use super::turns::{Part, Ports, Turn, once_in_a_run};

/// This repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The same, with what it says about itself.
pub fn project() -> xtask::project::Project {
    let root = repository().to_owned();
    xtask::project::Project { delivery: xtask::delivery::Delivery::load(&root).unwrap(), root }
}

/// The binary of the reference service, built once, as it is released: static, so that it starts in a container from scratch, too.
pub fn service() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let build = || xtask::cargo::build_static(&project(), "release").unwrap();
    BUILT.get_or_init(|| once_in_a_run("service", build))
}

/// What runs the colours of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    Process,
    Compose,
}

/// Makes two tests of each scenario named, one for each runtime, from one list.
macro_rules! on_both {
    ($($scenario:ident),* $(,)?) => {
        mod on_process {
            $(#[test] fn $scenario() { super::$scenario(crate::support::On::Process) })*
        }
        mod on_compose {
            $(#[test] fn $scenario() {
                if crate::support::containers_are_here() {
                    super::$scenario(crate::support::On::Compose);
                }
            })*
        }
    };
}
pub(crate) use on_both;

/// The secrets of the environments, by the variables that `delivery.toml` takes them from.
pub const SECRETS: [(&str, &str); 2] = [("STAGING_METRICS_TOKEN", TOKEN), ("PRODUCTION_METRICS_TOKEN", TOKEN)];
/// What opens the metrics.
pub const TOKEN: &str = "nobody-would-ever-guess-this-one-in-a-test";

pub struct Fixture {
    pub(super) on: On,
    name: String,
    root: PathBuf,
    pub(super) ports: Ports,
    traces: Traces,
    turn: Turn,
}

impl Fixture {
    /// A project that may share the machine with other tests.
    pub fn new(on: On) -> Fixture {
        Fixture::with_turn(on, Turn::new(Part::Share))
    }

    /// A project that has a third of the machine from the start, for tests whose deploy must not wait for the load.
    pub fn beside_two(on: On) -> Fixture {
        Fixture::with_turn(on, Turn::new(Part::Third))
    }

    /// A project that has the machine to itself from the start.
    pub fn alone(on: On) -> Fixture {
        Fixture::with_turn(on, Turn::new(Part::Whole))
    }

    fn with_turn(on: On, turn: Turn) -> Fixture {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("switchyard-test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let root = std::env::temp_dir().join(&name);
        let traces = Traces::of(&name, &root, on);
        let fixture = Fixture { on, name, root, ports: Ports::take(), traces, turn };
        for file in fs::read_dir(repository().join("config")).unwrap() {
            fixture.copy(&Path::new("config").join(file.unwrap().file_name()));
        }
        for folder in [
            "docker",
            "docker/haproxy",
            "docker/prometheus",
            "docker/prometheus/rules",
            "docker/grafana/dashboards",
            "docker/grafana/provisioning/dashboards",
            "docker/grafana/provisioning/datasources",
        ] {
            let files = fs::read_dir(repository().join(folder)).unwrap().map(|entry| entry.unwrap());
            for file in files.filter(|file| file.file_type().unwrap().is_file()) {
                fixture.copy(&Path::new(folder).join(file.file_name()));
            }
        }
        let delivery = fixture.ports.put_into(&fixture.read("config/delivery.toml"));
        let runtime = match on {
            On::Process => "runtime = \"process\"",
            On::Compose => "runtime = \"compose\"",
        };
        let delivery = delivery.replace("runtime = \"auto\"", runtime);
        let delivery = delivery.replace("project = \"switchyard\"", &format!("project = \"{}\"", fixture.name));
        let delivery =
            delivery.replace("repository = \"switchyard/app\"", &format!("repository = \"{}/app\"", fixture.name));
        fixture.write("config/delivery.toml", &delivery);
        fixture
    }

    /// What everything of an environment in the engine is called after.
    pub fn stack(&self, environment: &str) -> String {
        format!("{}-{environment}", self.name)
    }

    /// The name of a container of the development environment.
    pub fn container(&self, service: &str) -> String {
        format!("{}-{service}-1", self.stack("development"))
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

    /// A text with the addresses of this project for those of the repository's.
    pub fn here(&self, text: &str) -> String {
        self.ports.put_into(text)
    }

    /// Replaces text in `delivery.toml`, which has to be there.
    pub fn edit_delivery(&self, from: &str, to: &str) {
        let text = self.read("config/delivery.toml");
        assert!(text.contains(from), "`{from}` is not in delivery.toml");
        self.write("config/delivery.toml", &text.replacen(from, to, 1));
    }

    /// Takes the tools that are installed for this repository: what writes into a binary what it is made of is compiled once
    /// and not for each fixture.
    pub fn share_tools(&self) {
        let tools = repository().join("target/tools");
        fs::create_dir_all(&tools).unwrap();
        fs::create_dir_all(self.root.join("target")).unwrap();
        std::os::unix::fs::symlink(tools, self.root.join("target/tools")).unwrap();
    }

    /// Leaves nothing in `delivery.toml` that `config-lint` would have to build the service for.
    pub fn ask_the_service_nothing(&self) {
        let text = self.read("config/delivery.toml");
        let (before, rest) = text.split_once("[service.commands]").unwrap();
        let (_, after) = rest.split_once("[proxy]").unwrap();
        self.write("config/delivery.toml", &format!("{before}[proxy]{after}"));
    }

    /// The folder the environment keeps everything in, where it runs as processes.
    pub fn state(&self) -> PathBuf {
        self.root.join(".switchyard/development")
    }

    /// Begins the full load on the service. From then on, until it is stopped, the test has the machine to itself.
    pub fn load(&self) -> Prober<'_> {
        Prober::start(self.address(), FULL, Some(self.turn.at_least(Part::Whole)))
    }

    /// The same at a lower rate, beside two more such loads.
    pub fn load_beside_two(&self) -> Prober<'_> {
        Prober::start(self.address(), LESS, Some(self.turn.at_least(Part::Third)))
    }

    /// Begins a load on one colour, beside other tests.
    pub fn load_beside_others(&self, colour: SocketAddr) -> Prober<'_> {
        Prober::start(colour, FULL, None)
    }

    /// Where a colour listens, as `status` tells it.
    pub fn colour_address(&self, colour: &str) -> SocketAddr {
        self.status()["colours"][colour]["address"].as_str().unwrap().parse().unwrap()
    }

    /// The process of a colour, if one runs.
    pub fn pid(&self, colour: &str) -> Option<u32> {
        match self.on {
            On::Process => pid_at(if colour == "blue" { self.blue_address() } else { self.green_address() }),
            On::Compose => pid_of(&self.container(&format!("app-{colour}"))),
        }
    }

    /// Runs a shell where the ledger is.
    #[track_caller]
    pub fn in_ledger(&self, script: &str) {
        match self.on {
            On::Process => {
                let status = Command::new("sh").args(["-c", script]).current_dir(self.state()).status().unwrap();
                assert!(status.success(), "{script}");
            }
            On::Compose => {
                let volume = format!("{}-ledger:/switchyard", self.stack("development"));
                let args = ["run", "--rm", "--network=none", "--volume", &volume, PROXY_IMAGE, "sh", "-c", script];
                docker(&args).unwrap();
            }
        }
    }

    /// As if the time for which the other colour is kept warm had passed, and nobody had reaped it yet.
    pub fn let_warm_time_pass(&self) {
        self.in_ledger(r#"sed -i 's/"until":"[^"]*"/"until":"2020-01-01T00:00:00Z"/' history.jsonl"#);
    }

    /// Which runtime it uses.
    pub fn on(&self) -> On {
        self.on
    }

    /// What of the project is left.
    pub fn left(&self) -> Vec<String> {
        self.traces.left()
    }

    /// `xtask`, with what the tests always add.
    pub fn xtask(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(args).current_dir(&self.root).stdin(Stdio::null()).envs(SECRETS);
        for name in ["CI", "APP_ENV", "SWITCHYARD_ADVISORY_DB", "SWITCHYARD_ADVISORY_MAX_AGE"] {
            command.env_remove(name);
        }
        // Or a job on GitHub would be told of what its tests roll out.
        for name in ["GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_TOKEN", "GITHUB_RUN_ID"] {
            command.env_remove(name);
        }
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

    /// A deploy whose output is for the test to read.
    pub(super) fn deploy(&self, name: &str, more: &[&str]) -> Command {
        let binary = service().to_str().unwrap();
        let args = [&["deploy-blue-green", "--release", name, "--binary", binary], more].concat();
        let mut deploy = self.xtask(&args);
        deploy.stdout(Stdio::piped()).stderr(Stdio::piped());
        deploy
    }

    /// Starts a deploy and does not wait for it.
    pub fn deploy_in_background(&self, name: &str, more: &[&str]) -> Child {
        self.deploy(name, more).spawn().unwrap()
    }

    pub fn status(&self) -> serde_json::Value {
        serde_json::from_str(&self.run(&["status", "--json"]).ok().stdout).unwrap()
    }

    /// Ends everything that was started.
    pub fn end(&self) {
        self.traces.end();
    }

    /// Ends a process that belongs to this project, and no other.
    #[track_caller]
    pub fn kill(&self, pid: u32) {
        let command = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
        let folder = fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
        let root = self.root.to_str().unwrap();
        let ours = command.contains(root) || folder.starts_with(&self.root) || self.has_in_a_container(pid);
        assert!(ours, "{pid} is not of {root}: {command}");
        self.signal(pid, rustix::process::Signal::KILL);
    }

    fn has_in_a_container(&self, pid: u32) -> bool {
        let filter = format!("name={}-", self.name);
        let containers = docker(&["ps", "--no-trunc", "--quiet", "--filter", &filter]).unwrap_or_default();
        let group = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
        containers.lines().any(|id| group.contains(id))
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
        self.traces.remove();
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
