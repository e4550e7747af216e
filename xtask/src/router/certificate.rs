//! The certificate by which the proxy proves who it is: what is looked at before anything is touched, and how a running
//! proxy takes another over.

use std::time::{Duration, SystemTime};

use anyhow::bail;

use super::config::{FOLDER, alerts};
use super::haproxy::HaProxy;
use super::x509::{self, Facts};
use crate::host::Host;
use crate::problem::{ExitCode, Problem, command};

/// Its name in the folder the proxy runs in, by which HAProxy's configuration and its socket call it.
pub(super) const NAME: &str = "certificates/site.pem";
/// The most that HAProxy's socket takes at once, less what the command itself takes.
const LONGEST: usize = 16_384 - 512;
/// So many days before its end a person is told of it.
const NOTICE: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// A certificate with its chain and its key.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    pem: String,
    facts: Facts,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.facts.fmt(f)
    }
}

impl Certificate {
    /// Reads what is between the lines that begin and end a part; the rest is for people.
    ///
    /// # Errors
    /// With what it would have to be, in words that show nothing of it.
    pub fn parse(text: &str) -> Result<Certificate, String> {
        let parts = parts(text)?;
        let of = |label: &'static str| parts.iter().filter(move |part| part.label.ends_with(label));
        if of("ENCRYPTED PRIVATE KEY").count() > 0 {
            return Err("its key is encrypted, and nobody will be there to open it".into());
        }
        match of("PRIVATE KEY").count() {
            0 => return Err("it has no key: certificate, chain and private key go into one text".into()),
            1 => {}
            keys => return Err(format!("it has {keys} keys, and one belongs to its certificate")),
        }
        let first = of("CERTIFICATE")
            .next()
            .ok_or("it has no certificate in PEM, which begins with -----BEGIN CERTIFICATE-----")?;
        let facts = x509::read(&first.body).ok_or("its first certificate cannot be read")?;
        let kept = parts.iter().filter(|part| part.label == "CERTIFICATE" || part.label.ends_with("PRIVATE KEY"));
        let pem: String = kept.map(ToString::to_string).collect();
        if pem.len() > LONGEST {
            return Err(format!(
                "it takes {} bytes, and HAProxy's socket {LONGEST} at the most; leave out the root",
                pem.len()
            ));
        }
        Ok(Certificate { pem, facts })
    }

    /// What it says of itself.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Why nobody would trust it at that time; none where nothing of the kind is known.
    pub fn out_of_date(&self, now: SystemTime) -> Option<String> {
        let day = |time| humantime::format_rfc3339_seconds(time);
        let Facts { from, until, .. } = &self.facts;
        if now > *until {
            return Some(format!("it has expired on {}", day(*until)));
        }
        (now < *from).then(|| format!("it is not valid before {}", day(*from)))
    }

    /// What a person should know of its end, when that is near.
    pub fn notice(&self, now: SystemTime) -> Option<String> {
        let left = self.facts.until.duration_since(now).unwrap_or_default();
        let days = left.as_secs() / (24 * 60 * 60);
        (left < NOTICE).then(|| format!("the certificate of the proxy expires in {days} days"))
    }

    /// Has HAProxy itself look whether it would take it, next to where it will stand.
    ///
    /// # Errors
    /// When it cannot be looked at. The inner error is what HAProxy said, a line each.
    pub fn check(&self, host: &dyn Host, haproxy: &str) -> anyhow::Result<Result<(), Vec<String>>> {
        const CANDIDATE: &str = "certificates/candidate.pem";
        const CONFIG: &str = "certificate.cfg.candidate";
        let config =
            format!("frontend candidate\n  mode http\n  timeout client 1s\n  bind 127.0.0.1:1 ssl crt {CANDIDATE}\n");
        let (pem, listener) = (format!("{FOLDER}/{CANDIDATE}"), format!("{FOLDER}/{CONFIG}"));
        let write = || host.replace(&pem, &self.pem).and_then(|()| host.replace(&listener, &config));
        let checked = write().and_then(|()| host.run(FOLDER, &[haproxy, "-c", "-f", CONFIG]));
        // Not even where one of them could not be written.
        host.remove(&pem)?;
        host.remove(&listener)?;
        let (accepted, said) = checked?;
        if accepted {
            return Ok(Ok(()));
        }
        Ok(Err(alerts(&said).iter().map(|alert| alert.replace(CANDIDATE, "the certificate")).collect()))
    }

    /// Gives it to whatever proxy is started from now on.
    ///
    /// # Errors
    /// When it cannot be written; the one before stays.
    pub fn place(&self, host: &dyn Host) -> anyhow::Result<()> {
        host.replace(&path(), &self.pem)
    }

    /// Whether it is what a proxy is started with.
    ///
    /// # Errors
    /// When that cannot be read.
    pub fn is_placed(&self, host: &dyn Host) -> anyhow::Result<bool> {
        Ok(host.read(&path())?.is_some_and(|placed| placed == self.pem))
    }
}

/// The one a proxy is started with; none where there is none that can be read.
///
/// # Errors
/// When the file cannot be looked at.
pub fn placed(host: &dyn Host) -> anyhow::Result<Option<Certificate>> {
    Ok(host.read(&path())?.and_then(|text| Certificate::parse(&text).ok()))
}

/// Takes back what was placed.
///
/// # Errors
/// When it cannot be written or removed.
pub fn restore(host: &dyn Host, before: Option<&Certificate>) -> anyhow::Result<()> {
    match before {
        Some(certificate) => certificate.place(host),
        None => host.remove(&path()),
    }
}

/// Looks whether a proxy can be started with one.
///
/// # Errors
/// A [`Problem`] with exit code 78 when there is none.
pub(super) fn require(host: &dyn Host, environment: &str) -> anyhow::Result<()> {
    if host.read(&path())?.is_some() {
        return Ok(());
    }
    let message =
        format!("the proxy of {environment} has no certificate to start with; nothing was started or changed.");
    Err(Problem::new(ExitCode::Configuration, message).next(command("up", environment)).into())
}

impl HaProxy<'_> {
    /// The serial number of the certificate that a new connection is shown.
    ///
    /// # Errors
    /// When the proxy does not say.
    pub fn shown_certificate(&self) -> anyhow::Result<Option<String>> {
        let told = self.ask(&format!("show ssl cert {NAME}"))?;
        Ok(told.lines().find_map(|line| line.strip_prefix("Serial:")).map(x509::plain))
    }

    /// Has the running proxy show a certificate to every new connection. Those there are keep what they have agreed on.
    ///
    /// # Errors
    /// When the proxy does not take it, and goes on with the one it has.
    pub fn show_certificate(&self, certificate: &Certificate) -> anyhow::Result<()> {
        // An empty line ends what is handed over.
        let set = self.ask(&format!("set ssl cert {NAME} <<\n{}", certificate.pem))?;
        let committed = self.ask(&format!("commit ssl cert {NAME}"))?;
        if self.shown_certificate()?.is_some_and(|shown| shown == certificate.facts.serial) {
            return Ok(());
        }
        // What was handed over must not be what the next one is added to.
        let _ = self.ask(&format!("abort ssl cert {NAME}"));
        bail!("the proxy does not take the certificate: {} {}", set.trim(), committed.trim());
    }
}

fn path() -> String {
    format!("{FOLDER}/{NAME}")
}

/// What stands between two lines of PEM.
struct Part {
    label: String,
    /// Its lines, each with its end.
    body: String,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Part { label, body } = self;
        write!(f, "-----BEGIN {label}-----\n{body}-----END {label}-----\n")
    }
}

fn parts(text: &str) -> Result<Vec<Part>, String> {
    let edge = |line: &str, what: &str| {
        let label = line.strip_prefix(what)?.strip_suffix("-----")?;
        Some(label.to_owned())
    };
    let mut parts = Vec::new();
    let mut open: Option<Part> = None;
    for line in text.lines().map(str::trim) {
        match (edge(line, "-----BEGIN "), edge(line, "-----END "), open.as_mut()) {
            (Some(label), _, None) => open = Some(Part { label, body: String::new() }),
            (_, Some(label), Some(part)) if label == part.label => parts.extend(open.take()),
            (None, None, Some(part)) if !line.is_empty() => part.body.extend([line, "\n"]),
            (None, None, _) => {}
            _ => {
                return Err(
                    "its parts are not well ended: each has a line -----BEGIN …----- and one -----END …-----".into()
                );
            }
        }
    }
    if open.is_some() {
        return Err("its last part has no end".into());
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Local;
    use crate::testing::{CERTIFICATE, TempDir};

    // Of a shape that no key has: it is parsed here, and never used.
    fn key(label: &str) -> String {
        format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n")
    }

    fn whole() -> String {
        format!("{CERTIFICATE}{}", key("PRIVATE KEY"))
    }

    #[test]
    fn what_is_for_people_is_left_out_and_an_empty_line_above_all() {
        let text = format!("Bag Attributes\r\n\r\n{}\n\n{}", whole().replace('\n', "\r\n\n"), key("EC PARAMETERS"));
        let certificate = Certificate::parse(&text).unwrap();
        assert_eq!(certificate.pem, whole());
        assert!(!format!("{certificate:?}").contains("AAAA"));
    }

    #[test]
    fn what_it_lacks_is_said() {
        let chain = CERTIFICATE.repeat(40);
        let cases = [
            (String::new(), "it has no key"),
            (CERTIFICATE.into(), "it has no key"),
            (key("PRIVATE KEY"), "it has no certificate"),
            (format!("{}{}", whole(), key("RSA PRIVATE KEY")), "it has 2 keys"),
            (format!("{CERTIFICATE}{}", key("ENCRYPTED PRIVATE KEY")), "its key is encrypted"),
            (whole().replace("-----END CERTIFICATE-----\n", ""), "its parts are not well ended"),
            (whole().replace("-----END PRIVATE KEY-----", ""), "its last part has no end"),
            (whole().replacen("MII", "!!!", 1), "its first certificate cannot be read"),
            (format!("{chain}{}", key("PRIVATE KEY")), "leave out the root"),
        ];
        for (text, expected) in cases {
            let mistake = Certificate::parse(&text).unwrap_err();
            assert!(mistake.contains(expected), "{mistake}");
        }
    }

    #[test]
    fn its_end_is_announced_and_then_refused() {
        let certificate = Certificate::parse(&whole()).unwrap();
        let Facts { from, until, .. } = certificate.facts().clone();
        let day = Duration::from_secs(24 * 60 * 60);
        assert_eq!(certificate.out_of_date(from), None);
        assert_eq!(certificate.notice(until - 15 * day), None);
        assert_eq!(certificate.notice(until - 3 * day).unwrap(), "the certificate of the proxy expires in 3 days");
        assert!(certificate.out_of_date(from - day).unwrap().starts_with("it is not valid before 2026-"));
        assert!(certificate.out_of_date(until + day).unwrap().starts_with("it has expired on 2056-"));
    }

    #[test]
    fn a_refusal_that_is_not_haproxys_own_is_told_as_well() {
        let dir = TempDir::new();
        let certificate = Certificate::parse(&whole()).unwrap();
        // It takes the name of the file to check for a program, and there is none.
        let refusal = certificate.check(&Local::new(dir.path()), "sh").unwrap().unwrap_err();
        assert!(refusal.concat().contains("not found"), "{refusal:?}");
    }

    #[test]
    fn a_proxy_is_not_started_without_one_and_keeps_the_one_it_had() {
        let dir = TempDir::new();
        let host = Local::new(dir.path());
        assert!(require(&host, "production").unwrap_err().to_string().contains("cargo xtask up --env production"));
        let certificate = Certificate::parse(&whole()).unwrap();
        certificate.place(&host).unwrap();
        require(&host, "production").unwrap();
        assert!(certificate.is_placed(&host).unwrap());
        restore(&host, placed(&host).unwrap().as_ref()).unwrap();
        assert!(certificate.is_placed(&host).unwrap());
        restore(&host, None).unwrap();
        assert!(placed(&host).unwrap().is_none());
    }
}
