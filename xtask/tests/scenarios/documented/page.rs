//! A page of Markdown: its headings, its links, what stands in it as code.

use std::collections::HashMap;

/// A page, read.
pub struct Page {
    /// From the root of the repository.
    pub path: String,
    pub headings: Vec<Heading>,
    pub blocks: Vec<Block>,
    /// Code within a sentence or a table, with its line.
    pub spans: Vec<(usize, String)>,
    /// Where links lead, with their line.
    pub links: Vec<(usize, String)>,
}

pub struct Heading {
    pub line: usize,
    pub title: String,
    /// What a link to it ends with, as GitHub makes it.
    pub anchor: String,
}

/// A fenced block.
pub struct Block {
    /// The line its first one is.
    pub line: usize,
    pub language: String,
    pub lines: Vec<String>,
}

impl Page {
    pub fn read(path: &str, text: &str) -> Page {
        let mut page = Page {
            path: path.to_owned(),
            headings: Vec::new(),
            blocks: Vec::new(),
            spans: Vec::new(),
            links: Vec::new(),
        };
        let (mut seen, mut paragraph, mut open) = (HashMap::new(), Vec::new(), None);
        for (number, line) in (1..).zip(text.lines()) {
            let fence = line.trim_start().strip_prefix("```");
            match (fence, &mut open) {
                (Some(language), None) => {
                    page.take_in(&mut paragraph);
                    open = Some(Block { line: number + 1, language: language.trim().to_owned(), lines: Vec::new() });
                }
                (Some(_), Some(_)) => page.blocks.extend(open.take()),
                (None, Some(block)) => block.lines.push(line.to_owned()),
                (None, None) => {
                    if line.trim().is_empty() || line.starts_with('|') || line.starts_with('#') {
                        page.take_in(&mut paragraph);
                    }
                    paragraph.push((number, line));
                    if let Some(title) = line.strip_prefix('#') {
                        let title = plain(title.trim_start_matches('#').trim());
                        let anchor = numbered(&mut seen, slug(&title));
                        page.headings.push(Heading { line: number, title, anchor });
                    }
                }
            }
        }
        page.take_in(&mut paragraph);
        assert!(open.is_none(), "{path}: a fenced block has no end");
        page
    }

    /// The heading that a line stands under.
    pub fn heading_of(&self, line: usize) -> &str {
        let above = self.headings.iter().rev().find(|heading| heading.line < line);
        above.map_or("", |heading| &heading.title)
    }

    /// Code within a paragraph may go on in its next line.
    fn take_in(&mut self, paragraph: &mut Vec<(usize, &str)>) {
        let Some((first, _)) = paragraph.first().copied() else { return };
        let text = paragraph.drain(..).map(|(_, line)| line).collect::<Vec<_>>().join("\n");
        let line_of = |at: usize| first + text[..at].matches('\n').count();
        let mut prose = text.clone();
        let mut from = 0;
        while let Some((start, end, inside)) = span(&text, from) {
            self.spans.push((line_of(start), inside.replace('\n', " ")));
            // What stands in code is no link.
            prose.replace_range(start..end, &"`".repeat(end - start));
            from = end;
        }
        let targets = prose.match_indices("](").map(|(at, _)| (at, &prose[at + 2..]));
        let inline = targets.filter_map(|(at, rest)| Some((line_of(at), rest.split_once(')')?.0.to_owned())));
        self.links.extend(inline);
        let definitions = prose.lines().enumerate().filter(|(_, line)| line.starts_with('['));
        let defined = definitions.filter_map(|(at, line)| Some((first + at, line.split_once("]: ")?.1.to_owned())));
        self.links.extend(defined);
    }
}

/// The next code in a text: where it begins and ends with its backticks, and what is between them.
fn span(text: &str, from: usize) -> Option<(usize, usize, &str)> {
    let start = from + text[from..].find('`')?;
    let ticks = text[start..].bytes().take_while(|byte| *byte == b'`').count();
    let inside = start + ticks;
    let length = text[inside..].find(&"`".repeat(ticks))?;
    Some((start, inside + length + ticks, &text[inside..inside + length]))
}

/// A heading without its markup: of a link its words, of code the code.
fn plain(title: &str) -> String {
    let mut plain = String::new();
    let mut rest = title;
    while let Some((before, link)) = rest.split_once('[') {
        let Some((words, after)) = link.split_once("](") else { break };
        plain += before;
        plain += words;
        rest = after.split_once(')').map_or("", |(_, rest)| rest);
    }
    (plain + rest).replace('`', "")
}

/// GitHub's rule: letters, digits, hyphens and underscores stay, spaces become hyphens, all else goes.
fn slug(title: &str) -> String {
    let kept = title.to_lowercase().replace(' ', "-");
    kept.chars().filter(|letter| letter.is_alphanumeric() || "-_".contains(*letter)).collect()
}

/// The second of a name ends with `-1`.
fn numbered(seen: &mut HashMap<String, usize>, slug: String) -> String {
    let count = seen.entry(slug.clone()).or_default();
    *count += 1;
    if *count == 1 { slug } else { format!("{slug}-{}", *count - 1) }
}

#[test]
fn a_page_is_read_as_github_shows_it() {
    let text = "# `config/delivery.toml` & more\n\nSee [a\npage](b.md#c), `not [a](link)` and `two\nlines`.\n\n\
                ```console\n$ ls [x](y)\n```\n\n## Not yet\n## Not yet\n| `a` | [b](c) |\n\n[1.0]: https://shop.example/1.0\n";
    let page = Page::read("x.md", text);
    let anchors: Vec<_> = page.headings.iter().map(|heading| heading.anchor.as_str()).collect();
    assert_eq!(anchors, ["configdeliverytoml--more", "not-yet", "not-yet-1"]);
    let links: Vec<_> = page.links.iter().map(|(line, target)| (*line, target.as_str())).collect();
    assert_eq!(links, [(4, "b.md#c"), (13, "c"), (15, "https://shop.example/1.0")]);
    let spans: Vec<_> = page.spans.iter().map(|(_, span)| span.as_str()).collect();
    assert_eq!(spans, ["config/delivery.toml", "not [a](link)", "two lines", "a"]);
    assert_eq!((page.blocks[0].line, page.blocks[0].language.as_str()), (8, "console"));
    assert_eq!(page.heading_of(8), "config/delivery.toml & more");
}
