//! The name of a commit's release, as a pipeline asks for it.

use std::process::Stdio;

use super::shop::Shop;
use crate::support::Ran;

#[track_caller]
fn named(shop: &Shop, args: &[&str]) -> String {
    shop.run(&[&["tag"], args].concat()).ok().stdout.trim().to_owned()
}

fn pushed(shop: &Shop) -> String {
    shop.git(&["ls-remote", "--tags", "origin"])
}

#[test]
fn a_commit_has_one_name_by_its_tag_by_the_workspace_or_by_what_comes_next() {
    let shop = Shop::new();
    assert_eq!(named(&shop, &[]), "v0.1.1-rc.1");
    assert_eq!(shop.git(&["cat-file", "-t", "v0.1.1-rc.1"]), "tag");
    assert_eq!(named(&shop, &[]), "v0.1.1-rc.1");
    assert!(!pushed(&shop).contains("rc.1"));
    assert_eq!(named(&shop, &["--push"]), "v0.1.1-rc.1");
    assert!(pushed(&shop).contains("refs/tags/v0.1.1-rc.1^{}"));

    shop.commit("feat!: take cards alone");
    shop.commit("Mend it");
    assert_eq!(named(&shop, &["--push"]), "v0.2.0-rc.3");
    shop.git(&["push", "--quiet", "origin", "main"]);
    shop.run(&["release", "--execute", "--push"]).ok();
    assert_eq!(named(&shop, &["--push"]), "v0.2.0");

    // Raised by hand, and never released.
    shop.write("till/Cargo.toml", &shop.read("till/Cargo.toml").replace("0.2.0", "0.9.0"));
    shop.commit("Raise it");
    assert_eq!(named(&shop, &[]), "v0.9.0");
}

#[test]
fn a_name_is_told_to_the_jobs_that_follow_and_needs_nobody_s_identity() {
    let shop = Shop::new();
    shop.git(&["config", "--unset", "user.name"]);
    shop.git(&["config", "--unset", "user.email"]);
    shop.git(&["config", "user.useConfigOnly", "true"]);
    let file = shop.root().with_file_name("output");
    std::fs::write(&file, "earlier=1\n").unwrap();
    let mut command = shop.xtask(&["tag", "--push"]);
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_OUTPUT", &file).env("GITHUB_TOKEN", "hidden-from-everybody");
    let ran = Ran::from(command.output().unwrap()).ok();
    assert_eq!(ran.stdout, "v0.1.1-rc.1\n");
    assert!(!ran.stderr.contains("hidden"), "{}", ran.stderr);
    assert_eq!(std::fs::read_to_string(file).unwrap(), "earlier=1\nrelease=v0.1.1-rc.1\n");
    assert_eq!(shop.git(&["tag", "--list", "--format=%(taggername)", "v0.1.1-rc.1"]), "cargo xtask tag");
}

#[test]
fn of_two_who_push_a_name_at_once_both_succeed_for_one_commit_and_one_for_two() {
    let shop = Shop::new();
    // Whoever comes first holds the other side up until the second has looked as well.
    let other = shop.copy();
    let origin = shop.root().with_file_name("origin.git");
    other.git(&["remote", "set-url", "origin", origin.to_str().unwrap()]);
    for hook in [&shop, &other] {
        hook.hook("pre-push", "cd \"$(git remote get-url origin)\"; echo > arrived.$$; while [ $(ls arrived.* | wc -l) -lt 2 ]; do sleep 0.01; done");
    }
    let start =
        |shop: &Shop| shop.xtask(&["tag", "--push"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Tags of another time: two objects of one name.
    let first = shop
        .xtask(&["tag", "--push"])
        .env("GIT_COMMITTER_DATE", "@1 +0000")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let second = start(&other);
    let both = [first, second].map(|child| Ran::from(child.wait_with_output().unwrap()).ok());
    assert_eq!(both.each_ref().map(|ran| ran.stdout.as_str()), ["v0.1.1-rc.1\n"; 2]);
    assert_eq!(both.iter().filter(|ran| ran.stderr.contains("was pushed meanwhile")).count(), 1, "{both:?}");
    let object = |shop: &Shop| shop.git(&["rev-parse", "v0.1.1-rc.1"]);
    assert_eq!(object(&shop), object(&other));

    for arrived in std::fs::read_dir(&origin).unwrap().map(|entry| entry.unwrap()) {
        if arrived.file_name().to_string_lossy().starts_with("arrived.") {
            std::fs::remove_file(arrived.path()).unwrap();
        }
    }
    shop.commit("One");
    other.commit("Another");
    let both = [&shop, &other].map(|shop| (shop, start(shop)));
    let mut both = both.map(|(shop, child)| (shop, Ran::from(child.wait_with_output().unwrap())));
    both.sort_by_key(|(_, ran)| ran.code);
    let [(first, succeeded), (second, refused)] = both;
    assert_eq!(succeeded.ok().stdout, "v0.1.1-rc.2\n");
    let taken =
        ["v0.1.1-rc.2 is the name of ", "next: git log --oneline --graph", "next: git tag --delete v0.1.1-rc.2,"];
    refused.refused(1, &taken);
    second.run(&["tag", "--push"]).refused(1, &taken);
    second.git(&["tag", "--delete", "v0.1.1-rc.2"]);
    assert_eq!(named(second, &["--push"]), "v0.1.1-rc.3");
    assert_eq!(named(first, &["--push"]), "v0.1.1-rc.2");
}

#[test]
fn a_number_that_a_commit_of_another_branch_has_is_passed_over() {
    let shop = Shop::new();
    shop.git(&["switch", "--quiet", "--create", "other"]);
    shop.commit("On a branch");
    assert_eq!(named(&shop, &["--push"]), "v0.1.1-rc.2");
    shop.git(&["switch", "--quiet", "main"]);
    shop.commit("The same, squashed");
    let without_the_tag = shop.copy();
    without_the_tag.git(&["tag", "--delete", "v0.1.1-rc.2"]);
    for shop in [&shop, &without_the_tag] {
        assert_eq!(named(shop, &["--push"]), "v0.1.1-rc.3");
        assert_eq!(named(shop, &["--push"]), "v0.1.1-rc.3");
    }
    shop.commit("Later");
    assert_eq!(named(&shop, &["--push"]), "v0.1.1-rc.4");
}

#[test]
fn where_the_history_is_not_there_no_name_is_made_up() {
    let shop = Shop::new();
    let clone = shop.root().with_file_name("clone");
    let from = format!("file://{}", shop.root().with_file_name("origin.git").display());
    shop.git(&["clone", "--quiet", "--depth", "1", "--no-tags", &from, clone.to_str().unwrap()]);
    let run = |args: &[&str]| Ran::from(shop.xtask(args).current_dir(&clone).output().unwrap());
    for args in [&["tag"][..], &["release"]] {
        run(args).refused(69, &["fetch-depth: 0", "next: git fetch --unshallow --tags"]);
    }
    // The tag of this commit says it all.
    let tag = shop.program("git").current_dir(&clone).args(["tag", "v0.5.0"]).status().unwrap();
    assert!(tag.success());
    assert_eq!(run(&["tag"]).ok().stdout, "v0.5.0\n");
}
