//! What only containers have: images, a lock that is a container, a proxy that another one takes over from, limits.

mod engine;
mod notified;
mod rehearsed;
mod remote;
mod shipped;

use std::fs;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::{
    Background, Fixture, On, PROXY_IMAGE, Ran, build, containers_are_here, docker, eventually, service,
};

fn fixture() -> Option<Fixture> {
    containers_are_here().then(|| Fixture::new(On::Compose))
}

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn half_way(fixture: &Fixture) -> Child {
    fixture.edit_delivery("bake = \"2s\"", "bake = \"60s\"");
    fixture.release("up", "v1", &[]).ok();
    let deploy = fixture.deploy_in_background("v2", &[]);
    eventually("the candidate gets traffic", || fixture.status()["split"]["green"] == 10);
    deploy
}

fn lock(fixture: &Fixture) -> String {
    format!("{}-lock", fixture.stack("development"))
}

fn state(container: &str) -> Option<String> {
    docker(&["inspect", "--format", "{{.State.Status}}", container]).map(|text| text.trim().to_owned())
}

#[test]
fn a_deployer_whose_lock_is_taken_away_changes_nothing_more() {
    let Some(fixture) = fixture() else { return };
    let deploy = half_way(&fixture);
    docker(&["rm", "--force", &lock(&fixture)]).unwrap();
    let ran = Ran::from(deploy.wait_with_output().unwrap());
    ran.refused(1, &["the session with the Docker engine is lost", "next: cargo xtask recover"]);
    // What it could not write, it has not done either.
    let status = fixture.status();
    assert_eq!((&status["split"]["green"], &status["colours"]["green"]["state"]), (&10.into(), &"ready".into()));
    fixture.run(&["recover"]).ok();
    let status = fixture.status();
    assert_eq!((&status["split"]["blue"], &status["colours"]["green"]["state"]), (&100.into(), &"stopped".into()));
}

#[test]
fn a_deployer_that_hangs_loses_the_lock_to_the_next_and_does_it_no_harm() {
    let Some(fixture) = fixture() else { return };
    let deploy = half_way(&fixture);
    fixture.signal(deploy.id(), Signal::STOP);
    let began = Instant::now();
    eventually("the lock has ended itself", || state(&lock(&fixture)).is_none());
    println!("the lock of a deployer that hangs was free after {:.1} s", began.elapsed().as_secs_f64());
    fixture.edit_delivery("bake = \"60s\"", "bake = \"100ms\"");
    fixture.release("deploy-blue-green", "v3", &[]).ok();
    fixture.signal(deploy.id(), Signal::CONT);
    let ran = Ran::from(deploy.wait_with_output().unwrap());
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    let status = fixture.status();
    assert_eq!((&status["colours"]["green"]["release"], &status["split"]["green"]), (&"v3".into(), &100.into()));
    assert_eq!(status["remarks"], serde_json::json!([]), "{status}");
}

#[test]
fn the_lock_of_a_killed_deployer_is_free_at_once() {
    let Some(fixture) = fixture() else { return };
    let mut deploy = half_way(&fixture);
    deploy.kill().unwrap();
    let began = Instant::now();
    deploy.wait().unwrap();
    eventually("the lock is gone", || state(&lock(&fixture)).is_none());
    println!("the lock of a killed deployer was free after {} ms", began.elapsed().as_millis());
    // Sooner than its own heartbeat could have ended it, which is for deployers that nobody sees die.
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[test]
fn a_lock_that_was_made_and_never_held_is_nobodys() {
    let Some(fixture) = fixture() else { return };
    docker(&["create", "--name", &lock(&fixture), PROXY_IMAGE, "true"]).unwrap();
    fixture.release("up", "v1", &[]).refused(75, &["another deployer is at work"]);
    fixture.release("up", "v1", &["--wait", "60s"]).ok();
}

#[test]
fn upgrades_of_the_proxys_image_under_load_lose_nothing() {
    let Some(fixture) = fixture() else { return };
    fixture.release("up", "v1", &[]).ok();
    let load = fixture.load();
    let mut image = PROXY_IMAGE.to_owned();
    for (name, now) in [("proxy-b", "one"), ("proxy-a", "two")] {
        let newer = build(
            &format!("{}/proxy:{now}", fixture.stack("test")),
            &format!("FROM {image}\nLABEL upgrade={now}\n"),
            &[],
        );
        fixture.edit_delivery(&format!("image = \"{image}\""), &format!("image = \"{newer}\""));
        let upgraded = fixture.run(&["up", "--binary", service().to_str().unwrap()]).ok();
        assert!(upgraded.stderr.contains(&format!("{newer} has taken over")), "{}", upgraded.stderr);
        assert_eq!(fixture.proxy_container(), fixture.container(name));
        load.wait_for(1000);
        image = newer;
    }
    load.stop().assert_nothing_lost("two upgrades of the proxy's image");
    fixture.release("deploy-blue-green", "v2", &[]).ok();
}

#[test]
fn a_proxy_image_that_does_not_come_up_leaves_the_one_before_at_work() {
    let Some(fixture) = fixture() else { return };
    fixture.release("up", "v1", &[]).ok();
    // It accepts any configuration, and serves none.
    let fake = "FROM switchyard/proxy:3.0\nUSER 0\nRUN printf '#!/bin/sh\\n[ \"$1\" = -c ] || sleep 1\\n' >/usr/sbin/haproxy\nUSER 65532:65532\n";
    let broken = build(&format!("{}/proxy:broken", fixture.stack("test")), fake, &[]);
    fixture.edit_delivery(&format!("image = \"{PROXY_IMAGE}\""), &format!("image = \"{broken}\""));
    let load = fixture.load_beside_two();
    let ran = fixture.run(&["up", "--binary", service().to_str().unwrap()]);
    load.wait_for(500);
    load.stop().assert_nothing_lost("an upgrade to a proxy that does not come up");
    ran.refused(1, &["the newer proxy does not answer"]);
    fixture.edit_delivery(&format!("image = \"{broken}\""), &format!("image = \"{PROXY_IMAGE}\""));
    fixture.release("deploy-blue-green", "v2", &[]).ok();
    assert_eq!(fixture.status()["split"]["green"], 100);
}

#[test]
fn a_restart_of_the_proxys_container_is_measured() {
    let Some(fixture) = fixture() else { return };
    fixture.release("up", "v1", &[]).ok();
    let load = fixture.load();
    load.wait_for(500);
    docker(&["restart", &fixture.proxy_container()]).unwrap();
    load.wait_for(1000);
    let tally = load.stop();
    println!("{} of {} requests lost to a restart of the proxy's container", tally.failures.len(), tally.sent);
    assert!(tally.failures.len() < 5000, "it did not come back in seconds");
    fixture.run(&["health-check"]).ok();
    let load = fixture.load();
    load.wait_for(2000);
    load.stop().assert_nothing_lost("the time after a restart of the proxy's container");
    assert_eq!(fixture.status()["split"]["blue"], 100);
}

#[test]
fn colours_that_start_in_the_other_order_keep_their_traffic() {
    let Some(fixture) = fixture() else { return };
    fixture.edit_delivery("bake = \"2s\"", "bake = \"100ms\"");
    fixture.release("up", "v1", &[]).ok();
    fixture.release("deploy-blue-green", "v2", &[]).ok();
    let before = fixture.status();
    let [blue, green] = ["app-blue", "app-green"].map(|service| fixture.container(service));
    docker(&["stop", &blue, &green]).unwrap();
    docker(&["start", &green]).unwrap();
    docker(&["start", &blue]).unwrap();
    eventually("both are ready", || {
        let status = fixture.status();
        ["blue", "green"].iter().all(|colour| status["colours"][colour]["state"] == "ready")
    });
    eventually("the proxy serves", || fixture.run(&["health-check", "--timeout", "1s"]).code == 0);
    let after = fixture.status();
    assert_eq!((&before["colours"], &before["split"]), (&after["colours"], &after["split"]));
    let answer = xtask::http::get(fixture.address(), "/api/v1/info", Duration::from_secs(5)).to_string();
    assert!(answer.contains("\"release\":\"v2\""), "{answer}");
}

#[test]
fn an_edge_that_was_started_anew_is_noticed_and_mended() {
    let Some(fixture) = fixture() else { return };
    fixture.release("up", "v1", &[]).ok();
    docker(&["restart", "--time", "1", &fixture.container("edge")]).unwrap();
    eventually("it is noticed", || {
        fixture
            .run(&["status"])
            .ok()
            .stdout
            .contains("the proxy does not answer; `cargo xtask recover` starts it again")
    });
    fixture.run(&["recover"]).ok();
    fixture.run(&["health-check"]).ok();
}

#[test]
fn containers_are_hardened_and_limited_and_secrets_stay_out_of_sight() {
    let Some(fixture) = fixture() else { return };
    let table =
        "[environments.development.secrets]\n\"metrics.token\" = { env = \"TEST_TOKEN\" }\n\n[environments.staging]";
    fixture.edit_delivery("[environments.staging]", table);
    let args = ["up", "--release", "v1", "--binary", service().to_str().unwrap()];
    Ran::from(fixture.xtask(&args).output().unwrap())
        .refused(78, &["secrets.\"metrics.token\"", "the variable TEST_TOKEN"]);
    Ran::from(fixture.xtask(&args).env("TEST_TOKEN", "very-secret").output().unwrap()).ok();
    let blue = fixture.container("app-blue");
    eventually("the image's own health check is content", || {
        docker(&["inspect", "--format", "{{.State.Health.Status}}", &blue]).unwrap().trim() == "healthy"
    });
    for service in ["app-blue", "edge", "proxy-a"] {
        let told = docker(&["inspect", &fixture.container(service)]).unwrap();
        assert!(!told.contains("very-secret"), "{service}");
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        let host = &told[0]["HostConfig"];
        assert_eq!(
            (&host["ReadonlyRootfs"], &host["CapDrop"]),
            (&true.into(), &serde_json::json!(["ALL"])),
            "{service}"
        );
        assert_eq!(host["SecurityOpt"], serde_json::json!(["no-new-privileges:true"]), "{service}");
        assert_eq!(host["RestartPolicy"]["Name"], "unless-stopped", "{service}");
        let sizes = ["Memory", "MemoryReservation", "NanoCpus", "PidsLimit"].map(|key| host[key].as_u64());
        assert!(sizes.iter().all(|size| size.is_some_and(|size| size > 0)), "{service}: {sizes:?}");
        let status = fs::read_to_string(format!("/proc/{}/status", told[0]["State"]["Pid"])).unwrap();
        assert!(status.contains("Uid:\t65532\t65532"), "{service}: {status}");
        assert!(status.contains("CapEff:\t0000000000000000"), "{service}: {status}");
    }
    let volume = format!("{}-secrets:/run/secrets:ro", fixture.stack("development"));
    let seen = [
        "run",
        "--rm",
        "--network=none",
        "--user=12345",
        "--volume",
        &volume,
        PROXY_IMAGE,
        "cat",
        "/run/secrets/metrics.token",
    ];
    assert_eq!(docker(&seen).unwrap(), "very-secret");
    let pid = fixture.pid("blue").unwrap();
    assert_eq!(limit(pid, "memory", "memory.limit_in_bytes", "memory.max"), (256 * 1024 * 1024).to_string());
    assert_eq!(limit(pid, "pids", "pids.max", "pids.max"), "128");
    let cpu = limit(pid, "cpu", "cpu.cfs_quota_us", "cpu.max");
    assert_eq!(cpu.split(' ').next().unwrap(), "100000");
}

/// A limit of a process as the kernel holds it, in either layout of control groups.
fn limit(pid: u32, controller: &str, first: &str, second: &str) -> String {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let group = |wanted: &str| {
        groups.lines().find_map(|line| {
            let (_, rest) = line.split_once(':')?;
            let (controllers, path) = rest.split_once(':')?;
            controllers.split(',').any(|name| name == wanted).then(|| path.to_owned())
        })
    };
    let path = match group(controller) {
        Some(path) => format!("/sys/fs/cgroup/{controller}{path}/{first}"),
        None => format!("/sys/fs/cgroup{}/{second}", group("").unwrap()),
    };
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}")).trim().to_owned()
}
