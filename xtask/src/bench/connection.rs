//! One connection of a load: HTTP/1.1, kept open from request to request.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(10);
/// More than any answer a load asks for has.
const MAX_BODY: usize = 16 * 1024 * 1024;

/// A connection, opened when it is first needed.
#[derive(Debug)]
pub(super) struct Connection {
    address: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
}

/// An answer.
#[derive(Debug, Default)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    /// Names in lower case.
    headers: Vec<(String, String)>,
}

impl Response {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    fn says(&self, name: &str, value: &str) -> bool {
        self.header(name).is_some_and(|said| said.eq_ignore_ascii_case(value))
    }
}

impl Connection {
    pub(super) fn to(address: SocketAddr) -> Connection {
        Connection { address, stream: None }
    }

    /// What is asked next is asked on a new one.
    pub(super) fn close(&mut self) {
        self.stream = None;
    }

    /// Sends `line`, a method and a path, with a body, and reads the answer.
    pub(super) fn exchange(&mut self, line: &str, body: &str) -> io::Result<Response> {
        if self.stream.is_none() {
            let stream = TcpStream::connect_timeout(&self.address, CONNECT)?;
            stream.set_read_timeout(Some(ANSWER))?;
            stream.set_nodelay(true)?;
            self.stream = Some(BufReader::new(stream));
        }
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let request = format!("{line} HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.get_mut().write_all(request.as_bytes())?;
        let response = read_response(stream)?;
        if response.says("connection", "close") {
            self.close();
        }
        Ok(response)
    }
}

fn read_response(stream: &mut BufReader<TcpStream>) -> io::Result<Response> {
    let status = read_line(stream)?;
    let status = status.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(1);
    let mut response = Response { status, ..Response::default() };
    while let Some((name, value)) = read_line(stream)?.split_once(':') {
        response.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    if response.says("transfer-encoding", "chunked") {
        loop {
            let size = usize::from_str_radix(read_line(stream)?.trim(), 16).map_err(io::Error::other)?;
            read_body(stream, size, &mut response.body)?;
            read_line(stream)?;
            if size == 0 {
                return Ok(response);
            }
        }
    }
    let length = response.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    read_body(stream, length, &mut response.body)?;
    Ok(response)
}

fn read_line(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the connection was closed under the request"));
    }
    line.truncate(line.trim_end().len());
    Ok(line)
}

fn read_body(stream: &mut BufReader<TcpStream>, length: usize, body: &mut Vec<u8>) -> io::Result<()> {
    let already = body.len();
    if already.saturating_add(length) > MAX_BODY {
        return Err(io::Error::other("the answer is longer than a load takes"));
    }
    body.resize(already + length, 0);
    stream.read_exact(body.get_mut(already..).unwrap_or_default())
}
