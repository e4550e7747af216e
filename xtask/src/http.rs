//! A minimal HTTP/1.1 client for probes, queries and notifications: one request, one answer, bounded in time and size.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use crate::url::{Target, Url};

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

impl Probe {
    /// Whether it is what one who is ready answers.
    pub fn is_good(&self) -> bool {
        matches!(self, Probe::Answered(answer) if answer.status == 200)
    }
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
    match carry(&request(address, path)) {
        Ok(answer) => parse(answer.as_bytes()).map_or_else(|| Probe::Silent(NOT_HTTP.into()), Probe::Answered),
        Err(error) => Probe::Silent(error.to_string()),
    }
}

/// Asks the server of a URL for `target`, one after the other at the addresses its name has, and waits at most `timeout`
/// at each for the whole of it.
///
/// # Errors
/// When there is no answer, none in HTTP, or one that is longer than is read.
pub fn get_from(url: &Url, target: &str, timeout: Duration) -> io::Result<Answer> {
    ask_by_name(url, &request(url, &format!("{}{target}", url.path)), || timeout)
}

/// What is sent to a URL.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// `POST`, for example.
    pub method: &'a str,
    /// Beside those that every request has.
    pub headers: &'a [(&'a str, &'a str)],
    /// Empty for none.
    pub body: &'a str,
}

/// Sends a request to a URL without TLS, and waits at most `timeout` for the whole of the answer.
///
/// # Errors
/// When there is no answer, none in HTTP, or one that is longer than is read.
pub fn send_to(target: &Target<'_>, request: &Request<'_>, timeout: Duration) -> io::Result<Answer> {
    let url: Url = format!("http://{}", target.server).parse().map_err(io::Error::other)?;
    let Request { method, headers, body } = request;
    let mut text = format!("{method} {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", target.path, target.server);
    headers.iter().for_each(|(name, value)| text.push_str(&format!("{name}: {value}\r\n")));
    text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    let deadline = Instant::now() + timeout;
    ask_by_name(&url, &text, || deadline.saturating_duration_since(Instant::now()))
}

/// Asks one after the other of the addresses that a name has, for so long at each, until one of them answers.
fn ask_by_name(url: &Url, request: &str, timeout: impl Fn() -> Duration) -> io::Result<Answer> {
    let mut last = Err(io::Error::other("its name has no address"));
    for address in (url.host.as_str(), url.port).to_socket_addrs()? {
        last = send(address, request, timeout());
        if last.is_ok() {
            break;
        }
    }
    parse_whole(&last?)
}

/// An answer of which all is there.
///
/// # Errors
/// When it is not HTTP, or longer than is read.
pub(crate) fn parse_whole(raw: &[u8]) -> io::Result<Answer> {
    if raw.len() >= MAX_ANSWER {
        return Err(io::Error::other(format!("the answer is longer than {} KiB", MAX_ANSWER / 1024)));
    }
    if raw.is_empty() {
        return Err(io::Error::other("the connection was closed without an answer"));
    }
    parse(raw).ok_or_else(|| io::Error::other(NOT_HTTP))
}

const NOT_HTTP: &str = "the answer is not HTTP";

fn request(host: impl fmt::Display, target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: xtask-probe\r\nConnection: close\r\n\r\n")
}

/// Sends a request over TCP and reads the one answer to it.
///
/// # Errors
/// When nobody listens there, or not all of it came within `timeout`.
pub fn exchange(address: SocketAddr, request: &str, timeout: Duration) -> io::Result<String> {
    send(address, request, timeout).map(|raw| String::from_utf8_lossy(&raw).into_owned())
}

fn send(address: SocketAddr, request: &str, timeout: Duration) -> io::Result<Vec<u8>> {
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
    Ok(raw)
}

/// Whether all of an answer is there whose length was told: the other side may keep the connection open all the same.
fn is_whole(raw: &[u8]) -> bool {
    let Some((head, body)) = split_once(raw, b"\r\n\r\n") else { return false };
    let told = parse_head(head).and_then(|answer| answer.header("content-length")?.parse::<usize>().ok());
    told.is_some_and(|told| body.len() >= told)
}

fn parse(raw: &[u8]) -> Option<Answer> {
    let (head, body) = split_once(raw, b"\r\n\r\n")?;
    let answer = parse_head(head)?;
    let chunked = answer.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
    let body = if chunked { unchunk(body) } else { body.to_owned() };
    Some(Answer { body: String::from_utf8_lossy(&body).into_owned(), ..answer })
}

fn parse_head(head: &[u8]) -> Option<Answer> {
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let status = lines.next()?.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Some(Answer { status, headers, body: String::new() })
}

/// What a chunked body holds; what is cut off or malformed ends it. In bytes: a chunk may end within a letter.
fn unchunk(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some((size, rest)) = split_once(body, b"\r\n") {
        let size = String::from_utf8_lossy(size);
        let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16).unwrap_or(0);
        let Some(chunk) = rest.get(..size).filter(|chunk| !chunk.is_empty()) else { break };
        whole.extend_from_slice(chunk);
        body = rest.get(size..).and_then(|rest| rest.strip_prefix(b"\r\n")).unwrap_or_default();
    }
    whole
}

fn split_once<'a>(bytes: &'a [u8], at: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let start = bytes.windows(at.len()).position(|window| window == at)?;
    Some((bytes.get(..start)?, bytes.get(start + at.len()..)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn serve_once(answer: impl AsRef<[u8]> + Send + 'static) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).unwrap();
            // One that has heard enough may be gone.
            let _ = stream.write_all(answer.as_ref());
        });
        address
    }

    fn get_once(path: &str, answer: impl AsRef<[u8]> + Send + 'static) -> io::Result<Answer> {
        let url = format!("http://{}{path}", serve_once(answer)).parse().unwrap();
        get_from(&url, "/api?query=1", Duration::from_secs(5))
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
    fn a_chunk_may_end_within_a_letter() {
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n\xc3\r\n2\r\n\xa4!\r\n0\r\n\r\n";
        assert_eq!(get_once("", *chunked).unwrap().body, "ä!");
    }

    #[test]
    fn a_url_is_asked_by_its_name_and_below_its_path() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let count = stream.read(&mut request).unwrap();
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
            String::from_utf8_lossy(&request[..count]).into_owned()
        });
        let url = format!("http://localhost:{port}/metrics/").parse().unwrap();
        assert_eq!(get_from(&url, "/api?query=1", Duration::from_secs(5)).unwrap().status, 204);
        let request = server.join().unwrap();
        assert!(request.starts_with("GET /metrics/api?query=1 HTTP/1.1\r\n"), "{request}");
        assert!(request.contains(&format!("\r\nHost: localhost:{port}\r\n")), "{request}");
    }

    #[test]
    fn an_answer_that_is_too_long_to_be_read_is_no_answer() {
        let long = format!("HTTP/1.1 200 OK\r\n\r\n{}", "a".repeat(MAX_ANSWER));
        assert!(get_once("", long).unwrap_err().to_string().contains("longer than 64 KiB"));
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
