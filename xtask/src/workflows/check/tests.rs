//! The real workflows, whole and with a piece missing; and what the tests of the rules share.

use std::path::Path;

use super::*;
use crate::delivery::FILE;
use crate::testing::{DELIVERY, TempDir};
use crate::workflows::model::Job;

/// As they are told.
pub(super) fn said(mistakes: &[Mistake]) -> Vec<String> {
    mistakes.iter().map(ToString::to_string).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn source(stem: &str) -> String {
    fs::read_to_string(root().join(FOLDER).join(stem).with_extension("yml")).unwrap()
}

fn parse(stem: &str, text: &str) -> Workflow {
    Workflow::parse(&format!("{FOLDER}/{stem}.yml"), text).unwrap_or_else(|mistakes| panic!("{mistakes:?}\n{text}"))
}

/// What this project delivers.
pub(super) fn delivery() -> Delivery {
    Delivery::load(root()).unwrap()
}

/// One of the real workflows, with the first of something replaced.
pub(super) fn changed_one(stem: &str, from: &str, to: &str) -> Workflow {
    let text = source(stem);
    assert!(text.contains(from), "{stem}.yml has no {from:?}");
    parse(stem, &text.replacen(from, to, 1))
}

/// The real workflows, with the first of something replaced in one of them.
pub(super) fn changed(stem: &str, from: &str, to: &str) -> Vec<Workflow> {
    let others = GATED.into_iter().filter(|other| *other != stem);
    others.map(|other| parse(other, &source(other))).chain([changed_one(stem, from, to)]).collect()
}

/// A workflow that runs a line, with some variables.
pub(super) fn one_step(run: &str) -> Workflow {
    let text = format!(
        "on: [push]
permissions: {{}}
jobs:
  a:
    runs-on: ubuntu-24.04
    strategy:
      matrix:
        group: [test, quality]
        wrong: [test, speed]
    env:
      GROUP: ${{{{ matrix.group }}}}
      WRONG: ${{{{ matrix.wrong }}}}
    steps:
      - name: it
        run: {run}
        env:
          ENVIRONMENT: ${{{{ inputs.environment }}}}
          EXPECTED: a
          NEEDS: '{{}}'
"
    );
    Workflow::parse("w.yml", &text).unwrap_or_else(|mistakes| panic!("{mistakes:?}\n{text}"))
}

/// What is wrong with some workflows, their lines apart: one that is left out cannot be wrong.
fn all(workflows: &[Workflow]) -> Vec<Mistake> {
    [of_each(workflows, Some("1.95.0"), &delivery()), duties::mistakes(workflows, FOLDER)].concat()
}

#[test]
fn the_real_workflows_have_no_mistake() {
    assert_eq!(said(&mistakes(root()).unwrap()), Vec::<String>::new());
}

#[test]
fn no_line_and_no_edge_of_the_real_workflows_can_be_left_out_unseen() {
    let real: Vec<_> = GATED.iter().map(|stem| parse(stem, &source(stem))).collect();
    let known = all(&real);
    let (mut runs, mut edges) = (0, 0);
    for (place, workflow) in real.iter().enumerate() {
        let without = |remove: &dyn Fn(&mut Job), job: usize| {
            let mut changed = real.clone();
            remove(&mut changed[place].jobs[job]);
            all(&changed).iter().any(|mistake| !known.contains(mistake))
        };
        for (number, job) in workflow.jobs.iter().enumerate() {
            for (step, line) in job.steps.iter().enumerate().filter_map(|(step, it)| Some((step, it.run.as_ref()?))) {
                assert!(
                    without(&|job: &mut Job| drop(job.steps.remove(step)), number),
                    "{}: `{line}` is not missed",
                    job.id
                );
                runs += 1;
            }
            for (edge, needed) in job.needs.iter().enumerate() {
                let is_seen = without(&|job: &mut Job| drop(job.needs.remove(edge)), number);
                assert!(is_seen, "nobody misses that `{}` needs `{needed}`", job.id);
                edges += 1;
            }
        }
    }
    assert_eq!((runs, edges), (18, 20));
}

#[test]
fn what_is_no_yaml_or_not_there_is_told_with_its_place() {
    let folder = TempDir::new();
    fs::create_dir_all(folder.path().join(FOLDER)).unwrap();
    fs::create_dir_all(folder.path().join("config")).unwrap();
    fs::write(folder.path().join(FILE), DELIVERY).unwrap();
    fs::write(folder.path().join(FOLDER).join("ci-cd.yml"), "on: [push\n").unwrap();
    let found = said(&mistakes(folder.path()).unwrap());
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with(".github/workflows/ci-cd.yml:2:1: this is not YAML"), "{found:?}");
}
