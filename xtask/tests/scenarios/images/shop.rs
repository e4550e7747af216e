//! A project that is none of this repository's, and what is in the images that are made of it.

use std::fs;
use std::process::Command;

use crate::support::{Fixture, On, Ran, builder_is_here, docker, repository};

/// What it makes lies in a folder of the machine's, and says so.
const BUILD: &str = r#"
fn main() {
    println!("cargo:rustc-env=MADE=the real one");
    let made = format!("{}/made.rs", std::env::var("OUT_DIR").unwrap());
    std::fs::write(made, "fn place() -> &'static str { file!() }").unwrap();
}
"#;
const MAIN: &str = r#"// a word of the source
include!(concat!(env!("OUT_DIR"), "/made.rs"));
fn main() {
    println!("{}: {}", env!("MADE"), itoa::Buffer::new().format(stock::count()));
    if std::env::args().len() > 2 { println!("{}", place()); }
}
"#;

/// A workspace that is none of this repository's: two packages, a build script, a dependency from the registry. No two have
/// the same manifest, so that each is compiled from the start.
pub fn workspace() -> Option<Fixture> {
    let fixture = builder_is_here().then(|| Fixture::new(On::Compose))?;
    let folder = fixture.root().file_name().unwrap().to_str().unwrap().to_owned();
    let lock = fs::read_to_string(repository().join("Cargo.lock")).unwrap();
    let itoa = lock.split("\n\n").find(|package| package.contains("name = \"itoa\"")).unwrap();
    let files = [
        ("Cargo.toml", format!("# {folder}\n[workspace]\nmembers = [\"till\", \"stock\"]\nresolver = \"3\"\n")),
        (
            "Cargo.lock",
            format!("version = 4\n\n{itoa}\n\n{}\n{}", locked("stock", ""), locked("till", "\"itoa\",\n \"stock\",")),
        ),
        ("rust-toolchain.toml", fs::read_to_string(repository().join("rust-toolchain.toml")).unwrap()),
        (
            "till/Cargo.toml",
            package(
                "till",
                "license = \"MIT\"\nrepository = \"https://example.com/shop\"\n\n[dependencies]\nitoa = \"1\"\nstock = { path = \"../stock\" }\n\n[[bin]]\nname = \"shop-till\"\npath = \"src/main.rs\"\n",
            ),
        ),
        ("till/build.rs", BUILD.to_owned()),
        ("till/src/main.rs", MAIN.to_owned()),
        ("stock/Cargo.toml", package("stock", "")),
        ("stock/src/lib.rs", "pub fn count() -> u32 { 41 }\n".into()),
    ];
    for (name, text) in files {
        fs::create_dir_all(fixture.root().join(name).parent().unwrap()).unwrap();
        fixture.write(name, &text);
    }
    fixture.share_tools();
    fixture.edit_delivery("package = \"app\"", "package = \"till\"");
    fixture.edit_delivery("binary = \"app\"", "binary = \"shop-till\"");
    // It prints, and serves nothing.
    fixture.edit_delivery("max_start = \"5s\"", "");
    Some(fixture)
}

fn package(name: &str, more: &str) -> String {
    format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n{more}")
}

fn locked(name: &str, dependencies: &str) -> String {
    let list = if dependencies.is_empty() { String::new() } else { format!("dependencies = [\n {dependencies}\n]\n") };
    format!("[[package]]\nname = \"{name}\"\nversion = \"0.1.0\"\n{list}")
}

/// Builds the image of a fixture's workspace, in the year 2001; what `--json` tells, and what was said meanwhile.
pub fn made(fixture: &Fixture, builder: &str) -> (serde_json::Value, String) {
    let args = ["docker-build", "--env", "production", "--builder", builder, "--tag", builder, "--json"];
    let ran = Ran::from(fixture.xtask(&args).env("SOURCE_DATE_EPOCH", "1000000000").output().unwrap()).ok();
    (serde_json::from_str(&ran.stdout).unwrap(), ran.stderr)
}

/// Every file and folder of an image: mode, owner and name, and for a file its time.
pub fn listing(image: &str) -> Vec<String> {
    let folder = std::env::temp_dir().join(image.replace(['/', ':'], "-"));
    let (saved, whole) = (folder.join("image.tar"), folder.join("whole"));
    fs::create_dir_all(&whole).unwrap();
    docker(&["save", "--output", saved.to_str().unwrap(), image]).unwrap();
    let tar = |args: &[&str]| {
        let output = Command::new("tar").args(args).env("TZ", "UTC").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    tar(&["-xf", saved.to_str().unwrap(), "-C", whole.to_str().unwrap()]);
    let manifest: serde_json::Value = serde_json::from_slice(&fs::read(whole.join("manifest.json")).unwrap()).unwrap();
    let layers = manifest[0]["Layers"].as_array().unwrap().iter();
    let layers =
        layers.map(|layer| tar(&["--numeric-owner", "-tvf", whole.join(layer.as_str().unwrap()).to_str().unwrap()]));
    let mut entries: Vec<_> = layers.flat_map(|told| told.lines().map(entry).collect::<Vec<_>>()).collect();
    entries.sort();
    fs::remove_dir_all(folder).unwrap();
    entries
}

fn entry(line: &str) -> String {
    let words: Vec<_> = line.split_whitespace().collect();
    let time = if line.starts_with('d') { "" } else { words[3] };
    format!("{} {} {} {time}", words[0], words[1], words[5..].join(" "))
}

pub fn config(image: &str) -> serde_json::Value {
    let told = docker(&["image", "inspect", "--format", "{{json .Config}}", image]).unwrap();
    serde_json::from_str(&told).unwrap()
}

/// A file of an image, which has no shell to show it.
pub fn content(image: &str, path: &str) -> Vec<u8> {
    let container = docker(&["create", image]).unwrap().trim().to_owned();
    let target = std::env::temp_dir().join(&container);
    docker(&["cp", &format!("{container}:{path}"), target.to_str().unwrap()]).unwrap();
    docker(&["rm", &container]).unwrap();
    let bytes = fs::read(&target).unwrap();
    fs::remove_file(target).unwrap();
    bytes
}
