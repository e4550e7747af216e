//! What is delivered: the service, its image, and the proxy before it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::rollout::policy::Span;
use crate::size::{Percent, Size};

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
    /// Settings that are spans, and together the longest it takes from SIGTERM to its end. As with `generated`, no record
    /// of a release has them.
    #[serde(default, skip_serializing)]
    pub stop_settings: Vec<String>,
    /// The setting by which it takes so many bytes of memory and keeps them, to show that its limit holds.
    #[serde(default, skip_serializing)]
    pub allocate_setting: Option<String>,
    /// Where it tells its metrics, where it does. Like `generated`, no part of a release's record.
    #[serde(default, skip_serializing)]
    pub metrics: Option<MetricsPage>,
    /// Subcommands the binary has, where it has them.
    #[serde(default)]
    pub commands: Commands,
    /// Files, from the root, that hold what the binary prints with these arguments. How a release is started does not
    /// depend on them, so no record of one has them.
    #[serde(default, skip_serializing)]
    pub generated: BTreeMap<String, Vec<String>>,
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

/// Where the service tells its metrics, in the format of Prometheus.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsPage {
    /// The path.
    pub path: String,
    /// The secret whose value a scraper presents as bearer token, in each environment that has it.
    pub token: Option<String>,
}

/// Optional subcommands of the service's binary, as their arguments.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Commands {
    /// Validates the configuration of one environment and exits with 0 when it is right.
    pub config_check: Option<Vec<String>>,
    /// Does the same where no secret is at hand. Like the next, no part of a release's record: nothing is started by it.
    #[serde(skip_serializing)]
    pub config_lint: Option<Vec<String>>,
    /// Prints a JSON Schema of the service's settings.
    #[serde(skip_serializing)]
    pub config_schema: Option<Vec<String>>,
    /// Prints the value of each of the service's settings in one environment, as JSON, where no secret is at hand.
    #[serde(skip_serializing)]
    pub config_explain: Option<Vec<String>>,
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
    /// How much it may grow since the size that `image-check --save` has kept.
    pub max_growth: Option<Percent>,
    /// What it is compared with.
    pub naive: Option<Naive>,
    /// The longest it may take from the start of a container to its first good answer.
    pub max_start: Option<Span>,
    /// The part of that which may be its own: from the container's running to that answer.
    pub max_start_beyond_engine: Option<Span>,
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
    /// What is added to it for a newer engine.
    pub newer: Option<Newer>,
}

/// A Compose file of what older engines refuse.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Newer {
    /// The first version of the engine that understands it, as a whole number.
    pub engine: u64,
    /// The file, relative to the root.
    pub file: String,
}
