//! What a program runs on, as images name it.

use std::fmt;
use std::process::Stdio;
use std::str::FromStr;

use super::elf;
use crate::docker::{self, Engine, Image};
use crate::problem::{ExitCode, Problem};

/// An operating system and an architecture: `linux/arm64`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// The operating system.
    pub os: String,
    /// The architecture.
    pub arch: String,
}

impl Platform {
    /// The one an engine runs containers of by itself.
    pub fn of(engine: &Engine) -> Platform {
        Platform { os: engine.os.clone(), arch: engine.arch.clone() }
    }

    /// The Rust target that compiles for it, where one is known.
    pub fn target(&self) -> Option<String> {
        let word = elf::word_of(&self.arch).filter(|_| self.os == "linux")?;
        Some(format!("{word}-unknown-linux-gnu"))
    }

    /// The one an image was built for.
    pub fn of_image(image: &Image) -> Platform {
        Platform { os: image.os.clone(), arch: image.architecture.clone() }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.arch)
    }
}

impl FromStr for Platform {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let parts = text.split_once('/').filter(|(os, arch)| is_plain(os) && is_plain(arch));
        let (os, arch) = parts.ok_or("it is not of the form OS/ARCH, such as linux/arm64")?;
        Ok(Platform { os: os.to_owned(), arch: arch.to_owned() })
    }
}

/// Refuses a platform whose programs the engine's builder could not run.
///
/// # Errors
/// A [`Problem`] with exit code 69.
pub(super) fn require_emulated(platform: &Platform, engine: &Engine) -> anyhow::Result<()> {
    let known = known_to_builder()?;
    if known.is_empty() || known.iter().any(|known| *known == platform.to_string()) {
        return Ok(());
    }
    let message = format!(
        "the Docker engine runs {}/{} and can emulate no {platform}: its builder knows {}. Install an emulator into its \
         kernel's binfmt_misc, or build on a machine of that kind; nothing was built.",
        engine.os,
        engine.arch,
        known.join(", ")
    );
    Err(Problem::new(ExitCode::Unavailable, message).next("docker buildx inspect").into())
}

/// The platforms that the engine's builder says it can run; none where it does not say.
fn known_to_builder() -> anyhow::Result<Vec<String>> {
    let mut inspect = docker::command(&["buildx", "inspect"])?;
    let output = inspect.env_remove("BUILDX_BUILDER").stderr(Stdio::null()).output().map_err(docker::not_run)?;
    Ok(listed(&String::from_utf8_lossy(&output.stdout)))
}

fn listed(told: &str) -> Vec<String> {
    let lines = told.lines().filter_map(|line| line.trim().strip_prefix("Platforms:"));
    // One that was given by hand rather than found has a star.
    let platforms = lines.flat_map(|line| line.split(',')).map(|known| known.trim().trim_end_matches('*').to_owned());
    platforms.filter(|known| !known.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_is_an_operating_system_and_an_architecture() {
        let platform: Platform = "linux/arm64".parse().unwrap();
        assert_eq!(
            (platform.os.as_str(), platform.arch.as_str(), platform.to_string().as_str()),
            ("linux", "arm64", "linux/arm64")
        );
        for text in ["", "arm64", "linux/", "/arm64", "linux/arm/v7", "linux/arm64,linux/amd64"] {
            assert!(text.parse::<Platform>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_a_builder_knows_is_read_from_its_list() {
        let told = "Name:   default\nDriver: docker\n\nNodes:\nPlatforms:        linux/amd64*, linux/386\n";
        assert_eq!(listed(told), ["linux/amd64", "linux/386"]);
        assert_eq!(listed("Name: default\n"), [""; 0]);
    }
}
