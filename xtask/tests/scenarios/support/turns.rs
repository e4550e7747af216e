//! What tests that run at the same time must not share, the machine's speed, ports, networks, and what they need not each
//! find out.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Where tests of this user take turns.
fn shared() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("switchyard-tests-{}", rustix::process::getuid().as_raw()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// The path that the first test of a run finds out for all the others: nextest has a process for each, and names the run.
pub fn once_in_a_run(name: &str, find: impl FnOnce() -> PathBuf) -> PathBuf {
    let Ok(run) = std::env::var("NEXTEST_RUN_ID") else { return find() };
    let found = open(name);
    found.lock().unwrap();
    let text = fs::read_to_string(shared().join(name)).unwrap();
    if let Some((of, path)) = text.split_once(' ')
        && of == run
    {
        return path.into();
    }
    let path = find();
    fs::write(shared().join(name), format!("{run} {}", path.display())).unwrap();
    path
}

/// How much of the machine a test has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Beside any others that share it, and while nobody has more of it.
    Share,
    /// Beside two others that have a third.
    Third,
    /// Without any others.
    Whole,
}

/// A part of the machine. Who waits for a third or all of it goes before who would share it: so the loads of several tests
/// follow upon one another, with nobody's preparations in between to wait for.
pub struct Turn {
    thirds: [File; 3],
    /// Shared by those who wait for more than a share; who has it alone knows that there are none.
    queue: File,
    /// What it has whenever it has not more for a while.
    part: Part,
}

impl Turn {
    pub fn new(part: Part) -> Turn {
        let turn = Turn { thirds: ["turn-a", "turn-b", "turn-c"].map(open), queue: open("queue"), part };
        turn.take(part);
        turn
    }

    /// Waits for so much of the machine, for the life of what it returns.
    pub fn at_least(&self, part: Part) -> More<'_> {
        if self.part == Part::Share {
            self.give_share_back();
            self.take(part);
        }
        assert!([Part::Share, part, Part::Whole].contains(&self.part), "a third is not made a whole");
        More(self)
    }

    fn take(&self, part: Part) {
        if part == Part::Share {
            return self.take_share();
        }
        self.queue.lock_shared().unwrap();
        while !self.try_take(part) {
            std::thread::sleep(Duration::from_millis(10));
        }
        self.queue.unlock().unwrap();
    }

    /// All at once or nothing: a third that is held while the others are waited for would be of use to nobody.
    fn try_take(&self, part: Part) -> bool {
        let wanted = if part == Part::Third { 1 } else { self.thirds.len() };
        let taken: Vec<_> = self.thirds.iter().filter(|third| third.try_lock().is_ok()).take(wanted).collect();
        let is_enough = taken.len() == wanted;
        if !is_enough {
            taken.iter().for_each(|third| third.unlock().unwrap());
        }
        is_enough
    }

    fn take_share(&self) {
        let take = || self.thirds.iter().for_each(|third| third.lock_shared().unwrap());
        // Who has a share already would wait for those who wait for it.
        if SHARES.fetch_add(1, Ordering::SeqCst) > 0 {
            return take();
        }
        self.queue.lock().unwrap();
        take();
        self.queue.unlock().unwrap();
    }

    fn give_share_back(&self) {
        SHARES.fetch_sub(1, Ordering::SeqCst);
        self.thirds.iter().for_each(|third| third.unlock().unwrap());
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.part == Part::Share {
            self.give_share_back();
        }
    }
}

/// How many shares this process has; a test can have several projects.
static SHARES: AtomicUsize = AtomicUsize::new(0);

fn open(name: &str) -> File {
    File::options().create(true).append(true).open(shared().join(name)).unwrap()
}

/// As long as it lives, a test has more of the machine than a share.
pub struct More<'a>(&'a Turn);

impl Drop for More<'_> {
    fn drop(&mut self) {
        if self.0.part == Part::Share && self.0.thirds.iter().all(|third| third.unlock().is_ok()) {
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
