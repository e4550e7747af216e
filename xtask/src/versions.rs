//! Which version comes next: by the tags of the releases there are, what the workspace says, and the commits since.

use std::fmt;
use std::path::Path;

use anyhow::Context as _;
use cargo_metadata::Metadata;
use semver::{Prerelease, Version};

use crate::conventional::Change;
use crate::git::{self, Commit};
use crate::problem::{ExitCode, Problem};

/// What tags of releases are called.
pub(crate) const TAGS: &str = "v*";

/// The tag of a version.
pub(crate) fn tag(version: &Version) -> String {
    format!("v{version}")
}

/// The version of a tag; none where it is that of no release.
pub(crate) fn of_tag(tag: &str) -> Option<Version> {
    Version::parse(tag.strip_prefix('v')?).ok()
}

/// Of several tags, that of the highest version.
pub(crate) fn newest(tags: &[String]) -> Option<(Version, &str)> {
    tags.iter().filter_map(|tag| Some((of_tag(tag)?, tag.as_str()))).max()
}

/// Which number of a version is raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Patch,
    Minor,
    Major,
}

impl Level {
    pub(crate) const ALL: [Level; 3] = [Level::Patch, Level::Minor, Level::Major];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Level::Patch => "patch",
            Level::Minor => "minor",
            Level::Major => "major",
        }
    }

    /// The version that comes after a full one.
    pub(crate) fn raise(self, from: &Version) -> Version {
        match self {
            Level::Patch => Version::new(from.major, from.minor, from.patch.saturating_add(1)),
            Level::Minor => Version::new(from.major, from.minor.saturating_add(1), 0),
            Level::Major => Version::new(from.major.saturating_add(1), 0, 0),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What came before a release.
#[derive(Debug, Clone)]
pub(crate) struct Past {
    /// The highest full release that this commit comes after, with its tag.
    pub(crate) last: Option<(Version, String)>,
    /// The commits since, newest first, without merges.
    pub(crate) commits: Vec<Commit>,
    /// The versions of all releases that this clone knows.
    pub(crate) released: Vec<Version>,
    /// The version of the workspace as it stands: the highest of its members'.
    pub(crate) workspace: Version,
}

impl Past {
    /// That of what is checked out.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 69 where this clone has only the end of the history; when the workspace has no members.
    pub(crate) fn of(root: &Path, workspace: &Metadata) -> anyhow::Result<Past> {
        if git::is_shallow(root)? {
            let message = "this clone has only the end of the history, and nobody can tell from that which release comes \
                           next. In a workflow, `fetch-depth: 0` of actions/checkout brings the rest.";
            return Err(Problem::new(ExitCode::Unavailable, message).next("git fetch --unshallow --tags").into());
        }
        let before = git::tags(root, TAGS, "--merged=HEAD")?.into_iter();
        let before: Vec<_> = before.filter(|tag| of_tag(tag).is_some_and(|version| version.pre.is_empty())).collect();
        let last = newest(&before).map(|(version, tag)| (version, tag.to_owned()));
        Ok(Past {
            commits: git::log(root, last.as_ref().map(|(_, tag)| tag.as_str()))?,
            last,
            released: git::tags(root, TAGS, "--list")?.iter().filter_map(|tag| of_tag(tag)).collect(),
            workspace: version_of(workspace)?,
        })
    }

    /// Whether the workspace has a version that is higher than that of any release.
    pub(crate) fn is_ahead(&self) -> bool {
        self.released.iter().all(|version| *version < self.workspace)
    }

    /// The greatest change since the last full release, and the commits that are one.
    pub(crate) fn change(&self) -> (Change, Vec<&Commit>) {
        let change = |commit: &&Commit| Change::of(&commit.message);
        let greatest = self.commits.iter().map(|commit| change(&commit)).max().unwrap_or(Change::Small);
        (greatest, self.commits.iter().filter(|commit| change(commit) == greatest).collect())
    }

    /// By how much that raises the version.
    pub(crate) fn level(&self) -> Level {
        self.change().0.level(&self.from())
    }

    /// The full version that a level leads to; without one, that of the commits.
    pub(crate) fn next(&self, level: Option<Level>) -> Version {
        let next = level.unwrap_or_else(|| self.level()).raise(&self.from());
        // A version that has begun with a pre-release is ended by no lower one.
        if self.workspace.pre.is_empty() { next } else { next.max(core(&self.workspace)) }
    }

    /// Whether it is before 1.0.0, where a level says less.
    pub(crate) fn is_young(&self) -> bool {
        self.from().major == 0
    }

    /// What is raised: the last full release, or what the workspace says where that is higher.
    fn from(&self) -> Version {
        let stands = Some(&self.workspace).filter(|version| version.pre.is_empty());
        let last = self.last.as_ref().map(|(version, _)| version);
        stands.max(last).cloned().unwrap_or(Version::new(0, 0, 0))
    }

    /// The next pre-release of a full version: `0.2.0-rc.3` after `0.2.0-rc.2`.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 2 when it cannot be called that.
    pub(crate) fn pre_release(&self, of: &Version, name: &str) -> Result<Version, Problem> {
        let known = self.released.iter().chain([&self.workspace]).filter(|version| core(version) == *of);
        let number = |version: &Version| version.pre.strip_prefix(name)?.strip_prefix('.')?.parse::<u64>().ok();
        let last = known.filter_map(number).max().unwrap_or(0);
        numbered(of, name, last.saturating_add(1))
    }
}

/// The version of a workspace: the highest of its members'.
///
/// # Errors
/// When it has none.
fn version_of(workspace: &Metadata) -> anyhow::Result<Version> {
    let versions = workspace.packages.iter().map(|member| &member.version);
    versions.max().cloned().context("the workspace has no members")
}

/// A pre-release of a full version, by its number.
///
/// # Errors
/// A [`Problem`] with exit code 2 when it cannot be called that.
pub(crate) fn numbered(of: &Version, name: &str, number: u64) -> Result<Version, Problem> {
    let is_name = name.starts_with(|letter: char| letter.is_ascii_alphabetic());
    match Prerelease::new(&format!("{name}.{number}")) {
        Ok(pre) if is_name && !name.contains('.') => Ok(Version { pre, ..of.clone() }),
        _ => {
            let message = format!("`{name}` names no pre-release: it takes letters, digits and `-`, a letter first.");
            Err(Problem::new(ExitCode::Usage, message).next("the same command with --pre rc"))
        }
    }
}

/// A version without what makes it a pre-release.
pub(crate) fn core(version: &Version) -> Version {
    Version::new(version.major, version.minor, version.patch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    fn past(workspace: &str, last: Option<&str>, released: &[&str], messages: &[&str]) -> Past {
        let commit = |message: &&str| Commit { id: "c".repeat(40), message: (*message).to_owned() };
        Past {
            last: last.map(|last| (version(last), format!("v{last}"))),
            commits: messages.iter().map(commit).collect(),
            released: released.iter().chain(&last).map(|text| version(text)).collect(),
            workspace: version(workspace),
        }
    }

    #[test]
    fn a_version_follows_from_the_last_one_and_the_commits() {
        type Row<'a> = (&'a str, Option<&'a str>, &'a [&'a str], &'a [&'a str], [&'a str; 4]);
        let table: [Row<'_>; 9] = [
            // What stands, the last full release, others, commits, then by the commits and by each level.
            ("0.1.0", Some("0.1.0"), &[], &["Mend it"], ["0.1.1", "0.1.1", "0.2.0", "1.0.0"]),
            ("0.1.0", Some("0.1.0"), &[], &["feat: a", "fix!: b"], ["0.2.0", "0.1.1", "0.2.0", "1.0.0"]),
            ("1.2.3", Some("1.2.3"), &[], &["feat: a", "Mend it"], ["1.3.0", "1.2.4", "1.3.0", "2.0.0"]),
            ("1.2.3", Some("1.2.3"), &[], &["feat!: a"], ["2.0.0", "1.2.4", "1.3.0", "2.0.0"]),
            // A pre-release is ended by its own version, and by no lower one.
            ("0.2.0-rc.2", Some("0.1.0"), &["0.2.0-rc.2"], &["Mend it"], ["0.2.0", "0.2.0", "0.2.0", "1.0.0"]),
            ("0.1.0-rc.1", None, &["0.1.0-rc.1"], &["Mend it"], ["0.1.0", "0.1.0", "0.1.0", "1.0.0"]),
            // Raised by hand, or never released.
            ("0.3.0", Some("0.1.0"), &[], &["Mend it"], ["0.3.1", "0.3.1", "0.4.0", "1.0.0"]),
            ("0.1.0", None, &[], &["feat: a"], ["0.1.1", "0.1.1", "0.2.0", "1.0.0"]),
            // Behind what was released from another branch.
            ("0.1.0", Some("0.2.0"), &[], &[], ["0.2.1", "0.2.1", "0.3.0", "1.0.0"]),
        ];
        for (workspace, last, released, messages, expected) in table {
            let past = past(workspace, last, released, messages);
            let levels = Level::ALL.map(Some);
            let next = [None, levels[0], levels[1], levels[2]].map(|level| past.next(level).to_string());
            assert_eq!(next, expected, "{workspace} after {last:?}");
        }
    }

    #[test]
    fn pre_releases_are_numbered_one_after_the_other() {
        let past = past("0.2.0-rc.2", Some("0.1.0"), &["0.2.0-rc.1", "0.2.0-beta.9", "0.3.0-rc.7", "0.2.0-rcx.8"], &[]);
        for (of, name, expected) in
            [("0.2.0", "rc", "0.2.0-rc.3"), ("0.2.0", "beta", "0.2.0-beta.10"), ("0.4.0", "rc", "0.4.0-rc.1")]
        {
            assert_eq!(past.pre_release(&version(of), name).unwrap().to_string(), expected);
        }
        for name in ["", "1", "r c", "rc.1", "rc+1", "ä"] {
            assert!(past.pre_release(&version("0.2.0"), name).is_err(), "{name}");
        }
    }

    #[test]
    fn only_a_version_is_the_tag_of_a_release() {
        let tags = ["v0.9.0", "v0.10.0-rc.1", "v0.10.0", "vnext", "0.11.0", "v1"].map(str::to_owned);
        assert_eq!(newest(&tags), Some((version("0.10.0"), "v0.10.0")));
        assert_eq!(newest(&[]), None);
    }

    #[test]
    fn a_version_that_no_release_has_reached_is_ahead() {
        assert!(past("0.1.0", None, &[], &[]).is_ahead());
        assert!(past("0.2.0-rc.1", Some("0.1.0"), &[], &[]).is_ahead());
        assert!(!past("0.1.0", Some("0.1.0"), &[], &[]).is_ahead());
        assert!(!past("0.2.0", Some("0.1.0"), &["0.2.1-rc.1"], &[]).is_ahead());
    }
}
