//! `health-check`: whether a service answers that it is ready, for people, scripts and cron.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use crate::curl::{self, Proof};
use crate::flags::Target;
use crate::host::{Container, Host as _, Peer};
use crate::http::{self, Probe};
use crate::out;
use crate::problem::{ExitCode, Problem, command};
use crate::rollout::policy::Span;
use crate::site::Site;

const PAUSE: Duration = Duration::from_millis(100);

/// Flags of `health-check`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The URL to ask; without it, the environment's readiness path through its proxy.
    url: Option<String>,
    #[command(flatten)]
    target: Target,
    /// How long it may take until the answers are good.
    #[arg(long, value_name = "SPAN", default_value = "10s")]
    timeout: Span,
    /// How many good answers in a row are asked for.
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    success_threshold: u32,
    /// Prints the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Asks until enough answers in a row are 200, or the time is over.
///
/// # Errors
/// A [`Problem`] with exit code 1 and the last answer; 2 for a URL that cannot be asked.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let site = args.url.is_none().then(|| Site::open(&args.target.env)).transpose()?;
    let door = match (&args.url, &site) {
        (None, Some(site)) => Door::of(site),
        (url, _) => Door::parse(url.as_deref().unwrap_or_default())?,
    };
    let deadline = Instant::now() + *args.timeout;
    let mut good = 0;
    loop {
        let left = deadline.saturating_duration_since(Instant::now()).max(PAUSE);
        let probe = door.ask(left)?;
        good = if probe.is_good() { good + 1 } else { 0 };
        let healthy = good >= args.success_threshold.max(1);
        if !healthy && Instant::now() < deadline {
            std::thread::sleep(PAUSE);
            continue;
        }
        return conclude(args, healthy, &door.to_string(), &probe);
    }
}

/// Where it is asked.
#[derive(Debug)]
enum Door<'a> {
    Plain(SocketAddr, String),
    Tls(String, Proof),
    /// On another machine, where it is asked from the network it is in.
    Elsewhere {
        host: &'a Container,
        engine: &'a str,
        port: u16,
        tls: bool,
        path: String,
    },
}

impl<'a> Door<'a> {
    /// Where people come in.
    fn of(site: &'a Site) -> Door<'a> {
        let (environment, path) = (site.environment(), site.delivery().service.health.ready.clone());
        // A redirect is no health.
        let tls = environment.listen_tls.is_some();
        let listen = environment.listen_tls.as_ref().unwrap_or(&environment.listen).get_ref();
        match site.elsewhere() {
            Some((host, engine)) => Door::Elsewhere { host, engine, port: listen.port(), tls, path },
            None if tls => Door::Tls(format!("{}{path}", environment.own_url()), Proof::Waived),
            None => Door::Plain(*listen, path),
        }
    }

    fn parse(url: &str) -> anyhow::Result<Door<'a>> {
        let wrong = |why: &str| Problem::new(ExitCode::Usage, format!("`{url}` cannot be asked: {why}."));
        if url.starts_with("https://") {
            return Ok(Door::Tls(url.to_owned(), Proof::Asked));
        }
        let rest = url.strip_prefix("http://").ok_or_else(|| wrong("it has to begin with http:// or https://"))?;
        let (authority, path) = rest.find('/').map_or((rest, "/"), |slash| rest.split_at(slash));
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
        let with_port = if has_port { authority.to_owned() } else { format!("{authority}:80") };
        let address = with_port.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
        let address = address.ok_or_else(|| wrong("its host has no address, or its port is no number"))?;
        Ok(Door::Plain(address, path.to_owned()))
    }

    fn ask(&self, timeout: Duration) -> anyhow::Result<Probe> {
        match self {
            Door::Plain(address, path) => Ok(http::get(*address, path, timeout)),
            Door::Tls(url, proof) => curl::get(url, *proof, timeout),
            Door::Elsewhere { host, port, tls, path, .. } => {
                let address = SocketAddr::from((Ipv4Addr::LOCALHOST, *port));
                let ask = |request: &str| match tls {
                    true => host.ask_over_tls(address, request, timeout),
                    false => host.ask(Peer::Address(address), request, timeout),
                };
                Ok(http::get_through(address, path, ask))
            }
        }
    }
}

impl fmt::Display for Door<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Door::Plain(address, path) => write!(f, "http://{address}{path}"),
            Door::Tls(url, _) => f.write_str(url),
            Door::Elsewhere { engine, port, tls, path, .. } => {
                let scheme = if *tls { "https" } else { "http" };
                write!(f, "{scheme}://127.0.0.1:{port}{path} at {engine}")
            }
        }
    }
}

fn conclude(args: &Args, healthy: bool, url: &str, probe: &Probe) -> anyhow::Result<()> {
    if args.json {
        out!("{}", serde_json::json!({ "url": url, "healthy": healthy, "last": probe.to_string() }));
    } else if healthy {
        out!("healthy: {url} answered {probe}");
    }
    if healthy {
        return Ok(());
    }
    let message = format!("{url} is not healthy within {}; the last answer: {probe}", args.timeout);
    Err(Problem::new(ExitCode::Failed, message).next(command("status", &args.target.env)).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_wrong_ones_are_explained() {
        let plain = |address: &str, path: &str| Door::Plain(address.parse().unwrap(), path.into());
        let cases = [
            ("http://127.0.0.1:81/a?b", plain("127.0.0.1:81", "/a?b")),
            ("http://127.0.0.1", plain("127.0.0.1:80", "/")),
            ("http://[::1]/", plain("[::1]:80", "/")),
            ("http://[::1]:81/", plain("[::1]:81", "/")),
            ("https://shop.example/ready", Door::Tls("https://shop.example/ready".into(), Proof::Asked)),
        ];
        for (url, door) in cases {
            assert_eq!(format!("{:?}", Door::parse(url).unwrap()), format!("{door:?}"), "{url}");
        }
        for (url, why) in [("ftp://127.0.0.1/", "http:// or https://"), ("http://127.0.0.1:port/", "no number")] {
            assert!(Door::parse(url).unwrap_err().to_string().contains(why), "{url}");
        }
    }
}
