//! Whether a project that does not meet a criterion falls short, and is told how.

use std::fs;

use crate::support::{Fixture, On, Ran, repository};

const WORKFLOWS: &str = ".github/workflows";
const PUSH: &str = "  push:\n    branches: [main]\n    tags: [\"v*\"]\n";

/// A project with the workflows of this one.
fn with_workflows() -> Fixture {
    let fixture = Fixture::new(On::Process);
    fs::create_dir_all(fixture.root().join(WORKFLOWS)).unwrap();
    for file in ["ci-cd.yml", "deploy.yml"] {
        let path = format!("{WORKFLOWS}/{file}");
        fs::copy(repository().join(&path), fixture.root().join(&path)).unwrap();
    }
    fixture
}

/// Writes a workflow as this project has it, but for a text, which has to be there.
fn break_workflow(fixture: &Fixture, file: &str, from: &str, to: &str) {
    let path = format!("{WORKFLOWS}/{file}");
    let text = fs::read_to_string(repository().join(&path)).unwrap();
    assert!(text.contains(from), "`{from}` is not in {path}");
    fixture.write(&path, &text.replacen(from, to, 1));
}

fn verify(fixture: &Fixture) -> Ran {
    fixture.run(&["verify", "--only", "A1.1", "--only", "A1.2", "--only", "A1.4"])
}

#[test]
fn a_pipeline_that_does_not_do_what_is_asked_falls_short_by_what_it_lacks() {
    let fixture = with_workflows();
    let met = verify(&fixture).ok();
    assert!(met.stdout.contains("3 criteria: 3 met, 0 missed, 0 unknown"), "{}", met.stdout);

    let (image, asked) = ("    needs: [tag, image]\n", "cargo xtask health-check --env staging");
    let ci = "        run: cargo xtask ci";
    for (file, from, to, found) in [
        ("ci-cd.yml", ci, &*format!("        continue-on-error: true\n{ci}"), "a step that fails, fails its job"),
        ("deploy.yml", "    needs: [verify]\n", "", "`tag` runs before every test has passed"),
        ("deploy.yml", image, &*format!("{image}    if: always()\n"), "`staging` has no `if`"),
        ("deploy.yml", asked, "cargo xtask status --env staging", "asks by `health-check`"),
        ("deploy.yml", PUSH, "", "this workflow starts by `push`"),
    ] {
        break_workflow(&fixture, file, from, to);
        verify(&fixture).refused(1, &["not met: A1.1, A1.2, A1.4.", found]);
        break_workflow(&fixture, file, "", "");
    }
    let report: serde_json::Value = serde_json::from_str(&fixture.read("target/xtask/verify/report.json")).unwrap();
    let verdicts: Vec<_> = report["criteria"].as_array().unwrap().iter().map(|it| it["verdict"].clone()).collect();
    assert_eq!((verdicts, &report["met"]), (vec!["missed".into(); 3], &false.into()));
    assert!(fixture.read("target/xtask/verify/report.md").contains("**missed**"));
}

#[test]
fn one_that_falls_short_is_told_beside_those_that_do_not() {
    let fixture = with_workflows();
    fixture.edit_delivery("[[notifications]]\nname = \"github\"\nkind = \"github\"\n", "");
    let ran = fixture.run(&["verify", "--only", "A1.1", "--only", "D1.3"]);
    let missed = ["not met: D1.3.", "has no channel in [[notifications]]", "next: cargo xtask verify --only D1.3\n"];
    ran.refused(1, &missed);
    let report: serde_json::Value = serde_json::from_str(&fixture.read("target/xtask/verify/report.json")).unwrap();
    let verdicts: Vec<_> = report["criteria"].as_array().unwrap().iter().map(|it| it["verdict"].clone()).collect();
    assert_eq!(verdicts, ["met", "missed"]);
}

#[test]
fn what_cannot_be_measured_is_unknown_and_falls_short() {
    let fixture = Fixture::new(On::Process);
    let unknown = ["3 criteria: 0 met, 0 missed, 3 unknown; not met: A1.1, A1.2, A1.4.", "the pipeline runs elsewhere"];
    verify(&fixture).refused(1, &unknown);
}

#[test]
fn a_criterion_that_does_not_exist_and_a_page_that_has_drifted_are_refused() {
    let fixture = Fixture::new(On::Process);
    fixture.run(&["verify", "--only", "A9.9"]).refused(2, &["no criterion `A9.9`", "next: cargo xtask verify --list"]);
    fixture.run(&["verify", "--check"]).refused(1, &["docs/status.md:1 is not", "next: cargo xtask verify --write"]);
    let listed = fixture.run(&["verify", "--list", "--json"]).ok();
    let listed: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
    assert!(listed.as_array().unwrap().len() > 40, "{listed}");
}
