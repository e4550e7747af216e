//! The first command of the README, on a fresh clone.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{Fixture, On, Ran, repository};

/// A clone of the working tree as it is, with a history of one commit.
pub fn clone_into(folder: &Path) {
    let listed = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let files = Command::new("git").args(listed).current_dir(repository()).output().unwrap();
    assert!(files.status.success(), "{}", String::from_utf8_lossy(&files.stderr));
    for file in String::from_utf8(files.stdout).unwrap().split_terminator('\0') {
        let (source, target) = (repository().join(file), folder.join(file));
        // A file that was removed and is still in the index.
        if source.is_file() {
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::copy(source, target).unwrap();
        }
    }
    commit(folder, "first");
}

fn commit(folder: &Path, message: &str) {
    let identity = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"];
    for args in [&["init", "--quiet"][..], &["add", "--all"], &["commit", "--quiet", "--message", message]] {
        let status = Command::new("git").args(identity).args(args).current_dir(folder).status().unwrap();
        assert!(status.success());
    }
}

#[test]
fn up_serves_a_fresh_clone_and_rolls_out_the_change_that_follows() {
    let fixture = Fixture::new(On::Process);
    let delivery = fixture.read("config/delivery.toml");
    clone_into(fixture.root());
    fixture.write("config/delivery.toml", &delivery);
    commit(fixture.root(), "ports of its own");
    let up = || {
        let mut command = Command::new("cargo");
        command.args(["xtask", "up", "--yes"]).current_dir(fixture.root().join("app/src")).stdin(Stdio::null());
        // Kept from run to run, so that only the first one compiles everything.
        command.env("CARGO_TARGET_DIR", repository().join("target/fresh-clone"));
        xtask::cargo::foreign_variables().iter().for_each(|name| {
            command.env_remove(name);
        });
        Ran::from(command.output().unwrap()).ok()
    };

    let first = up();
    let url = format!("http://{}", fixture.address());
    assert!(first.stdout.contains(&url) && first.stdout.contains("cargo xtask rollback"), "{}", first.stdout);
    let answer = xtask::http::get(fixture.address(), "/", std::time::Duration::from_secs(5)).to_string();
    assert!(answer.starts_with("HTTP 200"), "{answer}");
    let release = fixture.status()["colours"]["blue"]["release"].as_str().unwrap().to_owned();
    let commit = Command::new("git").args(["rev-parse", "HEAD"]).current_dir(fixture.root()).output().unwrap().stdout;
    let named_after_it = format!("{}-{}", env!("CARGO_PKG_VERSION"), &String::from_utf8(commit).unwrap()[..7]);
    assert_eq!(release, named_after_it);

    assert!(up().stdout.contains("nothing has changed"));
    let base = fixture.read("config/base.toml");
    fixture.write("config/base.toml", &format!("# A change.\n{base}"));
    up();
    let status = fixture.status();
    assert_eq!((&status["active"], &status["split"]["green"]), (&"green".into(), &100.into()), "{status}");
    assert_ne!(status["colours"]["green"]["release"], release.as_str());
}
