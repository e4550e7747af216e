//! The load that every scenario puts on the reference service, and what is asked of its answers.

use std::net::SocketAddr;
use std::ops::Deref;
use std::time::{Duration, Instant};

use xtask::bench::load::{self, Echo, Load, Running};

use super::turns::More;

/// How many requests can be in flight at a time.
pub const CONNECTIONS: u32 = 32;
/// Requests per second over all connections, and the least of them that counts: a busy machine still reaches that.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    aimed_at: u32,
    floor: f64,
}

/// More than the 2,000 that are asked for.
pub const FULL: Rate = Rate { aimed_at: 2600, floor: 2000.0 };
/// For three loads at a time, each with the engine's work besides: what the promise of [`FULL`] is not asked of.
pub const LESS: Rate = Rate { aimed_at: 800, floor: 600.0 };
/// One request in so many is a POST.
const POST_EVERY: u64 = 4;

/// What was sent, and what came back.
#[derive(Debug)]
pub struct Tally {
    counted: load::Tally,
    floor: f64,
}

impl Deref for Tally {
    type Target = load::Tally;

    fn deref(&self) -> &load::Tally {
        &self.counted
    }
}

impl Tally {
    /// Fails unless every request was answered well and there were enough of them the whole time.
    #[track_caller]
    pub fn assert_nothing_lost(&self, during: &str) {
        let rate = self.sent as f64 / self.seconds;
        println!(
            "{during}: {} of {} requests failed ({} POST, {rate:.0}/s over {:.1} s, {CONNECTIONS} connections), by release {:?}",
            self.failures.len(),
            self.sent,
            self.posts,
            self.seconds,
            self.by_release
        );
        assert!(self.failures.is_empty(), "{} lost during {during}: {:?}", self.failures.len(), &self.failures[..1]);
        assert!(rate >= self.floor, "only {rate:.0} requests/s during {during}");
        assert!(self.posts >= self.sent / (2 * POST_EVERY), "only {} POST of {}", self.posts, self.sent);
    }
}

pub struct Prober<'a> {
    running: Running,
    floor: f64,
    _more: Option<More<'a>>,
}

impl<'a> Prober<'a> {
    /// Begins, and returns when every connection has had its first answer.
    pub fn start(address: SocketAddr, rate: Rate, more: Option<More<'a>>) -> Prober<'a> {
        let load = Load {
            address,
            connections: CONNECTIONS,
            rate: rate.aimed_at,
            paths: vec!["/api/v1/info".into()],
            echo: Some(Echo { path: "/api/v1/echo".into(), every: POST_EVERY }),
            release_header: Some("x-release".into()),
        };
        let prober = Prober { running: load.start(), floor: rate.floor, _more: more };
        prober.wait_for(u64::from(CONNECTIONS));
        prober
    }

    /// Waits until so many more requests were sent.
    pub fn wait_for(&self, more: u64) {
        let goal = self.running.sent() + more;
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.running.sent() < goal {
            assert!(Instant::now() < deadline, "the load does not flow");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn stop(self) -> Tally {
        Tally { counted: self.running.stop(), floor: self.floor }
    }
}
