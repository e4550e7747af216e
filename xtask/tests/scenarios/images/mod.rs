//! The image, compiled on this machine and in a container: that it is the same, small, and keeps nothing of how it was
//! made.

mod benched;
mod checked;
mod given;
mod reproduced;
mod running;
mod shop;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::support::{
    Fixture, On, Ran, TOKEN, build, builder_is_here, containers_are_here, docker, docker_without, repository,
};
use shop::{content, made, workspace};

#[test]
fn a_change_of_one_line_compiles_the_service_again_and_no_dependency() {
    let Some(fixture) = workspace() else { return };
    let (_, first) = made(&fixture, "container");
    assert!(first.contains("Compiling itoa"), "{first}");
    fixture.write("stock/src/lib.rs", "pub fn count() -> u32 { 42 }\n");
    let (image, second) = made(&fixture, "container");
    let image = image["reference"].as_str().unwrap();
    assert_eq!(docker(&["run", "--rm", "--network=none", image]).unwrap(), "the real one: 42\n");
    let again = ["Compiling itoa", "Compiling cargo-auditable"].iter().any(|line| second.contains(line));
    assert!(second.contains("Compiling stock") && !again, "{second}");
    let lines: Vec<_> = second.lines().collect();
    // The step's number, then its end: `#9 [builder 5/10] RUN …`, `#9 CACHED`.
    let step = lines.iter().find(|line| line.contains("] RUN") && line.contains("cargo clean")).unwrap();
    let cached = format!("{} CACHED", step.split(' ').next().unwrap());
    assert!(lines.contains(&cached.as_str()), "{second}");
}

#[test]
fn no_layer_has_the_callers_certificates_or_settings() {
    const SECRET: &str = "switchyard-test-secret";
    let Some(fixture) = workspace() else { return };
    let root = fixture.root().to_owned();
    let bundle = std::env::var("SSL_CERT_FILE").unwrap_or("/etc/ssl/certs/ca-certificates.crt".into());
    let bundle = fs::read_to_string(bundle).unwrap();
    fs::create_dir_all(root.join("caller")).unwrap();
    fixture.write("caller/ca.pem", &format!("{bundle}\n# {SECRET}\n"));
    fixture.write("caller/config.toml", &format!("[http]\nuser-agent = \"{SECRET}\"\n"));
    // Theirs, and no part of the project.
    let caller = std::env::temp_dir().join(format!("{}-caller", root.file_name().unwrap().to_str().unwrap()));
    fs::rename(root.join("caller"), &caller).unwrap();
    let dockerfile = fixture.read("docker/Dockerfile");
    let (builder, last) = dockerfile.rsplit_once("FROM scratch\n").unwrap();
    // Patterns that do not match themselves: the Dockerfile is part of the project.
    let given = "grep -q test-secre[t] /run/secrets/ca && grep -q test-secre[t] /cargo/config.toml && cargo fetch";
    let builder = builder.replacen("cargo fetch", given, 1);
    let search = "FROM builder AS search\nRUN grep -rlE -D skip --exclude-dir=proc --exclude-dir=sys --exclude-dir=dev \
                  'test-secre[t]|a word of the sourc[e]' / >/found\n";
    let last = format!("FROM scratch\nCOPY --from=search /found /\n{last}");
    fixture.write("docker/Dockerfile", &format!("{builder}{search}{last}"));
    let mut docker_build = fixture.xtask(&["docker-build", "--builder", "container", "--tag", "searched"]);
    docker_build.env("SSL_CERT_FILE", caller.join("ca.pem")).env("CARGO_HOME", &caller);
    let ran = Ran::from(docker_build.output().unwrap());
    fs::remove_dir_all(&caller).unwrap();
    let image = ran.ok().stdout.split(' ').next().unwrap().to_owned();
    // What the search finds proves that it looks.
    assert_eq!(content(&image, "/found"), b"/source/till/src/main.rs\n");
    let saved = root.join("image.tar");
    docker(&["save", "--output", saved.to_str().unwrap(), &image]).unwrap();
    let saved = fs::read(saved).unwrap();
    assert!(!saved.windows(SECRET.len()).any(|bytes| bytes == SECRET.as_bytes()));
    assert!(!docker(&["history", "--no-trunc", &image]).unwrap().contains(SECRET));
}

/// A folder with the secret that production requires, which the image's user can read.
fn secrets(fixture: &Fixture) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = fixture.root().join("secrets");
    fs::create_dir(&folder).unwrap();
    fixture.write("secrets/metrics.token", TOKEN);
    for (path, mode) in [(folder.clone(), 0o755), (folder.join("metrics.token"), 0o444)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    folder
}

#[test]
fn the_released_image_is_under_4_mb_and_serves_with_nothing_to_write_to_and_no_capability() {
    let Some(fixture) = builder_is_here().then(|| Fixture::new(On::Compose)) else { return };
    let image = &format!("{}/app:released", fixture.stack("test"));
    let bill = fixture.root().join("bill.json");
    let args = ["docker-build", "--env", "production", "--builder", "container", "--tag", image];
    let args = [&args[..], &["--sbom", bill.to_str().unwrap()]].concat();
    Ran::from(fixture.xtask(&args).current_dir(repository()).output().unwrap()).ok();
    let bill: serde_json::Value = serde_json::from_slice(&fs::read(bill).unwrap()).unwrap();
    let crates = bill["components"].as_array().unwrap();
    assert!(crates.len() > 50 && crates.iter().any(|it| it["name"] == "tokio"), "{bill}");
    let is_whole =
        |it: &&serde_json::Value| it["licenses"][0]["expression"].is_string() && it["hashes"][0]["content"].is_string();
    assert_eq!(crates.iter().find(|it| !is_whole(it)), None);
    let size: u64 = docker(&["image", "inspect", "--format", "{{.Size}}", image]).unwrap().trim().parse().unwrap();
    println!("the released image takes {size} bytes");
    assert!(size < 4_000_000, "{size}");
    let container = fixture.stack("hardened");
    let run = ["run", "--detach", "--name", &container, "--network=none", "--read-only", "--cap-drop=ALL"];
    let settings =
        ["--security-opt=no-new-privileges", "--env=APP_ENV=production", "--env=APP_CONFIG_DIR=/release/config"];
    let secrets = format!("--volume={}:/run/secrets:ro", secrets(&fixture).display());
    let secrets = [secrets.as_str(), "--env=APP_SECRETS_DIR=/run/secrets"];
    docker(&[&run[..], &settings, &secrets, &[image]].concat()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    let healthy = || docker(&["exec", &container, "/release/service", "healthcheck"]).is_some();
    while !healthy() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(50));
    }
    let ended_well = healthy();
    let logs = docker(&["logs", &container]);
    docker(&["rm", "--force", &container]).unwrap();
    assert!(ended_well, "it is not healthy: {logs:?}");
}

/// What the check finds, whatever else fails of a program that serves nothing, and what is said meanwhile.
fn checked(fixture: &Fixture, images: &[&str]) -> (serde_json::Value, String) {
    let ran = fixture.run(&[&["image-check", "--json"], images].concat());
    (serde_json::from_str(&ran.stdout).unwrap(), ran.stderr)
}

fn row<'a>(report: &'a serde_json::Value, id: &str) -> &'a serde_json::Value {
    report["rows"].as_array().unwrap().iter().find(|row| row["id"] == id).unwrap()
}

#[test]
fn an_image_is_held_against_the_naive_one_and_fails_over_a_tiny_budget_with_the_remedy() {
    let Some(fixture) = workspace() else { return };
    let (report, said) = checked(&fixture, &[]);
    assert!(said.contains("to compare with") && said.contains(":naive in "), "{said}");
    for id in ["size", "naive", "user", "entrypoint", "health-check", "stop-signal", "shell", "secret-files", "limits"]
    {
        assert_eq!(row(&report, id)["verdict"], "passed", "{id}: {report}");
    }
    let image = report["image"].as_str().unwrap();
    // The naive image is found again, until it is made from something else.
    let (again, said) = checked(&fixture, &[image]);
    assert!(!said.contains("to compare with") && row(&again, "naive")["verdict"] == "passed", "{again}");
    fixture.write("docker/Dockerfile.naive", &format!("# other\n{}", fixture.read("docker/Dockerfile.naive")));
    let (_, said) = checked(&fixture, &[image]);
    assert!(said.contains("to compare with"), "{said}");
    fixture.edit_delivery("max_size = \"4MB\"", "max_size = \"10kB\"");
    let ran = fixture.run(&["image-check", image]);
    assert!(ran.stdout.contains("FAILED   size "), "{}", ran.stdout);
    ran.refused(
        1,
        &["does not pass: size", "at most 10kB", "image.max_size", &format!("next: docker history {image}")],
    );
}

#[test]
fn without_buildx_the_container_is_refused_auto_does_without_and_the_check_does_not_pass_unseen() {
    let Some(fixture) = containers_are_here().then(|| Fixture::new(On::Compose)) else { return };
    fixture.share_tools();
    let path = docker_without("buildx", &fixture.root().join("bin"));
    let run =
        |args: &[&str], ci: &str| Ran::from(fixture.xtask(args).env("PATH", &path).env("CI", ci).output().unwrap());
    let refused =
        ["`docker` has no buildx", "next: docker buildx version", "next: cargo xtask docker-build --builder host"];
    run(&["docker-build", "--builder", "container"], "").refused(69, &refused);
    fixture.edit_delivery("max_start = \"5s\"", "");
    // There is no workspace to compile, which it comes to only after it has chosen.
    let auto = run(&["docker-build"], "");
    assert!(
        auto.stderr.contains("compiling on this machine: not in a container, as `docker` has no buildx"),
        "{auto:?}"
    );
    let image = build(&format!("{}/app:user", fixture.stack("test")), "FROM scratch\nUSER 65532\n", &[]);
    let skipped = run(&["image-check", &image], "");
    assert!(skipped.stdout.contains("skipped  naive ") && !skipped.stderr.contains("naive"), "{skipped:?}");
    let missing = "naive: `docker` has no buildx";
    run(&["image-check", &image], "true").refused(1, &["does not pass: naive", missing]);
}

#[test]
fn a_builder_that_is_not_there_or_has_another_rust_is_named() {
    let Some(fixture) = builder_is_here().then(|| Fixture::new(On::Compose)) else { return };
    let container = ["docker-build", "--builder", "container"];
    fixture.write("rust-toolchain.toml", "[toolchain]\nchannel = \"1.0.0\"\n");
    let asked = ["is 1.", "rust-toolchain.toml asks for 1.0.0", "next: cargo xtask setup --air-gapped"];
    fixture.run(&container).refused(78, &asked);
    let delivery = fixture.read("config/delivery.toml");
    let named = delivery.lines().find(|line| line.starts_with("builder_image = ")).unwrap();
    fixture.edit_delivery(named, "builder_image = \"127.0.0.1:9/no/rust:1\"");
    let missing =
        ["127.0.0.1:9/no/rust:1, which image.builder_image", "cannot be had", "next: cargo xtask setup --air-gapped"];
    fixture.run(&container).refused(69, &missing);
    fixture.write("given", "");
    let given = [&container[..], &["--binary", "given"]].concat();
    fixture.run(&given).refused(2, &["--builder container compiles what --binary"]);
}

#[test]
fn a_binary_for_another_machine_than_the_engines_is_refused() {
    let Some(fixture) = containers_are_here().then(|| Fixture::new(On::Compose)) else { return };
    // An ELF head for 64 bits that says what it runs on, and nothing else.
    let mut head = [0; 64];
    head[..6].copy_from_slice(b"\x7fELF\x02\x01");
    head[18] = if cfg!(target_arch = "aarch64") { 62 } else { 183 };
    let binary = fixture.root().join("foreign");
    fs::write(&binary, head).unwrap();
    let ran = fixture.run(&["docker-build", "--binary", Path::new(&binary).to_str().unwrap()]);
    ran.refused(69, &["and the Docker engine runs linux/", "next: cargo xtask docker-build --builder container"]);
}
