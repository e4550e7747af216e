//! Images that are right but for one thing, each caught by the row that is meant for it and by no other.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};

use crate::support::{Fixture, On, Ran, containers_are_here, repository, service};

/// A version of a crate that the bundled database knows a severe vulnerability of, and what mends it.
const VULNERABLE: (&str, &str) = ("smallvec", "1.6.0");
const ADVISORY: &str = "RUSTSEC-2021-0003";
const BALLAST: usize = 50_000_000;

/// A project whose image is compared with no other.
fn project() -> Fixture {
    let fixture = Fixture::new(On::Compose);
    let delivery = fixture.read("config/delivery.toml");
    let naive = delivery.lines().find(|line| line.starts_with("naive = ")).unwrap();
    fixture.edit_delivery(naive, "");
    fixture.edit_delivery("max_start = \"5s\"", "");
    fixture.share_tools();
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

/// What spoils an image.
enum Spoil {
    /// An instruction more.
    Instruction(String),
    /// A file of that mode.
    File(&'static str, u32, Vec<u8>),
}

impl Spoil {
    fn instruction(text: impl Into<String>) -> Spoil {
        Spoil::Instruction(text.into())
    }

    /// An image that stands on another and is spoiled, and its name.
    fn build(&self, fixture: &Fixture, base: &str, tag: &str) -> String {
        let context = fixture.root().join(tag);
        fs::create_dir(&context).unwrap();
        let instruction = match self {
            Spoil::Instruction(text) => text,
            Spoil::File(path, mode, content) => {
                let mut layer = tar::Builder::new(fs::File::create(context.join("layer.tar")).unwrap());
                let mut header = tar::Header::new_gnu();
                header.set_size(content.len() as u64);
                header.set_mode(*mode);
                layer.append_data(&mut header, path, content.as_slice()).unwrap();
                layer.finish().unwrap();
                // Unpacked with the modes it has in there, where `COPY` would drop some.
                "ADD layer.tar /"
            }
        };
        fs::write(context.join("Dockerfile"), format!("FROM {base}\n{instruction}\n")).unwrap();
        let image = format!("{}:{tag}", base.rsplit_once(':').unwrap().0);
        let mut build = Command::new("docker");
        build.args(["build", "--quiet", "--tag", &image, "."]).current_dir(&context).env("DOCKER_BUILDKIT", "0");
        assert!(build.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success(), "{instruction}");
        image
    }
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
    service();
    let began = Instant::now();
    let good = image_of(&fixture, &made_of(&fixture, "good", ("itoa", "1.0.0")));
    let secret = "correct-horse-battery";
    let program = || b"\x7fELF".to_vec();
    let spoils: [(&str, Spoil, &[&str]); 9] = [
        ("root", Spoil::instruction("USER 0"), &["user"]),
        ("shell", Spoil::File("bin/sh", 0o755, program()), &["shell"]),
        ("apk", Spoil::File("sbin/apk", 0o755, program()), &["package-manager"]),
        ("setuid", Spoil::File("release/become", 0o4755, program()), &["setuid"]),
        ("open", Spoil::File("release/open", 0o666, Vec::new()), &["world-writable"]),
        ("env", Spoil::File("release/.env", 0o644, b"A=b".to_vec()), &["secret-files"]),
        ("variable", Spoil::instruction(format!("ENV DB_PASSWORD={secret}")), &["secret-values"]),
        ("ballast", Spoil::File("release/ballast", 0o644, vec![0; BALLAST]), &["size"]),
        // Of several things, each is told.
        (
            "settings",
            Spoil::instruction("HEALTHCHECK NONE\nSTOPSIGNAL SIGKILL\nENTRYPOINT service"),
            &["entrypoint", "health-check", "stop-signal", "vulnerabilities"],
        ),
    ];
    let vulnerable = image_of(&fixture, &made_of(&fixture, "vulnerable", VULNERABLE));
    let mut spoiled: Vec<(String, &[&str])> = vec![(good.clone(), &[]), (vulnerable, &["vulnerabilities"])];
    thread::scope(|scope| {
        let (fixture, good) = (&fixture, &good);
        let builds = spoils.iter().map(|one| {
            let (tag, spoil, expected) = (one.0, &one.1, one.2);
            (scope.spawn(move || spoil.build(fixture, good, tag)), expected)
        });
        let builds: Vec<_> = builds.collect();
        spoiled.extend(builds.into_iter().map(|(build, expected)| (build.join().unwrap(), expected)));
    });
    let built = began.elapsed().as_secs_f64();
    let summary = fixture.root().join("summary.md");
    let images: Vec<_> = spoiled.iter().map(|(image, _)| image.as_str()).collect();
    let ran = check(&fixture, &[&["--json"], &images[..]].concat(), &summary);
    println!(
        "{} images built in {built:.1} s, checked in {:.1} s",
        spoiled.len(),
        began.elapsed().as_secs_f64() - built
    );
    let reports = ran.lines();
    assert_eq!(reports.len(), spoiled.len(), "{}", ran.stderr);
    for ((image, expected), report) in spoiled.iter().zip(&reports) {
        assert_eq!(
            (report["image"].as_str(), failed(report).as_slice()),
            (Some(image.as_str()), *expected),
            "{report}"
        );
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
        format!("{}: user: 0, a number but 0 allowed; USER 65532:65532", images[2]),
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
