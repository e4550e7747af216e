//! Every tool there is. The versions of those that are pinned stand in `config/delivery.toml`.

use super::{Source, Tool};

/// HAProxy.
pub const HAPROXY: Tool = Tool {
    required: true,
    minimum: Some((2, 6)),
    version_args: &["-v"],
    ..of_system("haproxy", "carries the traffic")
};

/// git.
pub const GIT: Tool = of_system("git", "names releases after their commit");

/// Docker's command line.
pub const DOCKER: Tool = Tool { source: Source::Makers, ..of_system("docker", "runs colours as containers") };

/// shellcheck.
pub const SHELLCHECK: Tool = of_system("shellcheck", "checks the scripts");

/// What makes a base image out of Debian's packages.
pub const MMDEBSTRAP: Tool = of_system("mmdebstrap", "makes base images where no registry can be reached");

/// What serves images on this machine.
pub const DOCKER_REGISTRY: Tool = of_system("docker-registry", "serves images to a test");

/// What asks over TLS.
pub const CURL: Tool = of_system("curl", "asks a proxy that has TLS whether it is healthy");

/// What issues certificates.
pub const OPENSSL: Tool = Tool {
    version_args: &["version"],
    ..of_system("openssl", "issues certificates in a test, and asks who shows which")
};

/// What connects sockets.
pub const SOCAT: Tool =
    Tool { version_args: &["-V"], ..of_system("socat", "plays the engine of another machine in a test") };

/// What reaches another machine, with its agent.
pub const SSH: Tool = Tool {
    source: Source::System("openssh-client"),
    version_args: &["-V"],
    ..of_system("ssh", "reaches a Docker engine on another machine")
};

/// What lets in whoever comes by ssh.
pub const SSHD: Tool = Tool {
    source: Source::System("openssh-server"),
    version_args: &["-V"],
    ..of_system("sshd", "plays the host of a Docker engine in a test")
};

/// Prometheus.
pub const PROMETHEUS: Tool = of_system("prometheus", "answers the queries of rollouts in a test");

/// What checks rules and configuration of Prometheus.
pub const PROMTOOL: Tool =
    Tool { source: Source::System("prometheus"), ..of_system("promtool", "checks what Prometheus is to be told") };

/// cargo-deny.
pub const CARGO_DENY: Tool = of_project("cargo-deny", "checks advisories, licences and sources of dependencies");

/// cargo-shear.
pub const CARGO_SHEAR: Tool = of_project("cargo-shear", "finds dependencies that nobody uses");

/// cargo-nextest.
pub const CARGO_NEXTEST: Tool =
    Tool { version_args: &["nextest", "--version"], ..of_project("cargo-nextest", "runs tests") };

/// cargo-llvm-cov.
pub const CARGO_LLVM_COV: Tool =
    Tool { version_args: &["llvm-cov", "--version"], ..of_project("cargo-llvm-cov", "measures coverage") };

/// cargo-auditable.
pub const CARGO_AUDITABLE: Tool = of_project("cargo-auditable", "writes into a binary what it was made of");

/// zizmor.
pub const ZIZMOR: Tool = of_project("zizmor", "checks the workflows");

/// hadolint.
pub const HADOLINT: Tool = of_project("hadolint", "checks the Dockerfiles");

/// compose-lint.
pub const COMPOSE_LINT: Tool = of_project("compose-lint", "checks the Compose file");

/// All of them, in the order in which `doctor` shows them and `setup` installs those that are pinned: the one that is
/// compiled comes last.
pub const ALL: [Tool; 24] = [
    of_rust("cargo", "builds the service"),
    of_rust("rustfmt", "checks the formatting"),
    of_rust("cargo-clippy", "checks the code"),
    HAPROXY,
    GIT,
    DOCKER,
    SHELLCHECK,
    PROMETHEUS,
    PROMTOOL,
    MMDEBSTRAP,
    DOCKER_REGISTRY,
    CURL,
    OPENSSL,
    SOCAT,
    SSH,
    SSHD,
    CARGO_DENY,
    CARGO_SHEAR,
    CARGO_NEXTEST,
    CARGO_LLVM_COV,
    ZIZMOR,
    HADOLINT,
    COMPOSE_LINT,
    CARGO_AUDITABLE,
];

/// The tools that a project can pin.
pub fn pinnable() -> impl Iterator<Item = &'static Tool> {
    ALL.iter().filter(|tool| tool.source == Source::Pinned)
}

const fn of_rust(name: &'static str, purpose: &'static str) -> Tool {
    Tool { source: Source::Toolchain, required: true, ..of_system(name, purpose) }
}

const fn of_project(name: &'static str, purpose: &'static str) -> Tool {
    Tool { source: Source::Pinned, ..of_system(name, purpose) }
}

/// One that comes in a package of its own name.
const fn of_system(name: &'static str, purpose: &'static str) -> Tool {
    Tool { name, source: Source::System(name), purpose, required: false, minimum: None, version_args: &["--version"] }
}
