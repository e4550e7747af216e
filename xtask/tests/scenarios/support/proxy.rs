//! The proxy of a fixture: what runs it, and what it answers.

use std::time::Duration;

use super::engine::pid_of;
use super::{Fixture, On, docker, parent, pid_at};

impl Fixture {
    /// The container the proxy runs in.
    pub fn proxy_container(&self) -> String {
        let names = ["proxy-a", "proxy-b"].map(|service| self.container(service));
        names.into_iter().find(|name| docker(&["inspect", name]).is_some()).unwrap()
    }

    /// The process a proxy's life depends on, if one runs.
    pub fn proxy_pid(&self) -> Option<u32> {
        match self.on {
            On::Process => parent(pid_at(self.address())?),
            On::Compose => pid_of(&self.proxy_container()),
        }
    }

    /// What the proxy answers at one of its sockets.
    pub fn ask_proxy(&self, socket: &str, request: &str) -> Option<String> {
        match self.on {
            On::Process => {
                let path = self.state().join("proxy").join(socket);
                xtask::host::ask(&path, &format!("{request}\n"), Duration::from_secs(5)).ok()
            }
            On::Compose => {
                let script = format!("echo '{request}' | socat -t5 - UNIX-CONNECT:proxy/{socket}");
                docker(&["exec", &self.container("edge"), "sh", "-c", &script])
            }
        }
    }

    /// Whether the proxy's checks hold a colour for up, and none of them has failed since.
    pub fn is_up(&self, colour: &str) -> bool {
        self.checks_say(colour, ",UP,")
    }

    /// Whether they hold it for down. Between the two it is still sent requests.
    pub fn is_down(&self, colour: &str) -> bool {
        self.checks_say(colour, ",DOWN")
    }

    fn checks_say(&self, colour: &str, state: &str) -> bool {
        let told = self.ask_proxy("haproxy.sock", "show stat").unwrap_or_default();
        told.lines().any(|line| line.starts_with(&format!("{colour},service,")) && line.contains(state))
    }

    /// The worker of the proxy that accepts connections.
    pub fn proxy_worker(&self) -> Option<String> {
        let told = self.ask_proxy("master.sock", "show proc")?;
        let workers = told.lines().skip_while(|line| !line.starts_with("# workers")).skip(1);
        workers
            .take_while(|line| !line.starts_with('#'))
            .find_map(|line| line.split_whitespace().next())
            .map(str::to_owned)
    }
}
