//! One request over TLS, by the system's curl: what is needed for it in crates is more than all the rest of this tool.

use std::fmt::Write as _;
use std::io;
use std::time::Duration;

use crate::http::{self, Answer, Probe, Request};
use crate::limited;
use crate::tools;

/// What curl may take beyond the time it was told.
const SLACK: Duration = Duration::from_secs(1);

/// How curl ends where the other side has not proven that it is the one the URL names.
const UNTRUSTED: i32 = 60;

/// Whether the other side has to prove that it is the one the URL names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// As a browser wants it.
    Asked,
    /// It is known to be the right one, and its certificate names a host where the URL has an address.
    Waived,
}

/// Asks a URL and waits at most `timeout` for the whole answer.
///
/// # Errors
/// A [`crate::problem::Problem`] with exit code 69 when there is no curl.
pub fn get(url: &str, proof: Proof, timeout: Duration) -> anyhow::Result<Probe> {
    let curl = tools::require(&tools::CURL)?;
    let limit = timeout.as_secs_f64().to_string();
    // What a person has configured for their own use is none of this question's.
    let mut args = vec!["--disable", "--silent", "--show-error", "--noproxy", "*", "--max-time", &limit];
    args.extend(["--write-out", "\n%{http_code}"]);
    if proof == Proof::Waived {
        args.push("--insecure");
    }
    args.extend(["--", url]);
    let ran = limited::run_apart(&duct::cmd(curl, args), timeout + SLACK)?;
    let said = String::from_utf8_lossy(&ran.stdout);
    let answer = said.rsplit_once('\n').filter(|_| ran.status.success());
    let answer = answer.and_then(|(body, status)| Some((body.to_owned(), status.parse().ok()?)));
    Ok(match answer {
        Some((body, status)) => Probe::Answered(Answer { status, headers: Vec::new(), body }),
        None => Probe::Silent(String::from_utf8_lossy(&ran.stderr).trim().to_owned()),
    })
}

/// Sends a request to a URL, through a proxy where the environment names one, and waits at most `timeout` for the whole
/// answer. Redirects are answers like others.
///
/// # Errors
/// A [`crate::problem::Problem`] with exit code 69 when there is no curl; within, why there is no answer, which is
/// [`io::ErrorKind::PermissionDenied`] for a certificate that is not to be trusted.
pub fn send(url: &str, request: &Request<'_>, timeout: Duration) -> anyhow::Result<io::Result<Answer>> {
    let curl = tools::require(&tools::CURL)?;
    let limit = timeout.as_secs_f64().to_string();
    let mut args = vec!["--disable", "--silent", "--show-error", "--max-time", &limit];
    // The head as a server of HTTP/1.1 sends it, nothing of a proxy's before it, and the body as it comes.
    args.extend(["--include", "--http1.1", "--suppress-connect-headers", "--raw", "--config", "-"]);
    let command = duct::cmd(curl, args).stdin_bytes(config(url, request));
    let ran = limited::run_apart(&command, timeout + SLACK)?;
    if ran.status.success() {
        return Ok(http::parse_whole(&ran.stdout));
    }
    let said = String::from_utf8_lossy(&ran.stderr);
    // What follows the first line is advice about curl's own flags.
    let why = said.lines().next().unwrap_or("it said nothing");
    let kind = match ran.status.code() {
        Some(UNTRUSTED) => io::ErrorKind::PermissionDenied,
        _ => io::ErrorKind::Other,
    };
    Ok(Err(io::Error::new(kind, why.trim_start_matches("curl: ").to_owned())))
}

/// What curl reads from its standard input: every process of this machine sees an argument.
fn config(url: &str, request: &Request<'_>) -> String {
    let Request { method, headers, body } = request;
    // A server is not asked first whether it wants a body of some size.
    let mut lines = format!("url = {}\nrequest = {}\nheader = \"Expect:\"\n", quoted(url), quoted(method));
    for (name, value) in *headers {
        let _ = writeln!(lines, "header = {}", quoted(&format!("{name}: {value}")));
    }
    if !body.is_empty() {
        let _ = writeln!(lines, "data-raw = {}", quoted(body));
    }
    lines
}

/// A value as curl's configuration has it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_request_ends_its_line_of_the_configuration() {
        let request = Request { method: "POST", headers: &[("A", "b\"c")], body: "{\"d\":\"e\\n\n\"}" };
        let expected = "url = \"https://a.example/\\\"\\\\\"\nrequest = \"POST\"\nheader = \"Expect:\"\n\
                        header = \"A: b\\\"c\"\ndata-raw = \"{\\\"d\\\":\\\"e\\\\n\\n\\\"}\"\n";
        assert_eq!(config("https://a.example/\"\\", &request), expected);
    }
}
