//! What a person can cause or meet: each a clear error with the right exit code, or a fallback, and never a panic.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::support::{Fixture, On, Ran, docker, on_both, service};

on_both! {
    a_port_that_is_taken_is_named_with_its_holder_and_its_key,
    outside_a_git_repository_a_release_is_named_after_its_content,
    a_full_disk_stops_a_deploy_before_it_begins_and_stops_no_rollback,
    an_address_that_is_changed_under_a_running_environment_is_refused,
    a_proxy_configuration_haproxy_refuses_is_shown_and_nothing_starts,
}

fn a_port_that_is_taken_is_named_with_its_holder_and_its_key(on: On) {
    let fixture = Fixture::new(on);
    let listener = TcpListener::bind(fixture.address()).unwrap();
    let here = format!("(pid {})", std::process::id());
    let key = "`environments.development.listen`";
    fixture.release("up", "v1", &[]).refused(69, &["is taken by", &here, key, "next: cargo xtask"]);
    drop(listener);
    fixture.release("up", "v1", &[]).ok();

    if on == On::Compose {
        // In a network of their own, no colour's address can be taken.
        return;
    }
    let _listener = TcpListener::bind(fixture.green_address()).unwrap();
    let ran = fixture.release("deploy-blue-green", "v2", &[]);
    ran.refused(69, &["is taken by", &here, "`environments.development.colours.green`"]);
    assert_eq!(fixture.status()["split"]["blue"], 100);
}

#[test]
fn a_broken_delivery_toml_is_shown_where_it_is_broken() {
    let fixture = Fixture::new(On::Process);
    fixture.edit_delivery("bake = \"2s\"", "bake = 2");
    fixture.run(&["status"]).refused(78, &["config/delivery.toml has", "bake = 2", "next: cargo xtask config-lint"]);
    fixture.edit_delivery("bake = 2", "bake = \"2s\"");
    fixture.edit_delivery("{ set_weight = 10 }, { set_weight = 50 }", "{ set_weight = 60 }, { set_weight = 50 }");
    fixture.run(&["up"]).refused(78, &["config/delivery.toml:", "from 60 to 50"]);
    fixture.write("config/delivery.toml", "[service\n");
    fixture.run(&["doctor"]).refused(78, &["config/delivery.toml has"]);
    fs::remove_file(fixture.root().join("config/delivery.toml")).unwrap();
    fixture.run(&["status"]).refused(2, &["this is not a project"]);
}

#[test]
fn an_environment_that_does_not_exist_is_answered_with_those_that_do() {
    let fixture = Fixture::new(On::Process);
    fixture
        .run(&["status", "--env", "prod"])
        .refused(2, &["no environment `prod`", "development, production, staging"]);
}

#[test]
fn any_subfolder_will_do_and_no_folder_outside() {
    let fixture = Fixture::new(On::Process);
    let deep = fixture.root().join("src/deep");
    fs::create_dir_all(&deep).unwrap();
    let status = fixture.xtask(&["status"]).current_dir(&deep).output().unwrap();
    assert!(Ran::from(status).ok().stdout.contains("nothing runs here"));
    let outside = fixture.xtask(&["status"]).current_dir("/").output().unwrap();
    Ran::from(outside).refused(2, &["this is not a project"]);
}

fn outside_a_git_repository_a_release_is_named_after_its_content(on: On) {
    let fixture = Fixture::new(on);
    let up = fixture.run(&["up", "--binary", service().to_str().unwrap(), "--json"]).ok();
    let report = up.report();
    let name = report["release"].as_str().unwrap();
    assert!(name.starts_with("0.0.0-") && name.len() == "0.0.0-".len() + 8, "{name}");
    let again = fixture.run(&["up", "--binary", service().to_str().unwrap()]).ok();
    assert!(again.stdout.contains("nothing has changed"), "{}", again.stdout);
}

#[test]
fn without_haproxy_and_without_the_right_to_install_it_the_command_to_type_is_shown() {
    let fixture = Fixture::new(On::Process);
    let bin = fixture.root().join("bin");
    fs::create_dir_all(&bin).unwrap();
    let up = |envs: &[(&str, &str)]| {
        let mut command = fixture.xtask(&["up", "--release", "v1", "--binary", service().to_str().unwrap()]);
        command.env("PATH", &bin).envs(envs.iter().copied());
        Ran::from(command.output().unwrap())
    };
    up(&[]).refused(69, &["`haproxy`, which carries the traffic, is not installed", "no package manager known here"]);
    // A package manager that is there, with nobody to ask.
    fs::write(bin.join("apt-get"), "#!/bin/sh\necho E: the archive cannot be reached\nexit 100\n").unwrap();
    make_executable(&bin.join("apt-get"));
    let typed = "apt-get install --yes --no-install-recommends --no-upgrade haproxy";
    up(&[]).refused(69, &["no terminal to ask at", typed]);
    // A CI system is asked nothing, and told what the package manager said.
    symlink("/bin/sh", bin.join("sh")).unwrap();
    up(&[("CI", "true")]).refused(69, &["could not install it", "the archive cannot be reached", typed]);
}

#[test]
fn an_ordinary_user_without_sudo_is_told_what_to_type_as_root() {
    let Some(nobody) = Nobody::new() else { return };
    let bin = nobody.fixture.root().join("bin");
    fs::create_dir_all(&bin).unwrap();
    fs::write(bin.join("apt-get"), "#!/bin/sh\nexit 1\n").unwrap();
    make_executable(&bin.join("apt-get"));
    let up = nobody.run(&["up", "--yes", "--release", "v1", "--binary"], |command| {
        command.env("PATH", &bin);
    });
    up.refused(69, &["this user may not install it and there is no sudo", "next: sudo apt-get install"]);
}

#[test]
fn an_ordinary_user_can_do_everything_but_listen_below_1024() {
    let Some(nobody) = Nobody::new() else { return };
    nobody.run(&["up", "--release", "v1", "--binary"], |_| {}).ok();
    nobody.run(&["deploy-blue-green", "--release", "v2", "--binary"], |_| {}).ok();
    nobody.run(&["rollback"], |_| {}).ok();
    assert_eq!(nobody.fixture.status()["colours"]["blue"]["release"], "v1");
    nobody.run(&["down"], |_| {}).ok();
    let address = nobody.fixture.address().to_string();
    nobody.fixture.edit_delivery(&address, "127.0.0.1:81");
    let refused = nobody.run(&["up", "--release", "v1", "--binary"], |_| {});
    refused.refused(69, &["may not listen at 127.0.0.1:81", "a port from 1024 on"]);
}

fn a_full_disk_stops_a_deploy_before_it_begins_and_stops_no_rollback(on: On) {
    let fixture = Fixture::new(on);
    let Some(disk) = Disk::of(&fixture, 128) else { return };
    fixture.release("up", "v1", &[]).ok();
    fixture.release("deploy-blue-green", "v2", &[]).ok();
    disk.fill();
    let refused = fixture.release("deploy-blue-green", "v3", &[]);
    let full = if on == On::Process { "the disk is full" } else { "the volume of the ledger is full" };
    assert!(refused.stderr.contains(full), "{}", refused.stderr);
    assert_ne!(refused.code, 0);
    assert_eq!(fixture.status()["active"], "green");
    fixture.run(&["rollback"]).ok();
    let status = fixture.status();
    assert_eq!((&status["active"], &status["split"]["blue"]), (&"blue".into(), &100.into()), "{status}");
    assert_eq!(status["colours"]["green"]["state"], "stopped", "{status}");
    disk.free();
    fixture.release("deploy-blue-green", "v3", &[]).ok();
    assert_eq!(fixture.status()["colours"]["green"]["release"], "v3");
}

#[test]
fn flags_that_do_not_fit_are_refused_with_the_reason() {
    let fixture = Fixture::new(On::Process);
    let deploy = |args: &[&str]| fixture.run(&[&["deploy-blue-green"], args].concat());
    deploy(&["--image", "registry/app:1"])
        .refused(2, &["colours run as processes", "next: cargo xtask deploy-blue-green"]);
    deploy(&["--env", "production", "--set", "faults.never_ready=true"]).refused(2, &["production is protected"]);
    let secret = deploy(&["--set", "server.port=1", "--set", "metrics.token=geheim"]).refused(2, &["it is a secret"]);
    assert!(!secret.stderr.contains("geheim"), "{}", secret.stderr);
    deploy(&["--set", "no-value"]).refused(2, &["not of the form KEY=VALUE"]);
    deploy(&["--binary", "no/such/file"]).refused(2, &["there is no file no/such/file"]);
    deploy(&["--binary", service().to_str().unwrap(), "--release", "../v1"]).refused(2, &["cannot name a release"]);
    deploy(&["--wait", "10"]).refused(2, &["with its unit"]);
    let mut nowhere = fixture.xtask(&["up", "--runtime", "compose"]);
    let nowhere = nowhere.env("DOCKER_HOST", "unix:///nowhere/docker.sock").output().unwrap();
    Ran::from(nowhere).refused(69, &["ocker", "next: "]);
    fixture.run(&["rollback"]).refused(2, &["nothing has been deployed to development yet."]);
    fixture.run(&["logs"]).refused(2, &["nothing was started there"]);
    fixture.run(&["health-check", "--timeout", "200ms"]).refused(1, &["the last answer: no answer", "refused"]);
    fixture.run(&["ci", "--only", "fromat"]).refused(2, &["no step `fromat`", "format"]);
}

fn an_address_that_is_changed_under_a_running_environment_is_refused(on: On) {
    let fixture = Fixture::new(on);
    fixture.release("up", "v1", &[]).ok();
    fixture.edit_delivery(&fixture.address().to_string(), "127.0.0.1:8089");
    let ran = fixture.run(&["up", "--binary", service().to_str().unwrap()]);
    ran.refused(78, &["environments.development.listen", "became 127.0.0.1:8089", "next: cargo xtask down"]);
}

fn a_proxy_configuration_haproxy_refuses_is_shown_and_nothing_starts(on: On) {
    let fixture = Fixture::new(on);
    let path = "docker/haproxy/haproxy.cfg";
    fixture.write(path, &fixture.read(path).replace("option redispatch 1", "option redispach 1"));
    let line = fixture.read(path).lines().position(|line| line.contains("redispach")).unwrap() + 1;
    let ran = fixture.release("up", "v1", &[]);
    let place = format!("[docker/haproxy/haproxy.cfg:{line}]");
    ran.refused(78, &["HAProxy refuses its configuration", &place, "redispach"]);
    assert!(fixture.status()["split"].is_null());
}

fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// An ordinary user with a project of its own, where the test itself runs as root and can become one.
struct Nobody {
    fixture: Fixture,
}

impl Nobody {
    fn new() -> Option<Nobody> {
        if !rustix::process::geteuid().is_root() {
            println!("skipped: this test runs as an ordinary user already, as all the others do");
            return None;
        }
        let fixture = Fixture::new(On::Process);
        // Where it can be reached and executed by anybody.
        fs::create_dir(fixture.root().join("tools")).unwrap();
        for (name, source) in [("xtask", Path::new(env!("CARGO_BIN_EXE_xtask"))), ("app", service())] {
            fs::copy(source, fixture.root().join("tools").join(name)).unwrap();
        }
        let owned = Command::new("chown").args(["-R", "65534:65534"]).arg(fixture.root()).status().unwrap();
        assert!(owned.success());
        Some(Nobody { fixture })
    }

    /// Runs `xtask`; a final `--binary` is given the service.
    fn run(&self, args: &[&str], change: impl Fn(&mut Command)) -> Ran {
        use std::os::unix::process::CommandExt as _;
        let tools = self.fixture.root().join("tools");
        let mut command = Command::new(tools.join("xtask"));
        command.args(args).current_dir(self.fixture.root()).env_remove("CI").uid(65534).gid(65534);
        command.stdin(std::process::Stdio::null()).env("USER", "nobody");
        if args.last() == Some(&"--binary") {
            command.arg(tools.join("app"));
        }
        change(&mut command);
        Ran::from(command.output().unwrap())
    }
}

/// A small disk of its own for a fixture's ledger, where the test may mount one.
struct Disk<'a> {
    fixture: &'a Fixture,
}

impl Disk<'_> {
    fn of(fixture: &Fixture, mebibytes: u32) -> Option<Disk<'_>> {
        if fixture.on() == On::Compose {
            let volume = format!("{}-ledger", fixture.stack("development"));
            let options = ["type=tmpfs", "device=tmpfs", "o=size=2m,uid=65532,gid=65532,mode=0750"];
            let options = options.iter().flat_map(|option| ["--opt", option]);
            let args: Vec<_> = ["volume", "create"].into_iter().chain(options).chain([volume.as_str()]).collect();
            return docker(&args).map(|_| Disk { fixture });
        }
        let folder = fixture.state();
        fs::create_dir_all(&folder).unwrap();
        let user = rustix::process::getuid().as_raw();
        let options = format!("size={mebibytes}m,mode=0700,uid={user}");
        let mounted = as_root("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&folder).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Disk { fixture });
        }
        assert!(!xtask::packages::is_ci(), "CI has to be able to mount a small disk, as root or by sudo");
        println!("skipped: this user may not mount a disk");
        None
    }

    fn fill(&self) {
        self.fixture.in_ledger("cat /dev/zero >ballast; test -s ballast");
    }

    fn free(&self) {
        self.fixture.in_ledger("rm ballast");
    }
}

fn as_root(program: &str) -> Command {
    if rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.args(["-n", program]);
    command
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        // While the disk is there: what runs lives on it.
        self.fixture.end();
        if self.fixture.on() == On::Process {
            let _ = as_root("umount").arg("--lazy").arg(self.fixture.state()).status();
        }
    }
}
