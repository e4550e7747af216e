//! What a release tells: to people, and to programs.

use semver::Version;
use serde::Serialize;

use super::plan::Plan;
use super::preflight::{self, Check};
use super::{Args, UNDO, Wish};
use crate::git::Commit;
use crate::versions::{Past, core};
use crate::{out, remote};

/// How many commits are listed.
const LISTED: usize = 10;

/// All that is told.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    tag: String,
    pub(super) version: Version,
    /// What the workspace has until now.
    from: Version,
    /// Why it is this version.
    because: String,
    /// The commits that make it so.
    commits: Vec<Line>,
    pub(super) checks: Vec<Check>,
    files: Vec<String>,
    notes: String,
    /// The commit that was made.
    pub(super) made: Option<String>,
    pushed: bool,
    #[serde(skip)]
    plan: Plan,
    /// The command that does it.
    #[serde(skip)]
    command: String,
}

/// A commit, in a line.
#[derive(Debug, Serialize)]
struct Line {
    commit: String,
    subject: String,
}

impl From<&Commit> for Line {
    fn from(commit: &Commit) -> Line {
        Line { commit: commit.short().to_owned(), subject: commit.subject().to_owned() }
    }
}

impl Report {
    pub(super) fn new(args: &Args, past: &Past, plan: &Plan, checks: Vec<Check>) -> Report {
        let (because, commits) = because(args, past, &plan.version);
        let pre = args.pre.as_ref().map(|name| format!(" --pre {name}")).unwrap_or_default();
        Report {
            tag: plan.tag(),
            version: plan.version.clone(),
            from: past.workspace.clone(),
            because,
            commits: commits.into_iter().map(Line::from).collect(),
            checks,
            files: plan.files.iter().map(|file| file.path.clone()).collect(),
            notes: plan.notes.clone(),
            made: None,
            pushed: false,
            command: format!("cargo xtask release {}{pre} --execute", args.wish),
            plan: plan.clone(),
        }
    }

    /// The table of what was looked at.
    pub(super) fn print_checks(&self) {
        preflight::print(&self.checks);
    }

    /// What would be done, where it can be.
    ///
    /// # Errors
    /// When it cannot be put into JSON.
    pub(super) fn print_plan(&self, json: bool, is_ready: bool) -> anyhow::Result<()> {
        if json {
            return self.print_json();
        }
        out!("\n{} -> {}: {}", self.from, self.version, self.because);
        self.commits.iter().take(LISTED).for_each(|Line { commit, subject }| out!("  {commit} {subject}"));
        let more = self.commits.len().saturating_sub(LISTED);
        if more > 0 {
            out!("  and {more} more");
        }
        if is_ready {
            out!("");
            // Where no file is changed there is nothing to commit, and the tag names the commit that is there.
            if !self.files.is_empty() {
                out!("files    {}", self.files.join(", "));
                out!("commit   {}", self.plan.subject());
            }
            out!("tag      {}\n\n{}\n", self.tag, self.notes);
            out!("nothing was changed; this does it:\n  {}", self.command);
        }
        Ok(())
    }

    /// What was done.
    ///
    /// # Errors
    /// When it cannot be put into JSON.
    pub(super) fn print_made(&mut self, json: bool) -> anyhow::Result<()> {
        self.pushed = self.plan.push;
        if json {
            return self.print_json();
        }
        out!("");
        print_next(&self.plan);
        Ok(())
    }

    fn print_json(&self) -> anyhow::Result<()> {
        out!("{}", serde_json::to_string_pretty(self)?);
        Ok(())
    }
}

/// Why a version is the next one, and by which commits.
fn because<'a>(args: &Args, past: &'a Past, version: &Version) -> (String, Vec<&'a Commit>) {
    match &args.wish {
        Wish::Exactly(_) => ("as it was asked for".into(), Vec::new()),
        Wish::Level(level) => (format!("{level}, as it was asked for"), Vec::new()),
        Wish::Auto if *version == past.workspace => {
            ("it stands in the workspace, and is not released".into(), Vec::new())
        }
        // What has begun with a pre-release is ended by itself, however little the commits ask for.
        Wish::Auto if !past.workspace.pre.is_empty() && core(version) == core(&past.workspace) => {
            let what =
                if version.pre.is_empty() { "it ends the pre-releases of it" } else { "the next pre-release of it" };
            (what.into(), Vec::new())
        }
        Wish::Auto => {
            let (change, commits) = past.change();
            let young = if past.is_young() { " (before 1.0.0)" } else { "" };
            (format!("{}{young}, by the commits: {}", past.level(), change.name()), commits)
        }
    }
}

/// That a release is made, and what can be typed next.
pub(super) fn print_next(plan: &Plan) {
    let (tag, branch) = (plan.tag(), &plan.branch);
    if plan.push {
        out!("{tag} is made and pushed");
        return;
    }
    out!("{tag} is made, and nothing of it is pushed\n");
    let push = format!("git push --atomic {} {branch} {tag}", remote::NAME);
    let width = push.len().max(UNDO.len()) + 2;
    out!("  {push:<width$}gives it to others, who deploy it");
    out!("  {UNDO:<width$}as if it had not been made");
}
