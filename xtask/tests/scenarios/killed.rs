//! Deployers, colours, shims and proxies that are killed.

use std::collections::BTreeMap;

use crate::interrupted::{half_way, half_way_from};
use crate::support::{CONNECTIONS, Fixture, On, Ran, Told, eventually, on_both, parent, pid_at};

on_both! {
    a_deployer_that_is_killed_leaves_a_service_that_goes_on_and_the_next_verb_recovers,
    deployers_killed_at_random_points_of_twenty_rollouts_lose_nothing,
    a_killed_service_is_started_again_by_its_shim,
    a_killed_active_colour_falls_back_to_the_warm_one,
    a_killed_proxy_is_started_again_with_the_split_it_had,
    a_proxy_killed_during_a_rollout_ends_it_with_all_traffic_back,
    a_candidate_of_a_dead_deployer_does_not_pass_for_the_warm_colour_it_has_replaced,
}

fn a_deployer_that_is_killed_leaves_a_service_that_goes_on_and_the_next_verb_recovers(on: On) {
    let fixture = Fixture::beside_two(on);
    let mut deploy = half_way(&fixture);
    let underway = fixture.status();
    assert_eq!(underway["rollout"]["goal"], "deploy v2", "{underway}");
    assert_eq!(underway["colours"]["green"]["role"], "candidate", "{underway}");
    let load = fixture.load_beside_two();
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
    let fixture = Fixture::beside_two(on);
    fixture.edit_delivery("bake = \"2s\"", "bake = \"100ms\"");
    fixture.release("up", "v1", &[]).ok();
    fixture.edit_delivery("keep_warm = \"10m\"", "keep_warm = \"0s\"");
    let mut undisturbed = Told::begin(&fixture, "v2");
    let [shift, promotion, end] = ["set_split", "promote", "nothing"].map(|done| undisturbed.until(done));
    undisturbed.succeed();
    let delivery = fixture.read("config/delivery.toml");
    let load = fixture.load_beside_two();
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
        // There a deploy and a restart take twice as long.
        On::Compose => 2,
    };
    let fixture = Fixture::new(on);
    fixture.edit_delivery("bake = \"2s\"", "bake = \"100ms\"");
    // No candidate is compared with the colour before it: that it is slower while the machine is busy is not the question.
    fixture.edit_delivery("{ set_weight = 10 }, { set_weight = 50 }, ", "");
    fixture.release("up", "v0", &[]).ok();
    let load = match on {
        // What is in flight when a colour dies is what can be lost: as much of it as can be had.
        On::Process => fixture.load(),
        On::Compose => fixture.load_beside_two(),
    };
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
