//! A deployer as a shell at a terminal starts it.

use std::os::unix::process::CommandExt as _;
use std::process::Child;

use rustix::process::{Pid, Signal, kill_process_group};

use super::Fixture;

impl Fixture {
    /// Starts a deploy in a process group of its own, and does not wait for it.
    pub fn deploy_at_a_terminal(&self, name: &str) -> Child {
        self.deploy(name, &[]).process_group(0).spawn().unwrap()
    }
}

/// Ctrl-C there: whoever is in that group is told, and not the deployer alone.
pub fn ctrl_c(deploy: &Child) {
    kill_process_group(Pid::from_child(deploy), Signal::INT).unwrap();
}
