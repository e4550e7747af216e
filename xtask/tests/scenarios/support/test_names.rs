//! Tests that are named elsewhere, as nextest names them.

use std::fs;
use std::path::Path;

/// The tests that a page names, as nextest does: a package, or a package and a test binary, a space, and the path to a test.
pub fn named(text: &str) -> Vec<&str> {
    let is_path = |path: &str| {
        let is_name = |name: &str| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        path.split("::").all(is_name) && !path.starts_with(|c: char| c.is_ascii_digit())
    };
    let spans = text.split('`').skip(1).step_by(2);
    let tests = spans.filter(|span| {
        span.split_once(' ').is_some_and(|(package, path)| span.contains("::") && is_path(package) && is_path(path))
    });
    tests.collect()
}

/// Whether a test of that name is in the sources below `root`.
pub fn is_a_test(root: &Path, name: &str) -> bool {
    let (binary, path) = name.split_once(' ').unwrap();
    let (mut folder, mut text) = match binary.split_once("::") {
        Some((package, test)) => {
            let tests = root.join(package).join("tests");
            let file = read(&tests.join(test).join("main.rs"));
            // The modules of a binary that is one file lie beside it.
            if file.is_some() {
                (tests.join(test), file)
            } else {
                (tests.clone(), read(&tests.join(test).with_extension("rs")))
            }
        }
        None => (root.join(binary).join("src"), read(&root.join(binary).join("src/lib.rs"))),
    };
    let (modules, test) = path.rsplit_once("::").unwrap_or(("", path));
    for module in modules.split("::").filter(|module| !module.is_empty()) {
        let files = [folder.join(module).with_extension("rs"), folder.join(module).join("mod.rs")];
        text = match files.iter().find_map(|file| read(file)) {
            Some(text) => Some(text),
            None if ["on_process", "on_compose"].contains(&module) => {
                return text.is_some_and(|text| has_a_scenario(&text, test));
            }
            None => text.and_then(|text| inline(&text, module)),
        };
        folder = folder.join(module);
    }
    text.is_some_and(|text| has_a_test(&text, test))
}

fn read(file: &Path) -> Option<String> {
    fs::read_to_string(file).ok()
}

/// What is inside of a module that stands in a text, as a text of its own; both as rustfmt lays them out.
fn inline(text: &str, module: &str) -> Option<String> {
    let (_, inside) = text.split_once(&format!("\nmod {module} {{\n"))?;
    let inside = inside.split("\n}\n").next().unwrap_or(inside);
    Some(inside.lines().map(|line| line.strip_prefix("    ").unwrap_or(line).to_owned() + "\n").collect())
}

/// Whether a function of that name, in no module of the text's, follows an attribute that makes it a test, with nothing but attributes between them.
fn has_a_test(text: &str, test: &str) -> bool {
    let lines: Vec<_> = text.lines().collect();
    let declares = |line: &str| {
        line.trim_start_matches("async ").strip_prefix("fn ").is_some_and(|rest| rest.starts_with(&format!("{test}(")))
    };
    lines.iter().enumerate().filter(|(_, line)| declares(line)).any(|(at, _)| {
        let mut attributes = lines[..at].iter().rev().take_while(|line| line.starts_with("#["));
        attributes.any(|line| ["#[test]", "#[tokio::test"].iter().any(|attribute| line.starts_with(attribute)))
    })
}

/// Whether `on_both!` makes a test of it for each runtime.
fn has_a_scenario(text: &str, test: &str) -> bool {
    let Some((_, list)) = text.split_once("on_both!") else { return false };
    let list = list.split([')', '}']).next().unwrap_or(list);
    list.trim_matches([' ', '(', '{']).split(',').any(|name| name.trim() == test)
}
