//! An engine that is not there, lacks something, or has given away what is asked for.

use super::*;
use crate::support::{docker_that, docker_without};

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
fn an_engine_that_lets_everybody_in_and_says_nothing_is_not_waited_for_without_end() {
    let Some(fixture) = fixture() else { return };
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = format!("tcp://{}", silent.local_addr().unwrap());
    let began = Instant::now();
    let ran = Ran::from(fixture.xtask(&["recover"]).env("DOCKER_HOST", &host).output().unwrap());
    let asked =
        format!("`docker inspect --type volume --format {{{{json .}}}} {}-ledger`", fixture.stack("development"));
    ran.refused(69, &[&host, &asked, "has not ended after 30s", "next: docker info"]);
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
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
    let Some(fixture) = fixture() else { return };
    let path = docker_without("compose", &fixture.root().join("bin"));
    let mut up = fixture.xtask(&["up", "--release", "v1", "--binary", service().to_str().unwrap()]);
    let ran = Ran::from(up.env("PATH", path).output().unwrap());
    ran.refused(69, &["`docker` has no Compose v2", "next: docker compose version"]);
    assert_eq!(fixture.left(), [""; 0]);
}

#[test]
fn a_candidate_that_the_engine_never_starts_is_given_up_and_what_served_goes_on() {
    let Some(fixture) = fixture() else { return };
    fixture.edit_delivery("bake = \"2s\"", "bake = \"100ms\"");
    fixture.release("up", "v1", &[]).ok();
    let hangs = "case \" $* \" in *\" compose \"*\" up \"*) exec sleep 600 ;; esac";
    let path = docker_that(hangs, &fixture.root().join("bin"));
    let args = ["deploy-blue-green", "--release", "v2", "--binary", service().to_str().unwrap()];
    let began = Instant::now();
    let ran = Ran::from(fixture.xtask(&args).env("PATH", path).output().unwrap());
    println!("a candidate that never started was given up after {:.1} s", began.elapsed().as_secs_f64());
    ran.refused(1, &["no Docker engine answers", "and was killed"]);
    let status = fixture.status();
    assert_eq!((&status["split"]["blue"], &status["colours"]["green"]["state"]), (&100.into(), &"absent".into()));
    fixture.release("deploy-blue-green", "v2", &[]).ok();
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

#[test]
fn a_network_that_somebody_else_uses_is_not_called_removed() {
    let Some(fixture) = fixture() else { return };
    fixture.release("up", "v1", &[]).ok();
    let (network, guest) = (format!("{}_colours", fixture.stack("development")), fixture.stack("guest"));
    let endless = ["run", "--detach", "--name", &guest, "--network", &network, PROXY_IMAGE, "sleep", "infinity"];
    docker(&endless).unwrap();
    let down = fixture.run(&["down"]);
    let next = format!("next: docker network disconnect --force {network} {guest}");
    down.refused(69, &[&format!("the network {network} cannot be removed while {guest} uses it"), &next]);
    docker(&["rm", "--force", &guest]).unwrap();
    fixture.run(&["down"]).ok();
    assert_eq!(fixture.left(), [""; 0]);
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
