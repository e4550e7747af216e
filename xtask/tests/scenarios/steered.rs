//! Rollouts that are steered from another terminal and that wait for a person.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use crate::support::{Fixture, On, Ran, eventually, on_both};

on_both! {
    a_rollout_that_pauses_goes_on_when_it_is_told_to,
    a_rollout_is_held_at_its_share_and_promoted_without_the_steps_that_are_left,
    a_rollout_is_aborted_from_another_terminal,
    aborts_at_each_step_lose_nothing,
    a_rollout_whose_deployer_has_died_is_aborted_without_it,
    a_rollout_that_is_left_as_it_stands_waits_for_a_decision,
    there_is_nothing_to_steer_where_nothing_is_under_way,
    a_warm_colour_past_its_time_is_reaped_and_no_other,
}

const STEPS: &str = "steps = [{ set_weight = 10 }, { set_weight = 50 }, { set_weight = 100 }]";

fn quick(fixture: &Fixture) {
    fixture.edit_delivery("bake = \"2s\"", "bake = \"100ms\"");
}

/// v1 serves, and v2 waits at 10 % for somebody to say how to go on.
fn paused(fixture: &Fixture) -> Child {
    quick(fixture);
    fixture.edit_delivery(
        STEPS,
        "steps = [{ set_weight = 10 }, { pause = {} }, { set_weight = 50 }, { set_weight = 100 }]",
    );
    fixture.release("up", "v1", &[]).ok();
    let deploy = fixture.deploy_in_background("v2", &[]);
    eventually("the rollout pauses", || {
        let doing = &fixture.status()["rollout"]["operation"];
        doing.as_str().is_some_and(|doing| doing.starts_with("pause with green at its share until"))
    });
    deploy
}

#[track_caller]
fn share_of_green(fixture: &Fixture, expected: u8) {
    assert_eq!(fixture.status()["split"]["green"], expected, "{}", fixture.status());
}

fn a_rollout_that_pauses_goes_on_when_it_is_told_to(on: On) {
    let fixture = Fixture::new(on);
    let deploy = paused(&fixture);
    share_of_green(&fixture, 10);
    let told = fixture.run(&["resume"]).ok().stdout;
    assert!(told.contains("(`deploy-blue-green`) was told to resume"), "{told}");
    let ran = Ran::from(deploy.wait_with_output().unwrap()).ok();
    assert!(ran.stderr.contains("asked    resume by") && ran.stderr.contains("green 50 %"), "{}", ran.stderr);
    share_of_green(&fixture, 100);
}

fn a_rollout_is_held_at_its_share_and_promoted_without_the_steps_that_are_left(on: On) {
    let fixture = Fixture::new(on);
    fixture.edit_delivery("bake = \"2s\"", "bake = \"3s\"");
    fixture.release("up", "v1", &[]).ok();
    let deploy = fixture.deploy_in_background("v2", &[]);
    eventually("the candidate gets traffic", || fixture.status()["split"]["green"] == 10);
    let told: serde_json::Value = serde_json::from_str(&fixture.run(&["pause", "--json"]).ok().stdout).unwrap();
    assert_eq!((&told["asked"], &told["taken"]), (&"pause".into(), &true.into()));
    assert_eq!(fixture.status()["rollout"]["held"], true);
    fixture.run(&["promote"]).ok();
    let ran = Ran::from(deploy.wait_with_output().unwrap()).ok();
    assert!(ran.stderr.contains("skipped  split traffic: blue 50 %, green 50 %"), "{}", ran.stderr);
    share_of_green(&fixture, 100);
    assert_eq!(fixture.status()["colours"]["blue"]["role"], "warm");
}

fn a_rollout_is_aborted_from_another_terminal(on: On) {
    let fixture = Fixture::new(on);
    let deploy = paused(&fixture);
    fixture.run(&["abort"]).ok();
    let ran = Ran::from(deploy.wait_with_output().unwrap());
    ran.refused(1, &["has asked for the end", "All traffic is on blue (v1), as before."]);
    share_of_green(&fixture, 0);
    assert_eq!(fixture.status()["colours"]["green"]["state"], "stopped");
}

#[test]
fn an_abort_that_comes_while_an_earlier_release_is_still_stopped_is_for_the_deploy_that_follows() {
    let fixture = Fixture::new(On::Process);
    quick(&fixture);
    fixture.release("up", "v1", &[]).ok();
    // What keeps v1 from being drained.
    let mut tunnel = TcpStream::connect(fixture.address()).unwrap();
    let request = "GET /api/v1/tunnel HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
    tunnel.write_all(request.as_bytes()).unwrap();
    let mut answer = [0; 12];
    tunnel.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 101");
    fixture.release("deploy-blue-green", "v2", &[]).ok();
    fixture.let_warm_time_pass();
    let deploy = fixture.deploy_in_background("v3", &[]);
    eventually("v1 is drained", || {
        fixture.status()["rollout"]["operation"].as_str().is_some_and(|doing| doing.starts_with("drain blue"))
    });
    let abort = fixture.xtask(&["abort"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let asked = || fs::read_dir(fixture.state().join("mailbox")).is_ok_and(|mut requests| requests.next().is_some());
    eventually("the end is asked for", asked);
    drop(tunnel);
    let told = Ran::from(abort.wait_with_output().unwrap()).ok();
    assert!(told.stdout.contains("was told to abort"), "{}", told.stdout);
    let ran = Ran::from(deploy.wait_with_output().unwrap());
    ran.refused(1, &["has asked for the end", "All traffic is on green (v2), as before."]);
    share_of_green(&fixture, 100);
}

fn aborts_at_each_step_lose_nothing(on: On) {
    let fixture = Fixture::new(on);
    quick(&fixture);
    fixture.release("up", "v1", &[]).ok();
    let load = fixture.load();
    let mut steps = STEPS.to_owned();
    for weight in [10, 50, 100] {
        let step = format!("{{ set_weight = {weight} }}");
        let paused = STEPS.replace(&step, &format!("{step}, {{ pause = {{}} }}"));
        fixture.edit_delivery(&steps, &paused);
        steps = paused;
        let deploy = fixture.deploy_in_background(&format!("at-{weight}"), &[]);
        eventually("it pauses there", || {
            let status = fixture.status();
            let doing = status["rollout"]["operation"].as_str().unwrap_or_default().to_owned();
            status["split"]["green"] == weight && doing.starts_with("pause")
        });
        fixture.run(&["abort"]).ok();
        Ran::from(deploy.wait_with_output().unwrap()).refused(1, &["All traffic is on blue (v1), as before."]);
    }
    let tally = load.stop();
    tally.assert_nothing_lost("aborts at 10, 50 and 100 %");
    assert!(tally.by_release["at-100"] > 0, "{:?}", tally.by_release);
}

fn a_rollout_whose_deployer_has_died_is_aborted_without_it(on: On) {
    let fixture = Fixture::new(on);
    let mut deploy = paused(&fixture);
    deploy.kill().unwrap();
    deploy.wait().unwrap();
    eventually("the lock is free", || fixture.status()["rollout"].is_null());
    fixture.run(&["abort"]).ok();
    share_of_green(&fixture, 0);
    assert_eq!(fixture.status()["remarks"], serde_json::json!([]));
}

fn a_rollout_that_is_left_as_it_stands_waits_for_a_decision(on: On) {
    let fixture = Fixture::new(on);
    fixture.edit_delivery("keep_warm = \"10m\"", "keep_warm = \"10m\"\non_failure = \"freeze\"");
    for decision in ["abort", "promote"] {
        let before = if decision == "abort" { paused(&fixture) } else { fixture.deploy_in_background("v2", &[]) };
        eventually("the candidate gets traffic", || fixture.status()["split"]["green"] == 10);
        fixture.kill(fixture.pid("green").unwrap());
        let ran = Ran::from(before.wait_with_output().unwrap());
        ran.refused(1, &["Everything is left as it stands", "next: cargo xtask promote", "next: cargo xtask abort"]);
        let status = fixture.status();
        assert_eq!((&status["split"]["green"], &status["colours"]["green"]["role"]), (&10.into(), &"candidate".into()));
        assert!(status["remarks"][0].as_str().unwrap().contains("the rollout of v2 has failed"), "{status}");
        fixture.release("deploy-blue-green", "v3", &[]).refused(1, &["decide about it first"]);
        fixture.run(&["rollback"]).refused(1, &["decide about it first"]);
        fixture.run(&["recover"]).ok();
        share_of_green(&fixture, 10);
        fixture.run(&[decision]).ok();
        let expected = if decision == "abort" { 0 } else { 100 };
        share_of_green(&fixture, expected);
    }
    let told = fixture.run(&["history"]).ok().stdout;
    assert!(told.contains("frozen         v2 as green"), "{told}");
}

fn there_is_nothing_to_steer_where_nothing_is_under_way(on: On) {
    let fixture = Fixture::new(on);
    fixture.run(&["abort"]).refused(2, &["nothing has been deployed to development yet"]);
    fixture.release("up", "v1", &[]).ok();
    for verb in ["pause", "resume", "promote", "abort"] {
        let expected = format!("there is nothing to {verb}: no rollout is under way in development");
        fixture.run(&[verb]).refused(2, &[&expected, "next: cargo xtask status"]);
    }
}

fn a_warm_colour_past_its_time_is_reaped_and_no_other(on: On) {
    let fixture = Fixture::new(on);
    quick(&fixture);
    fixture.release("up", "v1", &[]).ok();
    fixture.release("deploy-blue-green", "v2", &[]).ok();
    assert!(fixture.run(&["reap"]).ok().stdout.contains("nothing is kept warm past its time"));
    fixture.edit_delivery("keep_warm = \"10m\"", "keep_warm = \"1ms\"");
    fixture.release("deploy-blue-green", "v3", &[]).ok();
    fixture.run(&["reap"]).ok();
    let status = fixture.status();
    assert_eq!((&status["colours"]["green"]["state"], &status["split"]["blue"]), (&"stopped".into(), &100.into()));
}

#[test]
fn a_warm_colour_is_reaped_by_itself_when_its_time_has_passed() {
    let fixture = Fixture::new(On::Process);
    quick(&fixture);
    fixture.edit_delivery("keep_warm = \"10m\"", "keep_warm = \"1s\"");
    fixture.release("up", "v1", &[]).ok();
    fixture.release("deploy-blue-green", "v2", &[]).ok();
    eventually("blue is stopped", || fixture.status()["colours"]["blue"]["state"] == "stopped");
    share_of_green(&fixture, 100);
    // A colour that serves again is not kept warm any more, whatever was said before.
    fixture.edit_delivery("keep_warm = \"1s\"", "keep_warm = \"3s\"");
    fixture.release("deploy-blue-green", "v3", &[]).ok();
    fixture.run(&["rollback"]).ok();
    let logged = || fixture.run(&["logs", "green"]).ok().stdout.contains("and is reaped");
    eventually("the shim of green has had its time", logged);
    fixture.run(&["health-check"]).ok();
    let status = fixture.status();
    assert_eq!((&status["active"], &status["colours"]["green"]["state"]), (&"green".into(), &"ready".into()));
}
