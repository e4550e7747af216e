//! Hooks of a release, and what becomes of one when its deployer is interrupted or dies.

use std::process::Command;

use rustix::process::Signal;

use crate::support::{Fixture, On, PROXY_IMAGE, Ran, ctrl_c, docker, eventually, on_both, pid_at, pid_of};

on_both! {
    hooks_run_of_the_new_release_and_one_that_fails_ends_the_rollout,
    ctrl_c_at_a_terminal_does_not_reach_a_hook,
    a_hook_that_has_outlived_its_deployer_is_waited_for_and_not_ended,
}

fn hooks_run_of_the_new_release_and_one_that_fails_ends_the_rollout(on: On) {
    let fixture = Fixture::new(on);
    fixture.edit_delivery("bake = \"2s\"", "bake = \"100ms\"");
    let hooks = "keep_warm = \"10m\"\nhooks.pre_shift.command = [\"config\", \"check\", \"--all\"]\nhooks.on_abort.command = [\"--version\"]";
    fixture.edit_delivery("keep_warm = \"10m\"", hooks);
    fixture.release("up", "v1", &[]).ok();
    let ran = fixture.release("deploy-blue-green", "v2", &[]).ok();
    let position = |text: &str| ran.stderr.find(text).unwrap_or_else(|| panic!("{text} in {}", ran.stderr));
    assert!(position("run the hook pre_shift of v2") < position("split traffic: blue 90 %"));
    assert!(position("smoke-test green") < position("run the hook pre_shift of v2"));

    fixture.edit_delivery("[\"config\", \"check\", \"--all\"]", "[\"no-such-command\"]");
    let ran = fixture.release("deploy-blue-green", "v3", &[]);
    assert!(ran.stderr.contains("run the hook on_abort of v3"), "{}", ran.stderr);
    ran.refused(1, &["could not run the hook pre_shift of v3", "no-such-command", "All traffic is on green (v2)"]);
}

/// v1 serves, and the hook of what comes next is a service of its own, which runs until it is told to end.
fn before_an_endless_hook(on: On) -> Fixture {
    let fixture = Fixture::new(on);
    fixture.release("up", "v1", &[]).ok();
    let (ip, port) = (fixture.spare_address().ip(), fixture.spare_address().port());
    let command = format!(r#"["serve", "--set", "server.host={ip}", "--set", "server.port={port}"]"#);
    let hook = format!("keep_warm = \"10m\"\nhooks.pre_shift = {{ command = {command}, timeout = \"60s\" }}");
    fixture.edit_delivery("keep_warm = \"10m\"", &hook);
    fixture
}

/// The container of a hook.
fn container(fixture: &Fixture) -> String {
    format!("{}-hook", fixture.stack("development"))
}

/// The process of that hook, once it listens; by then it hears what it is told.
fn pid_of_hook(fixture: &Fixture) -> Option<u32> {
    match fixture.on() {
        On::Process => pid_at(fixture.spare_address()),
        On::Compose => {
            let container = container(fixture);
            let log = Command::new("docker").args(["logs", &container]).output().unwrap().stderr;
            String::from_utf8_lossy(&log).contains("listening").then(|| pid_of(&container))?
        }
    }
}

fn ctrl_c_at_a_terminal_does_not_reach_a_hook(on: On) {
    let fixture = before_an_endless_hook(on);
    let deploy = fixture.deploy_at_a_terminal("v2");
    eventually("the hook runs", || pid_of_hook(&fixture).is_some());
    ctrl_c(&deploy);
    // Whatever it was told to, it has been by the time that another command has looked.
    assert_eq!(fixture.status()["rollout"]["operation"], "run the hook pre_shift of v2", "{}", fixture.status());
    fixture.signal(pid_of_hook(&fixture).unwrap(), Signal::TERM);
    let ran = Ran::from(deploy.wait_with_output().unwrap());
    let ran = ran.refused(130, &["SIGTERM received", "interrupted", "All traffic is on blue (v1), as before."]);
    assert!(!ran.stderr.contains("SIGINT received"), "{}", ran.stderr);
}

fn a_hook_that_has_outlived_its_deployer_is_waited_for_and_not_ended(on: On) {
    let fixture = before_an_endless_hook(on);
    let mut deploy = fixture.deploy_in_background("v2", &[]);
    eventually("the hook runs", || pid_of_hook(&fixture).is_some());
    let hook = pid_of_hook(&fixture).unwrap();
    deploy.kill().unwrap();
    deploy.wait().unwrap();
    let refused = fixture.release("deploy-blue-green", "v3", &["--wait", "30s"]);
    let next = match on {
        On::Process => format!("next: flock {} true", fixture.state().join("hook.lock").display()),
        On::Compose => format!("next: docker wait {}", container(&fixture)),
    };
    refused.refused(75, &["the hook `serve --set", "of v2 still runs", "its deployer is gone", &next]);
    assert_eq!(pid_of_hook(&fixture), Some(hook));
    // A way back takes no hook, and is not held up by one.
    fixture.run(&["recover"]).ok();
    fixture.signal(hook, Signal::TERM);
    eventually("the hook has ended", || pid_of_hook(&fixture).is_none());
    fixture.edit_delivery("[\"serve\", ", "[\"config\", \"check\", ");
    if on == On::Compose {
        // As a deployer leaves it that dies between the making and the start.
        eventually("its name is free", || docker(&["create", "--name", &container(&fixture), PROXY_IMAGE]).is_some());
    }
    let ran = fixture.release("deploy-blue-green", "v4", &[]).ok();
    assert!(ran.stderr.contains("done     run the hook pre_shift of v4"), "{}", ran.stderr);
}
