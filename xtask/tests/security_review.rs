//! The security review names the test that shows each protection; here is held that there is one of that name.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test says what is wrong by failing")]

use std::fs;
use std::path::{Path, PathBuf};

const PAGE: &str = "docs/security-review.md";

#[test]
fn every_test_that_the_review_names_is_there() {
    let text = fs::read_to_string(root().join(PAGE)).unwrap();
    let named = named(&text);
    assert!(named.len() > 40, "too few tests are named: {named:?}");
    let missing: Vec<_> = named.iter().filter(|name| !is_a_test(&root(), name)).collect();
    assert!(missing.is_empty(), "{PAGE} names tests that do not exist: {missing:#?}");
}

#[test]
fn every_threat_has_all_that_is_to_be_said_of_one() {
    const PARTS: [&str; 5] =
        ["- **Threat:** ", "- **Where:** ", "- **Protects:** ", "- **Shown by:** ", "- **Remains:** "];
    let text = fs::read_to_string(root().join(PAGE)).unwrap();
    for threat in text.split("\n### ").skip(1) {
        let title = threat.lines().next().unwrap();
        for part in PARTS {
            assert_eq!(threat.matches(part).count(), 1, "{title} has not one {part}");
        }
        let shown = threat.split(PARTS[3]).nth(1).unwrap().split(PARTS[4]).next().unwrap();
        assert!(
            !named(shown).is_empty() || shown.starts_with("no test"),
            "{title} is shown by nothing, and does not say so"
        );
    }
}

#[test]
fn a_name_that_is_no_tests_is_found_out() {
    let here = "xtask::security_review a_name_that_is_no_tests_is_found_out";
    assert!(is_a_test(&root(), here));
    for there in [
        "xtask secrets::tests::a_file_gives_its_value_without_the_line_break_and_a_missing_one_is_named",
        "xtask config_lint::committed::tests::every_kind_is_found_at_its_line_and_not_shown",
        "xtask::scenarios lifecycle::on_process::a_preview_header_picks_a_colour_and_a_visitor_stays_with_the_draw",
    ] {
        assert!(is_a_test(&root(), there), "{there}");
    }
    for missing in [
        "xtask::security_review a_name_that_is_no_tests_is_found",
        "xtask::security_review is_a_test",
        "xtask::security_review module::a_name_that_is_no_tests_is_found_out",
        "xtask::nowhere a_name_that_is_no_tests_is_found_out",
        "nowhere secrets::tests::a_file_gives_its_value_without_the_line_break_and_a_missing_one_is_named",
        "xtask secrets::a_file_gives_its_value_without_the_line_break_and_a_missing_one_is_named",
        "xtask secrets::tests::place",
        "xtask::scenarios lifecycle::a_preview_header_picks_a_colour_and_a_visitor_stays_with_the_draw",
        "xtask::scenarios lifecycle::on_process::preview_takes_a_key_where_one_is_set",
    ] {
        assert!(!is_a_test(&root(), missing), "{missing}");
    }
    assert_eq!(named("`a b::c`, `cargo xtask up` and\n`xtask::x y`, `x::y`, `1 a::b`"), ["a b::c", "xtask::x y"]);
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The tests that a page names, as nextest does: a package, or a package and a test binary, a space, and the path to a test.
fn named(text: &str) -> Vec<&str> {
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
fn is_a_test(root: &Path, name: &str) -> bool {
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
