//! `config/delivery.toml`: everything xtask has to know about the service, its environments and their rollout policy.

mod advisories;
mod committed_secrets;
mod coverage;
mod docker_host;
mod environment;
mod front_door;
mod machines;
mod monitoring;
mod notifications;
mod performance;
pub mod pins;
mod product;
mod releases;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use serde::Deserialize;

pub use advisories::{Advisories, Ignore};
pub use committed_secrets::{Allow, CommittedSecrets};
pub use coverage::{Coverage, Share};
pub use docker_host::DockerHost;
pub use environment::{Containers, Environment, RuntimeChoice, SecretSource};
pub use front_door::{Limits, METRICS_PATH, METRICS_PORT, Tls};
pub use monitoring::{Monitoring, Watched};
pub use notifications::{Address, Channel, Kind, Occasion};
pub use performance::{Performance, Slowdown};
pub use pins::{Checksum, Pin, Pins, Wheel};
pub use product::{Commands, Compose, Health, Image, MetricsPage, Naive, Newer, Proxy, Service};
pub use releases::{Branch, Releases};

use crate::problem::{ExitCode, Problem};

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
    /// What watches the environments; without it, nothing does.
    pub monitoring: Option<Monitoring>,
    /// Which tools are installed for this project alone, and from what.
    #[serde(default)]
    pub tools: Pins,
    /// What counts against its dependencies.
    #[serde(default)]
    pub advisories: Advisories,
    /// What looks like a committed secret and is none.
    #[serde(default)]
    pub committed_secrets: CommittedSecrets,
    /// How much of the code the tests have to run.
    #[serde(default)]
    pub coverage: Coverage,
    /// How fast a revision of it has to be.
    #[serde(default)]
    pub performance: Performance,
    /// How its versions are released.
    #[serde(default)]
    pub releases: Releases,
    /// Who is told of it.
    #[serde(default)]
    pub notifications: Vec<Channel>,
    /// Where it is delivered to.
    pub environments: BTreeMap<String, Environment>,
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

    fn mistakes(&self) -> Vec<(Range<usize>, String)> {
        let mut found: Vec<_> = self.tools.iter().flat_map(|(name, pin)| pin.mistakes(name)).collect();
        found.extend(self.advisories.mistakes());
        found.extend(self.committed_secrets.mistakes());
        found.extend(notifications::mistakes(&self.notifications, &self.environments));
        found.extend(machines::mistakes(&self.environments));
        for (name, environment) in &self.environments {
            found.extend(environment.rollout.mistakes());
            found.extend(environment.mistakes(name));
            found.extend(environment.monitoring.iter().flat_map(|watched| watched.mistakes(name)));
            found.extend(self.mirror_mistake(name, environment));
        }
        found
    }

    fn mirror_mistake(&self, name: &str, environment: &Environment) -> Option<(Range<usize>, String)> {
        let mirrored = environment.mirrors.as_ref()?;
        let other = mirrored.get_ref();
        let is_wrong = other == name || !self.environments.contains_key(other);
        is_wrong.then(|| (mirrored.span(), format!("environments.{name}.mirrors: `{other}` is no other environment")))
    }
}

/// The line, from 1, in which something of the file's text stands.
pub(crate) fn line(text: &str, offset: usize) -> usize {
    text.get(..offset).unwrap_or(text).matches('\n').count() + 1
}

/// Where in the text of the file something stands: file, line and column.
pub(crate) fn place(text: &str, offset: usize) -> String {
    let before = text.get(..offset).unwrap_or(text);
    let line = line(text, offset);
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("{FILE}:{line}:{column}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::colour::Colour;
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
    fn a_secret_is_called_as_a_file_can_be() {
        let text = |name: &str| {
            DELIVERY.replace(
                "protected = true",
                &format!("protected = true\nsecrets = {{ \"{name}\" = {{ env = \"T\" }} }}"),
            )
        };
        for name in ["metrics.token", "TOKEN_1", "a-b.c_d", "_", &"x".repeat(251)] {
            let delivery = Delivery::parse(&text(name)).unwrap();
            assert!(delivery.environments["production"].secrets.contains_key(name), "{name}");
        }
        for name in
            ["", ".", "..", ".hidden", "-flag", "a/b", "../a", "a b", "a\\nb", "ä", "token.new", &"x".repeat(252)]
        {
            let mistakes = Delivery::parse(&text(name)).unwrap_err();
            assert!(mistakes[0].contains("environments.production.secrets: `"), "{name}: {mistakes:?}");
            assert!(mistakes[0].starts_with("config/delivery.toml:34:13: "), "{mistakes:?}");
        }
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
