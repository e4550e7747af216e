//! What has to be so before a release is made. All of it is looked at, whatever is found.

use std::collections::BTreeMap;
use std::path::Path;

use semver::Version;
use serde::Serialize;

use crate::delivery::Branch;
use crate::problem::{ExitCode, Problem, reason};
use crate::remote::{self, Remote};
use crate::versions::{self, Level, Past};
use crate::{git, out};

/// How many files or commits are named in a line.
const NAMED: usize = 3;

/// What was looked at, and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    pub(super) what: &'static str,
    pub(super) verdict: Verdict,
    pub(super) found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Good,
    Failed,
    /// It could not be looked at, or is no reason not to release.
    Note,
}

impl Check {
    fn good(what: &'static str, found: impl Into<String>) -> Check {
        Check { what, verdict: Verdict::Good, found: found.into(), next: None }
    }

    fn note(what: &'static str, found: impl Into<String>) -> Check {
        Check { verdict: Verdict::Note, ..Check::good(what, found) }
    }

    fn failed(what: &'static str, found: impl Into<String>, next: impl Into<String>) -> Check {
        Check { verdict: Verdict::Failed, next: Some(next.into()), ..Check::good(what, found) }
    }
}

/// What is looked at.
pub(super) struct Preflight<'a> {
    pub(super) root: &'a Path,
    pub(super) branch: &'a Branch,
    pub(super) past: &'a Past,
    pub(super) version: &'a Version,
    pub(super) remote: Option<&'a Remote<'a>>,
    /// What would be released, in words of the changelog.
    pub(super) notes: &'a str,
}

impl Preflight<'_> {
    /// Looks at everything.
    ///
    /// # Errors
    /// When git cannot be run.
    pub(super) fn look(&self) -> anyhow::Result<Vec<Check>> {
        let (there, remote) = self.remote_tags();
        Ok(vec![
            self.working_tree()?,
            self.branch(),
            remote,
            self.level_with_the_remote()?,
            self.tag(&there),
            self.higher(&there),
            self.something_to_release()?,
            self.changelog(),
        ])
    }

    fn working_tree(&self) -> anyhow::Result<Check> {
        let changes = git::changes(self.root)?;
        if changes.is_empty() {
            return Ok(Check::good("working tree", "clean"));
        }
        let files = changes.iter().filter_map(|line| line.get(3..));
        Ok(Check::failed("working tree", format!("not clean: {}", listed(files)), "git status"))
    }

    fn branch(&self) -> Check {
        let (wanted, next) = (self.branch, format!("git switch {}", self.branch));
        match git::branch(self.root) {
            Some(branch) if branch == wanted.name() => Check::good("branch", branch),
            Some(branch) => Check::failed("branch", format!("{branch}; releases are made on {wanted}"), next),
            None => {
                let found = format!("none: HEAD is detached, at a commit alone; releases are made on {wanted}");
                Check::failed("branch", found, next)
            }
        }
    }

    /// Its tags, and whether it answers.
    fn remote_tags(&self) -> (BTreeMap<String, String>, Check) {
        let Some(remote) = self.remote else {
            let found = format!("there is no `{}`, so nobody else has made a release", remote::NAME);
            return (BTreeMap::new(), Check::note("remote", found));
        };
        match remote.fetch().and_then(|()| remote.tags()) {
            Ok(tags) => {
                let found = format!("{} answers; releases there: {}", remote::NAME, tags.len());
                (tags, Check::good("remote", found))
            }
            Err(error) => {
                let next = format!("git ls-remote {}", remote::NAME);
                (BTreeMap::new(), Check::failed("remote", reason(&error), next))
            }
        }
    }

    fn level_with_the_remote(&self) -> anyhow::Result<Check> {
        const WHAT: &str = "not behind";
        let (name, branch) = (remote::NAME, self.branch);
        let there = format!("refs/remotes/{name}/{branch}");
        if git::commit(self.root, &there).is_none() {
            return Ok(Check::note(WHAT, format!("there is no {branch} at `{name}` yet")));
        }
        let behind = git::count(self.root, &format!("HEAD..{there}"))?;
        let ahead = git::count(self.root, &format!("{there}..HEAD"))?;
        Ok(match (behind, ahead) {
            (0, 0) => Check::good(WHAT, format!("level with {name}/{branch}")),
            (0, ahead) => Check::good(WHAT, format!("{ahead} ahead of {name}/{branch}")),
            (behind, 0) => Check::failed(
                WHAT,
                format!("{behind} behind {name}/{branch}"),
                format!("git pull --ff-only {name} {branch}"),
            ),
            (behind, ahead) => Check::failed(
                WHAT,
                format!("{behind} behind {name}/{branch}, and {ahead} ahead"),
                format!("git pull --rebase {name} {branch}"),
            ),
        })
    }

    fn tag(&self, there: &BTreeMap<String, String>) -> Check {
        let tag = versions::tag(self.version);
        let here = git::commit(self.root, &format!("refs/tags/{tag}"));
        let taken = match (here, there.get(&tag)) {
            (None, None) => return Check::good("tag", format!("{tag} is free")),
            (Some(commit), _) => format!("{tag} is at {}", git::short(&commit)),
            (None, Some(commit)) => format!("{tag} is at {} in `{}`", git::short(commit), remote::NAME),
        };
        Check::failed("tag", taken, self.next_free(there))
    }

    /// The command that makes a release after all there are.
    fn next_free(&self, there: &BTreeMap<String, String>) -> String {
        let known = self.past.released.iter().chain([&self.past.workspace]).cloned().chain(remote::newest(there));
        let highest = known.max().map_or(Version::new(0, 0, 0), |highest| versions::core(&highest));
        format!("cargo xtask release {}", Level::Patch.raise(&highest))
    }

    /// A version that stands in the workspace and was never released may be.
    fn higher(&self, there: &BTreeMap<String, String>) -> Check {
        const WHAT: &str = "version";
        let next = self.next_free(there);
        let (version, workspace) = (self.version, &self.past.workspace);
        let highest = self.past.released.iter().max().cloned().max(remote::newest(there));
        match highest {
            Some(highest) if *version <= highest => {
                Check::failed(WHAT, format!("{version} is not higher than {highest}, which is released"), next)
            }
            _ if version < workspace => {
                Check::failed(WHAT, format!("{version} is lower than {workspace}, which the workspace has"), next)
            }
            Some(highest) => Check::good(WHAT, format!("{version} is higher than {highest}, the highest released")),
            None => Check::good(WHAT, format!("{version} is the first")),
        }
    }

    fn something_to_release(&self) -> anyhow::Result<Check> {
        const WHAT: &str = "commits";
        let since = self.past.last.as_ref().map_or("the beginning", |(_, tag)| tag.as_str());
        // A pre-release of what is one already would bring nothing new; the release itself says that it is good.
        let at = git::tags(self.root, versions::TAGS, "--points-at=HEAD")?;
        let at = versions::newest(&at).filter(|_| !self.version.pre.is_empty());
        let count = self.past.commits.len();
        Ok(match at {
            Some((_, tag)) => Check::failed(WHAT, format!("none since {tag}"), format!("git show {tag}")),
            None if count == 0 => Check::failed(WHAT, format!("none since {since}"), "git log --oneline"),
            None => Check::good(WHAT, format!("{count} since {since}")),
        })
    }

    fn changelog(&self) -> Check {
        const WHAT: &str = "changelog";
        match self.notes.lines().filter(|line| line.starts_with("- ")).count() {
            0 if self.notes.is_empty() => {
                Check::note(WHAT, "nobody has written of what is unreleased, and the commits do not say it either")
            }
            0 => Check::good(WHAT, "written"),
            entries => Check::good(WHAT, format!("entries: {entries}")),
        }
    }
}

/// The first of several, and how many more there are.
fn listed<'a>(all: impl Iterator<Item = &'a str>) -> String {
    let all: Vec<_> = all.collect();
    let first = all.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    let more = all.len().saturating_sub(NAMED);
    if more == 0 { first } else { format!("{first} and {more} more") }
}

/// Prints all of it as a table.
pub(super) fn print(checks: &[Check]) {
    let width = checks.iter().map(|check| check.what.len()).max().unwrap_or_default();
    for check in checks {
        let mark = match check.verdict {
            Verdict::Good => "ok",
            Verdict::Failed => "FAILED",
            Verdict::Note => "note",
        };
        out!("{mark:<8} {:<width$}  {}", check.what, check.found);
        check.next.iter().for_each(|next| out!("{:<8} {:<width$}  next: {next}", "", ""));
    }
}

/// # Errors
/// A [`Problem`] with exit code 1 that names what was found wrong.
pub(super) fn require(checks: &[Check], version: &Version) -> Result<(), Problem> {
    let failed: Vec<_> = checks.iter().filter(|check| check.verdict == Verdict::Failed).collect();
    if failed.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = failed.iter().map(|check| check.what).collect();
    let tag = versions::tag(version);
    let message = format!("{tag} cannot be released, for {}; nothing was changed.", names.join(", "));
    let mut next: Vec<_> = failed.iter().filter_map(|check| check.next.clone()).collect();
    next.dedup();
    Err(next.into_iter().fold(Problem::new(ExitCode::Failed, message), Problem::next))
}
