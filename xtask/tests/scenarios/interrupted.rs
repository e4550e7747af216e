//! Deployers, colours, shims and proxies that are interrupted or killed at a bad moment.

use std::collections::BTreeMap;
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::support::{CONNECTIONS, Fixture, On, Prober, Ran, Told, docker, eventually, on_both, parent, pid_at};

on_both! {
    ctrl_c_puts_all_traffic_back_and_says_so,
    a_deployer_that_is_killed_leaves_a_service_that_goes_on_and_the_next_verb_recovers,
    deployers_killed_at_random_points_of_twenty_rollouts_lose_nothing,
    a_second_deployer_is_refused_and_one_that_waits_is_served,
    a_killed_service_is_started_again_by_its_shim,
    a_killed_active_colour_falls_back_to_the_warm_one,
    a_killed_proxy_is_started_again_with_the_split_it_had,
    a_proxy_killed_during_a_rollout_ends_it_with_all_traffic_back,
    a_torn_journal_and_a_deleted_one_do_not_stop_the_recovery,
    reloads_of_the_proxy_under_load_lose_nothing,
    up_reloads_the_proxy_when_its_configuration_has_changed_and_refuses_a_wrong_one,
    a_deploy_while_the_proxy_has_fallen_back_keeps_the_colour_that_serves,
    a_rollback_while_the_proxy_has_fallen_back_needs_no_start_however_late_it_comes,
    recover_makes_official_what_the_proxy_has_fallen_back_to,
    a_candidate_of_a_dead_deployer_does_not_pass_for_the_warm_colour_it_has_replaced,
    a_deployer_that_waits_for_a_down_finds_a_new_place_and_not_one_that_is_being_removed,
    recover_starts_the_active_release_again_when_nothing_else_is_up,
    a_rollback_after_a_restart_does_not_wait_for_the_release_it_leaves,
}

fn half_way(fixture: &Fixture) -> Child {
    half_way_from(fixture, "v2")
}

fn half_way_from(fixture: &Fixture, release: &str) -> Child {
    fixture.edit_delivery("bake = \"2s\"", "bake = \"20s\"");
    if fixture.status()["active"].is_null() {
        fixture.release("up", "v1", &[]).ok();
    }
    let deploy = fixture.deploy_in_background(release, &[]);
    eventually("the candidate gets traffic", || {
        let status = fixture.status();
        status["split"]["green"] == 10 || status["split"]["blue"] == 10
    });
    deploy
}

fn ctrl_c_puts_all_traffic_back_and_says_so(on: On) {
    let fixture = Fixture::alone(on);
    let deploy = half_way(&fixture);
    let load = Prober::start(fixture.address());
    fixture.signal(deploy.id(), rustix::process::Signal::INT);
    let ran = Ran::from(deploy.wait_with_output().unwrap());
    load.stop().assert_nothing_lost("Ctrl-C");
    ran.refused(130, &["interrupted", "All traffic is on blue (v1), as before."]);
    let status = fixture.status();
    assert_eq!((&status["split"]["blue"], &status["colours"]["green"]["state"]), (&100.into(), &"stopped".into()));
}

fn a_deployer_that_is_killed_leaves_a_service_that_goes_on_and_the_next_verb_recovers(on: On) {
    let fixture = Fixture::alone(on);
    let mut deploy = half_way(&fixture);
    let underway = fixture.status();
    assert_eq!(underway["rollout"]["goal"], "deploy v2", "{underway}");
    assert_eq!(underway["colours"]["green"]["role"], "candidate", "{underway}");
    let load = Prober::start(fixture.address());
    deploy.kill().unwrap();
    deploy.wait().unwrap();
    load.wait_for(1000);
    let status = fixture.status();
    assert_eq!((&status["rollout"], &status["split"]["green"]), (&serde_json::Value::Null, &10.into()), "{status}");
    fixture.edit_delivery("bake = \"20s\"", "bake = \"1s\"");
    fixture.release("deploy-blue-green", "v3", &[]).ok();
    load.stop().assert_nothing_lost("the death of a deployer and the deploy after it");
    let status = fixture.status();
    assert_eq!((&status["active"], &status["colours"]["green"]["release"]), (&"green".into(), &"v3".into()));
}

/// Numbers from 0 to 1 in a known sequence, so that a failure can be had again: that of Steele, Lea and Flood's SplitMix64.
fn shares() -> impl Iterator<Item = f64> {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    std::iter::repeat_with(move || {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed >> 40) as f64 / f64::from(1_u32 << 24)
    })
}

/// Most of a rollout in containers is the start of the candidate, so a third of the deployers is left alone until the
/// candidate has its first traffic, and a third until it is promoted and the other colour is to be drained and stopped.
fn deployers_killed_at_random_points_of_twenty_rollouts_lose_nothing(on: On) {
    let fixture = Fixture::alone(on);
    fixture.edit_delivery("bake = \"2s\"", "bake = \"100ms\"");
    fixture.release("up", "v1", &[]).ok();
    fixture.edit_delivery("keep_warm = \"10m\"", "keep_warm = \"0s\"");
    let mut undisturbed = Told::begin(&fixture, "v2");
    let [shift, promotion, end] = ["set_split", "promote", "nothing"].map(|done| undisturbed.until(done));
    undisturbed.succeed();
    let delivery = fixture.read("config/delivery.toml");
    let load = Prober::start(fixture.address());
    let mut deaths = BTreeMap::from([("starting", 0), ("shifting", 0), ("after the promotion", 0)]);
    for (number, share) in shares().take(20).enumerate() {
        let (keep_warm, after, rest) = match number % 3 {
            0 => ("10m", None, end),
            1 => ("10m", Some("set_split"), promotion - shift),
            _ => ("0s", Some("promote"), end - promotion),
        };
        fixture.write(
            "config/delivery.toml",
            &delivery.replacen("keep_warm = \"0s\"", &format!("keep_warm = \"{keep_warm}\""), 1),
        );
        let mut deploy = Told::begin(&fixture, &format!("r{number}"));
        if let Some(operation) = after {
            deploy.until(operation);
        }
        // Not a wait for something, but the point at which it dies.
        std::thread::sleep(rest.mul_f64(share));
        let phase = deploy.kill();
        *deaths.get_mut(phase).unwrap() += 1;
        fixture.run(&["recover", "--wait", "30s"]).ok();
        let status = fixture.status();
        let sole = [&status["split"]["blue"], &status["split"]["green"]].map(|share| share == 100);
        assert_eq!(sole.iter().filter(|sole| **sole).count(), 1, "{number}, {phase}, {share}: {status}");
        assert_eq!(status["remarks"], serde_json::json!([]), "{number}, {phase}, {share}");
    }
    println!("deaths of the deployer: {deaths:?}");
    load.stop().assert_nothing_lost("the death of twenty deployers");
    assert!(deaths.values().all(|deaths| *deaths > 0), "a phase was not struck: {deaths:?}");
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

fn a_killed_service_is_started_again_by_its_shim(on: On) {
    let fixture = Fixture::new(on);
    fixture.release("up", "v1", &[]).ok();
    let first = fixture.pid("blue").unwrap();
    fixture.kill(first);
    eventually("another process listens", || fixture.pid("blue").is_some_and(|pid| pid != first));
    eventually("it is ready", || fixture.status()["colours"]["blue"]["state"] == "ready");
    if on == On::Process {
        let logs = fixture.run(&["logs"]).ok().stdout;
        assert!(logs.contains("shim: ended with signal 9 (SIGKILL), starting again"), "{logs}");
    }
}

/// The pause before a restart doubles with each death of the same process or container, and a deploy brings a new one: so
/// each release is killed a few times, and the colours are active in turn.
fn a_killed_active_colour_falls_back_to_the_warm_one(on: On) {
    const KILLS_OF_EACH: u64 = 5;
    let releases = match on {
        On::Process => 10,
        On::Compose => 6,
    };
    let fixture = Fixture::alone(on);
    fixture.edit_delivery("bake = \"2s\"", "bake = \"100ms\"");
    // No candidate is compared with the colour before it: that it is slower while the machine is busy is not the question.
    fixture.edit_delivery("{ set_weight = 10 }, { set_weight = 50 }, ", "");
    fixture.release("up", "v0", &[]).ok();
    let load = Prober::start(fixture.address());
    for number in 1..=releases {
        fixture.release("deploy-blue-green", &format!("v{number}"), &[]).ok();
        let active = if number % 2 == 1 { "green" } else { "blue" };
        for _ in 0..KILLS_OF_EACH {
            load.wait_for(200);
            let pid = fixture.pid(active).unwrap();
            fixture.kill(pid);
            eventually("it was started again and is up", || {
                fixture.pid(active).is_some_and(|now| now != pid) && fixture.is_up(active)
            });
        }
    }
    load.wait_for(200);
    let tally = load.stop();
    let kills = releases * KILLS_OF_EACH;
    let (gets, posts): (Vec<_>, Vec<_>) = tally.failures.iter().partition(|failure| failure.starts_with("GET"));
    println!(
        "{kills} kills of the active colour: {} GET and {} POST of {} requests lost in {:.0} s",
        gets.len(),
        posts.len(),
        tally.sent,
        tally.seconds
    );
    assert!(gets.len() <= 1, "{gets:?}");
    // A POST in flight on a killed colour cannot be sent again by a proxy that does not know what it did.
    assert!(posts.len() as u64 <= kills * u64::from(CONNECTIONS), "{posts:?}");
}

#[test]
fn a_killed_shim_takes_its_child_with_it_and_up_brings_the_service_back() {
    let fixture = Fixture::new(On::Process);
    fixture.release("up", "v1", &[]).ok();
    let child = pid_at(fixture.blue_address()).unwrap();
    let proxy = parent(pid_at(fixture.address()).unwrap()).unwrap();
    fixture.kill(parent(child).unwrap());
    fixture.kill(parent(proxy).unwrap());
    eventually("no port is held", || pid_at(fixture.blue_address()).is_none() && pid_at(fixture.address()).is_none());
    let status = fixture.status();
    assert_eq!((&status["colours"]["blue"]["state"], &status["split"]), (&"failing".into(), &serde_json::Value::Null));
    fixture.run(&["up", "--binary", crate::support::service().to_str().unwrap()]).ok();
    let status = fixture.status();
    assert_eq!(
        (&status["colours"]["blue"]["release"], &status["split"]["blue"]),
        (&"v1".into(), &100.into()),
        "{status}"
    );
    fixture.run(&["health-check"]).ok();
}

fn a_killed_proxy_is_started_again_with_the_split_it_had(on: On) {
    let fixture = Fixture::new(on);
    fixture.edit_delivery("bake = \"2s\"", "bake = \"100ms\"");
    fixture.release("up", "v1", &[]).ok();
    fixture.release("deploy-blue-green", "v2", &[]).ok();
    kill_proxy(&fixture);
    eventually("the split is the one it had", || fixture.status()["split"]["green"] == 100);
    fixture.run(&["health-check"]).ok();
}

fn a_proxy_killed_during_a_rollout_ends_it_with_all_traffic_back(on: On) {
    let fixture = Fixture::new(on);
    let deploy = half_way(&fixture);
    kill_proxy(&fixture);
    let ran = Ran::from(deploy.wait_with_output().unwrap());
    ran.refused(1, &["the proxy", "All traffic is on blue (v1), as before."]);
    let status = fixture.status();
    assert_eq!((&status["split"]["blue"], &status["colours"]["green"]["state"]), (&100.into(), &"stopped".into()));
    fixture.run(&["health-check"]).ok();
}

fn kill_proxy(fixture: &Fixture) {
    let proxy = fixture.proxy_pid().unwrap();
    fixture.kill(proxy);
    eventually("another proxy runs", || fixture.proxy_pid().is_some_and(|pid| pid != proxy));
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
    let fixture = Fixture::alone(on);
    fixture.release("up", "v1", &[]).ok();
    let load = Prober::start(fixture.address());
    for _ in 0..6 {
        let before = fixture.proxy_worker().unwrap();
        fixture.ask_proxy("master.sock", "reload");
        eventually("a new worker serves", || fixture.proxy_worker().is_some_and(|worker| worker != before));
        load.wait_for(1000);
    }
    load.stop().assert_nothing_lost("six reloads of the proxy");
}

fn up_reloads_the_proxy_when_its_configuration_has_changed_and_refuses_a_wrong_one(on: On) {
    let fixture = Fixture::alone(on);
    fixture.release("up", "v1", &[]).ok();
    let up = ["up", "--binary", crate::support::service().to_str().unwrap()];
    let path = "docker/haproxy/haproxy.cfg";
    let config = fixture.read(path);
    let load = Prober::start(fixture.address());
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

/// v2 is active and hangs, so that the proxy has fallen back to v1, which is warm.
fn fallen_back(fixture: &Fixture) {
    fixture.edit_delivery("bake = \"2s\"", "bake = \"100ms\"\ndrain_timeout = \"2s\"");
    fixture.release("up", "v1", &[]).ok();
    fixture.release("deploy-blue-green", "v2", &[]).ok();
    fixture.signal(fixture.pid("green").unwrap(), rustix::process::Signal::STOP);
    eventually("the proxy has fallen back", || {
        fixture.run(&["status"]).ok().stdout.contains("green is down: the proxy falls back to blue")
    });
}

fn a_deploy_while_the_proxy_has_fallen_back_keeps_the_colour_that_serves(on: On) {
    let fixture = Fixture::alone(on);
    fallen_back(&fixture);
    let load = Prober::start(fixture.address());
    fixture.release("deploy-blue-green", "v3", &[]).ok();
    load.stop().assert_nothing_lost("a deploy while the active colour hangs");
    let status = fixture.status();
    assert_eq!(
        (&status["colours"]["green"]["release"], &status["active"]),
        (&"v3".into(), &"green".into()),
        "{status}"
    );
    assert_eq!(
        (&status["colours"]["blue"]["release"], &status["colours"]["blue"]["role"]),
        (&"v1".into(), &"warm".into())
    );
}

fn a_rollback_while_the_proxy_has_fallen_back_needs_no_start_however_late_it_comes(on: On) {
    let fixture = Fixture::alone(on);
    fallen_back(&fixture);
    fixture.let_warm_time_pass();
    let load = Prober::start(fixture.address());
    let ran = fixture.run(&["rollback"]).ok();
    load.stop().assert_nothing_lost("a rollback while the active colour hangs");
    assert!(!ran.stderr.contains("start v1"), "{}", ran.stderr);
    let status = fixture.status();
    assert_eq!((&status["active"], &status["split"]["blue"]), (&"blue".into(), &100.into()), "{status}");
}

fn recover_makes_official_what_the_proxy_has_fallen_back_to(on: On) {
    let fixture = Fixture::new(on);
    fallen_back(&fixture);
    let told = fixture.run(&["recover"]).ok().stdout;
    assert!(told.contains("blue   ready     active    100 %"), "{told}");
    assert!(fixture.run(&["history"]).ok().stdout.contains("recovered      v1 as blue"));
    fixture.run(&["rollback"]).refused(2, &["no release before the one that serves"]);
}

#[test]
fn a_candidate_whose_shim_hangs_does_not_stand_in_the_way_of_the_abort() {
    let fixture = Fixture::new(On::Process);
    fixture.edit_delivery("keep_warm = \"10m\"", "keep_warm = \"10m\"\ndrain_timeout = \"2s\"");
    let deploy = half_way(&fixture);
    let shim = parent(pid_at(fixture.green_address()).unwrap()).unwrap();
    fixture.signal(shim, rustix::process::Signal::STOP);
    // What the candidate writes about them is read by nobody now, until it can write no more and hangs, too.
    let load = Prober::start(fixture.green_address());
    eventually("the traffic is back", || {
        fixture.ask_proxy("haproxy.sock", "show map maps/split.map").unwrap().contains("green 0")
    });
    load.stop();
    fixture.signal(shim, rustix::process::Signal::CONT);
    assert_eq!(deploy.wait_with_output().unwrap().status.code(), Some(1));
}

fn a_candidate_of_a_dead_deployer_does_not_pass_for_the_warm_colour_it_has_replaced(on: On) {
    let fixture = Fixture::new(on);
    fixture.edit_delivery("{ set_weight = 10 }, { set_weight = 50 }", "{ set_weight = 10 }");
    fixture.release("up", "v1", &[]).ok();
    fixture.release("deploy-blue-green", "v2", &[]).ok();
    let mut deploy = half_way_from(&fixture, "v3");
    deploy.kill().unwrap();
    deploy.wait().unwrap();
    assert_eq!(fixture.status()["colours"]["blue"]["role"], "idle");
    assert!(
        fixture.run(&["status"]).ok().stdout.contains("a deployer died before it had finished; `cargo xtask recover`")
    );
    fixture.run(&["recover"]).ok();
    let status = fixture.status();
    assert_eq!(
        (&status["split"]["green"], &status["colours"]["blue"]["state"]),
        (&100.into(), &"stopped".into()),
        "{status}"
    );
    assert_eq!(status["remarks"], serde_json::json!([]));
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
