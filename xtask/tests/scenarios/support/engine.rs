//! The Docker engine, as tests use it.

use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// The image that proxies run, and whatever else needs a shell in a container.
pub const PROXY_IMAGE: &str = "switchyard/proxy:3.0";

/// What a `docker` command has printed, if it succeeded.
pub fn docker(args: &[&str]) -> Option<String> {
    let output = Command::new("docker").args(args).stdin(Stdio::null()).output().unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

/// The process a running container was started as, on this machine.
pub fn pid_of(container: &str) -> Option<u32> {
    let pid = docker(&["inspect", "--format", "{{.State.Pid}}", container])?.trim().parse().ok()?;
    (pid != 0).then_some(pid)
}

/// Whether containers can be had here. Where they cannot, what needs them says so.
pub fn containers_are_here() -> bool {
    static HERE: OnceLock<bool> = OnceLock::new();
    *HERE.get_or_init(|| {
        let missing = if xtask::docker::engine().is_err() {
            "no Docker engine answers"
        } else if xtask::docker::plugin("compose").is_none() {
            "docker has no Compose"
        } else if xtask::docker::image(PROXY_IMAGE).unwrap().is_none() {
            "the proxy's image is not there; cargo xtask setup makes it"
        } else {
            return true;
        };
        println!("skipped: {missing}");
        false
    })
}

/// Whether images can be compiled in containers here. Where a CI system has an engine, they have to be.
pub fn builder_is_here() -> bool {
    static HERE: OnceLock<bool> = OnceLock::new();
    *HERE.get_or_init(|| {
        if xtask::docker::engine().is_err() {
            return containers_are_here();
        }
        let project = super::project();
        let missing = match xtask::docker::plugin("buildx").map(|_| xtask::builder_image::find(&project)) {
            None => "docker has no buildx".into(),
            Some(Err(error)) => error.to_string(),
            Some(Ok(None)) => "the builder's image is not there; cargo xtask setup --air-gapped makes it".into(),
            Some(Ok(Some(_))) => return containers_are_here(),
        };
        assert!(!xtask::packages::is_ci(), "{missing}");
        println!("skipped: {missing}");
        false
    })
}

/// Builds an image out of nothing but a Dockerfile's text, and gives its name.
pub fn build(name: &str, dockerfile: &str, more: &[&str]) -> String {
    use std::io::Write as _;
    let mut build = Command::new("docker");
    build.args(["build", "--quiet", "--tag", name]).args(more).arg("-").env("DOCKER_BUILDKIT", "0");
    let mut build = build.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    build.stdin.take().unwrap().write_all(dockerfile.as_bytes()).unwrap();
    assert!(build.wait().unwrap().success(), "{dockerfile}");
    name.to_owned()
}

/// A program that ends with the test.
pub struct Background(Child);

impl Background {
    pub fn start(command: &mut Command) -> Background {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Background(quiet.spawn().unwrap())
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}
