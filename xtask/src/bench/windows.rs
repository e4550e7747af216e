//! Two services under the same load in turn, in windows so short that whatever else the machine does strikes both.

use std::time::{Duration, Instant};

use super::connection::Connection;
use super::figures::quantile;
use super::served::Served;

/// As many as keep two processors busy, with the service's own work the larger part of it.
const CONNECTIONS: usize = 4;
/// How long a window goes on.
const WINDOW: Duration = Duration::from_millis(230);
/// What of its beginning does not count, while a processor's caches fill with the other service.
const SETTLE: Duration = Duration::from_millis(20);

/// A service, and the connections to it, which are kept open from window to window.
#[derive(Debug)]
pub(super) struct Client {
    served: Served,
    connections: Vec<Connection>,
    /// What is asked for in turn.
    requests: Vec<String>,
}

/// What a window has shown, each per answer and in seconds.
#[derive(Debug, Clone, Default)]
pub(super) struct Window {
    /// How long the connections took for one, all together: the inverse of the throughput.
    pub(super) pace: f64,
    pub(super) p50: f64,
    pub(super) p99: f64,
    /// The service's processor time; none where the system does not say.
    pub(super) processor: Option<f64>,
    pub(super) sent: u64,
    pub(super) failures: Vec<String>,
}

impl Client {
    pub(super) fn of(served: Served, paths: &[String]) -> Client {
        let connections = (0..CONNECTIONS).map(|_| Connection::to(served.address)).collect();
        Client { served, connections, requests: paths.iter().map(|path| format!("GET {path}")).collect() }
    }

    /// Sends one request after another on each connection for the time of a window.
    pub(super) fn window(&mut self) -> Window {
        let (began, before) = (Instant::now(), self.served.processor_time());
        let (counted, end) = (began + SETTLE, began + WINDOW);
        let requests = &self.requests;
        let each: Vec<_> = std::thread::scope(|scope| {
            let load = |connection| scope.spawn(move || run(connection, requests, counted, end));
            let threads: Vec<_> = self.connections.iter_mut().map(load).collect();
            threads
                .into_iter()
                .map(std::thread::ScopedJoinHandle::join)
                .map(|load| load.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect()
        });
        let seconds = counted.elapsed().as_secs_f64();
        let processor = before.zip(self.served.processor_time()).map(|(before, after)| after.saturating_sub(before));
        let mut whole = Load::default();
        for load in each {
            whole.sent += load.sent;
            whole.took.extend(load.took);
            whole.failures.extend(load.failures);
        }
        let share = |share| quantile(&whole.took, share).map_or(f64::INFINITY, |took| took.as_secs_f64());
        Window {
            pace: seconds / whole.took.len() as f64,
            p50: share(0.5),
            p99: share(0.99),
            processor: processor.map(|taken| taken.as_secs_f64() / whole.sent as f64),
            sent: whole.sent,
            failures: whole.failures,
        }
    }
}

/// What came of one connection.
#[derive(Debug, Default)]
struct Load {
    sent: u64,
    took: Vec<Duration>,
    failures: Vec<String>,
}

fn run(connection: &mut Connection, requests: &[String], counted: Instant, end: Instant) -> Load {
    let mut load = Load::default();
    for request in requests.iter().cycle() {
        let began = Instant::now();
        if began >= end {
            break;
        }
        let answer = connection.exchange(request, "");
        load.sent += 1;
        match answer {
            Ok(response) if (200..300).contains(&response.status) => {
                load.took.extend((began >= counted).then(|| began.elapsed()));
            }
            // One is enough to end the measurement.
            Ok(response) => {
                load.failures.push(format!("{request}: status {}", response.status));
                break;
            }
            Err(error) => {
                load.failures.push(format!("{request}: {error}"));
                break;
            }
        }
    }
    load
}
