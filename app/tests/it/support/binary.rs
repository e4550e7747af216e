use std::{
    io::{BufRead, BufReader},
    net::{Ipv4Addr, SocketAddr},
    process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{Client, shipped_configuration, wait_for};

/// The binary with the shipped configuration and nothing else in its environment.
pub(crate) fn app(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_app"));
    command.args(args).env_clear().env("APP_CONFIG_DIR", shipped_configuration()).stdin(Stdio::null());
    // Where coverage is measured: the file in which it says what of it was run. Without it, that is one in this folder.
    command.envs(std::env::var_os("LLVM_PROFILE_FILE").map(|file| ("LLVM_PROFILE_FILE", file)));
    command
}

/// Runs the binary to its end: exit code, standard output, standard error.
pub(crate) fn run(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// The binary, serving on a free port with JSON logs.
pub(crate) struct Running {
    child: Child,
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
}

impl Running {
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_with(args, &[])
    }

    /// With these variables as well.
    pub(crate) fn start_with(args: &[&str], variables: &[(&str, &str)]) -> Self {
        let (child, stderr, first) = launch(args, variables);
        let log = Arc::new(Mutex::new(vec![first.clone()]));
        let kept = Arc::clone(&log);
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                kept.lock().unwrap().push(line);
            }
        });
        Self { child, address: listening(&first), log }
    }

    /// Nobody reads standard error any more: whoever writes there gets a broken pipe.
    pub(crate) fn start_unread(args: &[&str]) -> Self {
        let (child, stderr, first) = launch(args, &[]);
        drop(stderr);
        Self { child, address: listening(&first), log: Arc::default() }
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.address).unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap();
    }

    /// The exit code, once it is there.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        wait_for("the exit", || self.child.try_wait().unwrap()).code()
    }

    /// Everything it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().concat()
    }

    /// Waits for a log line that `is_it`.
    pub(crate) fn logged(&self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        wait_for(what, || {
            let log = self.log.lock().unwrap();
            let mut events = log.iter().filter_map(|line| serde_json::from_str(line).ok());
            events.find(&is_it)
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _: Option<ExitStatus> = self.child.wait().ok();
    }
}

fn launch(args: &[&str], variables: &[(&str, &str)]) -> (Child, BufReader<ChildStderr>, String) {
    let mut child = app(args)
        .env("APP_ENV", "development")
        .env("APP__SERVER__PORT", "0")
        .env("APP__LOG__FORMAT", "json")
        .envs(variables.iter().copied())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut first = String::new();
    stderr.read_line(&mut first).unwrap();
    (child, stderr, first)
}

fn listening(line: &str) -> SocketAddr {
    let event: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
    let port = event["port"].as_u64().and_then(|port| u16::try_from(port).ok());
    (Ipv4Addr::LOCALHOST, port.unwrap()).into()
}
