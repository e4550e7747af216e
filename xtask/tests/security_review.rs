//! The security review names the test that shows each protection; here is held that there is one of that name.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, reason = "a test says what is wrong by failing")]

#[path = "scenarios/support/test_names.rs"]
mod test_names;

use std::fs;
use std::path::{Path, PathBuf};

use test_names::{is_a_test, named};

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
