//! The repository that others see: the remote `origin`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use duct::Expression;
use semver::Version;

use crate::problem::{ExitCode, Problem};
use crate::{base64, foreign, git, github, limited, variable, versions};

/// What git calls it.
pub(crate) const NAME: &str = "origin";
/// How long it may take to answer.
const LIMIT: Duration = Duration::from_secs(120);
/// How long it may take to be given something: all of a history, past the hooks of both sides.
const PUSH_LIMIT: Duration = Duration::from_secs(600);

/// The remote of a checkout.
#[derive(Debug, Clone)]
pub(crate) struct Remote<'a> {
    root: &'a Path,
    url: String,
}

impl<'a> Remote<'a> {
    /// That of the checkout at `root`, if it has one.
    ///
    /// # Errors
    /// When git cannot be run.
    pub(crate) fn of(root: &'a Path) -> anyhow::Result<Option<Remote<'a>>> {
        let git = duct::cmd!("git", "remote", "get-url", NAME).dir(root);
        let output = limited::run_apart(&git, limited::CHECK)?;
        let url = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok((output.status.success() && !url.is_empty()).then_some(Remote { root, url }))
    }

    /// The same where something is to be pushed.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 1 when there is none.
    pub(crate) fn require(root: &'a Path) -> anyhow::Result<Remote<'a>> {
        Remote::of(root)?.ok_or_else(|| {
            let message = format!("there is no remote `{NAME}` to push to.");
            Problem::new(ExitCode::Failed, message).next(format!("git remote add {NAME} URL")).into()
        })
    }

    /// Learns how far its branches are.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 69 when it does not answer.
    pub(crate) fn fetch(&self) -> anyhow::Result<()> {
        self.ask(&duct::cmd!("git", "fetch", "--quiet", "--no-tags", NAME)).map(drop)
    }

    /// Takes over one of its tags, whatever this clone calls so.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 69 when it does not answer.
    pub(crate) fn fetch_tag(&self, tag: &str) -> anyhow::Result<()> {
        let tag = format!("+refs/tags/{tag}:refs/tags/{tag}");
        self.ask(&duct::cmd!("git", "fetch", "--quiet", "--no-tags", NAME, tag)).map(drop)
    }

    /// Its tags of releases, each with the commit that it names.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 69 when it does not answer.
    pub(crate) fn tags(&self) -> anyhow::Result<BTreeMap<String, String>> {
        let pattern = format!("refs/tags/{}", versions::TAGS);
        Ok(tags(&self.ask(&duct::cmd!("git", "ls-remote", NAME, pattern))?))
    }

    /// Gives it some references, all of them or none.
    ///
    /// # Errors
    /// A [`Problem`] with exit code 1 with what git, its hooks or the other side have said; with 69 when it has not ended after
    /// ten minutes, and the remote may have them or not. What to type next depends on what was wanted.
    pub(crate) fn push(&self, what: &str, references: &[&str]) -> anyhow::Result<()> {
        self.push_within(PUSH_LIMIT, what, references)
    }

    fn push_within(&self, limit: Duration, what: &str, references: &[&str]) -> anyhow::Result<()> {
        let args = ["push", "--quiet", "--atomic", NAME].iter().chain(references);
        git::act_within(limit, what, &authorised(duct::cmd("git", args).dir(self.root))).map(drop)
    }

    /// Where people look at it, if it is a server that they can look at.
    pub(crate) fn page(&self) -> Option<String> {
        page(&self.url)
    }

    fn ask(&self, git: &Expression) -> anyhow::Result<String> {
        self.ask_within(LIMIT, git)
    }

    fn ask_within(&self, limit: Duration, git: &Expression) -> anyhow::Result<String> {
        let output =
            limited::run_apart(&authorised(git.dir(self.root)), limit).map_err(|error| silent([error.to_string()]))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = foreign::plain(&String::from_utf8_lossy(&output.stderr));
        Err(silent(foreign::last(&said, 10, 2000).lines()).into())
    }
}

fn silent<L: Into<String>>(why: impl IntoIterator<Item = L>) -> Problem {
    let problem = Problem::new(ExitCode::Unavailable, format!("the remote `{NAME}` does not answer."));
    problem.detail(why).next(format!("git ls-remote {NAME}"))
}

/// The highest release among tags.
pub(crate) fn newest(tags: &BTreeMap<String, String>) -> Option<Version> {
    tags.keys().filter_map(|tag| versions::of_tag(tag)).max()
}

/// What `git ls-remote` lists. Of an annotated tag it names first the tag and then, with `^{}`, the commit.
fn tags(listed: &str) -> BTreeMap<String, String> {
    let lines = listed.lines().filter_map(|line| line.split_once("\trefs/tags/"));
    lines.map(|(commit, tag)| (tag.trim_end_matches("^{}").to_owned(), commit.to_owned())).collect()
}

/// The page of a repository by its URL, without a user or a password that stands there.
fn page(url: &str) -> Option<String> {
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme, rest)) => (scheme, rest.to_owned()),
        // `git@github.com:owner/name.git`, which is no path: that would have its first slash earlier.
        None => (
            "ssh",
            url.split_once(':').filter(|(host, _)| !host.contains('/')).map(|(host, path)| format!("{host}/{path}"))?,
        ),
    };
    let (authority, path) = rest.split_once('/')?;
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = match scheme {
        "https" => host,
        // The port is that of another protocol.
        "ssh" | "git" => host.split(':').next().unwrap_or_default(),
        _ => return None,
    };
    let path = path.trim_matches('/').trim_end_matches(".git");
    (!host.is_empty() && !path.is_empty()).then(|| format!("https://{host}/{path}"))
}

/// Git with the token that a job on GitHub is given: in its environment, where nobody else sees it, and for GitHub's own
/// server alone.
fn authorised(git: Expression) -> Expression {
    let Some(token) = variable::text("GITHUB_TOKEN").filter(|_| github::is_here()) else { return git };
    let server = variable::text("GITHUB_SERVER_URL").unwrap_or_else(|| "https://github.com".into());
    let there = variable::text("GIT_CONFIG_COUNT").and_then(|count| count.parse().ok()).unwrap_or(0);
    let settings = credentials(&server, &token, there);
    settings.into_iter().fold(git.env("GIT_TERMINAL_PROMPT", "0"), |git, (name, value)| git.env(name, value))
}

/// The variables by which git is told a token, besides the settings that it is told in this way already.
fn credentials(server: &str, token: &str, there: usize) -> Vec<(String, String)> {
    let key = format!("http.{}/.extraHeader", server.trim_end_matches('/'));
    let header = format!("Authorization: Basic {}", base64::encode(format!("x-access-token:{token}").as_bytes()));
    // The first, which is empty, takes away what the checkout may have left: two such headers are refused.
    let settings = [String::new(), header].into_iter().enumerate().flat_map(|(place, value)| {
        let number = there + place;
        [(format!("GIT_CONFIG_KEY_{number}"), key.clone()), (format!("GIT_CONFIG_VALUE_{number}"), value)]
    });
    settings.chain([("GIT_CONFIG_COUNT".to_owned(), (there + 2).to_string())]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::exit_code;
    use crate::testing::Repository;

    #[test]
    fn one_that_never_answers_is_not_waited_for_for_ever() {
        let repository = Repository::with(&[("a", "a")]);
        repository.git(&["remote", "add", NAME, "nowhere"]);
        // Git calls them with the path of the other repository, and waits for what they say; so do they, until it is gone.
        for what in ["receivepack", "uploadpack"] {
            repository.git(&["config", &format!("remote.{NAME}.{what}"), "cat >/dev/null; :"]);
        }
        let remote = Remote::require(repository.root()).unwrap();
        let limit = Duration::from_millis(100);
        let error = remote.push_within(limit, "the push of v1", &["HEAD:refs/tags/v1"]).unwrap_err();
        let parts = ["the push of v1 got no answer: it has not ended after 100ms", "It may be done all the same."];
        parts.iter().for_each(|part| assert!(error.to_string().contains(part), "{error}"));
        assert_eq!(exit_code(&error), ExitCode::Unavailable);
        let error = remote.ask_within(limit, &duct::cmd!("git", "ls-remote", NAME)).unwrap_err();
        let parts =
            ["the remote `origin` does not answer.", "| it has not ended after 100ms", "next: git ls-remote origin"];
        parts.iter().for_each(|part| assert!(error.to_string().contains(part), "{error}"));
        assert_eq!(exit_code(&error), ExitCode::Unavailable);
    }

    #[test]
    fn a_repository_has_a_page_where_its_url_says_so() {
        let table = [
            ("https://github.com/owner/shop.git", Some("https://github.com/owner/shop")),
            ("https://user:secret@github.com/owner/shop", Some("https://github.com/owner/shop")),
            ("https://git.example.com:8443/owner/shop/", Some("https://git.example.com:8443/owner/shop")),
            ("git@github.com:owner/shop.git", Some("https://github.com/owner/shop")),
            ("ssh://git@github.com:22/owner/shop.git", Some("https://github.com/owner/shop")),
            ("/srv/git/shop.git", None),
            ("../shop.git", None),
            ("./with:colon/shop", None),
            ("file:///srv/git/shop.git", None),
            ("https://github.com", None),
            ("http://github.com/owner/shop", None),
        ];
        for (url, expected) in table {
            assert_eq!(page(url).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn an_annotated_tag_stands_for_its_commit() {
        let listed = "aaa\trefs/tags/v0.1.0\nbbb\trefs/tags/v0.1.0^{}\nccc\trefs/tags/v0.2.0\nddd\trefs/heads/v1\n";
        let expected = [("v0.1.0", "bbb"), ("v0.2.0", "ccc")].map(|(tag, commit)| (tag.to_owned(), commit.to_owned()));
        assert_eq!(tags(listed), BTreeMap::from(expected));
        assert_eq!(newest(&tags(listed)).unwrap().to_string(), "0.2.0");
    }

    /// Git itself reads what it is told.
    #[test]
    fn the_token_is_for_one_server_alone_and_takes_the_place_of_another() {
        let left = [("http.https://github.com/.extraHeader", "Authorization: Basic old")];
        let mut told = vec![("GIT_CONFIG_KEY_0".to_owned(), left[0].0.to_owned())];
        told.push(("GIT_CONFIG_VALUE_0".to_owned(), left[0].1.to_owned()));
        told.extend(credentials("https://github.com/", "to:ken", 1));
        let ask = |url: &str| {
            let git = duct::cmd!("git", "config", "--get-urlmatch", "http.extraHeader", url).unchecked();
            let git = told.iter().fold(git, |git, (name, value)| git.env(name, value));
            git.read().unwrap()
        };
        let header = format!("Authorization: Basic {}", base64::encode(b"x-access-token:to:ken"));
        assert_eq!(ask("https://github.com/owner/shop.git"), header);
        assert_eq!(ask("https://example.com/owner/shop.git"), "");
    }
}
