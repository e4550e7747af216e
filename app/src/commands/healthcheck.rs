//! `app healthcheck`: asks the running service whether it is ready.
//!
//! It is what an image's `HEALTHCHECK` runs, where there is no shell, no curl and no name resolution.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};

use super::{complain, print};
use crate::{
    cli::Globals,
    configuration::{Problems, Server, Sources},
};

/// How long connecting and answering may take together.
const DEADLINE: Duration = Duration::from_secs(3);

/// The most that is read of an answer, in bytes.
const LONGEST_ANSWER: u64 = 16 * 1024;

/// Asks `url`, or the configured address, and says the outcome in one line. Exits 0 if ready, else 1.
#[must_use]
pub fn run(url: Option<&str>, globals: &Globals) -> ExitCode {
    let outcome = url.map_or_else(|| configured(globals), parse).and_then(|target| ask(&target));
    match outcome {
        Ok(()) => {
            print("ready");
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(format_args!("not ready: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

struct Target {
    address: SocketAddr,
    path: String,
}

fn configured(globals: &Globals) -> anyhow::Result<Target> {
    let problems = |count| anyhow::anyhow!("the configuration has {count} problem(s), see `app config check`");
    let sources = globals.sources().map_err(|_| problems(1))?;
    // It asks for nothing that a secret protects, and may be run by somebody who cannot read one.
    let sources = Sources { secrets: None, without_secrets: true, ..sources };
    let settings = sources.load().map_err(|Problems(found)| problems(found.len()))?;
    let Server { host, port, .. } = settings.server;
    ensure!(port != 0, "server.port is 0, so give --url");
    Ok(Target { address: SocketAddr::new(reachable(host), port), path: "/readyz".to_owned() })
}

/// An address to dial for one that is listened on: "every address" is none to dial.
fn reachable(host: IpAddr) -> IpAddr {
    match host {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        given => given,
    }
}

fn parse(url: &str) -> anyhow::Result<Target> {
    let expected = || format!("--url {url}: expected http://IP:PORT/PATH");
    let rest = url.strip_prefix("http://").with_context(expected)?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    ensure!(path.bytes().all(|byte| byte.is_ascii_graphic()), expected());
    Ok(Target { address: authority.parse().with_context(expected)?, path: format!("/{path}") })
}

fn ask(Target { address, path }: &Target) -> anyhow::Result<()> {
    let answer = exchange(*address, path).with_context(|| format!("http://{address}{path}"))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status_line = head.lines().next().unwrap_or_default();
    match status_line.split(' ').nth(1) {
        Some("200") => Ok(()),
        Some(status) => bail!("http://{address}{path} answered {status} {}", body.trim()),
        None => bail!("http://{address}{path} did not answer in HTTP"),
    }
}

fn exchange(address: SocketAddr, path: &str) -> io::Result<String> {
    let end = Instant::now() + DEADLINE;
    let mut stream = TcpStream::connect_timeout(&address, DEADLINE)?;
    stream.set_write_timeout(Some(DEADLINE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    let mut stream = stream.take(LONGEST_ANSWER);
    let mut chunk = [0; 1024];
    loop {
        // Anew for each read: a server that drips bytes must not outlast the deadline.
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.get_ref().set_read_timeout(Some(left))?;
        match stream.read(&mut chunk)? {
            0 => return Ok(String::from_utf8_lossy(&answer).into_owned()),
            length => answer.extend_from_slice(&chunk[..length]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_an_address_and_a_path() {
        let target = parse("http://127.0.0.1:8081/readyz").unwrap();
        assert_eq!(target.address, "127.0.0.1:8081".parse().unwrap());
        assert_eq!(target.path, "/readyz");
        assert_eq!(parse("http://[::1]:80").unwrap().path, "/");
    }

    #[test]
    fn what_would_need_a_resolver_or_tls_is_refused() {
        for url in [
            "http://localhost:8081/readyz",
            "https://127.0.0.1:8081/readyz",
            "127.0.0.1:8081",
            "http://127.0.0.1/readyz",
            "http://127.0.0.1:8081/a b",
            "http://127.0.0.1:8081/a\r\nx: y",
        ] {
            assert!(parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn every_address_is_dialled_as_loopback() {
        for (listened, dialled) in [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("10.1.2.3", "10.1.2.3")] {
            let expected: IpAddr = dialled.parse().unwrap();
            assert_eq!(reachable(listened.parse().unwrap()), expected);
        }
    }
}
