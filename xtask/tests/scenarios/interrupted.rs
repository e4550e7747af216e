//! Deployers that are interrupted, hung or late, reloads of the proxy, and what the next verb makes of it.

use std::process::{Child, Stdio};
use std::time::Duration;

use crate::support::{Fixture, On, Ran, ctrl_c, docker, eventually, on_both, parent, pid_at};

on_both! {
    ctrl_c_puts_all_traffic_back_and_says_so,
    a_second_deployer_is_refused_and_one_that_waits_is_served,
    a_torn_journal_and_a_deleted_one_do_not_stop_the_recovery,
    reloads_of_the_proxy_under_load_lose_nothing,
    up_reloads_the_proxy_when_its_configuration_has_changed_and_refuses_a_wrong_one,
    a_deployer_that_waits_for_a_down_finds_a_new_place_and_not_one_that_is_being_removed,
    recover_starts_the_active_release_again_when_nothing_else_is_up,
    a_rollback_after_a_restart_does_not_wait_for_the_release_it_leaves,
}

/// A deploy of v2 over v1 whose candidate has had its first traffic.
pub fn half_way(fixture: &Fixture) -> Child {
    half_way_from(fixture, "v2")
}

/// The same, at a terminal.
fn half_way_at_a_terminal(fixture: &Fixture) -> Child {
    half_way_by(fixture, || fixture.deploy_at_a_terminal("v2"))
}

pub fn half_way_from(fixture: &Fixture, release: &str) -> Child {
    half_way_by(fixture, || fixture.deploy_in_background(release, &[]))
}

fn half_way_by(fixture: &Fixture, begin: impl FnOnce() -> Child) -> Child {
    fixture.edit_delivery("bake = \"2s\"", "bake = \"20s\"");
    if fixture.status()["active"].is_null() {
        fixture.release("up", "v1", &[]).ok();
    }
    let deploy = begin();
    eventually("the candidate gets traffic", || {
        let status = fixture.status();
        status["split"]["green"] == 10 || status["split"]["blue"] == 10
    });
    deploy
}

fn ctrl_c_puts_all_traffic_back_and_says_so(on: On) {
    let fixture = Fixture::beside_two(on);
    let deploy = half_way_at_a_terminal(&fixture);
    let load = fixture.load_beside_two();
    ctrl_c(&deploy);
    let ran = Ran::from(deploy.wait_with_output().unwrap());
    load.stop().assert_nothing_lost("Ctrl-C");
    ran.refused(130, &["interrupted", "All traffic is on blue (v1), as before."]);
    let status = fixture.status();
    assert_eq!((&status["split"]["blue"], &status["colours"]["green"]["state"]), (&100.into(), &"stopped".into()));
}

fn a_second_deployer_is_refused_and_one_that_waits_is_served(on: On) {
    let fixture = Fixture::new(on);
    let deploy = half_way(&fixture);
    let refused = fixture.run(&["rollback"]);
    refused.refused(75, &["`deploy-blue-green`", &format!("pid {}", deploy.id()), "two deployers never act at once"]);
    fixture.run(&["down"]).refused(75, &["is at work"]);
    let mut waiting = fixture.xtask(&["rollback", "--to", "v1", "--wait", "60s"]);
    let waiting = waiting.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    fixture.signal(deploy.id(), rustix::process::Signal::INT);
    assert_eq!(deploy.wait_with_output().unwrap().status.code(), Some(130));
    // It is refused for what it asks, after its turn had come.
    Ran::from(waiting.wait_with_output().unwrap()).refused(2, &["v1 is what serves"]);
}

fn a_torn_journal_and_a_deleted_one_do_not_stop_the_recovery(on: On) {
    for damage in ["torn", "deleted"] {
        let fixture = Fixture::new(on);
        let mut deploy = half_way(&fixture);
        deploy.kill().unwrap();
        deploy.wait().unwrap();
        fixture.in_ledger(match damage {
            "torn" => "for file in journal/*; do truncate --size=-7 \"$file\"; done",
            _ => "rm journal/*",
        });
        fixture.run(&["up", "--binary", crate::support::service().to_str().unwrap()]).ok();
        let status = fixture.status();
        assert_eq!(
            (&status["split"]["blue"], &status["colours"]["blue"]["release"]),
            (&100.into(), &"v1".into()),
            "{damage}"
        );
        assert_eq!(status["colours"]["green"]["replicas"], 0, "{damage}: {status}");
    }
}

fn reloads_of_the_proxy_under_load_lose_nothing(on: On) {
    let fixture = Fixture::new(on);
    fixture.release("up", "v1", &[]).ok();
    let load = fixture.load();
    for _ in 0..6 {
        let before = fixture.proxy_worker().unwrap();
        fixture.ask_proxy("master.sock", "reload");
        eventually("a new worker serves", || fixture.proxy_worker().is_some_and(|worker| worker != before));
        load.wait_for(1000);
    }
    load.stop().assert_nothing_lost("six reloads of the proxy");
}

fn up_reloads_the_proxy_when_its_configuration_has_changed_and_refuses_a_wrong_one(on: On) {
    let fixture = Fixture::new(on);
    fixture.release("up", "v1", &[]).ok();
    let up = ["up", "--binary", crate::support::service().to_str().unwrap()];
    let path = "docker/haproxy/haproxy.cfg";
    let config = fixture.read(path);
    let load = fixture.load_beside_two();
    fixture
        .write(path, &config.replace("frontend edge\n", "frontend edge\n  http-response set-header x-edge changed\n"));
    assert!(fixture.run(&up).ok().stderr.contains("has been reloaded"));
    fixture.write(path, &config.replace("frontend edge\n", "frontend edge\n  no-such-keyword\n"));
    fixture.run(&up).refused(78, &["HAProxy refuses its configuration; nothing was changed", "no-such-keyword"]);
    load.stop().assert_nothing_lost("a reload by `up`");
    let answer = xtask::http::get(fixture.address(), "/", Duration::from_secs(5));
    let xtask::http::Probe::Answered(answer) = answer else { panic!("{answer}") };
    assert_eq!(answer.header("x-edge"), Some("changed"));
}

#[test]
fn a_candidate_whose_shim_hangs_does_not_stand_in_the_way_of_the_abort() {
    let fixture = Fixture::new(On::Process);
    fixture.edit_delivery("keep_warm = \"10m\"", "keep_warm = \"10m\"\ndrain_timeout = \"2s\"");
    let deploy = half_way(&fixture);
    let shim = parent(pid_at(fixture.green_address()).unwrap()).unwrap();
    fixture.signal(shim, rustix::process::Signal::STOP);
    // What the candidate writes about them is read by nobody now, until it can write no more and hangs, too.
    let load = fixture.load_beside_others(fixture.green_address());
    eventually("the traffic is back", || {
        fixture.ask_proxy("haproxy.sock", "show map maps/split.map").unwrap().contains("green 0")
    });
    load.stop();
    fixture.signal(shim, rustix::process::Signal::CONT);
    assert_eq!(deploy.wait_with_output().unwrap().status.code(), Some(1));
}

fn a_deployer_that_waits_for_a_down_finds_a_new_place_and_not_one_that_is_being_removed(on: On) {
    for _ in 0..5 {
        let fixture = Fixture::new(on);
        fixture.release("up", "v1", &[]).ok();
        let down = fixture.xtask(&["down"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        eventually("down has the lock", || {
            fixture.status()["rollout"]["command"] == "down" || fixture.left().is_empty()
        });
        let up = fixture.release("up", "v2", &["--wait", "60s"]);
        Ran::from(down.wait_with_output().unwrap()).ok();
        up.ok();
        assert_eq!(fixture.status()["colours"]["blue"]["release"], "v2");
    }
}

fn recover_starts_the_active_release_again_when_nothing_else_is_up(on: On) {
    let fixture = Fixture::new(on);
    fixture.release("up", "v1", &["--env", "staging"]).ok();
    if on == On::Process {
        let child = pid_at(fixture.staging_blue_address()).unwrap();
        fixture.kill(parent(child).unwrap());
        eventually("nothing serves", || pid_at(fixture.staging_blue_address()).is_none());
    } else {
        docker(&["kill", &format!("{}-app-blue-1", fixture.stack("staging"))]).unwrap();
    }
    let told = fixture.run(&["recover", "--env", "staging", "--json"]).ok().stdout;
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (&told["colours"]["blue"]["state"], &told["rollout"]),
        (&"ready".into(), &serde_json::Value::Null),
        "{told}"
    );
}

fn a_rollback_after_a_restart_does_not_wait_for_the_release_it_leaves(on: On) {
    let fixture = Fixture::new(on);
    fixture.edit_delivery("bake = \"2s\"", "bake = \"100ms\"");
    fixture.release("up", "v1", &[]).ok();
    fixture.release("deploy-blue-green", "v2", &[]).ok();
    if on == On::Process {
        for address in [fixture.blue_address(), fixture.green_address()] {
            fixture.kill(parent(pid_at(address).unwrap()).unwrap());
        }
        fixture.kill(parent(fixture.proxy_pid().unwrap()).unwrap());
        std::fs::write(fixture.state().join("releases/v2/config/base.toml"), "broken = ").unwrap();
    } else {
        let colours = ["app-blue", "app-green"].map(|service| fixture.container(service));
        docker(&["kill", &colours[0], &colours[1], &fixture.proxy_container()]).unwrap();
        fixture.in_ledger("sed -i s/sha256:/sha256:0/ releases/v2.json");
    }
    eventually("nothing serves", || fixture.pid("green").is_none() && fixture.proxy_pid().is_none());
    let ran = fixture.run(&["rollback"]).ok();
    assert!(!ran.stderr.contains("start v2"), "{}", ran.stderr);
    let status = fixture.status();
    assert_eq!((&status["active"], &status["colours"]["blue"]["release"]), (&"blue".into(), &"v1".into()), "{status}");
    assert_eq!(status["remarks"], serde_json::json!([]), "{status}");
}
