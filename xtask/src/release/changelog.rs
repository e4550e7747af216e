//! The changelog, in the format of Keep a Changelog 1.1.0: <https://keepachangelog.com>. Pure.

use std::ops::Range;

use semver::Version;

use super::edits::Edits;
use crate::conventional::{Change, Header};
use crate::git::Commit;
use crate::time::Day;
use crate::versions::tag;

/// Where it stands, relative to the project's root.
pub(super) const FILE: &str = "CHANGELOG.md";
/// What a first one begins with.
pub(super) const HEADER: &str = "# Changelog\n\nThe format is that of [Keep a Changelog](https://keepachangelog.com/en/1.1.0/).\n\n## [Unreleased]\n";
/// Its groups, in the order in which they are added.
const GROUPS: [&str; 3] = ["Added", "Changed", "Fixed"];

/// A line about a commit, for the group that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    group: &'static str,
    text: String,
}

impl Entry {
    /// That of a commit that those who use the project want to know of; none for a plain sentence, which says too little.
    pub(super) fn of(commit: &Commit) -> Option<Entry> {
        let Header { kind, scope, description, .. } = Header::parse(&commit.message)?;
        let breaks = Change::of(&commit.message) == Change::Breaking;
        let group = match kind.as_str() {
            "feat" => "Added",
            "fix" => "Fixed",
            "perf" | "revert" => "Changed",
            _ if breaks => "Changed",
            _ => return None,
        };
        let scope = scope.map(|scope| format!("{scope}: ")).unwrap_or_default();
        let breaking = if breaks { "**Breaking:** " } else { "" };
        Some(Entry { group, text: format!("{breaking}{scope}{description}") })
    }

    /// Whether a person has written of it, in these words, none of which is a part of another: a log is no catalogue.
    fn is_in(&self, section: &str) -> bool {
        let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        let (section, text) = (plain(section), plain(&self.text));
        let is_apart = |letter: Option<char>| letter.is_none_or(|letter| !letter.is_alphanumeric());
        section.char_indices().any(|(start, _)| {
            let (before, rest) = section.split_at(start);
            let after = rest.strip_prefix(&text);
            after.is_some_and(|after| is_apart(before.chars().next_back()) && is_apart(after.chars().next()))
        })
    }
}

/// A release as its links name it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Links<'a> {
    /// The page of the repository.
    pub(super) page: &'a str,
    /// The tag of the release before.
    pub(super) last: Option<&'a str>,
}

/// What has a place in a changelog.
struct Layout {
    /// The heading of what is not released; where it would stand, when there is none.
    heading: Range<usize>,
    /// What stands under it.
    section: Range<usize>,
    /// The definitions of links at the end.
    links: Range<usize>,
}

impl Layout {
    fn of(text: &str) -> Layout {
        let links = links(text);
        let sections: Vec<_> = headings(text).into_iter().filter(|(line, _)| line.start < links.start).collect();
        let start_of = |place: usize| sections.get(place).map_or(links.start, |(line, _)| line.start);
        let place = sections.iter().position(|(_, title)| is_unreleased(title));
        let named = place.and_then(|place| Some((sections.get(place)?.0.clone(), start_of(place + 1))));
        let (heading, end) = named.unwrap_or_else(|| (start_of(0)..start_of(0), start_of(0)));
        Layout { section: heading.end..end, heading, links }
    }

    /// Without the empty lines around it.
    fn written<'a>(&self, text: &'a str) -> &'a str {
        text.get(self.section.clone()).unwrap_or_default().trim_end().trim_start_matches(['\r', '\n'])
    }
}

/// What is to be released: what people have written, and what the commits add to it.
pub(super) fn section(text: &str, entries: &[Entry]) -> String {
    with(Layout::of(text).written(text), entries, end_of_line(text))
}

/// The changelog with all that is not released as a release of that day, and an empty section for what follows.
pub(super) fn release(text: &str, version: &Version, day: &Day, entries: &[Entry], links: Option<Links<'_>>) -> String {
    let (layout, eol) = (Layout::of(text), end_of_line(text));
    let heading = text.get(layout.heading.clone()).unwrap_or_default().trim_end();
    let heading = if heading.is_empty() { "## [Unreleased]" } else { heading };
    let section = with(layout.written(text), entries, eol);
    let mut parts = vec![heading.to_owned(), format!("## [{version}] - {day}")];
    parts.extend(Some(section).filter(|section| !section.is_empty()));
    let end = eol.repeat(if layout.section.end == text.len() { 1 } else { 2 });
    let mut edits = Edits::default();
    edits.replace(layout.heading.start..layout.section.end, parts.join(&eol.repeat(2)) + &end);
    if let Some(links) = links {
        link(text, &layout, version, links, &mut edits);
    }
    edits.apply(text)
}

/// A section with a line for each commit that it does not speak of, under the heading of its group.
fn with(written: &str, entries: &[Entry], eol: &str) -> String {
    let (mut edits, mut added) = (Edits::default(), Vec::new());
    for group in GROUPS {
        let new = entries.iter().filter(|entry| entry.group == group && !entry.is_in(written));
        let lines: Vec<_> = new.map(|entry| format!("- {}", entry.text)).collect();
        match group_end(written, group) {
            _ if lines.is_empty() => {}
            Some(place) => edits.insert(place, format!("{eol}{}", lines.join(eol))),
            None => added.push(format!("### {group}{eol}{eol}{}", lines.join(eol))),
        }
    }
    let changed = edits.apply(written);
    let parts: Vec<_> = [changed].into_iter().filter(|text| !text.is_empty()).chain(added).collect();
    parts.join(&eol.repeat(2))
}

/// Where a group's last line ends; none where there is no such group.
fn group_end(section: &str, group: &str) -> Option<usize> {
    let lines: Vec<_> = lines(section).filter(|(_, line)| line.starts_with("### ")).collect();
    let is_group = |line: &str| line.trim_start_matches('#').trim().eq_ignore_ascii_case(group);
    let place = lines.iter().position(|(_, line)| is_group(line))?;
    let end = lines.get(place + 1).map_or(section.len(), |(next, _)| next.start);
    Some(section.get(..end)?.trim_end().len())
}

/// The lines of a Markdown text that are not shown as they are, each with its place.
fn lines(text: &str) -> impl Iterator<Item = (Range<usize>, &str)> {
    let mut fence = None;
    let mut start = 0;
    text.split_inclusive('\n').filter_map(move |line| {
        let place = start..start + line.len();
        start = place.end;
        let marker = ["```", "~~~"].into_iter().find(|marker| line.trim_start().starts_with(marker));
        match (fence, marker) {
            (None, None) => return Some((place, line.trim_end())),
            (None, marker) => fence = marker,
            (Some(open), Some(marker)) if open == marker => fence = None,
            (Some(_), _) => {}
        }
        None
    })
}

/// The headings of releases, and of whatever is as high.
fn headings(text: &str) -> Vec<(Range<usize>, &str)> {
    lines(text).filter_map(|(place, line)| Some((place, line.strip_prefix("## ")?.trim()))).collect()
}

fn is_unreleased(title: &str) -> bool {
    let title = title.to_ascii_lowercase();
    title == "unreleased" || title.starts_with("[unreleased]")
}

/// The definitions of links that the text ends with, from the first of them on.
fn links(text: &str) -> Range<usize> {
    let mut start = text.len();
    let all: Vec<_> = lines(text).collect();
    for (place, line) in all.into_iter().rev() {
        match line {
            line if line.starts_with('[') && line.contains("]: ") => start = place.start,
            "" => {}
            _ => break,
        }
    }
    start..text.len()
}

/// Says where the changes of a release are seen, and those after it.
fn link(text: &str, layout: &Layout, version: &Version, links: Links<'_>, edits: &mut Edits) {
    let (Links { page, last }, tag, eol) = (links, tag(version), end_of_line(text));
    let new = match last {
        Some(last) => format!("{page}/compare/{last}...{tag}"),
        None => format!("{page}/releases/tag/{tag}"),
    };
    let lines_of_both = format!("[Unreleased]: {page}/compare/{tag}...HEAD{eol}[{version}]: {new}{eol}");
    let known = &layout.links;
    match lines(text).find(|(place, line)| place.start >= known.start && is_unreleased_link(line)) {
        Some((place, _)) => edits.replace(place, lines_of_both),
        None if known.is_empty() => edits.insert(known.start, format!("{eol}{lines_of_both}")),
        None => edits.insert(known.start, lines_of_both),
    }
}

fn is_unreleased_link(line: &str) -> bool {
    line.to_ascii_lowercase().starts_with("[unreleased]: ")
}

fn end_of_line(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(subjects: &[&str]) -> Vec<Entry> {
        let commit = |subject: &&str| Commit { id: String::new(), message: (*subject).to_owned() };
        subjects.iter().filter_map(|subject| Entry::of(&commit(subject))).collect()
    }

    fn released(text: &str, subjects: &[&str], page: Option<&str>) -> String {
        let day = Day::try_from("2026-11-27".to_owned()).unwrap();
        let links = page.map(|page| Links { page, last: Some("v0.1.0") });
        release(text, &Version::new(0, 2, 0), &day, &entries(subjects), links)
    }

    const BEFORE: &str = "# Changelog\n\nWhat `## [Unreleased]` is:\n\n```\n## [Unreleased]\n```\n\n## [Unreleased]\n";
    const AFTER: &str = "## [0.1.0] - 2026-01-01\n\n### Fixed\n\n- It starts.\n";

    #[test]
    fn what_people_have_written_stays_as_it_is() {
        let written = "### Changed\n\n- A  line of\n  two.\n\n### Security\n\n- x";
        let text = format!("{BEFORE}\n{written}\n\n{AFTER}");
        let expected = format!("{BEFORE}\n## [0.2.0] - 2026-11-27\n\n{written}\n\n{AFTER}");
        assert_eq!(released(&text, &["Mend it", "docs: say so"], None), expected);
        assert_eq!(section(&text, &[]), written);
    }

    #[test]
    fn commits_are_added_to_their_groups_unless_they_are_spoken_of() {
        let text = format!("{BEFORE}\n### Added\n\n- A door\n  that closes.\n\n### Fixed\n\n- One.\n\n{AFTER}");
        let subjects = [
            "feat: a door that CLOSES",
            "feat(house): a roof",
            "perf: faster",
            "fix: two",
            "ci!: other checks",
            "style: x",
        ];
        let expected = "### Added\n\n- A door\n  that closes.\n- house: a roof\n\n### Fixed\n\n- One.\n- two\n\n\
            ### Changed\n\n- faster\n- **Breaking:** other checks";
        assert_eq!(section(&text, &entries(&subjects)), expected);
        let released = released(&text, &subjects, None);
        assert_eq!(released, format!("{BEFORE}\n## [0.2.0] - 2026-11-27\n\n{expected}\n\n{AFTER}"));
        assert_eq!(section(&released, &[]), "");
    }

    #[test]
    fn a_commit_is_spoken_of_in_whole_words() {
        let written = "### Fixed\n\n- The catalogue, and (at last) the\n  door; übertill.";
        for (subject, is_spoken_of) in [
            ("fix: log", false),
            ("fix: cat", false),
            ("fix: till", false),
            ("fix: the cat", false),
            ("fix: Catalogue", true),
            ("fix: at last", true),
            ("fix: (at last) the door", true),
            ("fix: the", true),
        ] {
            let is_left = section(&format!("## [Unreleased]\n\n{written}\n"), &entries(&[subject])) == written;
            assert_eq!(is_left, is_spoken_of, "{subject}");
        }
    }

    #[test]
    fn a_changelog_is_begun_continued_and_ended_wherever_its_parts_are() {
        let new = "## [Unreleased]\n\n## [0.2.0] - 2026-11-27\n";
        let added = "\n### Added\n\n- a door\n";
        let table = [
            (HEADER.to_owned(), HEADER.replace("## [Unreleased]\n", &format!("{new}{added}"))),
            (String::new(), format!("{new}{added}")),
            (format!("# All\n\n{AFTER}"), format!("# All\n\n{new}{added}\n{AFTER}")),
            ("## unreleased".to_owned(), format!("## unreleased\n\n## [0.2.0] - 2026-11-27\n{added}")),
        ];
        for (text, expected) in table {
            assert_eq!(released(&text, &["feat: a door"], None), expected, "{text}");
        }
        let crlf = format!("{BEFORE}\n{AFTER}").replace('\n', "\r\n");
        let expected = format!("{BEFORE}\n## [0.2.0] - 2026-11-27\n{added}\n{AFTER}").replace('\n', "\r\n");
        assert_eq!(released(&crlf, &["feat: a door"], None), expected);
    }

    #[test]
    fn a_release_is_linked_where_there_is_a_page() {
        let page = "https://example.com/shop";
        let new = format!("[Unreleased]: {page}/compare/v0.2.0...HEAD\n[0.2.0]: {page}/compare/v0.1.0...v0.2.0\n");
        let old = "[0.1.0]: https://example.com/shop/releases/tag/v0.1.0\n";
        let head = format!("{BEFORE}\n{AFTER}");
        let expected = format!("{BEFORE}\n## [0.2.0] - 2026-11-27\n\n{AFTER}\n");
        for (links, after) in [
            (String::new(), new.clone()),
            (format!("\n{old}"), format!("{new}{old}")),
            (format!("\n[unreleased]: https://example.com/old\n{old}"), format!("{new}{old}")),
        ] {
            assert_eq!(released(&format!("{head}{links}"), &[], Some(page)), format!("{expected}{after}"));
        }
    }
}
