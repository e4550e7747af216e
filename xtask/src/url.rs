//! A plain `http://` URL, and what may stand in one. Pure.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// Where a server is reached: without TLS, a user, a query or a fragment.
///
/// ```
/// use xtask::url::Url;
///
/// let url: Url = "http://metrics.internal:9090/prometheus/".parse().unwrap();
/// assert_eq!((url.host.as_str(), url.port, url.path.as_str()), ("metrics.internal", 9090, "/prometheus"));
/// assert!("https://metrics.internal".parse::<Url>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// A name or an address; that of an IPv6 address without its brackets.
    pub host: String,
    /// 80 where none is written.
    pub port: u16,
    /// What every path begins with: empty, or with a slash at its beginning and none at its end.
    pub path: String,
}

impl FromStr for Url {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text.strip_prefix("http://").ok_or("it does not begin with http://")?;
        let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
        let (host, port) = match authority.strip_prefix('[').and_then(|inside| inside.split_once(']')) {
            Some((address, port)) => (address.parse::<Ipv6Addr>().map_err(|_| "it has no host")?.to_string(), port),
            None => {
                let (host, port) = authority.find(':').map_or((authority, ""), |colon| authority.split_at(colon));
                (host.to_owned(), port)
            }
        };
        let is_of_a_host = |letter: char| letter.is_ascii_alphanumeric() || "-._:".contains(letter);
        if host.is_empty() || !host.chars().all(is_of_a_host) {
            return Err("it has no host");
        }
        let port = match port {
            "" => 80,
            port => {
                port.strip_prefix(':').and_then(|port| port.parse().ok()).filter(|port| *port != 0).ok_or(NO_PORT)?
            }
        };
        if !path.chars().all(|letter| letter.is_ascii_graphic() && !"?#".contains(letter)) {
            return Err("its path has a query, a fragment, or what may not stand there");
        }
        Ok(Url { host, port, path: path.trim_end_matches('/').to_owned() })
    }
}

const NO_PORT: &str = "its port is none between 1 and 65535";

impl fmt::Display for Url {
    /// Host and port, as they stand in a request's `Host`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Url { host, port, .. } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// Where a request goes, with TLS or without, and with a query where it has one.
///
/// ```
/// use xtask::url::Target;
///
/// let target = Target::parse("https://hooks.example/T01?key=1").unwrap();
/// assert_eq!((target.is_secure, target.server, target.path.as_str()), (true, "hooks.example", "/T01?key=1"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target<'a> {
    /// Whether it is `https://`.
    pub is_secure: bool,
    /// Host and port, as they are written.
    pub server: &'a str,
    /// Path and query, which begin with a slash.
    pub path: String,
}

impl<'a> Target<'a> {
    /// Reads a URL.
    ///
    /// # Errors
    /// What is wrong about it, without any of it.
    pub fn parse(text: &'a str) -> Result<Target<'a>, &'static str> {
        let (is_secure, rest) = match text.strip_prefix("https://") {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix("http://").ok_or("it does not begin with https:// or http://")?),
        };
        let (server, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if server.contains('@') {
            return Err("it has a user, which belongs into a header");
        }
        format!("http://{server}").parse::<Url>()?;
        if !path.chars().all(|letter| letter.is_ascii_graphic() && letter != '#') {
            return Err("its path has a fragment, or what may not stand there");
        }
        let slash = if path.starts_with('/') { "" } else { "/" };
        Ok(Target { is_secure, server, path: format!("{slash}{path}") })
    }
}

/// A text as the value of a query's parameter.
pub fn encoded(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_asked_is_read() {
        let table = [
            ("http://127.0.0.1:9090", "127.0.0.1:9090", ""),
            ("http://metrics", "metrics:80", ""),
            ("http://[::1]:9090/", "[::1]:9090", ""),
            ("http://metrics/a/b/", "metrics:80", "/a/b"),
        ];
        for (text, server, path) in table {
            let url: Url = text.parse().unwrap();
            assert_eq!((url.to_string().as_str(), url.path.as_str()), (server, path), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_asked_is_refused() {
        let texts = [
            "",
            "metrics:9090",
            "https://metrics",
            "HTTP://metrics",
            "http://",
            "http:///path",
            "http://:9090",
            "http://user:password@metrics",
            "http://metrics:0",
            "http://metrics:70000",
            "http://metrics:",
            "http://[::1",
            "http://[nine]:9090",
            "http://[::1]9090",
            "http://metrics/?query=up",
            "http://metrics/#top",
            "http://metrics/a b",
            "http://metrics/\r\nHost: other",
            "http://me\ntrics",
        ];
        for text in texts {
            assert!(text.parse::<Url>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_target_has_a_path_and_keeps_its_query() {
        let table = [
            ("http://a", (false, "a", "/")),
            ("https://a.example:8443/b/?c=d/e", (true, "a.example:8443", "/b/?c=d/e")),
            ("http://[::1]:80?c", (false, "[::1]:80", "/?c")),
        ];
        for (text, expected) in table {
            let target = Target::parse(text).unwrap();
            assert_eq!((target.is_secure, target.server, target.path.as_str()), expected, "{text}");
        }
        let wrong =
            ["", "a/b", "ftp://a", "https://", "https://u:p@a/", "http://a/#b", "http://a/b c", "http://a\r\n/"];
        assert!(wrong.iter().all(|text| Target::parse(text).is_err()));
    }

    #[test]
    fn a_parameter_keeps_none_of_its_letters_that_mean_something() {
        assert_eq!(encoded("a-b_c.d~9"), "a-b_c.d~9");
        assert_eq!(encoded("up{a=\"b c\"} + 1 & ä%"), "up%7Ba%3D%22b%20c%22%7D%20%2B%201%20%26%20%C3%A4%25");
    }
}
