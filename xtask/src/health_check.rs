//! `health-check`: whether a service answers that it is ready, for people, scripts and cron.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use crate::flags::Target;
use crate::http::{self, Probe};
use crate::out;
use crate::problem::{ExitCode, Problem, command};
use crate::rollout::policy::Span;
use crate::site::Site;

const PAUSE: Duration = Duration::from_millis(100);

/// Flags of `health-check`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The URL to ask, plain HTTP; without it, the environment's readiness path through its proxy.
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
    let (address, path) = match &args.url {
        Some(url) => parse(url)?,
        None => {
            let site = Site::open(&args.target.env)?;
            (*site.environment().listen.get_ref(), site.delivery().service.health.ready.clone())
        }
    };
    let deadline = Instant::now() + *args.timeout;
    let mut good = 0;
    loop {
        let left = deadline.saturating_duration_since(Instant::now()).max(PAUSE);
        let probe = http::get(address, &path, left);
        good = if is_good(&probe) { good + 1 } else { 0 };
        let healthy = good >= args.success_threshold.max(1);
        if !healthy && Instant::now() < deadline {
            std::thread::sleep(PAUSE);
            continue;
        }
        return conclude(args, healthy, &format!("http://{address}{path}"), &probe);
    }
}

fn is_good(probe: &Probe) -> bool {
    matches!(probe, Probe::Answered(answer) if answer.status == 200)
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

fn parse(url: &str) -> anyhow::Result<(SocketAddr, String)> {
    let wrong = |why: &str| Problem::new(ExitCode::Usage, format!("`{url}` cannot be asked: {why}."));
    let rest = url.strip_prefix("http://").ok_or_else(|| {
        wrong("it has to begin with http:// (probes are plain HTTP)").next(format!("curl --fail {url}"))
    })?;
    let (authority, path) = rest.find('/').map_or((rest, "/"), |slash| rest.split_at(slash));
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
    let with_port = if has_port { authority.to_owned() } else { format!("{authority}:80") };
    let address = with_port.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    let address = address.ok_or_else(|| wrong("its host has no address, or its port is no number"))?;
    Ok((address, path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_wrong_ones_are_explained() {
        assert_eq!(parse("http://127.0.0.1:81/a?b").unwrap(), ("127.0.0.1:81".parse().unwrap(), "/a?b".into()));
        assert_eq!(parse("http://127.0.0.1").unwrap(), ("127.0.0.1:80".parse().unwrap(), "/".into()));
        assert_eq!(parse("http://[::1]/").unwrap().0, "[::1]:80".parse().unwrap());
        assert_eq!(parse("http://[::1]:81/").unwrap().0, "[::1]:81".parse().unwrap());
        assert!(parse("https://example.org/").unwrap_err().to_string().contains("curl --fail"));
        assert!(parse("http://127.0.0.1:port/").is_err());
    }
}
