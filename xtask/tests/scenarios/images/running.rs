//! What `image-check` sees of an image while it runs as a colour does: how fast it starts, and that its limits hold.

use std::io::Write as _;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;
use xtask::delivery::Delivery;
use xtask::runtime::compose::stack::Stack;

use crate::support::{Fixture, On, PROXY_IMAGE, Ran, containers_are_here, docker, eventually, pid_of, service};

/// A project whose image is of the reference service, and its name. It is compared with no other image.
fn checked() -> Option<(Fixture, String)> {
    let fixture = containers_are_here().then(|| Fixture::alone(On::Compose))?;
    without(&fixture, "naive = ");
    let ran = fixture.run(&["docker-build", "--binary", service().to_str().unwrap(), "--tag", "checked"]).ok();
    let image = ran.stdout.split(' ').next().unwrap().to_owned();
    Some((fixture, image))
}

/// Takes a line out of `delivery.toml`.
fn without(fixture: &Fixture, beginning: &str) {
    let delivery = fixture.read("config/delivery.toml");
    let line = delivery.lines().find(|line| line.starts_with(beginning)).unwrap();
    fixture.edit_delivery(line, "");
}

fn row<'a>(report: &'a Value, id: &str) -> &'a Value {
    let row = report["rows"].as_array().unwrap().iter().find(|row| row["id"] == id);
    row.unwrap_or_else(|| panic!("no row {id} in {report}"))
}

#[test]
fn one_that_is_sound_starts_at_once_keeps_to_its_limits_and_takes_no_neighbour_with_it() {
    let Some((fixture, image)) = checked() else { return };
    // What is measured is shown; how it is judged, units hold, on whatever machine.
    fixture.edit_delivery("max_start_beyond_engine = \"100ms\"", "max_start_beyond_engine = \"2s\"");
    let ran = fixture.run(&["image-check", "--json", &image]);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    report["rows"].as_array().unwrap().iter().for_each(|row| println!("{}: {}", row["id"], row["found"]));
    let found = |id: &str| row(&report, id)["found"].as_str().unwrap();
    for (id, part) in [
        ("start", "of 5, as production"),
        ("own", "beyond the"),
        ("limits", "memory, cpus and pids of "),
        ("kernel", "it holds 536.9MB, 1 cpus, 128 pids"),
        ("locked", "user 65532, no capability, no new privileges, a read-only root"),
        ("memory", "ended by the kernel at 536.9MB; its neighbour answered"),
    ] {
        assert!(found(id).contains(part), "{id}: {}", found(id));
        assert_eq!(row(&report, id)["verdict"], "passed", "{id}: {}", found(id));
    }
    ran.ok();
    assert_eq!(fixture.left(), [""; 0]);
}

#[test]
fn one_that_starts_late_is_caught_and_one_that_is_never_ready_with_what_it_said() {
    let Some((fixture, image)) = checked() else { return };
    let check = || fixture.run(&["image-check", "--env", "development", &image]);
    let release = "APP__RELEASE__NAME = \"{release}\"";
    fixture.edit_delivery("max_start = \"5s\"", "max_start = \"2s\"");
    fixture.edit_delivery(release, &format!("{release}\nAPP__FAULTS__START_DELAY = \"2500ms\""));
    check().refused(
        1,
        &["does not pass: start", "to the first good answer; median ", "of 1, as development, at most 2s allowed"],
    );
    fixture.edit_delivery("max_start = \"2s\"", "max_start = \"1s\"");
    fixture.edit_delivery("APP__FAULTS__START_DELAY = \"2500ms\"", "APP__FAULTS__NEVER_READY = \"true\"");
    let told = ["start: not ready within 3s", "the last answer: HTTP 503", "faults.never_ready", "its last lines: "];
    let ran = check().refused(1, &told);
    assert!(ran.stderr.contains("listening"), "{}", ran.stderr);
    interrupted(&fixture, &image);
    // It refuses in production what it takes elsewhere, and that is told at once.
    let ran = fixture.run(&["image-check", &image]);
    ran.refused(1, &["start: ended with exit code 78; its last lines: "]);
    assert_eq!(fixture.left(), [""; 0]);
}

/// Ends the check of an image that is never ready, and looks whether it has removed all that it had started.
fn interrupted(fixture: &Fixture, image: &str) {
    fixture.edit_delivery("max_start = \"1s\"", "max_start = \"1m\"");
    let mut check = fixture.xtask(&["image-check", "--env", "development", image]);
    let check = check.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let container = format!("{}-{}-development-app-blue-1", fixture.stack("check"), check.id());
    eventually("it runs", || pid_of(&container).is_some());
    fixture.signal(check.id(), Signal::INT);
    Ran::from(check.wait_with_output().unwrap()).refused(130, &["the check was interrupted"]);
    assert_eq!(fixture.left(), [""; 0]);
}

#[test]
fn a_service_that_lacks_a_limit_is_named_in_the_row_and_by_config_lint() {
    let Some(fixture) = containers_are_here().then(|| Fixture::new(On::Compose)) else { return };
    ["naive = ", "max_start = "].iter().for_each(|line| without(&fixture, line));
    let file = fixture.read("docker/docker-compose.yml");
    let limit = "        cpus: ${SWITCHYARD_CPUS}\n";
    assert!(file.contains(limit));
    fixture.write("docker/docker-compose.yml", &file.replace(limit, ""));
    let ran = fixture.run(&["image-check", PROXY_IMAGE]);
    let row = ran.stdout.lines().find(|line| line.starts_with("FAILED   limits ")).unwrap_or_else(|| panic!("{ran:?}"));
    assert!(row.contains("app-blue lacks cpus, app-green lacks cpus"), "{row}");
    ran.refused(1, &["app-blue lacks cpus", "deploy.resources.limits"]);
    fixture.ask_the_service_nothing();
    fixture.run(&["config-lint"]).refused(78, &["docker/docker-compose.yml: in development, ", "app-green lacks cpus"]);
    fixture.write("docker/docker-compose.yml", &file.replace("memory: 16m", "memory: 65m"));
    fixture.run(&["config-lint"]).refused(78, &["edge reserves more memory than it may have"]);
}

/// What Swarm's format does not know. It knows no address of the host's to publish at either, nor of a container in a
/// network.
const UNKNOWN_TO_SWARM: [&str; 3] = ["memswap_limit", "pull_policy", "depends_on"];

#[test]
fn swarm_reads_what_is_left_without_the_keys_that_it_does_not_know() {
    if !containers_are_here() {
        return;
    }
    if docker(&["stack", "config", "--help"]).is_none() {
        println!("skipped: this docker has no `stack config`");
        return;
    }
    let fixture = Fixture::new(On::Compose);
    let mut file: Value = serde_json::from_str(&resolved(&fixture)).unwrap();
    let services = file["services"].as_object_mut().unwrap();
    // Swarm knows no profiles, and would start them all.
    services.retain(|_, service| service.get("profiles").is_none());
    services.values_mut().for_each(for_swarm);
    for network in file["networks"].as_object_mut().unwrap().values_mut() {
        let ranges = network["ipam"].get_mut("config").and_then(Value::as_array_mut).into_iter().flatten();
        ranges.for_each(|range| drop(range.as_object_mut().unwrap().remove("ip_range")));
    }
    file.as_object_mut().unwrap().retain(|key, _| key != "name" && !key.starts_with("x-"));
    let mut swarm = Command::new("docker");
    swarm.args(["stack", "config", "--compose-file", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut swarm = swarm.stderr(Stdio::piped()).spawn().unwrap();
    swarm.stdin.take().unwrap().write_all(file.to_string().as_bytes()).unwrap();
    let read = Ran::from(swarm.wait_with_output().unwrap()).ok().stdout;
    for kept in ["external: true", "reservations:", "pids: 128", "read_only: true", "stop_grace_period: 30s"] {
        assert!(read.contains(kept), "{kept} in {read}");
    }
}

/// The development environment's file as Compose reads it.
fn resolved(fixture: &Fixture) -> String {
    let delivery = Delivery::load(fixture.root()).unwrap();
    let environment = delivery.environment("development").unwrap();
    Stack::of(fixture.root(), &delivery, "development", environment).unwrap().resolved().unwrap()
}

fn for_swarm(service: &mut Value) {
    let service = service.as_object_mut().unwrap();
    service.retain(|key, value| !UNKNOWN_TO_SWARM.contains(&key.as_str()) && !value.is_null());
    for kind in ["limits", "reservations"] {
        let cpus = &mut service["deploy"]["resources"][kind]["cpus"];
        *cpus = cpus.to_string().into();
    }
    for port in service.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        port["published"] = port["published"].as_str().unwrap().parse::<u16>().unwrap().into();
        port.as_object_mut().unwrap().remove("host_ip");
    }
}
