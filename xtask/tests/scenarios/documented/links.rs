//! Where links lead, and whether the files that are named exist.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use super::page::Page;
use crate::support::repository;

/// What a verb makes here and a person commits, once there is a reason to.
const LATER: [&str; 1] = [".config/image-size.json"];

/// What of the repository can be linked to and named: what git knows, by its path from the root.
pub struct Known {
    files: BTreeSet<String>,
    anchors: BTreeMap<String, Vec<String>>,
}

impl Known {
    pub fn new(files: Vec<String>, pages: &[Page]) -> Known {
        let anchors_of = |page: &Page| page.headings.iter().map(|heading| heading.anchor.clone()).collect();
        let anchors = pages.iter().map(|page| (page.path.clone(), anchors_of(page))).collect();
        Known { files: files.into_iter().collect(), anchors }
    }

    /// What is wrong with the links of a page.
    pub fn wrong_links(&self, page: &Page) -> Vec<String> {
        let wrong = |(line, target): &(usize, String)| {
            let why = self.leads_nowhere(page, target)?;
            Some(format!("{}:{line}: `{target}` {why}", page.path))
        };
        page.links.iter().filter_map(wrong).collect()
    }

    fn leads_nowhere(&self, page: &Page, target: &str) -> Option<&'static str> {
        if let Some((scheme, rest)) = target.split_once("://") {
            let host = rest.split('/').next().unwrap_or_default();
            let good =
                scheme == "https" && host.contains('.') && target.chars().all(|letter| letter.is_ascii_graphic());
            return (!good).then_some("is no https address");
        }
        let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
        let file = if file.is_empty() { Some(page.path.clone()) } else { beside(&page.path, file) };
        let Some(file) = file.filter(|file| self.has(file)) else { return Some("is no file that git knows") };
        match (anchor, self.anchors.get(&file)) {
            (Some(anchor), Some(known)) if !known.iter().any(|name| name == anchor) => Some("is no heading there"),
            (Some(_), None) => Some("has an anchor, and is no page"),
            _ => None,
        }
    }

    /// Files and folders that a page names, in code, from the root, and that do not exist.
    pub fn wrong_paths(&self, page: &Page) -> Vec<String> {
        let named = page.spans.iter().filter(|(_, span)| self.is_path(span));
        let wrong = named.filter(|(_, path)| !self.has(path.trim_end_matches('/')) && !is_ignored(path));
        wrong.map(|(line, path)| format!("{}:{line}: there is no `{path}`", page.path)).collect()
    }

    /// Whether something looks like the path of a certain file: words with slashes between them, the first a folder at the root.
    fn is_path(&self, text: &str) -> bool {
        let is_word = |word: &str| word.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.*".contains(letter));
        let Some((folder, rest)) = text.split_once('/') else { return false };
        // `VERB.rs` stands for any.
        let is_hole = |word: &str| {
            let stem = word.split('.').next().unwrap_or(word);
            stem.len() > 2 && stem.bytes().all(|letter| letter.is_ascii_uppercase())
        };
        let is_certain = rest.split('/').all(|word| is_word(word) && (!is_hole(word) || self.has(text)));
        is_certain && !LATER.contains(&text) && self.files.iter().any(|file| is_below(folder, file))
    }

    fn has(&self, path: &str) -> bool {
        let fits = |file: &String| match path.split_once('*') {
            Some((before, after)) => file.starts_with(before) && file.ends_with(after),
            None => file == path || is_below(path, file),
        };
        path.is_empty() || self.files.iter().any(fits)
    }
}

fn is_below(folder: &str, file: &str) -> bool {
    file.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// A path as it is meant by a page; none that leaves the repository.
fn beside(page: &str, path: &str) -> Option<String> {
    let mut whole = PathBuf::from(page).parent()?.to_owned();
    for part in Path::new(path).components() {
        match part {
            Component::ParentDir => whole.pop().then_some(())?,
            Component::Normal(name) => whole.push(name),
            _ => {}
        }
    }
    whole.into_os_string().into_string().ok()
}

/// What is made here and never committed may be named.
fn is_ignored(path: &str) -> bool {
    let mut git = Command::new("git");
    git.args(["check-ignore", "--quiet", path]).current_dir(repository()).status().unwrap().success()
}

#[test]
fn links_and_paths_that_lead_nowhere_are_found() {
    let text = "# One\n[a](docs/b.md#two) [c](docs/none.md) [d](docs/b.md#three) [e](http://shop.example) [f](docs)\n\
                [g](../x) [h](#one) [i](#two) [j](https://shop.example/a) `docs/b.md` `docs/c.md` `docs/*.md` `docs/PAGE.md` `other/x`\n";
    let pages = [Page::read("a.md", text), Page::read("docs/b.md", "## Two\n[a](../a.md) [b](b.md)")];
    let known = Known::new(vec!["a.md".into(), "docs/b.md".into()], &pages);
    let wrong = known.wrong_links(&pages[0]);
    let expected = [
        "a.md:2: `docs/none.md` is no file that git knows",
        "a.md:2: `docs/b.md#three` is no heading there",
        "a.md:2: `http://shop.example` is no https address",
        "a.md:3: `../x` is no file that git knows",
        "a.md:3: `#two` is no heading there",
    ];
    assert_eq!(wrong, expected);
    assert!(known.wrong_links(&pages[1]).is_empty());
    assert_eq!(known.wrong_paths(&pages[0]), ["a.md:3: there is no `docs/c.md`"]);
}
