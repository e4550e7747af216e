//! What a release changes: worked out before anything is changed, and written down, so that whoever goes on with it after an
//! interruption does the same.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context as _;
use cargo_metadata::Metadata;
use semver::Version;
use serde::{Deserialize, Serialize};

use super::changelog::{self, Entry, Links};
use super::files::File;
use super::manifests::Raise;
use crate::cargo::LOCK_FILE;
use crate::problem::{ExitCode, Problem};
use crate::remote::Remote;
use crate::time::Day;
use crate::versions::{Past, tag};
use crate::{git, releases};

const MANIFEST: &str = "Cargo.toml";

/// What is done one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Step {
    /// Every `Cargo.toml`.
    Manifests,
    /// Every `Cargo.lock`.
    Locks,
    Changelog,
    Commit,
    Tag,
    Push,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Step::Manifests => "the manifests",
            Step::Locks => "the lock files",
            Step::Changelog => "the changelog",
            Step::Commit => "the commit",
            Step::Tag => "the tag",
            Step::Push => "the push",
        })
    }
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Plan {
    pub(super) version: Version,
    /// What is checked out, and stays so.
    pub(super) branch: String,
    /// The commit that it is made on.
    pub(super) base: String,
    /// In seconds since 1970: the time of commit and tag, whenever they are made. By it the commit is known again.
    pub(super) at: u64,
    pub(super) files: Vec<File>,
    /// Its section of the changelog.
    pub(super) notes: String,
    /// Whether it is pushed.
    pub(super) push: bool,
}

impl Plan {
    /// That of a version, on a commit, at a point in time.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 78 for a manifest that cannot be raised; when a file cannot be read.
    pub(super) fn of(
        (root, workspace): (&Path, &Metadata),
        past: &Past,
        version: &Version,
        base: &str,
        branch: &str,
        remote: Option<&Remote<'_>>,
    ) -> anyhow::Result<Plan> {
        let at = SystemTime::now();
        let mut files = raised(root, workspace, version)?;
        let entries: Vec<_> = past.commits.iter().rev().filter_map(Entry::of).collect();
        let before = read(root, changelog::FILE)?;
        let text = before.as_deref().unwrap_or(changelog::HEADER);
        // What a pre-release brings is not released before the release itself is.
        if version.pre.is_empty() {
            let page = remote.and_then(Remote::page);
            let last = past.last.as_ref().map(|(_, tag)| tag.as_str());
            let links = page.as_deref().map(|page| Links { page, last });
            let after = changelog::release(text, version, &Day::of(at), &entries, links);
            files.push(File { step: Step::Changelog, path: changelog::FILE.into(), before: before.clone(), after });
        }
        Ok(Plan {
            notes: changelog::section(text, &entries),
            version: version.clone(),
            branch: branch.to_owned(),
            base: base.to_owned(),
            at: at.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs()),
            files,
            push: false,
        })
    }

    /// The steps that it takes, in their order.
    pub(super) fn steps(&self) -> Vec<Step> {
        let has = |step| self.files.iter().any(|file| file.step == step);
        let files = [Step::Manifests, Step::Locks, Step::Changelog].into_iter().filter(|step| has(*step));
        let commit = (!self.files.is_empty()).then_some(Step::Commit);
        files.chain(commit).chain([Step::Tag]).chain(self.push.then_some(Step::Push)).collect()
    }

    /// The name of its tag, and of what is deployed.
    pub(super) fn tag(&self) -> String {
        tag(&self.version)
    }

    /// The message of its commit.
    pub(super) fn subject(&self) -> String {
        format!("Release {}", self.version)
    }

    /// The message of its tag.
    pub(super) fn message(&self) -> String {
        format!("{}\n\n{}\n", self.subject(), self.notes)
    }

    /// The files that it changes.
    pub(super) fn paths(&self) -> Vec<&str> {
        self.files.iter().map(|file| file.path.as_str()).collect()
    }

    /// When it is made, as git takes it in a variable.
    pub(super) fn time(&self) -> String {
        format!("@{} +0000", self.at)
    }

    /// The commit that the tag of the release names, where it is that of the release: the branch may have left it.
    ///
    /// # Errors
    /// When git cannot be run.
    pub(super) fn tagged(&self, root: &Path) -> anyhow::Result<Option<String>> {
        let Some(commit) = git::commit(root, &format!("refs/tags/{}", self.tag())) else { return Ok(None) };
        Ok(self.is_made_as(root, &commit)?.then_some(commit))
    }

    fn is_made_as(&self, root: &Path, commit: &str) -> anyhow::Result<bool> {
        Ok(git::parents_and_time(root, commit)? == (vec![self.base.clone()], self.at))
    }

    /// The commit of the release where it is made, as long as nothing else has come after.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 1 when another branch is checked out, or it has moved on.
    pub(super) fn made(&self, root: &Path) -> anyhow::Result<Option<String>> {
        let branch = git::branch(root);
        if branch.as_ref() != Some(&self.branch) {
            let other = branch.unwrap_or_else(|| "a commit".into());
            let message = format!("{} is a release of {}, and {other} is checked out.", self.tag(), self.branch);
            return Err(Problem::new(ExitCode::Failed, message).next(format!("git switch {}", self.branch)).into());
        }
        let head = git::require_commit(root, "HEAD")?;
        if head == self.base {
            // A release without a file to change has no commit of its own.
            return Ok(self.files.is_empty().then_some(head));
        }
        if self.is_made_as(root, &head)? {
            return Ok(Some(head));
        }
        let since = git::log(root, Some(&self.base))?;
        let message = format!("{} has moved on since {} was begun.", self.branch, self.tag());
        let lines = since.iter().take(10).map(|commit| format!("{} {}", commit.short(), commit.subject()));
        let problem = Problem::new(ExitCode::Failed, message).detail(lines);
        Err(problem.next(format!("git log --oneline {}..HEAD", git::short(&self.base))).into())
    }
}

/// Every manifest and lock file that git knows and that the version changes.
fn raised(root: &Path, workspace: &Metadata, version: &Version) -> anyhow::Result<Vec<File>> {
    let here = root.canonicalize().with_context(|| format!("looking for {}", root.display()))?;
    let folder = |path: &Path| path.parent().map(Path::to_owned).unwrap_or_default();
    let members = workspace
        .packages
        .iter()
        .map(|member| (folder(member.manifest_path.as_std_path()), (member.name.to_string(), member.version.clone())));
    let raise = Raise { members: members.collect(), root: workspace.workspace_root.clone().into(), to: version };
    let mut files = Vec::new();
    for (step, name) in [(Step::Manifests, MANIFEST), (Step::Locks, LOCK_FILE)] {
        for path in git::files(root, &[&format!(":(glob)**/{name}")])? {
            let Some(before) = read(root, &path)? else { continue };
            let after = match step {
                Step::Manifests => raise.manifest(&before, &folder(&here.join(&path))),
                _ => raise.lock(&before),
            };
            let after = after.map_err(|mistake| {
                let problem = Problem::new(ExitCode::Configuration, format!("{path} cannot be raised to {version}."));
                problem.detail(mistake.lines()).next(format!("$EDITOR {path}"))
            })?;
            if after != before {
                files.push(File { step, path, before: Some(before), after });
            }
        }
    }
    Ok(files)
}

/// A file of the project; none where there is none.
fn read(root: &Path, path: &str) -> anyhow::Result<Option<String>> {
    let path: PathBuf = root.join(path);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}

/// The version that a person names: `0.2.0`, or `v0.2.0` as its tag is called.
///
/// # Errors
/// In words, when it can be none of a release.
pub(super) fn version(text: &str) -> Result<Version, String> {
    let version = Version::parse(text.strip_prefix('v').unwrap_or(text)).map_err(|error| error.to_string())?;
    releases::check_name(&tag(&version))
        .map_err(|_| "it is also the name of what is deployed, and has no `+`".to_owned())?;
    Ok(version)
}
