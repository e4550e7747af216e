//! An environment on another host, behind a real ssh server.

use super::*;
use crate::support::{DOCKER_HOST, Sshd};

#[test]
fn a_release_is_rolled_out_and_back_on_another_host_and_nothing_of_the_key_is_left() {
    let Some(fixture) = fixture() else { return };
    let host = Sshd::before(&fixture);
    fixture.edit_delivery("bake = \"2s\"", "bake = \"100ms\"");
    let hook = "keep_warm = \"10m\"\nhooks.pre_shift.command = [\"config\", \"check\", \"--all\"]";
    fixture.edit_delivery("keep_warm = \"10m\"", hook);
    let up = host.release("up", "v1").ok();
    let place = format!("http://{} on {}", fixture.address(), host.url());
    assert!(up.stdout.contains(&place), "{}", up.stdout);
    let told = host.release("deploy-blue-green", "v2").ok().stderr;
    assert!(told.contains("done     run the hook pre_shift of v2"), "{told}");
    let status = host.status();
    assert_eq!((&status["host"], &status["split"]["green"]), (&host.url().into(), &100.into()), "{status}");
    let healthy = host.run(&["health-check"]).ok();
    let door =
        format!("healthy: http://127.0.0.1:{}/readyz at {} answered HTTP 200", fixture.address().port(), host.url());
    assert!(healthy.stdout.contains(&door), "{}", healthy.stdout);
    host.run(&["rollback"]).ok();
    let status = host.status();
    let (split, release) = (&status["split"]["blue"], &status["colours"]["blue"]["release"]);
    assert_eq!((split, release), (&100.into(), &"v1".into()), "{status}");
    let told = host.run(&["status"]).ok().stdout;
    assert!(told.contains(&format!("(compose on {})", host.url())), "{told}");
    host.run(&["down"]).ok();
    assert_eq!(fixture.left(), [""; 0]);
    host.assert_nothing_is_kept();
}

#[test]
fn a_host_that_is_not_known_or_not_reached_is_told_and_nothing_is_started() {
    let Some(fixture) = fixture() else { return };
    let host = Sshd::before(&fixture);
    let secret = host.key("key").lines().nth(1).unwrap().to_owned();
    let refused = |variable: &str, value: Option<&str>, code: i32, parts: &[&str]| {
        let mut up = host.lead(fixture.xtask(&["up", "--release", "v1", "--binary", service().to_str().unwrap()]));
        match value {
            Some(value) => up.env(variable, value),
            None => up.env_remove(variable),
        };
        let ran = Ran::from(up.output().unwrap()).refused(code, parts);
        assert!(!ran.stderr.contains(&secret), "{}", ran.stderr);
    };
    let keyscan = format!("next: ssh-keyscan -p {} 127.0.0.1 | ssh-keygen -lf -", fixture.spare_address().port());
    let shown = format!("it shows {}", host.fingerprint());
    let changed = ["another host key than DEPLOY_SSH_KNOWN_HOSTS", &shown, &keyscan];
    refused("DEPLOY_SSH_KNOWN_HOSTS", Some(&host.known_as("other")), 69, &changed);
    let another = Some("shop.example ssh-ed25519 AAAA");
    refused("DEPLOY_SSH_KNOWN_HOSTS", another, 69, &["DEPLOY_SSH_KNOWN_HOSTS has none for it", &keyscan]);
    let unpinned = ["DEPLOY_SSH_KEY is set and DEPLOY_SSH_KNOWN_HOSTS is not", &keyscan];
    refused("DEPLOY_SSH_KNOWN_HOSTS", None, 78, &unpinned);
    let unknown = ["does not let DEPLOY_SSH_KEY in", "Permission denied", "next: ssh ssh://"];
    refused("DEPLOY_SSH_KEY", Some(&host.key("other")), 69, &unknown);
    let torn = host.key("key").lines().take(2).collect::<Vec<_>>().join("\n");
    refused("DEPLOY_SSH_KEY", Some(&torn), 78, &["DEPLOY_SSH_KEY is no private key that can be used"]);
    let nobody = format!("ssh://{}", fixture.staging_metrics_address());
    refused(DOCKER_HOST, Some(&nobody), 69, &["is not reached over ssh", "Connection refused"]);
    let deep = fixture.root().join("d".repeat(100));
    fs::create_dir(&deep).unwrap();
    let no_agent = ["ssh-agent, which is to hold DEPLOY_SSH_KEY, has ended at once", "too long", "XDG_RUNTIME_DIR"];
    refused("XDG_RUNTIME_DIR", deep.to_str(), 69, &no_agent);
    assert!(fs::read_dir(&deep).unwrap().next().is_none());
    let unset = ["environments.development.docker_host", "the variable TEST_DOCKER_HOST is not set"];
    refused(DOCKER_HOST, None, 78, &unset);
    let bin = fixture.root().join("bin");
    fs::create_dir_all(&bin).unwrap();
    std::os::unix::fs::symlink(which("docker"), bin.join("docker")).unwrap();
    refused("PATH", bin.to_str(), 69, &["`ssh`, which reaches a Docker engine on another machine"]);
    assert_eq!(fixture.left(), [""; 0]);
    host.assert_nothing_is_kept();
}

fn which(program: &str) -> std::path::PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|path| path.exists()).unwrap()
}

#[test]
fn a_deployer_that_is_cut_off_in_the_midst_of_a_shift_loses_no_request_and_recovers() {
    let Some(fixture) = fixture() else { return };
    let host = Sshd::before(&fixture);
    fixture.edit_delivery("bake = \"2s\"", "bake = \"60s\"");
    host.release("up", "v1").ok();
    // First, since it waits for its part of the machine: the rollout has not all that time.
    let load = fixture.load_beside_two();
    let deploy = host.deploy_in_background("v2");
    let share = || fixture.ask_proxy("haproxy.sock", "show map maps/split.map").unwrap_or_default();
    eventually("the candidate gets traffic", || share().contains("green 10"));
    host.assert_key_is_nowhere_but_with(deploy.id());
    load.wait_for(500);
    let began = Instant::now();
    host.cut();
    let ran = Ran::from(deploy.wait_with_output().unwrap());
    println!("a deployer that was cut off has ended after {:.1} s", began.elapsed().as_secs_f64());
    ran.refused(1, &["the session with the Docker engine is lost", "next: cargo xtask recover"]);
    eventually("the lock is free", || state(&lock(&fixture)).is_none());
    println!("its lock was free after {:.1} s", began.elapsed().as_secs_f64());
    host.run(&["recover"]).ok();
    load.wait_for(500);
    load.stop().assert_nothing_lost("a deployer that was cut off, and its recovery");
    let status = host.status();
    assert_eq!((&status["split"]["blue"], &status["colours"]["green"]["state"]), (&100.into(), &"stopped".into()));
    host.assert_nothing_is_kept();
}
