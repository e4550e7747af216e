//! What an image is made from: the package, the commit, and the time that stands for when it was made.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cargo_metadata::Package;

use crate::docker::Image;
use crate::problem::{ExitCode, Problem};
use crate::project::Project;
use crate::{cargo, git};

/// What <https://reproducible-builds.org/specs/source-date-epoch> has settled.
const VARIABLE: &str = "SOURCE_DATE_EPOCH";
/// What every label begins with that the Open Container Initiative has given a meaning.
const LABELS: &str = "org.opencontainers.image";

/// What the labels of an image say by that name, such as `revision`.
pub(super) fn label(image: &Image, name: &str) -> Option<String> {
    image.config.labels.as_ref()?.get(&format!("{LABELS}.{name}")).cloned()
}

/// What an image is made from, as far as it is known.
#[derive(Debug, Clone, Default)]
pub(super) struct Origin {
    /// The service's package.
    package: Option<Package>,
    /// The commit, where the working tree is that and nothing else.
    pub(super) commit: Option<String>,
    /// In seconds since 1970: what `SOURCE_DATE_EPOCH` says, else when the commit was made.
    pub(super) epoch: Option<u64>,
}

impl Origin {
    /// Asks cargo and git.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 78 when `SOURCE_DATE_EPOCH` is no number.
    pub(super) fn of(project: &Project) -> Result<Origin, Problem> {
        let package = cargo::package(&project.root, &project.delivery.service.package);
        let commit = git::clean_commit(&project.root);
        let told = std::env::var(VARIABLE).ok().map(|text| seconds(&text)).transpose()?;
        let epoch = told.or_else(|| git::time_of(&project.root, commit.as_deref()?));
        Ok(Origin { package, commit, epoch })
    }

    /// The package's version.
    pub(super) fn version(&self) -> Option<String> {
        self.package.as_ref().map(|package| package.version.to_string())
    }

    /// The time as RFC 3339 has it.
    pub(super) fn created(&self) -> Option<String> {
        let at: SystemTime = UNIX_EPOCH.checked_add(Duration::from_secs(self.epoch?))?;
        Some(humantime::format_rfc3339_seconds(at).to_string())
    }

    /// The image's labels, each with its value; what is not known has none.
    pub(super) fn labels(&self, title: &str) -> Vec<String> {
        let package = self.package.as_ref();
        let labels = [
            ("title", Some(title.to_owned())),
            ("version", self.version()),
            ("revision", self.commit.clone()),
            ("created", self.created()),
            ("source", package.and_then(|package| package.repository.clone())),
            ("licenses", package.and_then(|package| package.license.clone())),
        ];
        let known = labels.into_iter().filter_map(|(name, value)| Some((name, value?)));
        known.map(|(name, value)| format!("{LABELS}.{name}={value}")).collect()
    }
}

fn seconds(text: &str) -> Result<u64, Problem> {
    // What comes after cannot be written as RFC 3339 has it.
    const LAST: u64 = 253_402_300_799;
    let number = text.parse().ok().filter(|seconds| *seconds <= LAST);
    number.ok_or_else(|| {
        let message = format!("{VARIABLE} is `{text}`, and has to be a number of seconds since 1970, up to {LAST}.");
        Problem::new(ExitCode::Configuration, message).next(format!("export {VARIABLE}=$(git log -1 --format=%ct)"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_of_seconds_that_can_be_written() {
        let created =
            |text: &str| Origin { epoch: Some(seconds(text).unwrap()), ..Origin::default() }.created().unwrap();
        assert_eq!(created("0"), "1970-01-01T00:00:00Z");
        assert_eq!(created("253402300799"), "9999-12-31T23:59:59Z");
        for text in ["", "now", "-1", "1.5", "253402300800"] {
            assert!(seconds(text).unwrap_err().to_string().contains("SOURCE_DATE_EPOCH"), "{text}");
        }
    }

    #[test]
    fn what_is_not_known_has_no_label() {
        assert_eq!(Origin::default().labels("shop"), ["org.opencontainers.image.title=shop"]);
    }
}
