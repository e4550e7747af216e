//! Somebody who is told things over HTTP, and writes them down.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// What is answered to a request: a status with its reason, and headers after a line break.
pub const OK: &str = "200 OK";
/// The connection is closed without an answer.
pub const CLOSE: &str = "";
/// There is no answer, and the connection stays open.
pub const SILENCE: &str = "silence";

/// One request.
#[derive(Debug, Clone)]
pub struct Received {
    pub method: String,
    pub path: String,
    /// By their names in lower case.
    pub headers: BTreeMap<String, String>,
    pub raw: String,
}

impl Received {
    /// What it says, in JSON.
    #[track_caller]
    pub fn body(&self) -> Value {
        serde_json::from_str(&self.raw).unwrap()
    }
}

pub struct Receiver {
    pub address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    /// Listens, and answers the first requests as said, and all others like the last of these.
    pub fn start(answers: &'static [&'static str]) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let received: Arc<Mutex<Vec<Received>>> = Arc::default();
        let seen = Arc::clone(&received);
        std::thread::spawn(move || {
            let mut open = Vec::new();
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                let Some(request) = read(&stream) else { continue };
                let number = seen.lock().unwrap().len();
                let answer = answers.get(number).or(answers.last()).unwrap();
                let body = if request.method == "GET" { "[]" } else { r#"{"id":7}"# };
                seen.lock().unwrap().push(request);
                match *answer {
                    CLOSE => {}
                    SILENCE => open.push(stream),
                    head => {
                        let length = body.len();
                        // Whoever has waited too long may be gone.
                        let _ = write!(&stream, "HTTP/1.1 {head}\r\nContent-Length: {length}\r\n\r\n{body}");
                    }
                }
            }
        });
        Receiver { address, received }
    }

    /// What has come so far.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// The events of which it was told.
    pub fn events(&self) -> Vec<String> {
        self.received().iter().map(|one| one.body()["event"].as_str().unwrap().to_owned()).collect()
    }
}

fn read(stream: &TcpStream) -> Option<Received> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(Received { method, path, headers, raw: String::from_utf8(body).unwrap() })
}
