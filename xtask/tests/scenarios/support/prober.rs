//! A load of known size: keep-alive connections that send GET and POST at a steady pace and check every answer.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const CONNECTIONS: u32 = 32;
/// Requests per second over all connections; more than the 2,000 that are asked for, so that a busy machine still
/// reaches those.
const RATE: u32 = 2600;
/// One request in so many is a POST.
const POST_EVERY: u64 = 4;

/// What was sent, and what came back.
#[derive(Debug, Default)]
pub struct Tally {
    pub sent: u64,
    pub posts: u64,
    pub failures: Vec<String>,
    pub by_release: BTreeMap<String, u64>,
    pub seconds: f64,
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
        assert!(rate >= 2000.0, "only {rate:.0} requests/s during {during}");
        assert!(self.posts >= self.sent / (2 * POST_EVERY), "only {} POST of {}", self.posts, self.sent);
    }
}

pub struct Prober {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    threads: Vec<JoinHandle<Tally>>,
    began: Instant,
}

impl Prober {
    /// Begins, and returns when every connection has had its first answer.
    pub fn start(address: SocketAddr) -> Prober {
        let stop = Arc::new(AtomicBool::new(false));
        let sent = Arc::new(AtomicU64::new(0));
        let began = Instant::now();
        let pace = Duration::from_secs(1) * CONNECTIONS / RATE;
        let threads = (0..CONNECTIONS)
            .map(|number| {
                let (stop, sent) = (Arc::clone(&stop), Arc::clone(&sent));
                let first = began + pace * number / CONNECTIONS;
                std::thread::spawn(move || Connection::new(address).run(first, pace, &stop, &sent))
            })
            .collect();
        let prober = Prober { stop, sent, threads, began };
        prober.wait_for(u64::from(CONNECTIONS));
        prober
    }

    /// Waits until so many more requests were sent.
    pub fn wait_for(&self, more: u64) {
        let goal = self.sent.load(Ordering::Relaxed) + more;
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.sent.load(Ordering::Relaxed) < goal {
            assert!(Instant::now() < deadline, "the load does not flow");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn stop(self) -> Tally {
        self.stop.store(true, Ordering::Relaxed);
        let mut total = Tally { seconds: self.began.elapsed().as_secs_f64(), ..Tally::default() };
        for thread in self.threads {
            let tally = thread.join().unwrap();
            total.sent += tally.sent;
            total.posts += tally.posts;
            total.failures.extend(tally.failures);
            for (release, count) in tally.by_release {
                *total.by_release.entry(release).or_default() += count;
            }
        }
        total
    }
}

struct Connection {
    address: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
    tally: Tally,
}

struct Response {
    status: u16,
    release: String,
    close: bool,
    body: Vec<u8>,
}

impl Connection {
    fn new(address: SocketAddr) -> Connection {
        Connection { address, stream: None, tally: Tally::default() }
    }

    fn run(mut self, first: Instant, pace: Duration, stop: &AtomicBool, sent: &AtomicU64) -> Tally {
        let mut next = first;
        while !stop.load(Ordering::Relaxed) {
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
            // A late request is not made up for in a burst beyond half a second.
            next = (next + pace).max(Instant::now() - Duration::from_millis(500));
            let number = self.tally.sent;
            let post = number.is_multiple_of(POST_EVERY);
            if let Err(failure) = self.request(number, post) {
                self.stream = None;
                let method = if post { "POST" } else { "GET" };
                self.tally.failures.push(format!("{method} number {number} of a connection: {failure}"));
            }
            self.tally.sent += 1;
            self.tally.posts += u64::from(post);
            sent.fetch_add(1, Ordering::Relaxed);
        }
        self.tally
    }

    fn request(&mut self, number: u64, post: bool) -> Result<(), String> {
        let body = if post { format!("request {number}") } else { String::new() };
        let response = self.exchange(post, &body).map_err(|error| error.to_string())?;
        if response.status != 200 {
            return Err(format!("status {}: {}", response.status, String::from_utf8_lossy(&response.body)));
        }
        if post && response.body != body.as_bytes() {
            return Err("another body came back than was sent".into());
        }
        if response.close {
            self.stream = None;
        }
        *self.tally.by_release.entry(response.release).or_default() += 1;
        Ok(())
    }

    fn exchange(&mut self, post: bool, body: &str) -> io::Result<Response> {
        if self.stream.is_none() {
            let stream = TcpStream::connect_timeout(&self.address, Duration::from_secs(5))?;
            stream.set_read_timeout(Some(Duration::from_secs(10)))?;
            stream.set_nodelay(true)?;
            self.stream = Some(BufReader::new(stream));
        }
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let line = if post { "POST /api/v1/echo" } else { "GET /api/v1/info" };
        let request = format!("{line} HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.get_mut().write_all(request.as_bytes())?;
        read_response(stream)
    }
}

fn read_response(stream: &mut BufReader<TcpStream>) -> io::Result<Response> {
    let mut response = Response { status: 0, release: String::new(), close: false, body: Vec::new() };
    let mut length = 0;
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the connection was closed under the request"));
        }
        let text = line.trim_end();
        if response.status == 0 {
            response.status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(1);
            continue;
        }
        match text.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim())) {
            Some((name, value)) if name == "content-length" => length = value.parse().unwrap_or(0),
            Some((name, value)) if name == "x-release" => response.release = value.to_owned(),
            Some((name, value)) if name == "connection" => response.close = value.eq_ignore_ascii_case("close"),
            Some(_) => {}
            None => break,
        }
    }
    response.body = vec![0; length];
    stream.read_exact(&mut response.body)?;
    Ok(response)
}
