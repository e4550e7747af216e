//! The proxy's own copy of its configuration: the project's `haproxy.cfg` behind the values that `delivery.toml` gives it.
//! One file, so that a reload can never meet one half of a change.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use toml::Spanned;

use super::certificate;
use super::variables::{self, ADDRESSES};
use crate::delivery::{Delivery, Environment, FILE, Service};
use crate::host::Host;
use crate::problem::{ExitCode, Problem, command};
use crate::rollout::colour::PerColour;

/// Its path in the environment's folder, and the folder the proxy runs in.
const PATH: &str = "proxy/haproxy.cfg";
pub(super) const FOLDER: &str = "proxy";
/// What it is called while it is looked at.
pub const CANDIDATE: &str = "haproxy.cfg.candidate";
/// Its name there.
pub const NAME: &str = "haproxy.cfg";
/// Where the split stands that a proxy begins with.
const MAP: &str = "proxy/maps/split.map";

/// Where proxy and colours listen, as the proxy sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// The proxy.
    pub listen: String,
    /// The proxy with TLS.
    pub listen_tls: Option<String>,
    /// Where it tells its metrics.
    pub internal: Option<String>,
    /// The colours.
    pub colours: PerColour<String>,
    /// Whether two proxies may listen there at once, for one to take over from the other.
    pub handover: bool,
}

impl Addresses {
    /// Those of plain processes.
    pub fn of_processes(environment: &Environment) -> Addresses {
        let optional = |address: &Option<Spanned<SocketAddr>>| address.as_ref().map(|it| it.get_ref().to_string());
        Addresses {
            listen: environment.listen.get_ref().to_string(),
            listen_tls: optional(&environment.listen_tls),
            internal: optional(&environment.proxy_metrics),
            colours: PerColour::from_fn(|colour| environment.address(colour).to_string()),
            handover: false,
        }
    }
}

/// A configuration as the project and `delivery.toml` have it by now.
#[derive(Debug, Clone)]
pub struct Config {
    environment: String,
    /// What a person calls the file.
    original: String,
    preamble: Vec<String>,
    text: String,
}

impl Config {
    /// The configuration of an environment, with what has to be said to pick a colour, where that is kept a secret.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 78 when the file cannot be read.
    pub fn read(
        root: &Path,
        original: &str,
        service: &Service,
        (name, environment): (&str, &Environment),
        addresses: &Addresses,
        preview_key: Option<String>,
    ) -> anyhow::Result<Config> {
        let path = root.join(original);
        let text = fs::read_to_string(&path).map_err(|error| {
            let message = format!("{}, which proxy.config of {FILE} names, cannot be read: {error}.", path.display());
            Problem::new(ExitCode::Configuration, message).next("git status")
        })?;
        let variables = variables::of(service, environment, addresses, preview_key);
        let preamble = variables::preamble(&variables);
        Ok(Config { environment: name.to_owned(), original: original.to_owned(), preamble, text })
    }

    /// The configuration of an environment to be looked at alone, where none of its secrets is at hand.
    ///
    /// # Errors
    /// Those of [`Config::read`].
    pub fn to_look_at(root: &Path, delivery: &Delivery, named: (&str, &Environment)) -> anyhow::Result<Config> {
        let (_, environment) = named;
        let addresses = Addresses::of_processes(environment);
        let key = environment.preview_key.as_ref().map(|_| "key".to_owned());
        let mut config = Config::read(root, &delivery.proxy.config, &delivery.service, named, &addresses, key)?;
        config.preamble.iter_mut().for_each(|line| *line = variables::without_certificate(line));
        Ok(config)
    }

    /// Whether the proxy has another copy than this would be; one that has none has nothing to follow.
    ///
    /// # Errors
    /// When its copy cannot be read.
    pub fn is_outdated(&self, host: &dyn Host) -> anyhow::Result<bool> {
        Ok(host.read(PATH)?.is_some_and(|own| own != self.whole()))
    }

    /// Looks whether the addresses are those the proxy was started with.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 78 when one was changed: what listens keeps the address it has.
    pub fn check_addresses(&self, host: &dyn Host) -> anyhow::Result<()> {
        let Some(own) = host.read(PATH)? else { return Ok(()) };
        let setting = |mut lines: Box<dyn Iterator<Item = &str> + '_>, variable: &str| {
            let prefix = format!("  setenv {variable} ");
            lines.find_map(|line| line.strip_prefix(&prefix).map(|value| value.trim_matches('"').to_owned()))
        };
        let changed = ADDRESSES.iter().filter_map(|(variable, key)| {
            let was = setting(Box::new(own.lines()), variable);
            let is = setting(Box::new(self.preamble.iter().map(String::as_str)), variable);
            let told = |value: Option<String>| value.unwrap_or_else(|| "none".into());
            (was != is).then(|| format!("environments.{}.{key}: {} became {}", self.environment, told(was), told(is)))
        });
        let changed: Vec<_> = changed.collect();
        if changed.is_empty() {
            return Ok(());
        }
        let message = format!(
            "an address in {FILE} was changed while {} runs, and what listens keeps the one it has. Put it back, or end \
             the environment and start it anew; nothing was changed.",
            self.environment
        );
        Err(Problem::new(ExitCode::Configuration, message)
            .detail(changed)
            .next(command("down", &self.environment))
            .into())
    }

    /// Gives the proxy its copy, if HAProxy accepts it: an edit half-way done must not be what a restart finds.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 78 when HAProxy refuses it; the copy it had stays.
    pub fn install(&self, host: &dyn Host, haproxy: &str) -> anyhow::Result<()> {
        if self.preamble.iter().any(|line| line.starts_with("  setenv PROXY_CERTIFICATE ")) {
            certificate::require(host, &self.environment)?;
        }
        self.check(host, haproxy)?.map_err(|alerts| {
            Problem::new(ExitCode::Configuration, "HAProxy refuses its configuration; nothing was changed.")
                .detail(alerts)
                .next("cargo xtask config-lint")
        })?;
        host.replace(PATH, &self.whole())
    }

    /// Has HAProxy itself check it, next to where it will stand.
    ///
    /// # Errors
    /// When it cannot be checked. The inner error is what HAProxy said, a line each.
    pub fn check(&self, host: &dyn Host, haproxy: &str) -> anyhow::Result<Result<(), Vec<String>>> {
        // The check wants the map to be there.
        if host.read(MAP)?.is_none() {
            host.replace(MAP, "green 0\n")?;
        }
        let path = format!("{FOLDER}/{CANDIDATE}");
        host.replace(&path, &self.whole())?;
        let checked = host.run(FOLDER, &[haproxy, "-c", "-f", CANDIDATE]);
        host.remove(&path)?;
        let (accepted, said) = checked?;
        Ok(if accepted { Ok(()) } else { Err(self.alerts(&said, CANDIDATE)) })
    }

    /// All of it, as the proxy has it.
    pub fn whole(&self) -> String {
        let preamble: String = self.preamble.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
        format!("{preamble}{}", self.text)
    }

    /// What HAProxy complains of in a copy called `file`, with the lines a person sees in the project's own.
    pub fn alerts(&self, said: &str, file: &str) -> Vec<String> {
        alerts(said).iter().map(|alert| self.in_the_original(alert, file)).collect()
    }

    fn in_the_original(&self, alert: &str, file: &str) -> String {
        let place = |(before, rest): (&str, &str)| {
            let (line, after) = rest.split_once(']')?;
            let line = line.parse::<usize>().ok()?.checked_sub(self.preamble.len())?;
            Some(format!("{before}[{}:{line}]{after}", self.original))
        };
        let placed = alert.split_once(&format!("[{file}:")).and_then(place);
        placed.unwrap_or_else(|| alert.to_owned()).replace(file, &self.original)
    }
}

/// What HAProxy complains of; all that was said where that is not its own words, as where it is missing.
pub(super) fn alerts(said: &str) -> Vec<String> {
    // The process id in it would make each run say something else.
    let alerts = said.lines().filter_map(|line| line.strip_prefix("[ALERT]")?.split_once(" : "));
    let told: Vec<_> = alerts.map(|(_, alert)| alert.to_owned()).collect();
    if told.is_empty() { said.lines().map(str::to_owned).collect() } else { told }
}

/// Where the proxy that runs is reached from outside, as its copy says; none where it has none.
pub fn published(host: &dyn Host) -> Option<SocketAddr> {
    let own = host.read(PATH).ok()??;
    let value = own.lines().find_map(|line| line.strip_prefix("  setenv PROXY_PUBLISHED "))?;
    value.trim_matches('"').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Local;
    use crate::testing::{DELIVERY, TempDir};

    fn config(change: impl FnOnce(&mut Environment)) -> Config {
        let mut delivery = Delivery::parse(DELIVERY).unwrap();
        let environment = delivery.environments.get_mut("development").unwrap();
        change(environment);
        let dir = TempDir::new();
        fs::write(dir.path().join("haproxy.cfg"), "defaults\n  no-such\n").unwrap();
        let addresses = Addresses::of_processes(environment);
        Config::read(dir.path(), "haproxy.cfg", &delivery.service, ("development", environment), &addresses, None)
            .unwrap()
    }

    #[test]
    fn a_complaint_is_placed_in_the_projects_own_file() {
        let config = config(|_| {});
        let line = config.preamble.len() + 2;
        let said = format!(
            "[NOTICE] (7) : x\n[ALERT]  (7) : config : parsing [c.cfg:{line}] : unknown keyword\n[ALERT] (7) : config : in c.cfg"
        );
        let alerts = config.alerts(&said, "c.cfg");
        assert_eq!(alerts, ["config : parsing [haproxy.cfg:2] : unknown keyword", "config : in haproxy.cfg"]);
    }

    #[test]
    fn a_setting_is_something_to_follow_and_an_address_is_refused() {
        let dir = TempDir::new();
        let host = Local::new(dir.path());
        assert!(!config(|_| {}).is_outdated(&host).unwrap());
        host.replace(PATH, &config(|_| {}).whole()).unwrap();
        assert!(!config(|_| {}).is_outdated(&host).unwrap());
        let other = config(|environment| environment.preview = Some(Spanned::new(0..0, true)));
        assert!(other.is_outdated(&host).unwrap());
        other.check_addresses(&host).unwrap();
        let moved = config(|environment| *environment.listen.get_mut() = "127.0.0.1:9".parse().unwrap());
        let refusal = moved.check_addresses(&host).unwrap_err().to_string();
        assert!(refusal.contains("environments.development.listen: 127.0.0.1:8080 became 127.0.0.1:9"), "{refusal}");
    }
}
