//! Releases that are killed, at every point at which it makes a difference, and what going on with them and taking them back
//! makes of it.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::Stdio;
use std::sync::Mutex;

use clap::Parser as _;
use rustix::process::{Signal, getpid, kill_process};
use xtask::cli::{Cli, Verb};

use super::shop::{Shop, Snapshot};
use crate::support::eventually;

/// Which point is its last, counted from 0.
const LAST: &str = "SWITCHYARD_TEST_LAST_POINT";
/// What is typed, with spaces between.
const TYPED: &str = "SWITCHYARD_TEST_TYPED";
/// In which file it says what it has reached.
const TOLD: &str = "SWITCHYARD_TEST_TOLD";

/// Not a test by itself: what the tests below run, in a process of its own, to have it killed at a known point.
#[test]
fn victim() {
    let Ok(typed) = std::env::var(TYPED) else { return };
    let last: usize = std::env::var(LAST).unwrap().parse().unwrap();
    let told = OpenOptions::new().append(true).create(true).open(std::env::var(TOLD).unwrap()).unwrap();
    let Some(Verb::Release(args)) = Cli::parse_from(typed.split(' ')).verb else { panic!("{typed}") };
    let count = Cell::new(0);
    let reached = |point: &str| {
        writeln!(&told, "{point}").unwrap();
        if count.replace(count.get() + 1) == last {
            kill_process(getpid(), Signal::KILL).unwrap();
        }
    };
    xtask::release::run_watched(&args, &reached).unwrap();
}

/// Runs it until it has reached so many points, and says which; whether it was killed at the last of them.
fn points(shop: &Shop, typed: &str, last: usize) -> (Vec<String>, bool) {
    let told = shop.root().with_file_name("told");
    let mut command = shop.program(std::env::current_exe().unwrap());
    command.args(["--exact", "released::killed::victim", "--nocapture"]);
    command.env(LAST, last.to_string()).env(TYPED, format!("xtask {typed}")).env(TOLD, &told);
    let output = command.output().unwrap();
    let is_killed = output.status.signal() == Some(Signal::KILL.as_raw());
    assert!(is_killed || output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let reached = std::fs::read_to_string(&told).unwrap();
    std::fs::remove_file(told).unwrap();
    (reached.lines().map(str::to_owned).collect(), is_killed)
}

/// Does something for each number, two at a time.
fn for_each(count: usize, act: impl Fn(usize) + Sync) {
    let next = Mutex::new(0..count);
    let work = || {
        while let Some(number) = { next.lock().unwrap().next() } {
            act(number);
        }
    };
    std::thread::scope(|scope| {
        let workers = [scope.spawn(work), scope.spawn(work)];
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    });
}

/// What is the same at every point is asked at each of so many.
const EACH: usize = 6;
const RELEASE: &str = "release minor --execute --push";

/// A shop, as it was and as a release that nothing disturbs makes it, with the points that this goes through.
fn undisturbed() -> (Shop, Snapshot, BTreeMap<&'static str, String>, Vec<String>) {
    let shop = Shop::new();
    shop.commit("feat: a second till");
    let before = shop.snapshot();
    let whole = shop.copy();
    let (points, is_killed) = points(&whole, RELEASE, usize::MAX);
    assert!(!is_killed);
    (shop, before, whole.made(), points)
}

#[test]
fn a_release_that_is_killed_at_any_point_is_gone_on_with_or_taken_back() {
    let (shop, before, whole, all) = undisturbed();
    let steps = ["the manifests", "the lock files", "the changelog", "the commit", "the tag", "the push"];
    for step in steps {
        assert!(all.contains(&format!("{step}: begun")) && all.contains(&format!("{step}: done")), "{all:?}");
    }
    println!("a release has {} points: {all:?}", all.len());
    for_each(all.len(), |last| {
        let shop = shop.copy();
        let (reached, is_killed) = points(&shop, RELEASE, last);
        assert!(is_killed && reached == all[..=last], "{reached:?}");
        let point = &all[last];
        let is_pushed = ["the push: done", "ended"].contains(&point.as_str());
        let is_ended = point == "ended";
        let is_looked_at_closely = last % EACH == 0;
        if !is_ended && is_looked_at_closely {
            let next =
                ["v0.2.0 is half-done", "next: cargo xtask release --resume", "next: cargo xtask release --undo"];
            shop.run(&["release"]).refused(1, &next);
        }

        let other = shop.copy();
        if !is_ended {
            other.run(&["release", "--resume"]).ok();
        }
        assert_eq!(other.made(), whole, "{point}");
        if is_looked_at_closely {
            let next = ["v0.2.0 is pushed", "next: git revert ", "next: cargo xtask release patch"];
            other.run(&["release", "--undo"]).refused(1, &next);
            assert_eq!(other.made(), whole, "{point}");
        }

        let undone = shop.run(&["release", "--undo"]);
        if is_pushed {
            undone.refused(1, &["v0.2.0 is pushed"]);
        } else {
            undone.ok();
            assert_eq!(shop.snapshot(), before, "{point}");
            if is_looked_at_closely {
                shop.run(&["release", "--undo"]).refused(2, &["no release to take back"]);
            }
            assert!(!shop.root().join(".git/switchyard-release").exists());
        }
    });
}

#[test]
fn a_release_is_taken_back_whole_even_by_one_who_is_killed_meanwhile() {
    let shop = Shop::new();
    // A hook that adds to the commit, and one that changes what is in it.
    shop.hook("pre-commit", "date > made.txt; echo more >> README.md; git add made.txt README.md");
    let before = shop.snapshot();
    shop.run(&["release", "patch", "--execute"]).ok();
    assert!(shop.git(&["diff", "--name-only", "HEAD^"]).contains("made.txt"));
    let (all, is_killed) = points(&shop.copy(), "release --undo", usize::MAX);
    assert!(!is_killed && all.len() > 8, "{all:?}");
    for_each(all.len(), |last| {
        let shop = shop.copy();
        let (reached, is_killed) = points(&shop, "release --undo", last);
        assert!(is_killed && reached == all[..=last], "{reached:?}");
        if last == 0 {
            shop.run(&["release", "--resume"]).refused(2, &["is being taken back", "next: cargo xtask release --undo"]);
            shop.run(&["release"]).refused(1, &["interrupted while it was taken back"]);
        }
        shop.run(&["release", "--undo"]).ok();
        assert_eq!(shop.snapshot(), before, "{}", all[last]);
    });
}

#[test]
fn a_release_that_its_branch_has_left_is_taken_back_with_its_tag() {
    let shop = Shop::new();
    let before = shop.snapshot();
    shop.run(&["release", "minor", "--execute"]).ok();
    // As git leaves it that dies after the branch and before the tag.
    let torn = shop.copy();
    assert!(points(&torn, "release --undo", 0).1);
    torn.git(&["update-ref", "refs/heads/main", "HEAD^"]);
    torn.run(&["release", "--undo"]).ok();
    assert_eq!(torn.snapshot(), before);

    shop.git(&["reset", "--quiet", "--hard", "HEAD^"]);
    let pushed = shop.copy();
    pushed.git(&["push", "--quiet", "origin", "v0.2.0"]);
    let now = pushed.snapshot();
    pushed.run(&["release", "--undo"]).refused(1, &["v0.2.0 is pushed"]);
    assert_eq!(pushed.snapshot(), now);
    // A tag of that name that is none of the release's stays.
    let other = shop.copy();
    other.git(&["tag", "--force", "v0.2.0", "HEAD"]);
    let now = other.snapshot();
    other.run(&["release", "--undo"]).ok();
    assert_eq!(other.snapshot(), now);
    shop.run(&["release", "--undo"]).ok();
    assert_eq!(shop.snapshot(), before);
}

/// Git dies with the release, in the middle of what it does.
#[test]
fn a_release_that_is_killed_with_its_git_is_gone_on_with_or_taken_back() {
    let (shop, before, whole, _) = undisturbed();
    for hook in ["pre-commit", "post-commit", "pre-push"] {
        let shop = shop.copy();
        shop.hook(hook, "kill -9 0");
        let mut command = shop.xtask(&RELEASE.split(' ').collect::<Vec<_>>());
        let ended = command.process_group(0).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        assert_eq!(ended.signal(), Some(Signal::KILL.as_raw()), "{hook}");
        std::fs::remove_file(shop.root().join(".git/hooks").join(hook)).unwrap();
        let other = shop.copy();
        other.run(&["release", "--resume"]).ok();
        assert_eq!(other.made(), whole, "{hook}");
        shop.run(&["release", "--undo"]).ok();
        assert_eq!(shop.snapshot(), before, "{hook}");
    }
}

#[test]
fn a_hook_that_refuses_is_heard_and_ctrl_c_leaves_what_can_be_gone_on_with() {
    let (shop, before, whole, _) = undisturbed();
    shop.hook("pre-commit", "echo 'No release on a Friday.' >&2; exit 1");
    let parts = ["the commit `Release 0.2.0` was refused", "| No release on a Friday.", "--resume", "--undo"];
    shop.run(&RELEASE.split(' ').collect::<Vec<_>>()).refused(1, &parts);
    let other = shop.copy();
    other.run(&["release", "--undo"]).ok();
    assert_eq!(other.snapshot(), before);
    let other = shop.copy();
    std::fs::remove_file(other.root().join(".git/hooks/pre-commit")).unwrap();
    other.git(&["remote", "remove", "origin"]);
    let parts = ["there is no remote `origin` to push to", "next: git remote add origin URL", "--resume", "--undo"];
    other.run(&["release", "--resume"]).refused(1, &parts);

    shop.hook("pre-commit", "touch ../waits; while [ -e ../waits ]; do sleep 0.01; done");
    let child = shop.xtask(&["release", "--resume"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let waits = shop.root().with_file_name("waits");
    eventually("the hook runs", || waits.exists());
    kill_process(rustix::process::Pid::from_child(&child), Signal::INT).unwrap();
    for args in [&["release"][..], &["release", "--undo"]] {
        shop.run(args).refused(75, &["another `cargo xtask release` is at work"]);
    }
    std::fs::remove_file(waits).unwrap();
    let ran = crate::support::Ran::from(child.wait_with_output().unwrap());
    ran.refused(130, &["v0.2.0 is half-done: it was interrupted at the tag", "--resume", "--undo"]);
    shop.run(&["release", "--resume"]).ok();
    assert_eq!(shop.made(), whole);
}

#[test]
fn what_a_person_has_done_since_is_not_undone() {
    let shop = Shop::new();
    let before = shop.snapshot();
    shop.run(&["release", "patch", "--execute"]).ok();
    shop.write("CHANGELOG.md", "Mine.\n");
    let refused = |shop: &Shop, parts: &[&str]| {
        let now = shop.snapshot();
        shop.run(&["release", "--undo"]).refused(1, parts);
        assert_eq!(shop.snapshot(), now);
    };
    refused(&shop, &["would be lost", "| CHANGELOG.md", "next: git stash push -- CHANGELOG.md"]);
    shop.git(&["add", "CHANGELOG.md"]);
    shop.write("CHANGELOG.md", &(shop.git(&["show", "HEAD:CHANGELOG.md"]) + "\n"));
    refused(&shop, &["would be lost", "| CHANGELOG.md"]);
    shop.git(&["reset", "--quiet"]);

    let other = shop.copy();
    other.commit("On top");
    refused(&other, &["main has moved on since v0.1.1 was begun", "On top", "next: git log --oneline"]);
    let other = shop.copy();
    other.git(&["switch", "--quiet", "--create", "other"]);
    refused(&other, &["is a release of main", "next: git switch main"]);
    let other = shop.copy();
    other.git(&["push", "--quiet", "--atomic", "origin", "main", "v0.1.1"]);
    let forget = "/switchyard-release, to leave everything as it stands";
    refused(&other, &["v0.1.1 is pushed", forget]);
    let other = shop.copy();
    other.git(&["remote", "set-url", "origin", "../nowhere.git"]);
    let next = ["does not answer", "next: git ls-remote origin", "next: rm -r ", forget];
    other.run(&["release", "--undo"]).refused(69, &next);

    // What is none of the release's stays.
    shop.write("README.md", "Mine.\n");
    shop.write("mine.txt", "");
    shop.run(&["release", "--undo"]).ok();
    assert_eq!((shop.read("README.md").as_str(), shop.read("mine.txt").as_str()), ("Mine.\n", ""));
    shop.git(&["restore", "README.md"]);
    std::fs::remove_file(shop.root().join("mine.txt")).unwrap();
    assert_eq!(shop.snapshot(), before);

    // A person who goes on in the middle is asked, too.
    let (all, _) = points(&shop.copy(), "release patch --execute", usize::MAX);
    let staged = all.iter().position(|point| point == "the lock files: done").unwrap();
    assert!(points(&shop, "release patch --execute", staged).1);
    shop.write("till/Cargo.toml", "[package]\n");
    shop.run(&["release", "--resume"]).refused(1, &["till/Cargo.toml is neither as it was nor as the release has it"]);
    refused(&shop, &["would be lost", "| till/Cargo.toml"]);
}
