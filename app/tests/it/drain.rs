use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::support::{Client, spawn_app, wait_for};

/// What a load has seen so far.
#[derive(Default)]
struct Tally {
    halt: AtomicBool,
    answered: AtomicUsize,
    /// Answers that asked to close the connection.
    closing: AtomicUsize,
    connected: AtomicUsize,
}

/// Sends requests one after another, GET and POST in turn, on a connection kept for as long as the server keeps it.
fn load(address: SocketAddr, tally: &Tally) -> io::Result<()> {
    let mut kept = None;
    for turn in 0.. {
        if tally.halt.load(SeqCst) {
            break;
        }
        let mut client = match kept.take() {
            Some(client) => client,
            None => {
                tally.connected.fetch_add(1, SeqCst);
                Client::connect(address)?
            }
        };
        let response = if turn % 2 == 0 {
            client.get("/api/v1/info")?
        } else {
            client.request("POST", "/api/v1/echo", &[], b"ping")?
        };
        if response.status != 200 {
            return Err(io::Error::other(format!("status {}", response.status)));
        }
        tally.answered.fetch_add(1, SeqCst);
        if response.closes() {
            tally.closing.fetch_add(1, SeqCst);
        } else {
            kept = Some(client);
        }
    }
    Ok(())
}

fn spawn_loads(address: SocketAddr, tally: &Arc<Tally>) -> Vec<JoinHandle<io::Result<()>>> {
    (0..8)
        .map(|_| {
            let tally = Arc::clone(tally);
            thread::spawn(move || load(address, &tally))
        })
        .collect()
}

#[test]
fn a_drain_loses_no_request() {
    let mut app = spawn_app(&["server.drain_delay=4s"]);
    let tally = Arc::new(Tally::default());
    let loads = spawn_loads(app.address, &tally);
    let reached = |count: &AtomicUsize, floor| (count.load(SeqCst) >= floor).then_some(());
    wait_for("load before the drain", || reached(&tally.answered, 500));
    assert!(tally.connected.load(SeqCst) <= 8, "keep-alive does not hold");
    assert_eq!(tally.closing.load(SeqCst), 0);

    let begun = Instant::now();
    app.stop();
    let unready = wait_for("readiness to turn", || {
        let response = app.get("/readyz");
        (response.status == 503).then_some(response)
    });
    assert_eq!(unready.text(), r#"{"status":"not ready","causes":["draining"]}"#);
    assert!(unready.closes());
    assert_eq!(app.get("/livez").status, 200);
    wait_for("load during the drain", || reached(&tally.closing, 500));
    tally.halt.store(true, SeqCst);
    for load in loads {
        load.join().unwrap().expect("no request may be lost");
    }
    // From the turn on every answer closes its connection, so each needs a new one.
    let (closing, connected) = (tally.closing.load(SeqCst), tally.connected.load(SeqCst));
    assert!((closing..=closing + 8).contains(&connected), "{closing} closed, {connected} opened");

    let address = app.address;
    app.outcome().unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(4), "stopped too early");
    assert!(Client::connect(address).is_err(), "still accepting");
}

#[test]
fn a_request_in_flight_is_finished_while_nothing_new_is_accepted() {
    let mut app = spawn_app(&["server.drain_delay=0s", "faults.latency=1s"]);
    let mut client = app.client();
    client.send("GET", "/", &[], b"").unwrap();
    app.wait_for_in_flight(1.0);
    app.stop();
    wait_for("the listener to close", || Client::connect(app.address).err());
    assert!(!client.has_answer(), "accepted until the last answer");
    let response = client.receive().unwrap();
    assert_eq!(response.status, 200);
    assert!(response.closes());
    app.outcome().unwrap();
}

#[test]
fn an_idle_connection_does_not_hold_up_the_end() {
    let mut app = spawn_app(&["server.drain_delay=0s", "server.shutdown_grace=1m"]);
    let mut idle = app.client();
    assert_eq!(idle.get("/livez").unwrap().status, 200);
    app.stop();
    app.outcome().unwrap();
    assert!(idle.rest().unwrap().is_empty());
}

#[test]
fn a_request_that_hangs_is_cut_at_the_deadline() {
    let mut app = spawn_app(&[
        "server.drain_delay=0s",
        "server.shutdown_grace=200ms",
        "server.request_timeout=200ms",
        "faults.latency=5m",
    ]);
    let mut hanging = app.client();
    hanging.send("GET", "/", &[], b"").unwrap();
    app.wait_for_in_flight(1.0);
    let begun = Instant::now();
    app.stop();
    app.outcome().unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(200), "no grace");
    assert!(hanging.receive().is_err());
}

#[test]
fn a_client_in_the_kernels_queue_is_served_before_the_end() {
    let mut app = spawn_app(&["server.max_connections=1", "server.drain_delay=0s"]);
    let mut first = app.client();
    assert_eq!(first.get("/livez").unwrap().status, 200);
    let mut queued = app.client();
    queued.send("GET", "/livez", &[], b"").unwrap();
    app.stop();
    assert_eq!(queued.receive().unwrap().status, 200);
    app.outcome().unwrap();
}
