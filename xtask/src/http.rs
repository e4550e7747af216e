//! A minimal HTTP/1.1 client for probes: one GET to an address, one answer, bounded in time and size.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// The most of an answer that is read: enough for a readiness report, too little to be hurt by.
const MAX_ANSWER: usize = 64 * 1024;

/// What came of one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// There was an answer.
    Answered(Answer),
    /// There was none, and this is why.
    Silent(String),
}

/// An HTTP answer, as far as a probe is interested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, up to a bound; what is not UTF-8 is replaced.
    pub body: String,
}

impl Answer {
    /// The first header of that name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Probe::Silent(reason) => write!(f, "no answer: {reason}"),
            Probe::Answered(answer) => {
                let body: String =
                    answer.body.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect();
                write!(f, "HTTP {} {body}", answer.status)
            }
        }
    }
}

/// Asks `address` for `path` and waits at most `timeout` for the whole of it.
pub fn get(address: SocketAddr, path: &str, timeout: Duration) -> Probe {
    get_through(address, path, |request| exchange(address, request, timeout))
}

/// Asks `address` for `path` by way of somebody who takes a request there and brings the answer.
pub fn get_through(address: SocketAddr, path: &str, carry: impl FnOnce(&str) -> io::Result<String>) -> Probe {
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: xtask-probe\r\nConnection: close\r\n\r\n");
    match carry(&request) {
        Ok(answer) => parse(&answer).map_or_else(|| Probe::Silent("the answer is not HTTP".into()), Probe::Answered),
        Err(error) => Probe::Silent(error.to_string()),
    }
}

/// Sends a request over TCP and reads the one answer to it.
///
/// # Errors
/// When nobody listens there, or not all of it came within `timeout`.
pub fn exchange(address: SocketAddr, request: &str, timeout: Duration) -> io::Result<String> {
    let deadline = Instant::now() + timeout;
    let left = || {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            Err(io::Error::new(io::ErrorKind::TimedOut, format!("nothing within {timeout:?}")))
        } else {
            Ok(left)
        }
    };
    let mut stream = TcpStream::connect_timeout(&address, left()?)?;
    stream.set_write_timeout(Some(left()?))?;
    // In one piece: a server that answers the first piece and closes would reset the connection under the others.
    stream.write_all(request.as_bytes())?;
    let mut raw = Vec::new();
    let mut chunk = [0; 4096];
    while raw.len() < MAX_ANSWER && !is_whole(&raw) {
        stream.set_read_timeout(Some(left()?))?;
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => raw.extend_from_slice(chunk.get(..count).unwrap_or_default()),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(String::from_utf8_lossy(&raw).into_owned())
}

/// Whether all of an answer is there whose length was told: the other side may keep the connection open all the same.
fn is_whole(raw: &[u8]) -> bool {
    let Some(end) = raw.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let told =
        parse(&String::from_utf8_lossy(raw)).and_then(|answer| answer.header("content-length")?.parse::<usize>().ok());
    told.is_some_and(|told| raw.len() >= end + 4 + told)
}

fn parse(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status = lines.next()?.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let chunked =
        headers.iter().any(|(name, value)| name == "transfer-encoding" && value.eq_ignore_ascii_case("chunked"));
    let body = if chunked { unchunk(body) } else { body.to_owned() };
    Some(Answer { status, headers, body })
}

/// The text of a chunked body; what is cut off or malformed ends it.
fn unchunk(mut body: &str) -> String {
    let mut text = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16).unwrap_or(0);
        let Some(chunk) = rest.get(..size).filter(|chunk| !chunk.is_empty()) else { break };
        text.push_str(chunk);
        body = rest.get(size..).and_then(|rest| rest.strip_prefix("\r\n")).unwrap_or_default();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn serve_once(answer: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        });
        address
    }

    #[test]
    fn reads_status_headers_and_body() {
        let address =
            serve_once("HTTP/1.1 503 Service Unavailable\r\nX-Colour: green\r\n\r\n{\"status\": \"draining\"}");
        let Probe::Answered(answer) = get(address, "/readyz", Duration::from_secs(5)) else { panic!("no answer") };
        assert_eq!(answer.status, 503);
        assert_eq!(answer.header("x-colour"), Some("green"));
        assert_eq!(Probe::Answered(answer).to_string(), "HTTP 503 {\"status\": \"draining\"}");
    }

    #[test]
    fn an_answer_is_whole_when_its_length_is_there_though_the_connection_stays_open() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
            stream
        });
        let Probe::Answered(answer) = get(address, "/", Duration::from_secs(5)) else { panic!("no answer") };
        assert_eq!(answer.body, "ok");
        drop(server.join().unwrap());
    }

    #[test]
    fn reads_a_chunked_body() {
        let address =
            serve_once("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
        let Probe::Answered(answer) = get(address, "/", Duration::from_secs(5)) else { panic!("no answer") };
        assert_eq!(answer.body, "abcde");
    }

    #[test]
    fn a_closed_port_and_a_foreign_protocol_are_silence_with_a_reason() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert!(get(closed, "/", Duration::from_secs(5)).to_string().contains("refused"));
        let address = serve_once("SSH-2.0-OpenSSH_9.2\r\n");
        assert_eq!(get(address, "/", Duration::from_secs(5)), Probe::Silent("the answer is not HTTP".into()));
    }

    #[test]
    fn a_service_that_never_answers_costs_the_timeout_and_no_more() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let probe = get(listener.local_addr().unwrap(), "/", Duration::from_millis(50));
        assert_eq!(probe, Probe::Silent("nothing within 50ms".into()));
    }
}
