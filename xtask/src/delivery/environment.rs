//! Where it is delivered to.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;

use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::docker_host::DockerHost;
use super::front_door::{Limits, Tls};
use crate::rollout::colour::{Colour, PerColour};
use crate::rollout::policy::Policy;

use super::Watched;

/// The place and the size of an environment in containers.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Containers {
    /// The network of proxy and colours, IPv4, `/28` or larger; nothing else on the engine's machine may use it.
    pub subnet: Spanned<Ipv4Net>,
    /// The most memory of one colour, as Docker writes it: `256m`.
    pub memory: String,
    /// The most processor time of one colour, in processors.
    pub cpus: f64,
    /// The most processes and threads of one colour.
    pub pids: u32,
    /// The memory of one colour that the engine takes back last where there is too little, as Docker writes it.
    #[serde(default = "sixteen_mebibytes")]
    pub reserved_memory: String,
    /// The processor time that a scheduler sets aside for one colour, in processors; an engine by itself has no such idea.
    #[serde(default = "a_tenth")]
    pub reserved_cpus: f64,
    /// The most processor time of one proxy, in processors; it runs as many threads.
    #[serde(default = "one")]
    pub proxy_cpus: f64,
}

fn sixteen_mebibytes() -> String {
    "16m".into()
}

fn a_tenth() -> f64 {
    0.1
}

fn one() -> f64 {
    1.0
}

impl Containers {
    /// The longest prefix that leaves room for proxy, colours and whatever joins for a moment.
    const LONGEST_PREFIX: u8 = 28;

    fn address(&self, number: u32) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.subnet.get_ref().network().to_bits().saturating_add(number))
    }

    /// Where the proxy is among the colours; the engine itself has the first address.
    pub fn edge(&self) -> Ipv4Addr {
        self.address(2)
    }

    /// Where a colour is: always at the same address, whatever was started first.
    pub fn colour(&self, colour: Colour) -> Ipv4Addr {
        match colour {
            Colour::Blue => self.address(3),
            Colour::Green => self.address(4),
        }
    }

    /// What the engine may give to others: the upper half.
    pub fn dynamic(&self) -> Ipv4Net {
        let subnet = self.subnet.get_ref();
        let halves = subnet.subnets((subnet.prefix_len() + 1).min(32)).ok().and_then(Iterator::last);
        halves.unwrap_or(*subnet)
    }

    pub(super) fn mistake(&self) -> Option<String> {
        let subnet = self.subnet.get_ref();
        if subnet.prefix_len() > Containers::LONGEST_PREFIX {
            return Some(format!("{subnet} is too small: /{} at the most", Containers::LONGEST_PREFIX));
        }
        (subnet.network() != subnet.addr()).then(|| format!("{subnet} is no network; {} is", subnet.trunc()))
    }
}

/// Where a secret's value comes from when an environment is deployed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum SecretSource {
    /// A variable of the deployer's.
    Env(String),
    /// A file of the deployer's, relative to the root.
    File(String),
}

/// One environment.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// The environment whose rehearsal it is: but for names, addresses, sizes and patience it has to be the same.
    pub mirrors: Option<Spanned<String>>,
    /// What runs the colours when `--runtime` does not say.
    pub runtime: RuntimeChoice,
    /// The Docker engine that runs it, whatever the deployer's own is; it takes `runtime = "compose"`.
    pub docker_host: Option<Spanned<DockerHost>>,
    /// Where people reach it, when that is not the proxy's own address.
    pub url: Option<Spanned<String>>,
    /// The Cargo profile releases are built with.
    pub profile: String,
    /// The address the proxy listens at.
    pub listen: Spanned<SocketAddr>,
    /// The address it listens at with TLS.
    pub listen_tls: Option<Spanned<SocketAddr>>,
    /// How it proves there who it is.
    pub tls: Option<Spanned<Tls>>,
    /// The address at which it tells its metrics, where it is a process; a container has one that only containers reach.
    pub proxy_metrics: Option<Spanned<SocketAddr>>,
    /// Whether it writes a line for each request.
    #[serde(default)]
    pub access_log: bool,
    /// Those who are believed what they say of a client: proxies before this one.
    #[serde(default)]
    pub trusted_proxies: Vec<Spanned<IpNet>>,
    /// The most that clients may ask of it.
    #[serde(default)]
    pub limits: Limits,
    /// The addresses of the colours.
    pub colours: PerColour<Spanned<SocketAddr>>,
    /// Refuses what only a rehearsal may do, `--set` above all.
    #[serde(default)]
    pub protected: bool,
    /// Lets a request pick a colour by the header `x-switchyard-colour`.
    pub preview: Option<Spanned<bool>>,
    /// What such a request has to say in the header `x-switchyard-key`; a protected environment takes no other.
    pub preview_key: Option<SecretSource>,
    /// Its place and size in containers; without it, it runs as processes.
    pub containers: Option<Containers>,
    /// Secrets by the names of their files in `{secrets_dir}`.
    #[serde(default)]
    pub secrets: BTreeMap<Spanned<String>, SecretSource>,
    /// Where what watches it is reached; without it, nothing does.
    pub monitoring: Option<Watched>,
    /// How many releases are kept, those that run included.
    #[serde(default = "five")]
    pub keep_releases: usize,
    /// How a release is rolled out.
    pub rollout: Policy,
}

/// What the name of a file ends with while it is written, on every kind of host: a secret called so would be lost for a
/// moment whenever its namesake is written.
const STAGED: &str = ".new";

/// Whether every host can write, list and remove a file of that name; none lists those that begin with a dot.
fn is_file_name(name: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.');
    let beginning = name.chars().next().is_some_and(|first| first.is_ascii_alphanumeric() || first == '_');
    beginning && name.len() <= LONGEST_NAME && name.chars().all(plain) && !name.ends_with(STAGED)
}

/// What file systems take, less what a file is called while it is written.
const LONGEST_NAME: usize = 255 - STAGED.len();

/// Whether a path can be put behind it.
fn is_public_url(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let plain = |letter: char| letter.is_ascii_graphic() && !"?#".contains(letter);
    rest.is_some_and(|rest| {
        !rest.is_empty() && !rest.starts_with('/') && !rest.ends_with('/') && rest.chars().all(plain)
    })
}

fn five() -> usize {
    5
}

impl std::fmt::Display for SecretSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SecretSource::Env(variable) => write!(f, "the variable {variable}"),
            SecretSource::File(path) => write!(f, "the file {path}"),
        }
    }
}

impl Environment {
    /// What is wrong in it, whatever stands elsewhere.
    pub(super) fn mistakes(&self, name: &str) -> Vec<(Range<usize>, String)> {
        let mut found = self.unfit_names(name);
        found.extend(self.front_door_mistakes(name));
        found.extend(self.whereabouts_mistakes(name));
        found.extend(self.preview_mistake(name));
        found
    }

    /// Secrets whose names cannot be those of files, wherever they are placed.
    fn unfit_names(&self, name: &str) -> Vec<(Range<usize>, String)> {
        let unfit = self.secrets.keys().filter(|secret| !is_file_name(secret.get_ref()));
        let told = unfit.map(|secret| {
            let text = format!(
                "environments.{name}.secrets: `{}` cannot be the name of a secret's file; it has letters, digits, `_`, `-` \
                 and `.`, begins with one of the first three, and does not end with {STAGED}",
                secret.get_ref()
            );
            (secret.span(), text)
        });
        told.collect()
    }

    /// The name of each secret's file, and where its value comes from.
    pub fn secret_sources(&self) -> impl Iterator<Item = (&str, &SecretSource)> {
        self.secrets.iter().map(|(secret, source)| (secret.get_ref().as_str(), source))
    }

    /// Where it runs and is reached, where that cannot be.
    fn whereabouts_mistakes(&self, name: &str) -> Vec<(Range<usize>, String)> {
        let mut found = Vec::new();
        if let Some(host) = &self.docker_host {
            let runtime = (self.runtime != RuntimeChoice::Compose)
                .then(|| "runs nothing but containers; say runtime = \"compose\"".to_owned());
            let wrong = host.get_ref().mistake().or(runtime);
            found.extend(wrong.map(|text| (host.span(), format!("environments.{name}.docker_host: {text}"))));
        }
        if let Some(url) = self.url.as_ref().filter(|url| !is_public_url(url.get_ref())) {
            let text = format!(
                "environments.{name}.url: `{}` is not where a service is reached, such as https://shop.example",
                url.get_ref()
            );
            found.push((url.span(), text));
        }
        found
    }

    /// A candidate that is shown to anybody, where it must not be.
    fn preview_mistake(&self, name: &str) -> Option<(Range<usize>, String)> {
        let is_open = self.protected && self.preview_key.is_none();
        let preview = self.preview.as_ref().filter(|preview| is_open && *preview.get_ref())?;
        let text = format!(
            "environments.{name}.preview: anybody could pick the candidate of a protected environment; add a preview_key"
        );
        Some((preview.span(), text))
    }

    /// The URL people reach the service at.
    pub fn url(&self) -> String {
        self.url.as_ref().map_or_else(|| self.own_url(), |url| url.get_ref().clone())
    }

    /// The URL of its proxy, as the machine that it runs on reaches it.
    pub fn own_url(&self) -> String {
        match &self.listen_tls {
            Some(address) => format!("https://{}", address.get_ref()),
            None => format!("http://{}", self.listen.get_ref()),
        }
    }

    /// Every address that is its own, by its key.
    pub fn addresses(&self) -> impl Iterator<Item = (&'static str, &Spanned<SocketAddr>)> {
        let optional = [("listen_tls", &self.listen_tls), ("proxy_metrics", &self.proxy_metrics)];
        let optional = optional.into_iter().filter_map(|(key, address)| Some((key, address.as_ref()?)));
        let PerColour { blue, green } = &self.colours;
        [("listen", &self.listen), ("colours.blue", blue), ("colours.green", green)].into_iter().chain(optional)
    }

    /// Whether a request may pick a colour.
    pub fn previews(&self) -> bool {
        self.preview.as_ref().is_some_and(|preview| *preview.get_ref())
    }

    /// The address of one colour.
    pub fn address(&self, colour: Colour) -> SocketAddr {
        *self.colours.get(colour).get_ref()
    }
}

/// What runs the colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum RuntimeChoice {
    /// Containers where they can be had, processes otherwise.
    Auto,
    /// Plain processes of this machine.
    Process,
    /// Containers, by Docker Compose.
    Compose,
}
