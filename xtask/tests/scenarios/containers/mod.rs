//! What only containers have: images, a lock that is a container, a proxy that another one takes over from, limits.

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
    let load = fixture.load();
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

#[test]
fn an_engine_that_does_not_answer_is_named_and_auto_does_without() {
    let Some(fixture) = fixture() else { return };
    let nowhere = ("DOCKER_HOST", "unix:///nowhere/docker.sock");
    let up = |args: &[&str]| {
        let args = [&["up", "--release", "v1", "--binary", service().to_str().unwrap()], args].concat();
        Ran::from(fixture.xtask(&args).env(nowhere.0, nowhere.1).output().unwrap())
    };
    up(&[]).refused(69, &["no Docker engine answers at unix:///nowhere/docker.sock", "next: docker info"]);
    fixture.edit_delivery("runtime = \"compose\"", "runtime = \"auto\"");
    let told = up(&[]).ok().stderr;
    assert!(
        told.contains("running as processes of this machine: no containers here, as no Docker engine answers"),
        "{told}"
    );
    fixture.run(&["up", "--runtime", "compose"]).refused(2, &["runs as processes of this machine already"]);
}

#[test]
fn auto_takes_containers_where_they_can_be_had() {
    let Some(fixture) = fixture() else { return };
    fixture.edit_delivery("runtime = \"compose\"", "runtime = \"auto\"");
    let told = fixture.release("up", "v1", &[]).ok().stderr;
    assert!(told.contains("running as containers: Docker engine "), "{told}");
    assert_eq!(fixture.status()["runtime"], "compose");
    let again = fixture.run(&["up", "--binary", service().to_str().unwrap()]).ok();
    assert!(again.stderr.contains("running as containers, as before"), "{}", again.stderr);
    assert!(again.stdout.contains("nothing has changed"), "{}", again.stdout);
}

#[test]
fn an_engine_without_compose_is_told_what_it_lacks() {
    use std::os::unix::fs::PermissionsExt as _;
    let Some(fixture) = fixture() else { return };
    let bin = fixture.root().join("bin");
    fs::create_dir_all(&bin).unwrap();
    let docker =
        "#!/bin/sh\n[ \"$1\" = compose ] && echo \"docker: 'compose' is not a docker command.\" >&2 && exit 1\n";
    let path = std::env::var("PATH").unwrap();
    fs::write(bin.join("docker"), format!("{docker}PATH='{path}' exec docker \"$@\"\n")).unwrap();
    fs::set_permissions(bin.join("docker"), fs::Permissions::from_mode(0o755)).unwrap();
    let mut up = fixture.xtask(&["up", "--release", "v1", "--binary", service().to_str().unwrap()]);
    let ran = Ran::from(up.env("PATH", format!("{}:{path}", bin.display())).output().unwrap());
    ran.refused(69, &["`docker` has no Compose v2", "next: docker compose version"]);
    assert_eq!(fixture.left(), [""; 0]);
}

#[test]
fn a_port_and_a_network_that_are_taken_are_named_and_nothing_is_left_half_done() {
    let Some(fixture) = fixture() else { return };
    let listener = TcpListener::bind(fixture.address()).unwrap();
    fixture.release("up", "v1", &[]).refused(69, &["is taken by", "`environments.development.listen`"]);
    // An engine elsewhere does not let itself be looked at beforehand.
    let socket = docker(&["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]).unwrap();
    let (_relay, address) = relay(socket.trim().trim_start_matches("unix://"));
    let mut up = fixture.xtask(&["up", "--release", "v1", "--binary", service().to_str().unwrap()]);
    let ran = Ran::from(up.env("DOCKER_HOST", format!("tcp://{address}")).output().unwrap());
    ran.refused(1, &["the address is taken by something else", "`environments.development.listen`"]);
    let containers = docker(&["ps", "--all", "--quiet", "--filter", &format!("name={}", fixture.stack(""))]).unwrap();
    assert_eq!(containers, "");

    let subnet = fixture.read("config/delivery.toml");
    let subnet = subnet.lines().find_map(|line| line.strip_prefix("subnet = \"")).unwrap().trim_end_matches('"');
    let network = fixture.stack("other");
    docker(&["network", "create", "--subnet", subnet, &network]).unwrap();
    drop(listener);
    let ran = fixture.release("up", "v1", &[]);
    docker(&["network", "rm", &network]).unwrap();
    ran.refused(1, &["the network is in use by something else", "`environments.development.containers.subnet`"]);
    fixture.release("up", "v1", &[]).ok();
}

/// The engine's socket as one over TCP, as it is on another machine; its address.
fn relay(socket: &str) -> (Background, String) {
    let address = free_address();
    let port = address.rsplit_once(':').unwrap().1;
    let mut socat = Command::new("socat");
    socat.arg(format!("TCP-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr")).arg(format!("UNIX-CONNECT:{socket}"));
    let socat = Background::start(&mut socat);
    eventually("the relay listens", || TcpStream::connect(&address).is_ok());
    (socat, address)
}

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[test]
fn an_image_that_does_not_exist_or_is_for_another_machine_is_refused_before_anything_starts() {
    let Some(fixture) = fixture() else { return };
    let deploy = |image: &str| fixture.run(&["deploy-blue-green", "--image", image]);
    let image = "127.0.0.1:9/no/such:image";
    deploy(image).refused(69, &["is not there and cannot be pulled", &format!("next: docker pull {image}")]);
    let foreign = format!("{}/app:foreign", fixture.stack("test"));
    let config = r#"{"architecture":"s390x","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]}}"#;
    fixture.write("config.json", config);
    fixture.write("manifest.json", &format!(r#"[{{"Config":"config.json","RepoTags":["{foreign}"],"Layers":[]}}]"#));
    let archive = fixture.root().join("foreign.tar");
    let archive = archive.to_str().unwrap();
    let mut packed = Command::new("tar");
    packed.args(["-cf", archive, "-C"]).arg(fixture.root());
    assert!(packed.args(["config.json", "manifest.json"]).status().unwrap().success());
    docker(&["load", "--input", archive]).unwrap();
    deploy(&foreign).refused(69, &["is built for linux/s390x", "the Docker engine runs linux/"]);
    assert_eq!(fixture.status()["colours"]["blue"]["state"], "absent");
}

#[test]
fn a_release_is_pushed_removed_and_deployed_by_the_digest_it_is_pulled_by() {
    let Some(fixture) = fixture() else { return };
    let (_registry, address) = registry(&fixture);
    let reference = format!("{address}/shop/app:1.0.0");
    // An image of its own: one that other tests run as well cannot be removed.
    let binary = fixture.root().join("service");
    fs::copy(service(), &binary).unwrap();
    fs::File::options().append(true).open(&binary).unwrap().write_all(fixture.stack("").as_bytes()).unwrap();
    let args = ["docker-build", "--binary", binary.to_str().unwrap(), "--tag", &reference, "--push", "--json"];
    let built: serde_json::Value = serde_json::from_str(&fixture.run(&args).ok().stdout).unwrap();
    let digest = built["digest"].as_str().unwrap().to_owned();
    assert!(digest.contains("@sha256:"), "{built}");
    // By its names: as an id it may be what another image was made from.
    docker(&["rmi", "--force", &reference, &digest]).unwrap();
    assert!(docker(&["inspect", "--type", "image", &digest]).is_none());
    fixture.run(&["deploy-blue-green", "--image", &digest, "--release", "pulled"]).ok();
    assert_eq!(fixture.status()["colours"]["blue"]["release"], "pulled");
    fixture.run(&["health-check"]).ok();
    docker(&["rmi", "--force", &reference, &digest]);
}

/// A registry of its own; its address.
fn registry(fixture: &Fixture) -> (Background, String) {
    let (address, data) = (free_address(), fixture.root().join("registry"));
    let config = format!(
        "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {address}\n",
        data.display()
    );
    fixture.write("registry.yml", &config);
    let mut registry = Command::new("docker-registry");
    let registry = Background::start(registry.arg("serve").arg(fixture.root().join("registry.yml")));
    eventually("the registry listens", || TcpStream::connect(&address).is_ok());
    (registry, address)
}

#[test]
fn the_proxys_image_gets_its_name_once_it_accepts_the_configuration() {
    let Some(fixture) = fixture() else { return };
    let own = format!("{}/proxy:own", fixture.stack("test"));
    fixture.edit_delivery(&format!("image = \"{PROXY_IMAGE}\""), &format!("image = \"{own}\""));
    let path = "docker/haproxy/haproxy.cfg";
    let right = fixture.read(path);
    fixture.write(path, &right.replace("option redispatch 1", "option redispach 1"));
    let expected = ["refuses its configuration for development", "[docker/haproxy/haproxy.cfg:", "redispach"];
    fixture.release("up", "v1", &["--runtime", "compose"]).refused(78, &expected);
    assert_eq!(docker(&["image", "inspect", &own]), None);
    fixture.write(path, &right);
    fixture.release("up", "v1", &["--runtime", "compose"]).ok();
    let user = docker(&["image", "inspect", "--format", "{{.Config.User}}", &own]);
    assert_eq!(user.as_deref().map(str::trim), Some("65532:65532"));
}
