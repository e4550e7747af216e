//! One GET over TLS, by the system's curl: what is needed for it in crates is more than all the rest of this tool.

use std::time::Duration;

use crate::http::{Answer, Probe};
use crate::limited;
use crate::tools;

/// What curl may take beyond the time it was told.
const SLACK: Duration = Duration::from_secs(1);

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
