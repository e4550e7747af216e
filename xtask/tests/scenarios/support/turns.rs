//! What tests that run at the same time must not share: the machine's whole speed, ports, networks.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Where tests of this user take turns.
fn shared() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("switchyard-tests-{}", rustix::process::getuid().as_raw()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A share of the machine, or all of it. Who waits for all of it goes before who would share it: so the loads of several tests
/// follow upon one another, with nobody's preparations in between to wait for.
pub struct Turn {
    machine: File,
    /// Shared by those who wait for all of the machine; who has it alone knows that there are none.
    queue: File,
    alone: bool,
}

impl Turn {
    /// Beside others.
    pub fn shared() -> Turn {
        let turn = Turn { machine: open("turn"), queue: open("queue"), alone: false };
        turn.take_share();
        turn
    }

    /// Without any others, for all of its life.
    pub fn alone() -> Turn {
        let turn = Turn { machine: open("turn"), queue: open("queue"), alone: true };
        turn.take_machine();
        turn
    }

    /// Waits until there are no others, for the life of what it returns.
    pub fn take_all(&self) -> Quiet<'_> {
        if !self.alone {
            self.give_share_back();
            self.take_machine();
        }
        Quiet(self)
    }

    fn take_machine(&self) {
        self.queue.lock_shared().unwrap();
        self.machine.lock().unwrap();
        self.queue.unlock().unwrap();
    }

    fn take_share(&self) {
        // Who has a share already would wait for those who wait for it.
        if SHARES.fetch_add(1, Ordering::SeqCst) > 0 {
            return self.machine.lock_shared().unwrap();
        }
        self.queue.lock().unwrap();
        self.machine.lock_shared().unwrap();
        self.queue.unlock().unwrap();
    }

    fn give_share_back(&self) {
        SHARES.fetch_sub(1, Ordering::SeqCst);
        self.machine.unlock().unwrap();
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.alone {
            self.give_share_back();
        }
    }
}

/// How many shares this process has; a test can have several projects.
static SHARES: AtomicUsize = AtomicUsize::new(0);

fn open(name: &str) -> File {
    File::options().create(true).append(true).open(shared().join(name)).unwrap()
}

/// As long as it lives, a test has the machine to itself.
pub struct Quiet<'a>(&'a Turn);

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        if !self.0.alone && self.0.machine.unlock().is_ok() {
            // What comes after the load needs no quiet; without even a share it would only disturb.
            self.0.take_share();
        }
    }
}

/// Twenty ports below the range the kernel takes ports for outgoing connections from, held by a file lock.
pub struct Ports {
    first: u16,
    _held: File,
}

impl Ports {
    const BLOCK: u16 = 20;

    const FROM: u16 = 20_000;
    const BLOCKS: u16 = 500;

    pub fn take() -> Ports {
        // Each test begins where the last one ended: what an engine has not let go of yet is in nobody's way.
        let next = open("next");
        next.lock().unwrap();
        let last: u16 = fs::read_to_string(shared().join("next")).unwrap().parse().unwrap_or(0);
        for number in (1..=Ports::BLOCKS).map(|ahead| (last + ahead) % Ports::BLOCKS) {
            let first = Ports::FROM + number * Ports::BLOCK;
            let file = open(&first.to_string());
            let free = || (first..first + Ports::BLOCK).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok());
            if file.try_lock().is_ok() && free() {
                fs::write(shared().join("next"), number.to_string()).unwrap();
                return Ports { first, _held: file };
            }
        }
        panic!("no twenty ports are free");
    }

    pub fn address(&self, number: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.first + number))
    }

    pub fn put_into(&self, delivery: &str) -> String {
        // One network for each environment, of 32 addresses each.
        let block = u32::from((self.first - Ports::FROM) / Ports::BLOCK);
        let subnet =
            |number: u32| Ipv4Addr::from_bits(Ipv4Addr::new(10, 213, 0, 0).to_bits() + (block * 4 + number) * 32);
        let delivery = [0, 1, 2].iter().fold(delivery.to_owned(), |text, number| {
            text.replace(&format!("10.203.0.{}/27", number * 32), &format!("{}/27", subnet(*number)))
        });
        let ports = [8080, 8081, 8082, 8180, 8181, 8182, 8280, 8281, 8282, 9090, 3000, 9190, 3100, 9290, 3200];
        ports.iter().zip(0..).fold(delivery, |text, (port, number)| {
            text.replace(&format!("127.0.0.1:{port}"), &self.address(number).to_string())
        })
    }
}
