//! A command that a page has in a block of its own, and what the page shows of its answer.

use super::page::Page;

/// A command to type.
pub struct Example {
    pub line: usize,
    pub heading: String,
    pub command: String,
    /// What stands below it.
    pub shown: Vec<String>,
}

/// The commands of a page, in their order. In a block with prompts, what has none is an answer; in one without, each line is
/// a command.
pub fn examples(page: &Page) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    for block in page.blocks.iter().filter(|block| ["console", "sh", "bash"].contains(&block.language.as_str())) {
        let prompted = block.lines.iter().any(|line| line.starts_with("$ "));
        let mut goes_on = false;
        for (line, text) in (block.line..).zip(&block.lines) {
            let typed = if prompted { text.strip_prefix("$ ") } else { Some(text.as_str()) };
            let typed = typed.filter(|typed| !typed.is_empty() && !typed.starts_with('#'));
            match (typed, examples.last_mut()) {
                (_, Some(last)) if goes_on => last.command += &format!("\n{text}"),
                (Some(command), _) => {
                    let heading = page.heading_of(block.line).to_owned();
                    examples.push(Example { line, heading, command: command.to_owned(), shown: Vec::new() });
                }
                (None, Some(last)) if prompted => last.shown.push(text.clone()),
                _ => continue,
            }
            goes_on = text.ends_with('\\');
        }
    }
    examples
}

#[test]
fn commands_are_told_from_their_answers() {
    let text = "# A\n```console\n$ one \\\n  --two\ndone\n\n$ three\n```\n## B\n```sh\n# why\nfour\nfive\n```\n```text\nsix\n```\n";
    let examples = examples(&Page::read("a.md", text));
    let told: Vec<_> = examples.iter().map(|it| (it.line, it.heading.as_str(), it.command.as_str())).collect();
    assert_eq!(told, [(3, "A", "one \\\n  --two"), (7, "A", "three"), (12, "B", "four"), (13, "B", "five")]);
    assert_eq!((&examples[0].shown[..], &examples[1].shown[..]), (&["done".to_owned(), String::new()][..], &[][..]));
}
