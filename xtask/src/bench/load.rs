//! A load of known size: keep-alive connections that send GET and POST at a steady pace, check every answer, and are closed
//! when it stops.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use super::connection::Connection;

/// A request that is late is not made up for in a burst beyond this.
const BACKLOG: Duration = Duration::from_millis(500);

/// What is sent, where to and how fast.
#[derive(Debug, Clone)]
pub struct Load {
    /// Who is asked.
    pub address: SocketAddr,
    /// How many connections are kept open.
    pub connections: u32,
    /// Requests per second over all connections.
    pub rate: u32,
    /// The paths that are read, in turn.
    pub paths: Vec<String>,
    /// What is sent besides.
    pub echo: Option<Echo>,
    /// The header of an answer that names the release it came from.
    pub release_header: Option<String>,
}

/// A POST, whose answer has to be the body it was sent.
#[derive(Debug, Clone)]
pub struct Echo {
    /// Where to.
    pub path: String,
    /// One request in so many is one.
    pub every: u64,
}

impl Load {
    /// Begins, and returns at once.
    pub fn start(self) -> Running {
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (began, began_at) = (Instant::now(), SystemTime::now());
        let pace = Duration::from_secs(1) * self.connections / self.rate;
        let load = Arc::new(self);
        let threads = (0..load.connections).map(|number| {
            let (load, stop, sent) = (Arc::clone(&load), Arc::clone(&stop), Arc::clone(&sent));
            let first = began + pace * number / load.connections;
            std::thread::spawn(move || load.run(began, first, pace, &stop, &sent))
        });
        let threads = threads.collect();
        Running { stop, sent, threads, began, began_at }
    }

    fn run(&self, began: Instant, first: Instant, pace: Duration, stop: &AtomicBool, sent: &AtomicU64) -> Tally {
        let mut connection = Connection::to(self.address);
        let mut tally = Tally::default();
        let mut due = first;
        while !stop.load(Ordering::Relaxed) {
            // The wait for one's turn behind a slow answer is part of how long a request takes; how late the system wakes
            // this thread is not.
            let now = Instant::now();
            let counted_from = if due <= now {
                due
            } else {
                std::thread::sleep(due - now);
                Instant::now()
            };
            let number = tally.sent;
            let echo = self.echo.as_ref().filter(|echo| number.is_multiple_of(echo.every));
            match self.request(&mut connection, number, echo) {
                Ok(release) => {
                    *tally.by_release.entry(release.to_string()).or_default() += 1;
                    tally.samples.push(Sample { at: counted_from - began, took: counted_from.elapsed(), release });
                }
                Err(failure) => {
                    connection.close();
                    let method = if echo.is_some() { "POST" } else { "GET" };
                    tally.failures.push(format!("{method} number {number} of a connection: {failure}"));
                }
            }
            tally.sent += 1;
            tally.posts += u64::from(echo.is_some());
            sent.fetch_add(1, Ordering::Relaxed);
            due = (due + pace).max(Instant::now() - BACKLOG);
        }
        tally
    }

    /// The release that has answered well.
    fn request(&self, connection: &mut Connection, number: u64, echo: Option<&Echo>) -> Result<Arc<str>, String> {
        let body = echo.map_or(String::new(), |_| format!("request {number}"));
        let turn = usize::try_from(number).unwrap_or_default() % self.paths.len().max(1);
        let path = self.paths.get(turn).map_or("/", String::as_str);
        let line = echo.map_or_else(|| format!("GET {path}"), |echo| format!("POST {}", echo.path));
        let response = connection.exchange(&line, &body).map_err(|error| error.to_string())?;
        if response.status != 200 {
            return Err(format!("status {}: {}", response.status, String::from_utf8_lossy(&response.body)));
        }
        if echo.is_some() && response.body != body.as_bytes() {
            return Err("another body came back than was sent".into());
        }
        let release = self.release_header.as_deref().and_then(|header| response.header(header));
        Ok(release.unwrap_or_default().into())
    }
}

/// A load under way; it stops when it goes out of scope.
#[derive(Debug)]
pub struct Running {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    threads: Vec<JoinHandle<Tally>>,
    began: Instant,
    began_at: SystemTime,
}

impl Running {
    /// How many requests were sent so far, answered or failed.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Ends it, and tells what came of it.
    pub fn stop(mut self) -> Tally {
        self.stop.store(true, Ordering::Relaxed);
        let seconds = self.began.elapsed().as_secs_f64();
        let mut total = Tally { seconds, began: self.began_at, ..Tally::default() };
        for thread in std::mem::take(&mut self.threads) {
            total.add(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        total
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// What was sent, and what came back.
#[derive(Debug, Clone)]
pub struct Tally {
    /// When it began.
    pub began: SystemTime,
    /// How long it went on, in seconds.
    pub seconds: f64,
    /// How many requests were sent.
    pub sent: u64,
    /// How many of them were POST.
    pub posts: u64,
    /// Those without a good answer, in words.
    pub failures: Vec<String>,
    /// Good answers by the release they came from.
    pub by_release: BTreeMap<String, u64>,
    /// How long each good answer took, in no order.
    pub samples: Vec<Sample>,
}

/// A good answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// When its request was due, after the beginning.
    pub at: Duration,
    /// How long it took from then on.
    pub took: Duration,
    /// The release it came from; empty where that is not told.
    pub release: Arc<str>,
}

impl Default for Tally {
    fn default() -> Tally {
        Tally {
            began: SystemTime::UNIX_EPOCH,
            seconds: 0.0,
            sent: 0,
            posts: 0,
            failures: Vec::new(),
            by_release: BTreeMap::new(),
            samples: Vec::new(),
        }
    }
}

impl Tally {
    /// How long those answers took whose requests were due between two moments.
    pub fn between(&self, from: SystemTime, to: SystemTime) -> Vec<Duration> {
        self.due(from, to).map(|sample| sample.took).collect()
    }

    /// The good answers to requests that were due between two moments.
    pub fn due(&self, from: SystemTime, to: SystemTime) -> impl Iterator<Item = &Sample> {
        let since_the_beginning = |at: SystemTime| at.duration_since(self.began).unwrap_or_default();
        let window = since_the_beginning(from)..since_the_beginning(to);
        self.samples.iter().filter(move |sample| window.contains(&sample.at))
    }

    fn add(&mut self, other: Tally) {
        self.sent += other.sent;
        self.posts += other.posts;
        self.failures.extend(other.failures);
        self.samples.extend(other.samples);
        for (release, count) in other.by_release {
            *self.by_release.entry(release).or_default() += count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_has_what_was_due_in_it() {
        let began = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
        let millis = Duration::from_millis;
        let sample = |at, took| Sample { at: millis(at), took: millis(took), release: "v1".into() };
        let samples = vec![sample(0, 1), sample(10, 2), sample(20, 3)];
        let tally = Tally { began, samples, ..Tally::default() };
        let at = |millis| began + Duration::from_millis(millis);
        assert_eq!(tally.between(at(5), at(20)), [millis(2)]);
        assert_eq!(tally.between(SystemTime::UNIX_EPOCH, at(1)), [millis(1)]);
    }
}
