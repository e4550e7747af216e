//! Where the commands of a page are typed: a clone of this repository with addresses of its own, and a shell that remembers
//! what was exported.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::fresh_clone::clone_into;
use crate::support::{Fixture, On, Ran, eventually, parent, path_with, pid_at, service, stand_in_for};

/// A project and a shell in it.
pub struct Stage {
    pub fixture: Fixture,
    /// A rollout that somebody has begun at another terminal.
    rollout: Option<Child>,
    /// What holds the address of the environment.
    holder: Option<TcpListener>,
}

/// How long a deploy is watched at each share when nobody is to interrupt it, and when somebody is.
const BAKES: [&str; 2] = ["bake = \"100ms\"", "bake = \"5m\""];

impl Stage {
    pub fn new() -> Stage {
        let fixture = Fixture::new(On::Process);
        let delivery = fixture.read("config/delivery.toml");
        // As it is in the repository: containers are looked for, and none are found.
        let delivery = delivery.replacen("runtime = \"process\"", "runtime = \"auto\"", 1);
        let delivery = ["2s", "15s", "2m"]
            .iter()
            .fold(delivery, |text, bake| text.replace(&format!("bake = \"{bake}\""), BAKES[0]));
        clone_into(fixture.root());
        fixture.write("config/delivery.toml", &delivery);
        let stage = Stage { fixture, rollout: None, holder: None };
        stage.stand_in_for_cargo();
        // As one answers where no engine does.
        let none = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?";
        stand_in_for("docker", &format!("echo '{none}' >&2; exit 1"), &stage.tools());
        stage
    }

    /// What would be built is there already, and what would be run of it is this build of xtask and that of the service.
    fn stand_in_for_cargo(&self) {
        let artifact = serde_json::json!({
            "reason": "compiler-artifact",
            "package_id": "path+file:///app#0.1.0",
            "manifest_path": "/app/Cargo.toml",
            "target": {
                "name": "app", "kind": ["bin"], "crate_types": ["bin"], "src_path": "/app/src/main.rs",
                "edition": "2024", "doc": true, "doctest": false, "test": true,
            },
            "profile": {
                "opt_level": "0", "debuginfo": 2, "debug_assertions": true, "overflow_checks": true, "test": false,
            },
            "features": [], "filenames": [service()], "executable": service(), "fresh": true,
        });
        let (xtask, service, cargo) = (env!("CARGO_BIN_EXE_xtask"), service().display(), env!("CARGO"));
        let script = format!(
            "case \"$1\" in\nxtask) shift; exec '{xtask}' \"$@\" ;;\nbuild) echo '{artifact}' ;;\n\
             run) while [ \"$1\" != -- ]; do shift; done; shift; exec '{service}' \"$@\" ;;\n\
             metadata) exec '{cargo}' \"$@\" ;;\n*) echo \"nobody stands in for cargo $1\" >&2; exit 99 ;;\nesac\n"
        );
        stand_in_for("cargo", &script, &self.tools());
    }

    /// Where git does not look.
    fn tools(&self) -> PathBuf {
        self.fixture.root().join("target/stage")
    }

    /// Types a command, with the addresses of this project for those of the repository's. Both outputs come as a terminal
    /// shows them.
    pub fn type_in(&self, command: &str) -> Ran {
        let session = self.tools().join("session");
        let script = format!(
            "[ ! -f '{0}' ] || . '{0}'\n{{ {1}\n}} 2>&1\ncode=$?\nexport -p > '{0}'\nexit $code",
            session.display(),
            self.fixture.here(command)
        );
        let mut shell = Command::new("timeout");
        shell.args(["300", "bash", "--norc", "-c", &script]).current_dir(self.fixture.root()).stdin(Stdio::null());
        shell.env("PATH", path_with(&self.tools()));
        let of_cargo = xtask::cargo::foreign_variables();
        for name in
            of_cargo.iter().map(String::as_str).chain(["CARGO", "CI", "APP_ENV", "DOCKER_HOST", "GITHUB_ACTIONS"])
        {
            shell.env_remove(name);
        }
        Ran::from(shell.output().unwrap())
    }

    /// The last of these releases serves, and the one before it is warm.
    pub fn served(&mut self, releases: &[&str]) {
        for release in releases {
            self.type_in(&format!("cargo xtask deploy-blue-green --release {release}")).ok();
        }
    }

    /// A rollout of a release of this name is under way, and its candidate has had its first requests.
    pub fn rolling(&mut self, release: &str) {
        self.fixture.edit_delivery(BAKES[0], BAKES[1]);
        self.rollout = Some(self.fixture.deploy_in_background(release, &[]));
        eventually("the candidate gets traffic", || {
            let status = self.fixture.status();
            ["blue", "green"].iter().any(|colour| status["split"][colour] == 10)
        });
        self.fixture.edit_delivery(BAKES[1], BAKES[0]);
    }

    /// The same, and its deployer was killed.
    pub fn deployer_dead(&mut self, release: &str) {
        self.rolling(release);
        let mut deployer = self.rollout.take().unwrap();
        deployer.kill().unwrap();
        deployer.wait().unwrap();
        eventually("the lock is free", || self.fixture.status()["rollout"].is_null());
    }

    /// The rollout has failed and was left as it stands.
    pub fn frozen(&mut self, release: &str) {
        let keep = "keep_warm = \"10m\"";
        let freeze = format!("{keep}\non_failure = \"freeze\"");
        self.fixture.edit_delivery(keep, &freeze);
        self.rolling(release);
        self.fixture.edit_delivery(&freeze, keep);
        let status = self.fixture.status();
        let candidate = if status["active"] == "blue" { "green" } else { "blue" };
        self.fixture.kill(self.fixture.pid(candidate).unwrap());
        let ended = self.rollout.take().unwrap().wait_with_output().unwrap();
        Ran::from(ended).refused(1, &["Everything is left as it stands"]);
    }

    /// The active colour is gone, with what would start it again.
    pub fn active_colour_gone(&mut self) {
        let active = self.fixture.status()["active"].as_str().unwrap().to_owned();
        let service = self.fixture.pid(&active).unwrap();
        self.fixture.kill(parent(service).unwrap());
        eventually("it is down", || self.fixture.pid(&active).is_none() && self.fixture.is_down(&active));
    }

    /// So is the proxy.
    pub fn proxy_gone(&mut self) {
        let shim = parent(self.fixture.proxy_pid().unwrap()).unwrap();
        self.fixture.kill(shim);
        eventually("nobody listens", || pid_at(self.fixture.address()).is_none());
    }

    /// All of it is, as after a restart of the machine.
    pub fn everything_gone(&mut self) {
        self.proxy_gone();
        for colour in ["blue", "green"] {
            if let Some(service) = self.fixture.pid(colour) {
                self.fixture.kill(parent(service).unwrap());
                eventually("it is down", || self.fixture.pid(colour).is_none());
            }
        }
    }

    /// Somebody else has the address of the environment.
    pub fn port_taken(&mut self) {
        self.fixture.run(&["down"]).ok();
        self.holder = Some(TcpListener::bind(self.fixture.address()).unwrap());
    }

    /// Ends what a scene has left at other terminals.
    pub fn clear(&mut self) {
        self.holder = None;
        if let Some(mut rollout) = self.rollout.take() {
            if rollout.try_wait().unwrap().is_none() {
                self.fixture.signal(rollout.id(), rustix::process::Signal::INT);
            }
            rollout.wait().unwrap();
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(rollout) = &mut self.rollout {
            let _ = rollout.kill();
            let _ = rollout.wait();
        }
    }
}
