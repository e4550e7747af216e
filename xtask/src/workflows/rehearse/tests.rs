//! Small workflows of shell lines, in a repository of each test's own.

use std::fs;

use clap::Parser as _;
use serde_json::{Value, json};

use super::*;
use crate::problem::exit_code;
use crate::testing::{DELIVERY, Repository};

#[derive(clap::Parser)]
struct Typed {
    #[command(flatten)]
    args: Flags,
}

struct Rehearsed {
    repository: Repository,
    report: Report,
}

const PATH: &str = ".github/workflows/w.yml";

fn repository(jobs: &str) -> Repository {
    let workflow = format!("on: [push, workflow_call]\nenv: {{ WHERE: everywhere }}\njobs:\n{jobs}");
    Repository::with(&[(PATH, &workflow), (FILE, DELIVERY), (".gitignore", "/target\n")])
}

fn attempt(repository: &Repository, flags: &[&str]) -> anyhow::Result<Report> {
    attempt_until(repository, flags, &UnderWay::default())
}

fn attempt_until(repository: &Repository, flags: &[&str], under_way: &UnderWay) -> anyhow::Result<Report> {
    let flags = ["test", "--rehearse", "w"].iter().chain(flags);
    let args = Typed::try_parse_from(flags).unwrap().args;
    rehearse(repository.root(), "w", &args, under_way, |_| Ok(()))
}

fn left(repository: &Repository) -> Vec<String> {
    let entries = fs::read_dir(repository.root().join("target/xtask/rehearsal")).unwrap();
    let mut left: Vec<_> = entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    left.sort();
    left
}

fn rehearsed_with(jobs: &str, flags: &[&str]) -> Rehearsed {
    let repository = repository(jobs);
    let report = attempt(&repository, flags).unwrap();
    Rehearsed { repository, report }
}

fn rehearsed(jobs: &str) -> Rehearsed {
    rehearsed_with(jobs, &[])
}

impl Rehearsed {
    /// Each job with how it ended, and each of its steps.
    fn tree(&self) -> Value {
        let jobs = self.report.jobs.iter().map(|job| {
            let steps: Vec<_> = job.steps.iter().map(|step| json!(step.verdict)).collect();
            json!([job.name, job.verdict, steps])
        });
        jobs.collect()
    }

    fn log(&self, job: usize, step: usize) -> String {
        fs::read_to_string(self.report.jobs[job].steps[step].log.as_ref().unwrap()).unwrap()
    }
}

#[test]
fn steps_after_a_failure_run_where_they_ask_for_it_and_jobs_behind_it_do_not() {
    let ran = rehearsed(
        "
  a:
    runs-on: x
    steps:
      - run: echo before
      - { run: exit 3, id: broken }
      - run: echo never
      - { if: failure(), run: 'echo \"$BROKEN\"', env: { BROKEN: '${{ steps.broken.outcome }} ${{ job.status }}' } }
      - { if: always(), run: echo always }
  b: { runs-on: x, needs: a, steps: [{ run: echo never }] }
  c: { runs-on: x, needs: b, if: failure(), steps: [{ run: echo told }] }
  d: { runs-on: x, needs: [a, b], if: always(), env: { RESULTS: '${{ join(needs.*.result) }}' }, steps: [{ run: 'echo \"$RESULTS\"' }] }
  e: { runs-on: x, needs: d, steps: [{ run: echo never }] }
",
    );
    let expected = json!([
        ["a", "failed", ["passed", "failed", "skipped", "passed", "passed"]],
        ["b", "skipped", []],
        ["c", "passed", ["passed"]],
        ["d", "passed", ["passed"]],
        ["e", "skipped", []],
    ]);
    assert_eq!(ran.tree(), expected);
    assert_eq!((ran.log(0, 3), ran.log(3, 0)), ("failure failure\n".into(), "failure,skipped\n".into()));
    let problem = ran.report.conclude().unwrap_err();
    let shown = problem.to_string();
    assert_eq!(problem.code(), ExitCode::Failed);
    assert!(shown.contains("w failed: a.") && shown.contains(&format!("a, {PATH}:9:9: exit 3")), "{shown}");
    // Whoever looks for the cause finds everything as it was.
    assert!(left(&ran.repository).contains(&"work".to_owned()));
}

#[test]
fn a_clean_clone_with_githubs_variables_and_nothing_of_the_callers() {
    let ran = rehearsed(
        "
  a:
    runs-on: x
    steps:
      - run: ls -A
      - uses: actions/checkout@v1
      - run: git status --porcelain; git log --format=%s; git branch --show-current; git remote
      - run: 'echo \"$GITHUB_REF $GITHUB_REF_NAME $GITHUB_REF_TYPE $GITHUB_EVENT_NAME $GITHUB_JOB $CI $WHERE\"'
      - { run: 'git tag v1 && git push --quiet origin v1' }
      - run: '[[ $GITHUB_SHA == $(git rev-parse HEAD) && $GITHUB_WORKSPACE == $PWD ]]'
      - run: env
      - { run: pwd, working-directory: config }
      - run: '[[ ! -e .git/hooks && -d ../origin.git && ! -e ../origin.git/hooks ]]'
  b: { runs-on: x, needs: a, steps: [{ uses: actions/checkout@v1, with: { fetch-depth: 0 } }, { run: 'git tag; ls -A' }] }
  c: { runs-on: x, needs: b, steps: [{ run: 'ls -A' }, { run: cargo xtask ci }] }
",
    );
    let tree = ran.tree();
    assert_eq!(tree[0][1], "passed", "{tree}");
    assert_eq!((ran.log(0, 0).as_str(), ran.log(0, 2).as_str()), ("", "first\nmain\norigin\n"));
    assert_eq!(ran.log(0, 3), "refs/heads/main main branch push a true everywhere\n");
    let seen = ran.log(0, 6);
    let seen: Vec<_> = seen.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    assert!(seen.contains(&"PATH") && seen.contains(&"RUNNER_TEMP") && seen.contains(&"GITHUB_OUTPUT"), "{seen:?}");
    // Cargo has set these for the test.
    assert!(!seen.iter().any(|name| name.starts_with("CARGO_PKG_")), "{seen:?}");
    assert!(ran.log(0, 7).ends_with("rehearsal/work/config\n"));
    // What was pushed is in the repository that stands for GitHub's, and in no other.
    assert_eq!(ran.log(1, 1), "v1\n.git\n.github\n.gitignore\nconfig\ntarget\n");
    assert_eq!(tree[2], json!(["c", "failed", ["passed", "failed"]]));
    assert_eq!(ran.report.jobs[2].steps[1].reason.as_deref(), Some("nothing is checked out in this job yet"));
    ran.repository.git(&["diff", "--quiet", "HEAD"]);
    let tags = std::process::Command::new("git").arg("tag").current_dir(ran.repository.root()).output().unwrap();
    assert_eq!(tags.stdout, b"");
}

#[test]
fn outputs_variables_and_folders_reach_the_steps_and_jobs_after() {
    let ran = rehearsed(
        "
  a:
    runs-on: x
    outputs: { release: '${{ steps.name.outputs.release }}', groups: '${{ steps.name.outputs.groups }}' }
    steps:
      - id: name
        run: |
          echo 'release=v1' >> \"$GITHUB_OUTPUT\"
          printf 'groups<<END\\n[\"one\",\\n\"two\"]\\nEND\\n' >> \"$GITHUB_OUTPUT\"
          echo 'MODE=fast' >> \"$GITHUB_ENV\"
          mkdir -p \"$RUNNER_TEMP/bin\" && printf '#!/bin/sh\\necho found' > \"$RUNNER_TEMP/bin/own\" && chmod +x \"$RUNNER_TEMP/bin/own\"
          echo \"$RUNNER_TEMP/bin\" >> \"$GITHUB_PATH\"
          echo 'Said' >> \"$GITHUB_STEP_SUMMARY\"
      - { run: 'own; echo \"$MODE $WHERE\"', env: { WHERE: '${{ env.MODE }}-here' } }
      - { run: 'echo no value >> \"$GITHUB_OUTPUT\"' }
  b:
    needs: a
    if: '!cancelled()'
    runs-on: x
    strategy: { matrix: { group: '${{ fromJSON(needs.a.outputs.groups) }}', os: [x] } }
    env: { GROUP: '${{ matrix.group }}', RELEASE: '${{ needs.a.outputs.release }}' }
    steps: [{ run: 'echo \"$GROUP of $RELEASE\"; [[ $GROUP != one ]]' }]
  c:
    name: c ${{ matrix.n }}
    runs-on: x
    strategy: { fail-fast: 'false', matrix: { n: [1, 2] } }
    steps: [{ run: 'exit 1', if: matrix.n == 1, continue-on-error: 'true' }, { run: 'true' }]
",
    );
    let expected = json!([
        ["a", "failed", ["passed", "passed", "failed"]],
        ["b (one, x)", "failed", ["failed"]],
        ["b (two, x)", "cancelled", []],
        ["c 1", "passed", ["failed", "passed"]],
        ["c 2", "passed", ["skipped", "passed"]],
    ]);
    assert_eq!(ran.tree(), expected);
    assert_eq!((ran.log(0, 1).as_str(), ran.log(1, 0).as_str()), ("found\nfast fast-here\n", "one of v1\n"));
    let reason = ran.report.jobs[0].steps[2].reason.as_deref().unwrap();
    assert!(reason.contains("GITHUB_OUTPUT: line 1, `no value`"), "{reason}");
    assert_eq!(fs::read_to_string(ran.report.summary.as_ref().unwrap()).unwrap(), "# a\n\nSaid\n");
}

/// `a` is called by `b`'s workflow, production is protected in `delivery.toml`.
const GUARDED: &str = "
  staging: { runs-on: x, environment: staging, steps: [{ run: echo deployed }] }
  production: { runs-on: x, needs: staging, environment: { name: production, url: 'https://${{ vars.HOST }}' }, steps: [{ run: echo deployed }] }
  gate: { runs-on: x, needs: [staging, production], if: always(), steps: [{ run: 'true' }] }
";

#[test]
fn what_is_protected_waits_for_approval_and_all_behind_it() {
    let ran = rehearsed(GUARDED);
    let expected = json!([["staging", "passed", ["passed"]], ["production", "waiting", []], ["gate", "waiting", []]]);
    assert_eq!(ran.tree(), expected);
    assert_eq!(ran.report.verdict, Verdict::Waiting);
    assert!(ran.report.conclude().is_ok());
    assert_eq!(left(&ran.repository), ["lock", "logs", "target"]);

    let report = attempt(&ran.repository, &["--approve", "production", "--var", "HOST=shop.example"]).unwrap();
    assert_eq!(report.verdict, Verdict::Passed);
    assert_eq!(report.jobs[1].url.as_deref(), Some("https://shop.example"));
    let report = attempt(&ran.repository, &["--job", "staging"]).unwrap();
    assert_eq!((report.jobs.len(), report.verdict), (1, Verdict::Passed));
    for (flags, expected) in [
        (["--approve", "moon"], "has no environment `moon`; it has development, production"),
        (["--job", "moon"], "has no job `moon`; it has staging, production, gate"),
        (["--ref", "main"], "`main` is no ref"),
    ] {
        let error = attempt(&ran.repository, &flags).unwrap_err();
        assert!(exit_code(&error) == ExitCode::Usage && error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn what_takes_too_long_is_ended_with_all_it_has_started() {
    let ran = rehearsed(
        "
  a: { runs-on: x, steps: [{ run: 'sleep 61 & echo $!; wait', timeout-minutes: '0.05' }, { run: echo never }] }
  b: { runs-on: x, timeout-minutes: '0.05', steps: [{ run: sleep 61 }, { if: always(), run: echo still }] }
",
    );
    let expected = json!([["a", "failed", ["failed", "skipped"]], ["b", "failed", ["failed", "passed"]]]);
    assert_eq!(ran.tree(), expected);
    let reason = ran.report.jobs[0].steps[0].reason.as_deref().unwrap();
    assert!(reason.contains("had not ended after 3s"), "{reason}");
    let child = ran.log(0, 0).trim().parse().unwrap();
    let child = rustix::process::Pid::from_raw(child).unwrap();
    // Well before it would end by itself.
    eventually("what it has started is gone", 10, || rustix::process::test_kill_process(child).is_err());
}

/// Asks again and again, for so many seconds at the most.
fn eventually(what: &str, seconds: u64, mut is_so: impl FnMut() -> bool) {
    let began = std::time::Instant::now();
    while !is_so() {
        assert!(began.elapsed() < std::time::Duration::from_secs(seconds), "not within {seconds} s: {what}");
        std::thread::sleep(crate::running::TICK);
    }
}

#[test]
fn a_called_workflow_runs_in_place_and_what_is_wrong_is_told_with_its_place() {
    let repository = repository(
        "  a: { uses: ./.github/workflows/called.yml, with: { what: '${{ github.ref_name }}' } }\n  b: { runs-on: x, needs: a, steps: [{ run: 'true' }] }\n",
    );
    let called = "
on: { workflow_call: { inputs: { what: { type: string } } } }
jobs:
  c: { runs-on: x, env: { WHAT: '${{ inputs.what }}' }, steps: [{ run: 'echo \"$WHAT of $GITHUB_WORKFLOW\"; [[ $WHAT == main ]]' }] }
  d: { runs-on: x, needs: c, steps: [{ uses: someone/action@v1, with: { of: '${{ needs.c.result }}' } }] }
";
    repository.write(".github/workflows/called.yml", called);
    repository.commit("second");
    let report = attempt(&repository, &[]).unwrap();
    let ran = Rehearsed { repository, report };
    let expected =
        json!([["a / c", "passed", ["passed"]], ["a / d", "passed", ["not-rehearsed"]], ["b", "passed", ["passed"]]]);
    assert_eq!(ran.tree(), expected);
    assert_eq!(ran.log(0, 0), "main of w\n");
    let failing = attempt(&ran.repository, &["--ref", "refs/heads/other"]).unwrap();
    assert_eq!(
        failing.jobs.iter().map(|job| job.verdict).collect::<Vec<_>>(),
        [Verdict::Failed, Verdict::Skipped, Verdict::Skipped]
    );

    ran.repository.write(".github/workflows/called.yml", &called.replace("needs.c.result", "nedes.c.result"));
    ran.repository.commit("third");
    let error = attempt(&ran.repository, &[]).unwrap_err();
    assert_eq!(exit_code(&error), ExitCode::Configuration);
    let expected = ".github/workflows/called.yml:5:77: there is no context `nedes` here";
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn a_secret_is_the_callers_variable_and_is_shown_nowhere() {
    // The one that every test has.
    let path = std::env::var("PATH").unwrap();
    let ran = rehearsed(
        "
  a: { runs-on: x, steps: [{ env: { KEY: '${{ secrets.PATH }}' }, run: 'echo \"is: $KEY\"; echo \"$KEY\" >> \"$GITHUB_STEP_SUMMARY\"; exit 1' }] }
  b: { runs-on: x, env: { KEY: '${{ secrets.PATH }}' }, steps: [{ run: 'echo \"$KEY\" >> \"$GITHUB_OUTPUT\"' }] }
  c: { runs-on: x, steps: [{ uses: actions/upload-artifact@v1, with: { path: '${{ secrets.PATH }}' } }] }
  d:
    runs-on: x
    environment: { name: staging, url: '${{ secrets.PATH }}' }
    steps: [{ name: 'by ${{ secrets.PATH }}', run: 'true' }]
",
    );
    assert_eq!(ran.log(0, 0), "is: ***\n");
    assert_eq!(fs::read_to_string(ran.report.summary.as_ref().unwrap()).unwrap(), "# a\n\n***\n");
    let reason = |job: usize| ran.report.jobs[job].steps[0].reason.as_deref().unwrap();
    assert_eq!(reason(1), "GITHUB_OUTPUT: line 1, `***`, is neither `name=value` nor `name<<DELIMITER`");
    assert!(reason(2).contains("there is no *** to be uploaded"), "{}", reason(2));
    assert_eq!((&*ran.report.jobs[3].steps[0].name, ran.report.jobs[3].url.as_deref()), ("by ***", Some("***")));
    let shown = format!("{}{}", ran.report.conclude().unwrap_err(), serde_json::to_string(&ran.report).unwrap());
    assert!(!shown.contains(&path), "{shown}");
}

#[test]
fn a_second_rehearsal_at_the_same_time_is_refused() {
    let repository = repository("  a: { runs-on: x, steps: [{ run: 'true' }] }\n");
    let _ground = Ground::new(repository.root(), &git::head(repository.root()).unwrap().commit).unwrap();
    assert_eq!(exit_code(&attempt(&repository, &[]).unwrap_err()), ExitCode::Busy);
}

#[test]
fn who_is_interrupted_may_clean_up_and_nothing_is_left() {
    let repository = repository(
        "  a: { runs-on: x, steps: [{ run: \"trap 'echo cleaned; exit 1' INT; echo ready; while :; do sleep 0.01 || true; done\" }, { if: always(), run: echo never }] }\n",
    );
    let under_way = UnderWay::default();
    let logs = repository.root().join("target/xtask/rehearsal/logs/a");
    let error = std::thread::scope(|scope| {
        scope.spawn(|| {
            let said = || fs::read_to_string(logs.join("01.log"));
            eventually("it runs", 60, || said().is_ok_and(|said| said.contains("ready")));
            under_way.cancel();
        });
        attempt_until(&repository, &[], &under_way).unwrap_err()
    });
    assert_eq!(exit_code(&error), ExitCode::Interrupted);
    assert_eq!(fs::read_to_string(logs.join("01.log")).unwrap(), "ready\ncleaned\n");
    assert!(!logs.join("02.log").exists());
    assert_eq!(left(&repository), ["lock", "logs", "target"]);
}
