//! `config/delivery.toml`: everything xtask has to know about the service, its environments and their rollout policy.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::problem::{ExitCode, Problem};
use crate::rollout::colour::{Colour, PerColour};
use crate::rollout::policy::Policy;
use crate::size::{Percent, Size};

/// Where the file stands, relative to the project's root; its presence is what makes a folder a project.
pub const FILE: &str = "config/delivery.toml";

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    /// What is delivered.
    pub service: Service,
    /// What stands in front of it.
    pub proxy: Proxy,
    /// The image it is delivered as, where colours run as containers.
    pub image: Image,
    /// How colours run as containers; without it they run as processes.
    pub compose: Option<Compose>,
    /// Where it is delivered to.
    pub environments: BTreeMap<String, Environment>,
}

/// What xtask knows about the service. `{placeholders}` in arguments and variables are filled in per colour.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The Cargo package that is built.
    pub package: String,
    /// The binary of that package.
    pub binary: String,
    /// The arguments it serves with.
    #[serde(default)]
    pub args: Vec<String>,
    /// Variables it is given.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Variables of the deployer's own environment that it is given too, where they are set.
    #[serde(default)]
    pub inherit_env: Vec<String>,
    /// Files and folders that are part of a release besides the binary, relative to the root.
    #[serde(default)]
    pub files: Vec<String>,
    /// How `--set KEY=VALUE` is passed: the name of a variable; `{KEY}` is KEY in capitals with `__` for each dot.
    pub setting_variable: Option<String>,
    /// How its health is asked for.
    pub health: Health,
    /// Subcommands the binary has, where it has them.
    #[serde(default)]
    pub commands: Commands,
}

impl Service {
    /// The variable a setting is passed in: `faults.error_rate` becomes `APP__FAULTS__ERROR_RATE` for `APP__{KEY}`.
    pub fn variable(&self, key: &str) -> Option<String> {
        let key = key.to_ascii_uppercase().replace('.', "__");
        self.setting_variable.as_ref().map(|template| template.replace("{KEY}", &key))
    }
}

/// How the service's health is asked for, over plain HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// The path that answers 200 when the service may be given traffic.
    pub ready: String,
    /// Paths that must not answer 5xx before a candidate is given any traffic.
    #[serde(default)]
    pub smoke: Vec<String>,
    /// The response header in which the service says which colour it is.
    pub colour_header: Option<String>,
    /// The response header in which the service says which release it is.
    pub release_header: Option<String>,
}

/// Optional subcommands of the service's binary, as their arguments.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Commands {
    /// Validates the configuration of one environment and exits with 0 when it is right.
    pub config_check: Option<Vec<String>>,
}

/// The proxy.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proxy {
    /// The HAProxy configuration, relative to the root.
    pub config: String,
    /// The image it runs from in containers.
    pub image: String,
    /// What that image is built by, relative to the root.
    pub dockerfile: String,
    /// An image of HAProxy that stands on Debian, to build it from.
    pub base_image: String,
}

/// The service's image.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// Its name, to which each build adds a tag.
    pub repository: String,
    /// Its Dockerfile, relative to the root; the last stage is what is released.
    pub dockerfile: String,
    /// What it is compiled in, where that is done in a container: an image with cargo and a C compiler.
    pub builder_image: Option<String>,
    /// The certificates the crate registry's is checked with in a container, relative to the root; without it, those that
    /// `SSL_CERT_FILE` names.
    pub ca_bundle: Option<String>,
    /// The most it may take, all layers together.
    pub max_size: Option<Size>,
    /// What it is compared with.
    pub naive: Option<Naive>,
}

/// The image a service starts with before anybody has thought about its size.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Naive {
    /// Its Dockerfile, relative to the root.
    pub dockerfile: String,
    /// The share of its size that the service's image does without.
    pub smaller_by: Percent,
}

/// How colours run as containers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compose {
    /// What everything in the engine is called after: `PROJECT-ENVIRONMENT-…`.
    pub project: String,
    /// The Compose file, relative to the root; the same for every environment.
    pub file: String,
}

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

    fn mistake(&self) -> Option<String> {
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
    /// The Cargo profile releases are built with.
    pub profile: String,
    /// The address the proxy listens at.
    pub listen: Spanned<SocketAddr>,
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
    pub secrets: BTreeMap<String, SecretSource>,
    /// How many releases are kept, those that run included.
    #[serde(default = "five")]
    pub keep_releases: usize,
    /// How a release is rolled out.
    pub rollout: Policy,
}

fn five() -> usize {
    5
}

impl Environment {
    /// The URL people and probes reach the service at.
    pub fn url(&self) -> String {
        format!("http://{}", self.listen.get_ref())
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

impl Delivery {
    /// Reads and checks the file under `root`.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 78 that names every mistake with its line and column.
    pub fn load(root: &Path) -> anyhow::Result<Delivery> {
        let path = root.join(FILE);
        let text = std::fs::read_to_string(&path).map_err(|error| {
            Problem::new(
                ExitCode::Configuration,
                format!("{FILE} cannot be read: {error}. It says what is delivered and where to."),
            )
            .next("git checkout -- config/delivery.toml")
        })?;
        Delivery::parse(&text).map_err(|mistakes| {
            let count = if mistakes.len() == 1 { "a mistake".into() } else { format!("{} mistakes", mistakes.len()) };
            Problem::new(ExitCode::Configuration, format!("{FILE} has {count}; nothing was started or changed."))
                .detail(mistakes.iter().flat_map(|mistake| mistake.lines()))
                .next("cargo xtask config-lint")
                .into()
        })
    }

    /// Parses and checks the text of the file. On failure, a text for each mistake.
    pub fn parse(text: &str) -> Result<Delivery, Vec<String>> {
        let delivery: Delivery =
            toml::from_str(text).map_err(|error| vec![format!("{FILE}: {}", error.to_string().trim_end())])?;
        let mut mistakes = delivery.mistakes();
        mistakes.sort_by_key(|(span, _)| span.start);
        if mistakes.is_empty() {
            return Ok(delivery);
        }
        Err(mistakes.into_iter().map(|(span, message)| format!("{}: {message}", place(text, span.start))).collect())
    }

    /// The environment of that name.
    ///
    /// # Errors
    /// A [`Problem`] that lists the environments there are.
    pub fn environment(&self, name: &str) -> Result<&Environment, Problem> {
        self.environments.get(name).ok_or_else(|| {
            let known: Vec<_> = self.environments.keys().map(String::as_str).collect();
            Problem::new(
                ExitCode::Usage,
                format!("there is no environment `{name}` in {FILE}; there are {}.", known.join(", ")),
            )
        })
    }

    fn mistakes(&self) -> Vec<(std::ops::Range<usize>, String)> {
        let mut found = Vec::new();
        let mut taken: BTreeMap<SocketAddr, String> = BTreeMap::new();
        let mut networks: Vec<(&str, Ipv4Net)> = Vec::new();
        for (name, environment) in &self.environments {
            found.extend(environment.rollout.mistakes());
            if let Some(mirrored) = &environment.mirrors
                && (mirrored.get_ref() == name || !self.environments.contains_key(mirrored.get_ref()))
            {
                let text = format!("environments.{name}.mirrors: `{}` is no other environment", mirrored.get_ref());
                found.push((mirrored.span(), text));
            }
            if let Some(containers) = &environment.containers {
                let subnet = *containers.subnet.get_ref();
                let key = format!("environments.{name}.containers.subnet");
                let shared = networks.iter().find(|(_, other)| other.contains(&subnet) || subnet.contains(other));
                let shared = shared.map(|(other, net)| format!("{subnet} overlaps {net}, which {other} has already"));
                found.extend(
                    containers.mistake().or(shared).map(|text| (containers.subnet.span(), format!("{key}: {text}"))),
                );
                networks.push((name, subnet));
            }
            if environment.protected && environment.preview_key.is_none() {
                let open = environment.preview.iter().filter(|preview| *preview.get_ref());
                let text = format!(
                    "environments.{name}.preview: anybody could pick the candidate of a protected environment; add a preview_key"
                );
                found.extend(open.map(|preview| (preview.span(), text.clone())));
            }
            let listen = std::iter::once(("listen".to_owned(), &environment.listen));
            let colours = Colour::BOTH.map(|colour| (format!("colours.{colour}"), environment.colours.get(colour)));
            for (key, address) in listen.chain(colours) {
                let key = format!("environments.{name}.{key}");
                if let Some(other) = taken.insert(*address.get_ref(), key.clone()) {
                    let text = format!("{key} is {}, which {other} has already", address.get_ref());
                    found.push((address.span(), text));
                }
            }
        }
        found
    }
}

fn place(text: &str, offset: usize) -> String {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("{FILE}:{line}:{column}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::DELIVERY;

    #[test]
    fn what_is_right_is_read() {
        let delivery = Delivery::parse(DELIVERY).unwrap();
        assert_eq!(delivery.environments.keys().collect::<Vec<_>>(), ["development", "production"]);
        assert!(delivery.environments["production"].protected);
        assert!(!delivery.environments["development"].protected);
        assert_eq!(delivery.environments["development"].url(), "http://127.0.0.1:8080");
    }

    #[test]
    fn two_environments_cannot_share_an_address() {
        let text = DELIVERY.replace("127.0.0.1:8281", "127.0.0.1:8080");
        let mistakes = Delivery::parse(&text).unwrap_err();
        assert!(mistakes[0].contains("has already"), "{mistakes:?}");
        assert!(mistakes[0].starts_with("config/delivery.toml:"), "{mistakes:?}");
    }

    #[test]
    fn a_network_has_its_addresses_and_two_do_not_overlap() {
        let text = |subnet: &str| {
            let containers =
                |net: &str| format!("containers = {{ subnet = \"{net}\", memory = \"1m\", cpus = 1.0, pids = 9 }}");
            DELIVERY
                .replace("profile = \"dev\"", &format!("profile = \"dev\"\n{}", containers("10.1.2.0/27")))
                .replace("profile = \"release\"", &format!("profile = \"release\"\n{}", containers(subnet)))
        };
        let delivery = Delivery::parse(&text("10.1.2.32/27")).unwrap();
        let containers = delivery.environments["development"].containers.as_ref().unwrap();
        assert_eq!(containers.colour(Colour::Green).to_string(), "10.1.2.4");
        assert_eq!(containers.dynamic().to_string(), "10.1.2.16/28");
        for (subnet, expected) in
            [("10.1.2.16/28", "overlaps 10.1.2.0/27"), ("10.1.3.0/29", "too small"), ("10.1.3.1/24", "is no network")]
        {
            let mistakes = Delivery::parse(&text(subnet)).unwrap_err();
            assert!(mistakes[0].contains(expected), "{mistakes:?}");
        }
    }

    #[test]
    fn a_size_without_a_unit_that_is_known_is_shown_where_it_stands() {
        let text = |size: &str| {
            DELIVERY.replace("repository = \"shop\"", &format!("repository = \"shop\"\nmax_size = {size}"))
        };
        assert_eq!(Delivery::parse(&text("\"4MB\"")).unwrap().image.max_size, Some(4_000_000.into()));
        for size in ["\"4mb\"", "\"4\"", "4"] {
            let mistakes = Delivery::parse(&text(size)).unwrap_err().join("\n");
            assert!(mistakes.contains("config/delivery.toml: TOML parse error at line 19, column 12"), "{mistakes}");
        }
    }

    #[test]
    fn a_protected_environment_shows_its_candidate_to_nobody_without_the_key() {
        let text = DELIVERY.replace("protected = true", "protected = true\npreview = true");
        let mistakes = Delivery::parse(&text).unwrap_err();
        assert!(
            mistakes[0].contains("environments.production.preview") && mistakes[0].contains("preview_key"),
            "{mistakes:?}"
        );
        let text = text.replace("preview = true", "preview = true\npreview_key = { env = \"KEY\" }");
        assert!(Delivery::parse(&text).unwrap().environments["production"].previews());
    }

    #[test]
    fn an_unknown_key_is_shown_where_it_stands() {
        let mistakes =
            Delivery::parse(&DELIVERY.replace("[service]", "[service]\npakage = \"x\"")).unwrap_err().join("\n");
        assert!(mistakes.contains("unknown field `pakage`") && mistakes.contains("line "), "{mistakes}");
    }

    #[test]
    fn a_place_counts_lines_and_characters_from_one() {
        assert_eq!(place("ä = 1\nb = 2", 7), "config/delivery.toml:2:1");
        assert_eq!(place("ä = 1", 5), "config/delivery.toml:1:5");
    }
}
