//! Images that are right but for one thing, each caught by the row that is meant for it and by no other.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Fixture, On, Ran, containers_are_here, docker, repository, service};

/// A version of a crate that the bundled database knows a severe vulnerability of, and what mends it.
const VULNERABLE: (&str, &str) = ("smallvec", "1.6.0");
const ADVISORY: &str = "RUSTSEC-2021-0003";
const BALLAST: u64 = 50_000_000;

/// A project whose image is compared with no other.
fn project() -> Fixture {
    let fixture = Fixture::new(On::Compose);
    let delivery = fixture.read("config/delivery.toml");
    let naive = delivery.lines().find(|line| line.starts_with("naive = ")).unwrap();
    fixture.edit_delivery(naive, "");
    // Tools of this project are not installed anew for every test.
    let tools = repository().join("target/tools");
    fs::create_dir_all(&tools).unwrap();
    fs::create_dir(fixture.root().join("target")).unwrap();
    std::os::unix::fs::symlink(tools, fixture.root().join("target/tools")).unwrap();
    fixture
}

/// The reference service, with a list of what it was made of: the list is put into it as cargo-auditable would.
fn made_of(fixture: &Fixture, name: &str, (package, version): (&str, &str)) -> PathBuf {
    let list = json!({ "packages": [
        { "name": "shop", "version": "0.1.0", "source": "local", "dependencies": [1], "root": true },
        { "name": package, "version": version, "source": "crates.io" },
    ]});
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(list.to_string().as_bytes()).unwrap();
    let (section, program) = (fixture.root().join(format!("{name}.list")), fixture.root().join(name));
    fs::write(&section, packed.finish().unwrap()).unwrap();
    let add = format!(".dep-v0={}", section.display());
    let mut objcopy = Command::new("objcopy");
    objcopy.args(["--remove-section", ".dep-v0", "--add-section", &add]).arg(service()).arg(&program);
    assert!(objcopy.status().unwrap().success());
    program
}

/// An image of that program, built as every other, and its name.
fn image_of(fixture: &Fixture, program: &Path) -> String {
    let tag = program.file_name().unwrap().to_str().unwrap();
    let ran = fixture.run(&["docker-build", "--builder", "host", "--binary", program.to_str().unwrap(), "--tag", tag]);
    ran.ok().stdout.split(' ').next().unwrap().to_owned()
}

/// An image that stands on another, with a file of that mode besides.
fn with_file(fixture: &Fixture, base: &str, tag: &str, (path, mode): (&str, u32), content: &[u8]) -> String {
    let mut layer = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(mode);
    layer.append_data(&mut header, path, content).unwrap();
    fs::create_dir(fixture.root().join(tag)).unwrap();
    fs::write(fixture.root().join(tag).join("layer.tar"), layer.into_inner().unwrap()).unwrap();
    // Unpacked with the modes it has in there, where `COPY` would drop some.
    derived(fixture, base, tag, "ADD layer.tar /")
}

/// An image that stands on another, with one instruction more.
fn derived(fixture: &Fixture, base: &str, tag: &str, instruction: &str) -> String {
    let context = fixture.root().join(tag);
    fs::create_dir_all(&context).unwrap();
    fs::write(context.join("Dockerfile"), format!("FROM {base}\n{instruction}\n")).unwrap();
    let image = format!("{}:{tag}", base.rsplit_once(':').unwrap().0);
    let mut build = Command::new("docker");
    build.args(["build", "--quiet", "--tag", &image, "."]).current_dir(&context).env("DOCKER_BUILDKIT", "0");
    assert!(build.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success(), "{instruction}");
    image
}

/// The check, with the database that this repository has.
fn check(fixture: &Fixture, args: &[&str], summary: &Path) -> Ran {
    let mut check = fixture.xtask(&[&["image-check"], args].concat());
    check.env("SWITCHYARD_ADVISORY_DB", repository().join(".config/advisory-db.bundle"));
    check.env("SWITCHYARD_ADVISORY_MAX_AGE", "365d").env("GITHUB_STEP_SUMMARY", summary);
    Ran::from(check.output().unwrap())
}

fn failed(report: &Value) -> Vec<&str> {
    let rows = report["rows"].as_array().unwrap().iter();
    rows.filter(|row| row["verdict"] == "failed").map(|row| row["id"].as_str().unwrap()).collect()
}

#[test]
fn each_spoiled_image_is_caught_by_the_row_meant_for_it_and_by_no_other() {
    let Some(fixture) = containers_are_here().then(project) else { return };
    let good = image_of(&fixture, &made_of(&fixture, "good", ("itoa", "1.0.0")));
    let file = |tag: &str, file: (&str, u32), content: &[u8]| with_file(&fixture, &good, tag, file, content);
    let secret = "correct-horse-battery";
    let spoiled = [
        (good.clone(), vec![]),
        (derived(&fixture, &good, "root", "USER 0"), vec!["user"]),
        (file("shell", ("bin/sh", 0o755), b"\x7fELF"), vec!["shell"]),
        (file("apk", ("sbin/apk", 0o755), b"\x7fELF"), vec!["package-manager"]),
        (file("setuid", ("release/become", 0o4755), b"\x7fELF"), vec!["setuid"]),
        (file("open", ("release/open", 0o666), b""), vec!["world-writable"]),
        (file("env", ("release/.env", 0o644), b"A=b"), vec!["secret-files"]),
        (derived(&fixture, &good, "variable", &format!("ENV DB_PASSWORD={secret}")), vec!["secret-values"]),
        (file("ballast", ("release/ballast", 0o644), &vec![0; BALLAST as usize]), vec!["size"]),
        (image_of(&fixture, &made_of(&fixture, "vulnerable", VULNERABLE)), vec!["vulnerabilities"]),
        // Of several things, each is told.
        (
            derived(&fixture, &good, "settings", "HEALTHCHECK NONE\nSTOPSIGNAL SIGKILL\nENTRYPOINT service"),
            vec!["entrypoint", "health-check", "stop-signal", "vulnerabilities"],
        ),
    ];
    let summary = fixture.root().join("summary.md");
    let images: Vec<_> = spoiled.iter().map(|(image, _)| image.as_str()).collect();
    let ran = check(&fixture, &[&["--json"], &images[..]].concat(), &summary);
    let reports = ran.lines();
    assert_eq!(reports.len(), spoiled.len(), "{}", ran.stderr);
    for ((image, expected), report) in spoiled.iter().zip(&reports) {
        assert_eq!((report["image"].as_str(), &failed(report)), (Some(image.as_str()), expected), "{report}");
        assert_eq!(report["ok"], expected.is_empty());
    }
    let vulnerable = reports.iter().find(|report| failed(report) == ["vulnerabilities"]).unwrap().to_string();
    assert!(vulnerable.contains(ADVISORY) && vulnerable.contains("cargo update --package"), "{vulnerable}");
    let told = fs::read_to_string(&summary).unwrap();
    assert_eq!(told.matches("### Image ").count(), spoiled.len(), "{told}");
    for text in [&told, &ran.stdout, &ran.stderr] {
        assert!(!text.contains(secret), "{text}");
    }
    let named = [
        "10 of 11 images do not pass: ".to_owned(),
        format!("{}: user: 0, a number but 0 allowed; USER 65532:65532", images[1]),
        "secret-values: variable DB_PASSWORD, ".into(),
        "secret-files: /release/.env of layer".into(),
        "stop-signal: SIGKILL, SIGTERM allowed; STOPSIGNAL SIGTERM".into(),
    ];
    ran.refused(1, &named.each_ref().map(String::as_str));

    // How much an image has grown is told as soon as there is a size to compare with.
    let kept = fixture.root().join("kept.json");
    check(&fixture, &[&good, "--save", kept.to_str().unwrap()], &summary).ok();
    fixture.edit_delivery("max_size = \"4MB\"", "max_size = \"90MB\"\nmax_growth = \"10%\"");
    let ballast = images.iter().find(|image| image.ends_with(":ballast")).unwrap();
    let grown = check(&fixture, &[ballast, "--compare", kept.to_str().unwrap()], &summary);
    assert!(grown.stdout.contains("/release/ballast: 50MB after nothing"), "{}", grown.stdout);
    grown.refused(1, &["does not pass: growth.", "at most 10% more allowed"]);
}

#[test]
fn without_an_engine_or_a_size_to_compare_with_nothing_is_looked_at() {
    let fixture = Fixture::new(On::Process);
    let ran = |args: &[&str]| {
        let mut check = fixture.xtask(&[&["image-check"], args].concat());
        Ran::from(check.env("DOCKER_HOST", "unix:///nowhere/docker.sock").output().unwrap())
    };
    ran(&["shop:1"]).refused(69, &["no Docker engine answers"]);
    ran(&["shop:1", "--compare", "nowhere.json"]).refused(2, &["there is no nowhere.json", "--save nowhere.json"]);
    ran(&["shop:1", "shop:2", "--save"]).refused(2, &["are about one image"]);
    fixture.write("size.json", "{}");
    ran(&["shop:1", "--compare", "size.json"]).refused(78, &["size.json is not what `image-check --save` writes"]);
}
