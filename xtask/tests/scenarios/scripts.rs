//! The shims for people and cron, run from a folder that is not the project's. `cargo` is stood in for by a line that runs
//! this build of xtask, so that they act on the test's project; the fresh clone runs the real one.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::support::{Fixture, On, Ran, repository, service};

struct Scripts {
    fixture: Fixture,
    elsewhere: PathBuf,
}

impl Scripts {
    fn new() -> Scripts {
        let fixture = Fixture::new(On::Process);
        fixture.edit_delivery("bake = \"2s\"", "bake = \"100ms\"");
        let (elsewhere, bin) = (fixture.root().join("elsewhere"), fixture.root().join("bin"));
        for folder in [&elsewhere, &bin, &fixture.root().join("scripts")] {
            fs::create_dir_all(folder).unwrap();
        }
        let xtask = env!("CARGO_BIN_EXE_xtask");
        let cargo = format!("#!/bin/sh\n[ \"$1\" = xtask ] || exit 99\nshift\nexec '{xtask}' \"$@\"\n");
        fs::write(bin.join("cargo"), cargo).unwrap();
        fs::set_permissions(bin.join("cargo"), fs::Permissions::from_mode(0o755)).unwrap();
        for script in ["deploy-blue-green.sh", "health-check.sh", "rollback.sh"] {
            fs::copy(repository().join("scripts").join(script), fixture.root().join("scripts").join(script)).unwrap();
        }
        fs::copy(service(), elsewhere.join("built")).unwrap();
        Scripts { fixture, elsewhere }
    }

    fn run(&self, script: &str, args: &[&str]) -> Ran {
        let path = format!("{}:{}", self.fixture.root().join("bin").display(), std::env::var("PATH").unwrap());
        let mut command = Command::new(self.fixture.root().join("scripts").join(script));
        command.args(args).current_dir(&self.elsewhere).env("PATH", path).env_remove("CI").stdin(Stdio::null());
        Ran::from(command.output().unwrap())
    }
}

#[test]
fn deploy_blue_green_sh_takes_a_path_from_where_the_caller_stands() {
    let scripts = Scripts::new();
    scripts.run("deploy-blue-green.sh", &["--release", "v1", "--binary", "built"]).ok();
    scripts.run("deploy-blue-green.sh", &["--release", "v2", "--binary=./built"]).ok();
    assert_eq!(scripts.fixture.status()["colours"]["green"]["release"], "v2");
    scripts.run("deploy-blue-green.sh", &["--env", "nowhere"]).refused(2, &["no environment `nowhere`"]);
}

#[test]
fn rollback_sh_goes_back() {
    let scripts = Scripts::new();
    scripts.fixture.release("up", "v1", &[]).ok();
    scripts.fixture.release("deploy-blue-green", "v2", &[]).ok();
    scripts.run("rollback.sh", &[]).ok();
    assert_eq!(scripts.fixture.status()["active"], "blue");
    scripts.run("rollback.sh", &[]).refused(2, &["no release before"]);
}

#[test]
fn health_check_sh_passes_the_exit_code_on() {
    let scripts = Scripts::new();
    scripts.run("health-check.sh", &["--timeout", "200ms"]).refused(1, &["is not healthy within 200ms"]);
    scripts.fixture.release("up", "v1", &[]).ok();
    let healthy = scripts.run("health-check.sh", &[&format!("http://{}/readyz", scripts.fixture.blue_address())]).ok();
    assert!(healthy.stdout.starts_with("healthy: http://"), "{}", healthy.stdout);
}

#[test]
fn bash_completes_the_verbs_and_leaves_the_rest_of_cargo_to_who_had_it() {
    let script = r#"
        _cargo() { COMPREPLY=(of-cargo); }
        complete -F _cargo cargo
        source /dev/stdin <<< "$1"
        complete_line() {
            COMP_WORDS=("$@")
            COMP_CWORD=$(($# - 1))
            COMPREPLY=()
            _cargo_xtask_or_before cargo "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
            echo "${COMPREPLY[@]}"
        }
        complete_line cargo xtask ro
        complete_line cargo xtask status --js
        complete_line cargo xtask sh
        complete_line cargo bui
    "#;
    let xtask = |args: &[&str]| Ran::from(Command::new(env!("CARGO_BIN_EXE_xtask")).args(args).output().unwrap()).ok();
    let completions = xtask(&["completions", "bash"]).stdout;
    let bash = Command::new("bash").args(["--norc", "-c", script, "bash", &completions]).output().unwrap();
    // No verb that is for the tool alone is offered.
    assert_eq!(Ran::from(bash).ok().stdout, "rollback\n--json\n\nof-cargo\n");
}
